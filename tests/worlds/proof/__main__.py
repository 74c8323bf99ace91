"""`python -m tests.worlds.proof`: prove the counter, and check the formulas beside the code."""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from tests import tools
from tests.worlds.proof import agreement, promela, smt, three_pools, wrong
from tests.worlds.proof.smt import Proof
from tests.worlds.proof.table import table
from tests.worlds.proof.venue import PLANTS, Size
from tests.worlds.proof.walk import Walk, walk

VENUE, SMALL = Size(), Size(hall=1, room=1, grants=1, entries=1)


@click.command()
@click.option("--states", default=1_000_000, show_default=True, help="Random states to compare.")
def main(states: int) -> None:
    """Exits with 1 if a step is not proved, a wrong one is not refused, the code does not agree
    with the formulas, or the two engines differ.
    """
    held = [prove(), refuse(), compare(states), *visit()]
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


def compare(states: int) -> bool:
    began = time.monotonic()
    try:
        changed = agreement.compare(states)
    except agreement.DisagreementError as error:
        click.echo(f"formulas and code differ: {error}\n")
        return False
    took = time.monotonic() - began
    click.echo(
        f"formulas and code agree on {states:,} random states, {len(agreement.PAIRS)} steps,"
        f" {sum(changed.values()):,} of them with an effect, in {took:.0f} s\n"
    )
    return True


def visit() -> Iterator[bool]:
    """All states of a small venue, by two engines."""
    rows = []
    for size, plant in ((VENUE, ""), *((SMALL, plant) for plant in PLANTS)):
        began = time.monotonic()
        ours = walk(size, plant=plant)
        took = f"{time.monotonic() - began:.0f} s"
        verdict = f"broken by {len(ours.story)} steps" if ours.story else "kept"
        rows.append(("walk", size, plant or "-", f"{ours.states:,}", took, verdict))
        yield bool(ours.story) == bool(plant)
        if not tools.reason_to_skip("spin", "cc"):
            row, same = _spin(size, plant, ours)
            rows.append(row)
            yield same
    click.echo(
        table(
            ("engine", "two doors, a hall and a room", "mistake", "states", "time", "verdict"), rows
        )
    )
    if reason := tools.reason_to_skip("spin", "cc"):
        click.echo(f"no second engine: it {reason}")


def _spin(size: Size, plant: str, ours: Walk) -> tuple[tuple[object, ...], bool]:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        theirs = promela.check(size, Path(folder), plant=plant)
    took = f"{time.monotonic() - began:.0f} s"
    verdict = "kept" if theirs.holds else "broken"
    same = theirs.holds == (not plant) and (bool(plant) or theirs.states == ours.states)
    return ("Spin", size, plant or "-", f"{theirs.states:,}", took, verdict), same


if __name__ == "__main__":
    main()
