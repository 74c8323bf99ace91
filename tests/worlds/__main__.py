"""`python -m tests.worlds`: walk through the worlds, and tell the shortest story that breaks a
promise.
"""

import logging
import sys
from pathlib import Path

import click

from tests.worlds import acts
from tests.worlds.explore import Outcome, explore
from tests.worlds.plans import BY_NAME, PLANS


@click.command()
@click.option("--world", "name", type=click.Choice(list(BY_NAME)), help="Only this world.")
@click.option("--all", "every", is_flag=True, help="All worlds.")
@click.option("--depth", default=5, show_default=True, help="The most acts in a sequence.")
@click.option("--seconds", default=60.0, show_default=True, help="The longest time for a world.")
@click.option(
    "--file", type=click.Path(path_type=Path), help="Keep a world's walk here, and go on from it."
)
def main(name: str | None, every: bool, depth: int, seconds: float, file: Path | None) -> None:
    """Exits with 1 if a promise is broken."""
    if every == (name is not None) or (every and file is not None):
        raise click.UsageError("Name a --world, or take --all without a --file.")
    logging.disable()  # kiosks log warnings, as expected
    broken = False
    for plan in PLANS if name is None else [BY_NAME[name]]:
        outcome = explore(plan, depth=depth, seconds=seconds, file=file, tell=progress)
        click.echo(outcome.row)
        tell_story(outcome)
        broken |= bool(outcome.broken)
    sys.exit(broken)


def progress(outcome: Outcome) -> None:
    click.echo(outcome.progress, err=True)


def tell_story(outcome: Outcome) -> None:
    for number, act in enumerate(outcome.story, 1):
        click.echo(f"  {number}. {acts.told(act)}")


if __name__ == "__main__":
    main()
