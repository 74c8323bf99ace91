import itertools
import sys
from contextlib import closing
from pathlib import Path

import click

from badges.cli.console import NUMBER_MAX, AbsolutePath, write_file
from badges.credential.badge_number import badge_number, parse_badge_number
from badges.transparency.signed_note import verifier_key
from server.console import BY, Commands, event_option, opened, progress, refuse, wall_clock
from server.core.entry_log import entry_log, erasure, receipts
from server.core.entry_log.act_names import Act
from server.core.event.directory import load_event
from server.features.evidence import check as checking
from server.features.evidence import compare as comparing
from server.features.evidence import export as exporting
from server.features.evidence.commands import outside, verifying
from server.features.evidence.records import DamagedLogError
from server.features.evidence.selection import Selection, SelectionError, selected
from server.storage.connection import Connection
from server.storage.database_file import fold_log
from server.storage.opening import connect
from server.web import jobs

_STEPS = 1_000
_PROBLEMS_MAX = 100
_VERDICTS = {
    comparing.SAME: "The same log, with the same {agreed:,} entries.",
    comparing.BEGINNING: "The same log. One begins the other, with {agreed:,} entries.",
    comparing.FORK: "WRONG: a fork. They agree up to entry {last}, and differ in entry {agreed}.",
    comparing.OTHER: "WRONG: logs of two different keys. They agree up to entry {last}.",
}


@click.group(cls=Commands)
def audit() -> None:
    """Export the entry log as evidence, and verify such exports and receipts."""


