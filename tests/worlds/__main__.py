"""`python -m tests.worlds`: walk through the worlds, and tell the shortest story that breaks a
promise.
"""

import logging
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from tests.swarm.mutants import put_in
from tests.worlds import acts, coverage
from tests.worlds.explore import Outcome, explore
from tests.worlds.mends import BY_NAME as BY_MEND
from tests.worlds.mends import MENDS, PLANTED, Mend
from tests.worlds.plans import BY_NAME, PLANS
from tests.worlds.run import OtherWalkError
from tests.worlds.state import Act


@click.command()
@click.option("--world", "name", type=click.Choice(list(BY_NAME)), help="Only this world.")
@click.option("--all", "every", is_flag=True, help="All worlds.")
@click.option("--generated", is_flag=True, help="Worlds for the pairs of acts that these lack.")
@click.option("--coverage", "covered", is_flag=True, help="Print which pairs the worlds hold.")
@click.option("--mends", is_flag=True, help="Take each mend out, and find the break again.")
@click.option("--mend", type=click.Choice(list(BY_MEND)), help="Take only this one out.")
@click.option("--depth", default=5, show_default=True, help="The most acts in a sequence.")
@click.option("--seconds", default=60.0, show_default=True, help="The longest time for a world.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep a file of each world's walk here, and go on from it.",
)
def main(
    name: str | None, every: bool, generated: bool, covered: bool, mends: bool,
    mend: str | None, depth: int, seconds: float, folder: Path | None,
) -> None:  # fmt: skip
    """Exits with 1 if a promise is broken, or if a mend that was taken out is not missed.

    A planted mistake may be missed: it shows where the explorer is weak.
    """
    if [name is not None, every, generated, covered, mends, mend is not None].count(True) != 1:
        raise click.UsageError(
            "Give one of --world, --all, --generated, --coverage, --mends and --mend."
        )
    if covered:
        click.echo(coverage.table())
        return
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    logging.disable()  # kiosks log warnings, as expected
    if mends or mend is not None:
        sought = (*MENDS, *PLANTED) if mend is None else (BY_MEND[mend],)
        sys.exit(not miss(sought, depth, seconds))
    broken = False
    chosen = coverage.generated() if generated else PLANS if name is None else [BY_NAME[name]]
    for plan in chosen:
        file = None if folder is None else folder / f"{plan.name}.db"
        try:
            outcome = explore(plan, depth=depth, seconds=seconds, file=file, tell=progress)
        except OtherWalkError as error:
            raise click.ClickException(f"{file}: {error}") from None
        click.echo(outcome.row)
        if outcome.broken:
            tell_story(outcome, plan.begins)
        broken |= bool(outcome.broken)
    sys.exit(broken)


def miss(mends: Iterable[Mend], depth: int, seconds: float) -> bool:
    """Whether the explorer finds the break that each mend ended."""
    all_found = True
    for mend in mends:
        with put_in(mend.mutant):
            outcome = explore(mend.plan, depth=depth, seconds=seconds, settle_every=1)
        begun = len(mend.plan.begins)
        found = f"found with {begun} and {outcome.depth} acts" if outcome.broken else "NOT FOUND"
        click.echo(
            f"{mend.name:14} {mend.world:20} {found:26} {outcome.states:6,} states"
            f" {outcome.seconds:5,.0f} s  {mend.mutant.fault}"
        )
        if outcome.broken:
            click.echo(f"    {outcome.broken}:")
            tell_story(outcome, mend.plan.begins)
        all_found &= bool(outcome.broken) or mend in PLANTED
    return all_found


def progress(outcome: Outcome) -> None:
    click.echo(outcome.progress, err=True)


def tell_story(outcome: Outcome, begins: tuple[Act, ...] = ()) -> None:
    """`begins`: what happened before."""
    for number, act in enumerate((*begins, *outcome.story), 1):
        click.echo(f"  {number}. {acts.told(act)}")


if __name__ == "__main__":
    main()
