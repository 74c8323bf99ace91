import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from badges.cli.console import AbsolutePath
from server.console import (
    count,
    directory_path,
    event_option,
    file_path,
    progress,
    refuse,
    start_command,
    wall_clock,
)
from server.core.event.directory import load_event
from server.core.event.lock import only_server
from server.core.second_disk.copy import BackupError, check_directory, make_backup, prune
from server.features.backup.move import SQLITE
from server.features.backup.move import move as move_event
from server.features.backup.restic import Repository, repository_of
from server.features.backup.restore import NoActsError, Restored
from server.features.backup.restore import restore as restore_event
from server.storage.database_file import NO_FILE
from server.storage.localized import names_of, text_in

_STEPS = 100
_SHOWN = 100  # badge numbers
_NO_KIOSK = (
    "No file has the staff actions since this backup (acts.sqlite of a second disk). A kiosk that"
    " was confirmed after it would be unknown, and its hall could be overfilled.\n"
    "Was no kiosk confirmed since the backup?"
)

_TABLES = {
    "hall": ("hall", "halls"),
    "door": ("door", "doors"),
    "kiosk": ("kiosk", "kiosks"),
    "staff_user": ("user", "users"),
    "badge": ("reissued badge", "reissued badges"),
    "attendee": ("revocation", "revocations"),
    "phone_link": ("new or revoked link of a phone page", "new or revoked links of phone pages"),
    "api_token": ("token of an integration", "tokens of integrations"),
    "setting": ("change of the badge keys", "changes of the badge keys"),
    "webhook_endpoint": ("removed webhook", "removed webhooks"),
    "unknown_holder": ("void badge of an unknown person", "void badges of people unknown"),
}