@audit.command(short_help="Write the log as a folder or zip that proves itself.")
@event_option
@click.option("--out", type=AbsolutePath(), required=True, help="A folder, or a .zip.")
@click.option("--hall", "hall_code", metavar="CODE", help="Show records of this hall alone.")
@click.option("--day", metavar="DATE", help="Show records of this day alone, as 2026-05-26.")
@click.option("--person", metavar="BADGE", help="Show records of this badge number alone.")
@click.option("--court", is_flag=True, help="Add a folder for a court that explains the evidence.")
def export(
    event_dir: Path,
    out: Path,
    hall_code: str | None,
    day: str | None,
    person: str | None,
    court: bool,
) -> None:
    """Write the entry log as evidence for an outsider.

    The export contains the log as C2SP tlog-tiles, the records with their salts, the keys, the
    kiosks' cosignatures, a README for lawyers, and verify.py. In an export of a selection all other
    records stay hidden, and the proofs are the same.
    """
    if sum(value is not None for value in (hall_code, day, person)) > 1:
        raise refuse("choose one of --hall, --day and --person.")
    with opened(event_dir) as (event, database):
        try:
            chosen = selected(database.reader, event, hall=hall_code, day=day, badge=person)
        except SelectionError as error:
            raise refuse(str(error)) from None
        subject: dict[str, str | int | None] = {"selection": chosen.text.split()[0]}
        subject |= chosen.ids
        database.write(lambda db: entry_log.act(db, BY, Act.LOG_EXPORTED, subject, wall_clock()))
        outside.confirm(event, database, entry_log.Log(database, event.log_name, event.log_key))
        with database.reading() as db, progress("Exporting", _STEPS) as tell:
            try:
                done = exporting.export(
                    db, event, out, chosen, now=wall_clock(),
                    progress=lambda at, of: tell(at * _STEPS // max(1, of)), court=court,
                )  # fmt: skip
            except (exporting.ExportError, DamagedLogError) as error:
                raise refuse(str(error)) from None
    click.echo(
        f"Wrote {out}: {done.size:,} entries, {done.shown:,} records shown ({chosen.text}).\n"
        f"The log's key, which its reader should have from you by another way:\n  {done.key}"
    )
    if done.altered:
        numbers = ", ".join(map(str, done.altered))
        raise refuse(
            f"the database was altered: entry {numbers} differs from its hash. The export"
            " shows that, and does not verify."
        )


@audit.command(short_help="Check the database against its own log.")
@event_option
def check(event_dir: Path) -> None:
    """Check that the ledger, which pages and CSV files show, matches the log, and that no entry is
    missing.

    An export can't show this. Exit status 1 if anything is wrong.
    """
    with opened(event_dir) as (event, database), database.reading() as db:
        problems = list(itertools.islice(checking.problems(db, event.log_name), _PROBLEMS_MAX))
    for text in problems:
        click.echo(f"WRONG: {text}.")
    if problems:
        sys.exit(1)
    click.echo("The ledger is as the entry log has it.")


@audit.command(short_help="Compare two exports, or one with the log.")
@click.argument("first", type=AbsolutePath(exists=True))
@click.argument("second", type=AbsolutePath(exists=True), required=False)
@click.option(
    "--event",
    "event_dir",
    envvar="HALLKEEPER_EVENT_DIR",
    type=AbsolutePath(),
    help="The event of the log, where one export is compared with it.",
)
def compare(first: Path, second: Path | None, event_dir: Path | None) -> None:
    """Compare two exports: are they of the same log, and at which entry do they begin to differ?

    With one export and --event, compare it with the log itself. Exit status 0: the same log, or one
    is the beginning of the other. 1: they differ.
    """
    try:
        if second is not None:
            comparison = comparing.compare_exports(first, second)
        elif event_dir is None:
            raise refuse("name two exports, or one export and --event.")
        else:
            with opened(event_dir) as (event, database), database.reading() as db:
                vkey = verifier_key(event.log_name, event.log_key.public)
                comparison = comparing.compare_with_log(db, first, log=event.log_name, key=vkey)
    except comparing.CompareError as error:
        raise refuse(str(error)) from None
    for place, side in enumerate((comparison.first, comparison.other), 1):
        click.echo(f"{place}: {side.size:,} entries of {side.log}, root {side.root}")
    click.echo(
        _VERDICTS[comparison.verdict].format(agreed=comparison.agreed, last=comparison.agreed - 1)
    )
    for place, record in enumerate(comparison.records, 1):
        if record is not None:
            click.echo(f"entry {comparison.agreed} of {place}: {record}")
    for renamed in comparison.renamed:
        names = f"{renamed.first or '-'} in 1, {renamed.other or '-'} in 2"
        click.echo(f"{renamed.kind} {renamed.number} is called {names}")
    sys.exit(0 if comparison.verdict in (comparing.SAME, comparing.BEGINNING) else 1)


@audit.command(short_help="Write the proof of one entry.")
@event_option
@click.argument("number", type=click.IntRange(0, NUMBER_MAX))
@click.option("--out", type=AbsolutePath(dir_okay=False), help="A file to write.")
def receipt(event_dir: Path, number: int, out: Path | None) -> None:
    """Write a receipt, which proves that entry NUMBER is in the log (C2SP tlog-proof)."""
    with opened(event_dir) as (event, database), database.reading() as db:
        log = entry_log.Log(database, event.log_name, event.log_key)
        try:
            text = receipts.receipt(db, log, number)
        except receipts.ReceiptError as error:
            raise refuse(f"{error}.") from None
    if out is None:
        click.echo(text, nl=False)
        return
    write_file(out, text.encode())
    click.echo(f"Wrote {out}.")


@audit.command(short_help="Erase one person's records from the log.")
@event_option
@click.argument("badge")
@click.option(
    "--yes", is_flag=True, help=("Erase. Without this option, only show what would be erased.")
)
def erase(event_dir: Path, badge: str, yes: bool) -> None:
    """Erase the records of badge number BADGE from the entry log and the ledger's scans.

    Their commitments stay, so all existing proofs, receipts and exports still verify. The attendee,
    their badges and lists are not touched. Backups, and the journals of kiosks, keep the records
    until they are deleted.
    """
    try:
        serial = parse_badge_number(badge)
    except ValueError as error:
        raise refuse(str(error)) from None

    def step(db: Connection) -> int:
        count = erasure.erase(db, serial, by=BY, now=wall_clock())
        # A backup that was made to download has them too.
        jobs.drop_files(db, wall_clock())
        return count

    with opened(event_dir) as (_, database):
        if not yes:
            count = sum(1 for _ in Selection("", serial=serial).numbers(database.reader))
            click.echo(
                f"{count:,} entries are of {badge_number(serial)}. To erase them, say --yes."
            )
            return
        try:
            done = database.write(step)
        except erasure.ErasureError as error:
            raise refuse(str(error)) from None
        jobs.delete_dropped(database.reader, event_dir)
    with closing(connect(load_event(event_dir).database_path)) as db:
        fold_log(db)
    click.echo(f"Erased {done:,} entries. Delete backups from before, which still have them.")


@audit.command(short_help="Print the log's key, for verifiers.")
@event_option
def key(event_dir: Path) -> None:
    """Print the log's public key as verifiers need it (C2SP signed-note).

    Give it to auditors separately from the export: on paper, or in the event's announcement.
    """
    event = load_event(event_dir)
    click.echo(verifier_key(event.log_name, event.log_key.public))


audit.add_command(verifying.verify_export)
audit.add_command(verifying.verify_one)
audit.add_command(outside.checkpoint)
audit.add_command(outside.witness)
