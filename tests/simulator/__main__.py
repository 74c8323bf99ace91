"""`python -m tests.simulator`: the protocol over many seeds, then each mutant until it is
killed.
"""

import sys

import click

from tests.simulator.beyond import OVERRIDES
from tests.simulator.exceptions import count_all
from tests.simulator.faults import RARE, THEMES
from tests.simulator.kept import KEPT_PLACES
from tests.simulator.mutants import BY_NAME, MUTANTS
from tests.simulator.nested import NESTED
from tests.simulator.phones import PHONES
from tests.simulator.run import Outcome, run_many, run_world, world_of
from tests.simulator.thieves import THIEVES
from tests.simulator.world import World

MUTANT_SEEDS = 20_000  # a mutant alive after these has survived


@click.command()
@click.option("--seeds", default=1_000, show_default=True, help="How many days.")
@click.option("--start", default=0, show_default=True, help="The first seed.")
@click.option(
    "--mutant",
    type=click.Choice(["none", "all", *BY_NAME]),
    default="all",
    show_default=True,
    help="Run this one instead of the protocol; all: after it.",
)
@click.option(
    "--theme",
    type=click.Choice([*THEMES, *RARE, NESTED, KEPT_PLACES, OVERRIDES, PHONES, THIEVES]),
    help="One mix of faults.",
)
@click.option("--exceptions", is_flag=True, help="Only count the known exceptions.")
@click.option("--jobs", default=1, show_default=True, help="Processes.")
@click.option("--trace", is_flag=True, help="Tell every step of the first seed.")
def main(
    seeds: int,
    start: int,
    mutant: str,
    theme: str | None,
    jobs: int,
    trace: bool,
    exceptions: bool,
) -> None:
    """Simulate whole days of a hall. Exits with 1 if a promise is broken or a mutant survives."""
    if exceptions:
        tell_exceptions(start, seeds, jobs)
        return
    only = mutant if mutant in BY_NAME else None
    if trace:
        tell_day(world_of(start, only, theme))
        return
    if only is not None:
        outcome = run_many(start, seeds, only, theme, jobs)
        click.echo(row(only, outcome))
        tell(outcome, only, theme)
        sys.exit(outcome.violation is None)
    right = protocol(start, seeds, theme, jobs)
    for other in (NESTED, KEPT_PLACES, OVERRIDES, PHONES, THIEVES, *RARE) if theme is None else ():
        right = right and protocol(start, seeds, other, jobs)
    if theme is None and right:
        tell_exceptions(start, seeds, jobs)
    alive = mutants(jobs) if mutant == "all" and right else 0
    sys.exit(not right or alive > 0)


def protocol(start: int, seeds: int, theme: str | None, jobs: int) -> bool:
    """Run and report the seeds. True if no promise was broken."""
    outcome = run_many(start, seeds, None, theme, jobs)
    right = outcome.violation is None
    click.echo(
        f"{'protocol' if theme is None else theme}: {outcome.seeds} seeds, {outcome.steps} steps, "
        f"{0 if right else 1} violations, {outcome.steps / outcome.seconds:.0f} steps/s, "
        f"{outcome.seconds:.1f} s"
    )
    tell(outcome, None, theme)
    return right


def tell_exceptions(start: int, seeds: int, jobs: int) -> None:
    """Print how often each exception of docs/promises.md came up, and how far it went."""
    for known, counted in count_all(start, seeds, jobs):
        click.echo(
            f"exception: {known.name}: beyond the promise on {counted.over} of {counted.days} days "
            f"with it, by {counted.most} {known.unit} at most"
        )


def mutants(jobs: int) -> int:
    """Print the table of mutants. Returns the number of survivors."""
    click.echo(f"{'mutant':14} {'seed':>5} {'step':>5} {'seconds':>8}  how it was found")
    alive = 0
    for mutant in MUTANTS:
        outcome = run_many(0, MUTANT_SEEDS, mutant.name, None, jobs)
        alive += outcome.violation is None
        click.echo(row(mutant.name, outcome))
    click.echo(f"{len(MUTANTS) - alive} of {len(MUTANTS)} mutants killed")
    return alive


def row(name: str, outcome: Outcome) -> str:
    violation = outcome.violation
    if violation is None:
        return f"{name:14} {'-':>5} {'-':>5} {outcome.seconds:8.2f}  SURVIVED {outcome.seeds} seeds"
    return (
        f"{name:14} {violation.seed:5} {violation.step:5} {outcome.seconds:8.2f}  {violation.text}"
    )


def tell(outcome: Outcome, mutant: str | None, theme: str | None) -> None:
    """Print the violation and the command that replays it."""
    broken = outcome.violation
    if broken is None:
        return
    options = [f"--start {broken.seed}", "--seeds 1", f"--mutant {mutant or 'none'}"]
    if theme is not None:
        options.append(f"--theme '{theme}'")
    click.echo(
        f"seed {broken.seed}, step {broken.step} ({broken.last}; {broken.theme}): {broken.text}"
    )
    click.echo(f"replay: python -m tests.simulator {' '.join(options)}  (and --trace)")


def tell_day(world: World) -> None:
    """Print every step with its result: people inside, worst case, capacity, free places by
    door.
    """
    click.echo(str(world.mix))

    def watch(world: World) -> None:
        pool = world.server.pool
        free = " ".join(f"{k}{g}:{d.account.free}" for (k, g), d in world.by_key.items())
        waits = f", waits for {len(pool.awaited)}" if pool.awaited else ""
        click.echo(
            f"{world.taken:4} {world.last:14} inside {len(world.truth.inside)}, worst case "
            f"{pool.worst_case} of {pool.capacity}{waits}; free {free}"
        )

    click.echo(run_world(world, watch) or "nothing was violated")


if __name__ == "__main__":
    main()
