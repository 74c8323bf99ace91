"""`python -m tests.worlds.proof`: prove the counter, and check the formulas beside the code."""

import sys
import time
from collections import Counter
from collections.abc import Iterable

import click

from tests.worlds.proof import smt, three_pools, wrong
from tests.worlds.proof.smt import Proof
from tests.worlds.proof.table import table


@click.command()
def main() -> None:
    """Exits with 1 if a formula is refused, or a wrong one is not."""
    held = [prove(), refuse()]
    sys.exit(not all(held))


def prove() -> bool:
    began = time.monotonic()
    proofs = [*smt.prove(), *three_pools.prove()]
    click.echo(f"z3 {smt.version()}: the counter, for any number of doors\n")
    click.echo(table(("step", "code", "cases", "verdict"), _rows(proofs)))
    refused = [proof for proof in proofs if proof.refused]
    for proof in refused:
        click.echo(f"{proof.what} breaks {proof.refused}")
    click.echo(f"\n{len(proofs)} proofs in {time.monotonic() - began:.0f} s\n")
    return not refused


def _rows(proofs: Iterable[Proof]) -> list[tuple[object, ...]]:
    cases = Counter((proof.what, proof.code) for proof in proofs)
    refused = {proof.what for proof in proofs if proof.refused}
    return [
        (what, code, count, "REFUSED" if what in refused else "proved")
        for (what, code), count in cases.items()
    ]


def refuse() -> bool:
    """Deliberately wrong steps."""
    answers = {name: smt.keeps(step) for name, step in wrong.wrong_steps().items()}
    for name, formula in wrong.WRONG_LIMITS.items():
        (answers[name],) = three_pools.prove(formula)
    rows = [
        (name, proof.refused.split(":")[0] if proof.refused else "NOT REFUSED")
        for name, proof in answers.items()
    ]
    click.echo(table(("wrong step", "what it breaks"), rows))
    click.echo()
    return all(proof.refused for proof in answers.values())


if __name__ == "__main__":
    main()
