"""`python -m tests.worlds`: walk through the worlds, and tell the shortest story that breaks a
promise.
"""

import logging
import sys

import click

from tests.worlds import acts
from tests.worlds.explore import Outcome, explore
from tests.worlds.plans import BY_NAME, PLANS


@click.command()
@click.option("--world", "name", type=click.Choice(list(BY_NAME)), help="Only this world.")
@click.option("--depth", default=5, show_default=True, help="The most acts in a sequence.")
@click.option("--seconds", default=60.0, show_default=True, help="The longest time for a world.")
def main(name: str | None, depth: int, seconds: float) -> None:
    """Exits with 1 if a promise is broken."""
    logging.disable()  # kiosks log warnings, as expected
    broken = False
    for plan in PLANS if name is None else [BY_NAME[name]]:
        outcome = explore(plan, depth=depth, seconds=seconds, tell=progress)
        click.echo(outcome.row)
        tell_story(outcome)
        broken |= bool(outcome.broken)
    sys.exit(broken)


def progress(outcome: Outcome) -> None:
    click.echo(outcome.row, err=True)


def tell_story(outcome: Outcome) -> None:
    for number, act in enumerate(outcome.story, 1):
        click.echo(f"  {number}. {acts.told(act)}")


if __name__ == "__main__":
    main()
