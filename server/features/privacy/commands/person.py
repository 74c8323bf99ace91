from pathlib import Path

import click

from badges.cli.console import AbsolutePath, write_file
from server.console import BY, Commands, count, event_option, opened, refuse, wall_clock
from server.core.event.directory import Event
from server.core.people import attendees
from server.core.people.card_design import DesignError
from server.core.second_disk.critical_state import Keeper
from server.features.privacy import erase as erasing
from server.features.privacy import export as exporting
from server.features.privacy import person as person_data
from server.features.privacy.leftovers import leftovers
from server.features.privacy.words import SECTIONS
from server.storage.connection import Connection
from server.storage.database import Database
from server.web import jobs


@click.group(cls=Commands)
def person() -> None:
    """Export or erase one person's data, as their rights demand."""


_attendee = click.option(
    "--attendee", required=True, metavar="WHO", help="A badge number or external id."
)


@person.command(short_help="Write all that there is of one person.")
@event_option
@_attendee
@click.option("--out", type=AbsolutePath(dir_okay=False), required=True, help="The zip to make.")
def export(event_dir: Path, attendee: str, out: Path) -> None:
    """Write all data about one person as a zip: JSON, a page in English and Chinese, and the
    photos.

    Only you may read the file.
    """
    with opened(event_dir) as (event, database):
        db = database.reader
        serial = attendees.find_by_label(db, attendee)
        try:
            done = exporting.export(db, event, serial, now=wall_clock())
        except DesignError as error:
            raise refuse(f"nothing was written: {error}") from None
        write_file(out, done.data)
        database.write(lambda db: exporting.note(db, serial, by=BY, now=wall_clock()))
    click.echo(
        f"Wrote {out}: {count(done.rows, 'row')}, {count(done.entries, 'entry', 'entries')} of the"
        f" log, {count(done.photos, 'photo')}. Its end lists the data that it leaves out."
    )


@person.command(short_help="Erase one person.")
@event_option
@_attendee
@click.option(
    "--yes", is_flag=True, help=("Erase. Without this option, only show what would be erased.")
)
@click.option("--delete-backups", is_flag=True, help="Delete every backup from before, too.")
def erase(event_dir: Path, attendee: str, yes: bool, delete_backups: bool) -> None:
    """Erase one person from the database, the entry log, the files and the doors' data.

    Scans and stays remain without a person, so that totals stay right and the log verifies. The
    numbers of printed badges are kept as void. This can't be undone.
    """
    with opened(event_dir) as (event, database):
        serial = _found(database.reader, attendee)
        try:
            plan = erasing.plan(database.reader, event, serial)
            _say(plan)
            if plan.refusal:
                raise refuse(plan.refusal)
            if not yes:
                click.echo("Nothing was erased. To do it, say --yes.")
                return
            done = database.write(
                lambda db: erasing.erase(db, event, serial, by=BY, now=wall_clock())
            )
        except erasing.PersonError as error:
            raise refuse(str(error)) from None
        except DesignError as error:
            raise refuse(f"nothing was erased: {error}") from None
        jobs.delete_dropped(database.reader, event.path)
        rest = erasing.settle(event, database)
        _back_up(event, database, delete=delete_backups)
    click.echo(f"Erased {done.number}.")
    if rest:
        click.echo(f"Warning: {rest}", err=True)
    for path, text in leftovers(event.path, done.needles):
        click.echo(
            f"Warning: {path} still has {text!r}. Does it belong to another person?", err=True
        )


def _found(db: Connection, label: str) -> int:
    """Raises UnknownAttendeeError, or InputError for a person who is erased already."""
    try:
        return attendees.find_by_label(db, label)
    except attendees.UnknownAttendeeError:
        if not person_data.is_void(db, label):
            raise
        raise refuse(
            f"the void badge {label} has no attendee any more. Scans that a kiosk sent later are"
            f" erased by `hallkeeper audit erase {label} --yes`."
        ) from None


def _say(plan: erasing.Plan) -> None:
    click.echo(f"Erasing {plan.number} deletes:")
    for table, number in plan.deleted.items():
        english, _ = SECTIONS.get(table, (table, table))
        click.echo(f"  {number:7,}  {english}")
    click.echo(f"  {plan.entries:7,}  records of the entry log, whose proofs stay")
    for path in (*plan.photos, *plan.uploads):
        click.echo(f"           {path}")
    if plan.shared_uploads:
        click.echo(f"  {plan.shared_uploads:7,}  uploaded files that wait for a confirmation")
    click.echo(
        f"It keeps, without a person: {count(plan.counts.get('scan', 0), 'scan')} and"
        f" {count(plan.counts.get('stay', 0), 'stay')}. Their badges are void. The database's file"
        " is rewritten, which blocks other writers meanwhile."
    )
    if plan.backups:
        click.echo(
            f"{count(len(plan.backups), 'backup')} from before still"
            f" {'has' if len(plan.backups) == 1 else 'have'} all of it, until deleted"
            " (--delete-backups)."
        )
    if plan.has_repository:
        click.echo(erasing.IN_REPOSITORY)


def _back_up(event: Event, database: Database, *, delete: bool) -> None:
    """Rewrite the second disk's staff actions, and delete backups if asked."""
    if event.backup_path is not None and event.backup_path.is_dir():
        Keeper(event.event_id, database, event.backup_path, wall_clock).keep()
    if delete:
        gone = erasing.delete_backups(database, event, by=BY, now=wall_clock())
        click.echo(f"Deleted {count(gone, 'backup')}.")