@click.command()
@click.argument("to", metavar="[TO]", type=AbsolutePath(), required=False)
@event_option
def backup(to: Path | None, event_dir: Path) -> None:
    """Copy the event into a new directory in TO, or in its backup_dir if TO is not given.

    The copy is of one moment, in spite of concurrent writes. It contains the event's keys: keep it
    as private as the event itself, because its holder can make badges.
    """
    event = load_event(event_dir)
    into = to or event.backup_path
    if event.in_postgresql:
        raise BackupError(NO_FILE)
    if into is None:
        raise refuse("name a directory on another disk: hallkeeper backup TO")
    if to is None:
        warning = check_directory(event)
        if warning:
            click.echo(f"Warning: {warning}", err=True)
    elif not to.is_dir():
        raise refuse(f"there is no directory {to}.")
    with progress("Copying", _STEPS) as tell:
        copied = make_backup(
            event, into, wall_clock(), progress=lambda done, of: tell(done * _STEPS // max(1, of))
        )
    if to is None:
        prune(into)
    click.echo(f"Copied the event to {copied.path}.")
    repository = repository_of(event)
    if to is None and repository is not None:
        repository.snapshots()  # fails soon if it does not answer
        repository.send(copied.path)
        click.echo(f"Sent it to the repository {repository.shown}.")
    if event.backup_path is None:
        click.echo(
            "There is no second disk (backup_dir), so nothing records the kiosks that are confirmed"
            " from now on. `hallkeeper restore` will ask whether there were any. If there were,"
            " this backup could overfill their halls: make a new one after each."
        )


@click.command()
@click.argument("event_dir", metavar="DIR", type=directory_path)
@click.option(
    "--to",
    required=True,
    metavar="ADDRESS",
    help="An empty database in PostgreSQL, as postgresql://user@host/name without its password, or"
    " a file that holds the address; or the word sqlite.",
)
def move(event_dir: Path, to: str) -> None:
    """Move the database of the event in DIR, while no server runs, without loss.

    Every row and the entry log's root are compared before the event uses the new database. If
    anything fails, the event stays in place.
    """
    with progress("Moving", _STEPS) as tell:
        table, steps = "", 0

        def report_step(now: str, _: int) -> None:
            nonlocal table, steps
            steps += now != table
            table = now
            tell(min(steps, _STEPS))

        done = move_event(event_dir, to, report_step)
    rows = sum(done.counts.values())
    tables = sum(1 for number in done.counts.values() if number)
    click.echo(
        f"Moved {count(rows, 'row', 'rows')} of {count(tables, 'table', 'tables')}. The entry log"
        f" has {count(done.entries, 'entry', 'entries')}, and its root is as it was:"
        f" {done.root.hex()}."
    )
    if done.mended:
        click.echo(
            f"{count(done.mended, 'row')} had an invisible character (NUL) in a text that"
            " PostgreSQL can't store. It was left out, and nothing else is different."
        )
    click.echo(
        f"What was here before is kept in {event_dir}/hallkeeper.db.moved. Delete it once a backup"
        " of the new database is made."
        if to != SQLITE
        else "What was there before is kept in the database, in a schema hallkeeper_moved_N. Drop"
        " it once a backup is made."
    )


@click.command()
@click.argument("source", metavar="[BACKUP]", type=directory_path, required=False)
@event_option
@click.option("--from", "address", metavar="REPOSITORY", help="A restic repository with BACKUP.")
@click.option("--password-file", type=file_path, help="A file with the password of REPOSITORY.")
@click.option("--snapshot", metavar="ID", help="The copy in REPOSITORY; the latest if absent.")
@click.option("--replace", "over", is_flag=True, help="Move aside the event that is there.")
@click.option(
    "--acts",
    "acts_file",
    type=file_path,
    help="The file acts.sqlite, if it is not beside BACKUP.",
)
@click.option("--without-acts", is_flag=True, help="No kiosk was added since the backup.")
def restore(
    source: Path | None,
    event_dir: Path,
    address: str | None,
    password_file: Path | None,
    snapshot: str | None,
    over: bool,
    acts_file: Path | None,
    without_acts: bool,
) -> None:
    """Restore the event in DIR from BACKUP, a directory that `hallkeeper backup` or the server
    made, or from its copy in a restic repository (--from, --password-file).

    The lost server must not run any more. Doors resend all that the backup lacks; a hall gives out
    no place until every door that may hold some has reported.
    """
    with ExitStack() as held:
        if over and event_dir.is_dir():
            held.enter_context(only_server(event_dir))
        if source is None:
            source = _fetched(address, password_file, snapshot, event_dir, held)
        elif address or password_file or snapshot:
            raise refuse("name BACKUP, or --from with --password-file, and not both.")
        again = partial(
            restore_event, source, event_dir, now=wall_clock(), acts_file=acts_file, over=over
        )
        try:
            done = again(without_acts=without_acts)
        except NoActsError:
            if acts_file is not None or not _has_terminal():
                raise
            click.confirm(_NO_KIOSK, abort=True)
            done = again(without_acts=True)
    for line in report(done, address or str(source)):
        click.echo(line)


def _fetched(
    address: str | None,
    password_file: Path | None,
    snapshot: str | None,
    event_dir: Path,
    held: ExitStack,
) -> Path:
    """Return a backup from a restic repository, which is deleted with `held`."""
    if address is None or password_file is None:
        raise refuse("name BACKUP, or --from with --password-file.")
    repository = Repository(address, password_file)
    # Its secrets need a private directory, and room as the event does.
    beside = event_dir.absolute().parent
    into = held.enter_context(TemporaryDirectory(prefix=".hallkeeper-", dir=beside))
    return repository.fetch(snapshot or repository.latest().short_id, Path(into))


def _has_terminal() -> bool:
    return sys.stdin.isatty()


def report(done: Restored, source: str) -> list[str]:
    settings = done.event.settings
    lines = [
        f"Restored the event {' / '.join(settings.name.values())!r} in {done.event.path} from"
        f" {source}.",
        f"  Its entry log has {count(done.log_size, 'entry', 'entries')}; this is server number"
        f" {done.event.incarnation} of its line.",
    ]
    lines += [f"  {line}" for line in _gains(done)]
    if done.moved_to is not None:
        lines.append(f"  What was here before is kept in {done.moved_to}.")
    lines += ["", *_awaited(done), "", "Now start it, under the address that the kiosks know:"]
    lines.append(f"  {start_command(done.event.path)}    # {settings.public_address}")
    lines += ["", *_LOST, *_erased(done)]
    return lines


def _erased(done: Restored) -> list[str]:
    if not done.erased:
        return []
    more = len(done.erased) - _SHOWN
    numbers = ", ".join(done.erased[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
    return [
        f"The backup has {count(len(done.erased), 'person', 'people')} whom the event no longer"
        f" had: {numbers}.",
        "If they were erased, do so again: hallkeeper person erase --attendee NUMBER --yes",
    ]


def _gains(done: Restored) -> list[str]:
    if done.acts_at is None:
        return ["The acts on the second disk held nothing that the backup lacks."]
    at = datetime.fromtimestamp(done.acts_at / 1000, UTC)
    gains = [
        count(number, *_TABLES[table])
        for table, number in done.gained.items()
        if table in _TABLES
    ]  # fmt: skip
    lines = [
        f"From the acts on the second disk, as of {at:%Y-%m-%d %H:%M:%S} UTC:"
        f" {', '.join(gains) or 'nothing that the backup lacks'}."
    ]
    if done.skipped:
        lines.append(
            f"{count(done.skipped, 'row')} of them fit nothing in the backup and were left out."
        )
    return lines


def _awaited(done: Restored) -> list[str]:
    if not done.awaited:
        return ["No kiosk can hold places that this server does not know of."]
    lines = ["A hall gives out no place before these kiosks have been heard (doors go on with the"]
    lines.append("places that they hold):")
    if done.without_acts:
        lines = ["No hall gives out a place before all these kiosks have been heard, for each may"]
        lines.append("have been moved (doors go on with the places that they hold):")
    for hall_id in dict.fromkeys(kiosk.hall_id for kiosk in done.awaited):
        here = [kiosk for kiosk in done.awaited if kiosk.hall_id == hall_id]
        kiosks = ", ".join(
            f"{kiosk.kiosk} ({text_in(names_of(kiosk.door_names), 'en')}"
            f"{'' if kiosk.state == 'active' else ', ' + kiosk.state})"
            for kiosk in here
        )
        lines.append(f"  {text_in(names_of(here[0].hall_names), 'en')}: {kiosks}")
    lines.append("If a kiosk is lost: fence it on the page Kiosks, and attest on the hall's page.")
    if done.without_acts:
        lines.append("If a kiosk was moved since the backup, it is at its old door: move it again.")
    return lines


_LOST = [
    "Doors resend scans automatically. Staff actions since the backup are lost:",
    "rows of the roster, badges of new attendees, sessions, attestations and clearings of halls.",
    "Everyone must sign in again. Invitations that were not accepted have ended.",
]
