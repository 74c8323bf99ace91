"""`python -m tests.swarm`: whole days of the real code by seed. A failure names its seed."""

import logging
import sys
import time

import click

from tests.swarm.mutants import BY_NAME, MUTANTS
from tests.swarm.run import first_broken, run_many
from tests.tries import tries


@click.command()
@click.option("--days", default=50, show_default=True, help="How many days.")
@click.option("--start", default=0, show_default=True, help="The first day's seed.")
@click.option("--fresh", is_flag=True, help="Begin at a random seed instead.")
@click.option("--theme", default=None, help="One mix of faults only.")
@click.option("--jobs", default=1, show_default=True, help="Processes.")
@click.option("--mutant", type=click.Choice([*BY_NAME, "all"]), help="Put this fault back first.")
@click.option("--all", "go_on", is_flag=True, help="Go on after a broken promise.")
def main(
    days: int,
    start: int,
    fresh: bool,
    theme: str | None,
    jobs: int,
    mutant: str | None,
    go_on: bool,
) -> None:
    """Exits with 1 if a promise is broken; with all mutants, if one survives."""
    logging.disable()  # kiosks log warnings, as expected
    if fresh:
        start = tries.first_seed()
        click.echo(f"from seed {start}")
    if mutant == "all":
        sys.exit(not all([tell_mutant(each.name, start, days, jobs) for each in MUTANTS]))
    begun = time.perf_counter()
    steps = broken = done = 0
    for seed, taken, last, text in run_many(start, days, theme, jobs, mutant):
        done += 1
        steps += taken
        if text is not None:
            broken += 1
            click.echo(f"seed {seed}, step {taken} ({last}): {text}")
            if not go_on:
                break
    click.echo(f"{done} days, {steps} steps, {broken} broken, {time.perf_counter() - begun:.0f} s")
    sys.exit(broken > 0)


def tell_mutant(name: str, start: int, days: int, jobs: int) -> bool:
    """Report whether the mutant was found within that many days of its theme."""
    begun = time.perf_counter()
    broken = first_broken(start, days, name, jobs)
    took = f"{time.perf_counter() - begun:6.1f} s"
    if broken is None:
        click.echo(f"{name:12} SURVIVED {days} days {took}")
        return False
    click.echo(f"{name:12} seed {broken[0]:4}, step {broken[1]:4} {took}  {broken[3]}")
    return True


if __name__ == "__main__":
    main()
