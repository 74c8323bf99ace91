import time
from pathlib import Path

import click

from badges.cli.console import NUMBER_MAX
from server.console import BY, Commands, count, event_option, opened, wall_clock
from server.core.event.calendar import ago
from server.features.printers import jobs, store
from server.features.printers.jobs import Job
from server.features.printers.kinds import DPIS, DRIVERS, kind_of
from server.features.printers.states import JobState
from server.features.printers.store import PrinterPlan
from server.features.printers.worker import make_driver
from server.storage.database import Database

TEST_S = 30.0
_POLL_S = 0.2
_FORMATS = tuple(dict.fromkeys(name for kind in DRIVERS.values() for name in kind.formats))
_ADDRESSES = "\n".join(f"{kind.name}: {', '.join(kind.examples)}" for kind in DRIVERS.values())


@click.group(cls=Commands)
def printer() -> None:
    """Set up the printers of the badge desks, and see how they are."""


@printer.command(epilog=f"\b\nAddresses:\n{_ADDRESSES}")
@click.argument("name")
@click.argument("kind", type=click.Choice(tuple(DRIVERS)))
@click.argument("address")
@event_option
@click.option(
    "--format", "format_name", type=click.Choice(_FORMATS), help=("Paper or labels in the printer.")
)
@click.option("--dpi", type=click.Choice(tuple(map(str, DPIS))), help="Dots per inch.")
@click.option("--desk", "desks", multiple=True, help="A desk that it serves; all if absent.")
@click.option(
    "--place",
    type=click.IntRange(0, 999),
    default=1,
    show_default=True,
    help="Desks take the lowest first.",
)
@click.option("--layer-only", is_flag=True, help="Its cards are pre-printed.")
@click.option("--trusts-sending", is_flag=True, help="It can't confirm that a card was printed.")
def add(
    name: str,
    kind: str,
    address: str,
    event_dir: Path,
    format_name: str | None,
    dpi: str | None,
    desks: tuple[str, ...],
    place: int,
    layer_only: bool,
    trusts_sending: bool,
) -> None:
    """Add the printer NAME of KIND at ADDRESS. The event's server connects to it."""
    how = kind_of(kind)
    plan = PrinterPlan(
        name=name,
        address=str(how.address(address)),
        kind=kind,
        format=format_name or how.formats[0],
        dpi=int(dpi) if dpi else how.dpi,
        layer_only=layer_only,
        trusts_sending=trusts_sending,
        place=place,
        desks=desks,
    )
    with opened(event_dir) as (_, database):
        database.write(lambda db: store.add(db, plan, by=BY, now=wall_clock()))
    click.echo(f"{name} prints {plan.format}. Try it: hallkeeper printer test {name}")


@printer.command("list")
@event_option
def list_printers(event_dir: Path) -> None:
    """List every printer with its state, desks, and remaining labels.

    The state is as the running server last heard it.
    """
    with opened(event_dir) as (_, database):
        listed = store.printers(database.reader)
        waiting = [item.printer_id for item in jobs.open_jobs(database.reader)]
    if not listed:
        click.echo("No printers. Add one: hallkeeper printer add NAME KIND ADDRESS")
    now = wall_clock()
    for item in listed:
        plan = item.plan
        heard = "" if item.state_at is None else f" (since {ago(item.state_at, now)})"
        click.echo(f"{plan.name}  {item.state.replace('_', ' ')}{heard}  {plan.address}")
        desks = f"desks {', '.join(plan.desks)}" if plan.desks else "all desks"
        click.echo(f"    {plan.format} at {plan.dpi} dpi, {desks}, {_labels(item)}")
        click.echo(f"    {count(waiting.count(item.printer_id), 'job')} waiting")
        if item.state_words:
            click.echo(f"    {item.state_words}")


@printer.command()
@click.argument("name")
@event_option
def test(name: str, event_dir: Path) -> None:
    """Ask the printer NAME for its state, and make a test print.

    The running server prints it; without one, it is printed at the next start.
    """
    with opened(event_dir) as (_, database):
        target = store.named(database.reader, name)
        status = make_driver(target).status()
        click.echo(f"{name}: {status.state.replace('_', ' ')}. {status.words}".rstrip())
        number = database.write(
            lambda db: jobs.enqueue_test(db, target.printer_id, by=BY, now=wall_clock())
        )
        ended = _ended(database, number)
    if ended is None:
        click.echo("The test print waits. Is the server running, and the printer ready?")
    elif ended.state is JobState.DONE:
        click.echo("The test print came out.")
    else:
        raise click.ClickException(f"The test print: {ended.words or ended.state}")


@printer.command()
@click.argument("name")
@click.argument("number", type=click.IntRange(0, NUMBER_MAX), required=False)
@event_option
def labels(name: str, number: int | None, event_dir: Path) -> None:
    """Record a new roll of NUMBER labels in NAME. Without a number, stop counting."""
    with opened(event_dir) as (_, database):
        target = store.named(database.reader, name)
        database.write(
            lambda db: store.load_labels(db, target.printer_id, number, by=BY, now=wall_clock())
        )
        now = store.named(database.reader, name)
    click.echo(f"{name}: {_labels(now)}.")


@printer.command()
@click.argument("name")
@event_option
def remove(name: str, event_dir: Path) -> None:
    """Remove the printer NAME. Its waiting jobs go to other printers of its desks."""
    with opened(event_dir) as (_, database):
        target = store.named(database.reader, name)
        database.write(lambda db: store.remove(db, target.printer_id, by=BY, now=wall_clock()))
    click.echo(f"{name} is removed.")


def _labels(item: store.Printer) -> str:
    if item.labels_left is None:
        return "labels are not counted"
    few = " (few)" if item.has_few_labels else ""
    return f"{count(item.labels_left, 'label')} left{few}"


def _ended(database: Database, number: int) -> Job | None:
    until = time.monotonic() + TEST_S
    while time.monotonic() < until:
        with database.reading() as db:
            job = jobs.job(db, number)
        if job.state not in (JobState.WAITING, JobState.PRINTING):
            return job
        time.sleep(_POLL_S)
    return None
