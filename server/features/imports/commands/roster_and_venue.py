import gc
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from badges.cli.console import AbsolutePath, read_file
from badges.printing.glyphs import undrawable
from badges.roster.column_findings import IGNORE
from badges.roster.columns import COLUMNS
from badges.roster.mapping import MappingError, RosterMapping, mapping_text, read_mapping
from badges.roster.reader import Roster
from badges.roster.table import RosterAnswers, RosterLimits
from badges.roster.titles import column_index
from server.console import (
    BY,
    MemoryForFile,
    count,
    event_option,
    file_path,
    interrupts_noted,
    opened,
    progress,
    refuse,
    wall_clock,
)
from server.core.event.directory import Event
from server.core.people import issuing, search
from server.core.people.wrong_badges import find_changed
from server.core.second_disk.copy import BackupError, make_backup
from server.features.imports import venue_file
from server.features.imports.commands.changed_badges import replace_changed, say_changed
from server.features.imports.commands.preview_report import say_preview
from server.features.imports.commands.report import Summary
from server.features.imports.roster_import import ImportPlan, RosterChangedError, plan_import
from server.features.imports.roster_questions import ImportAnswers
from server.features.imports.roster_read import ReadRoster, RosterFile, read_for_event
from server.features.imports.venue_advice import advice
from server.features.imports.venue_file import FILE_BYTES_MAX
from server.features.imports.venue_preview import preview, take_over
from server.features.imports.writer import ImportedVenue
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.database_file import NO_FILE

MAPPING_BYTES_MAX = 100_000
PLANS_MOST = 3  # The roster may change between planning and writing

F = TypeVar("F", bound=Callable[..., Any])

_ANSWERS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("--row-numbers", ("ids", "ignore"), "Ids that only number the rows."),
    ("--hidden-rows", ("take", "leave"), "Rows that are hidden or filtered away."),
    ("--merged", ("fill", "blank"), "Cells that are merged with the one above."),
    ("--cancelled", ("leave", "take"), "Rows of cancelled orders."),
    ("--pending", ("leave", "take"), "Rows of orders that are not yet confirmed."),
    ("--renames", ("accept", "skip"), "People who would have another name."),
    ("--doubles", ("same", "new"), "New people with the same name as someone who has no row."),
    ("--missing", ("keep", "revoke"), "People who are in the event and not in the file."),
    ("--twins", ("same", "new"), "People with one name in several rows of the file."),
    ("--totals", ("leave", "take"), "Rows with a total."),
    ("--several-emails", ("first", "empty"), "Cells with several e-mails."),
    ("--rounded", ("empty",), "Numbers that the spreadsheet has rounded."),
    ("--bad-cells", ("empty",), "Unreadable cells of columns that may be empty."),
    ("--formulas", ("values",), "Formulas of a workbook."),
    ("--comma-names", ("split", "keep"), "Names such as KELLER, Anna."),
    ("--day-order", ("day", "month", "either"), "What comes first in dates such as 03/04/2026."),
)


def _answer_options(command: F) -> F:
    for option, choices, text in reversed(_ANSWERS):
        command = click.option(option, type=click.Choice(choices), help=text)(command)
    return command


@dataclass(frozen=True)
class _Wanted:
    path: Path
    mapping: RosterMapping
    save_mapping: Path | None
    encoding: str | None
    new_categories: bool
    skip_bad: bool
    reissue: bool
    dry_run: bool
    as_json: bool
    of_file: RosterAnswers
    of_people: ImportAnswers


class _Interrupted(click.ClickException):
    """Ctrl-C. The text states what was done before."""

    exit_code = 130


@click.command("import")
@click.argument("roster_path", metavar="ROSTER", type=file_path)
@event_option
@click.option("--dry-run", is_flag=True, help="Show the changes without making them.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole summary as JSON.")
@click.option("--skip-bad", is_flag=True, help="Import the good rows and leave out the bad ones.")
@click.option(
    "--mapping",
    "mapping_path",
    type=file_path,
    metavar="FILE",
    help='TOML that names the file\'s columns, as in: given_name = "First Name".',
)
@click.option(
    "--save-mapping",
    "save_mapping",
    type=AbsolutePath(dir_okay=False),
    metavar="FILE",
    help="Write the mapping that was used, for --mapping next time.",
)
@click.option("--new-categories", is_flag=True, help="Make categories of words that are none.")
@click.option("--encoding", help="Encoding of a CSV file, if it is not detected.")
@click.option(
    "--sheet",
    "sheets",
    multiple=True,
    metavar="NAME",
    help="A sheet of a workbook to read. Several are read together.",
)
@_answer_options
@click.option(
    "--title-line",
    type=click.IntRange(0, 1_000_000),
    metavar="LINE",
    help="The line with the titles; 0: there are none.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="LETTER=COLUMN",
    help="What a column of the file is, as in: C=organisation, or C=ignore.",
)
@click.option(
    "--twin",
    "twin_lines",
    multiple=True,
    metavar="LINE=same|new",
    help="Whether a row is the person of an earlier row with this name.",
)
@click.option("--shared-emails", is_flag=True, help="People may share an e-mail address.")
@click.option("--reissue", is_flag=True, help="Replace outdated badges.")
def import_people(
    roster_path: Path,
    event_dir: Path,
    dry_run: bool,
    as_json: bool,
    skip_bad: bool,
    mapping_path: Path | None,
    save_mapping: Path | None,
    new_categories: bool,
    encoding: str | None,
    reissue: bool,
    columns: tuple[str, ...],
    twin_lines: tuple[str, ...],
    **answers: Any,
) -> None:
    """Import the attendees of ROSTER, a CSV or XLSX file.

    A row with the external id, else the e-mail and name, of an existing attendee changes that
    attendee. Badge numbers stay. If any row is bad, all bad rows are listed and nothing is
    imported; likewise if the file would rename, duplicate or drop people, or leaves questions open:
    each question names the options that answer it.
    """
    if save_mapping is not None and save_mapping.exists():
        raise refuse(f"{save_mapping} is there already: name another file for --save-mapping.")
    of_people = {name: answers[name] for name in ("renames", "doubles", "missing", "twins")}
    of_file = {name: value for name, value in answers.items() if name not in of_people}
    shared = answers["shared_emails"]
    wanted = _Wanted(
        path=roster_path,
        mapping=replace(
            _mapping(mapping_path) if mapping_path else RosterMapping(), places=_places(columns)
        ),
        save_mapping=save_mapping,
        new_categories=new_categories,
        encoding=encoding,
        skip_bad=skip_bad,
        reissue=reissue,
        dry_run=dry_run,
        as_json=as_json,
        of_file=RosterAnswers(**of_file),
        of_people=ImportAnswers(
            **of_people, shared_emails=shared, twin_lines=_twin_lines(twin_lines)
        ),
    )
    try:
        with opened(event_dir) as (event, database), _no_collector():
            done = _import(event, database, wanted)
    except KeyboardInterrupt:
        raise _Interrupted("interrupted. Nothing was imported.") from None
    if done:
        raise _Interrupted(done)


def _places(options: Sequence[str]) -> dict[int, str]:
    """Read options such as C=organisation."""
    places = {}
    for option in options:
        letter, _, column = option.partition("=")
        if not re.fullmatch(r"[A-Za-z]{1,3}", letter) or column not in (*COLUMNS, IGNORE):
            raise refuse(
                f"--column {option}: write LETTER=COLUMN, with {IGNORE} or one of"
                f" {', '.join(COLUMNS)}."
            )
        places[column_index(letter)] = "" if column == IGNORE else column
    return places


def _twin_lines(options: Sequence[str]) -> dict[int, str]:
    """Read options such as 12=same."""
    lines = {}
    for option in options:
        match = re.fullmatch(r"(\d{1,7})=(same|new)", option)
        if match is None:
            raise refuse(f"--twin {option}: write LINE=same or LINE=new.")
        lines[int(match[1])] = match[2]
    return lines


def _mapping(path: Path) -> RosterMapping:
    try:
        return read_mapping(read_file(path, MAPPING_BYTES_MAX).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise refuse(f"{path} is not TOML: {error}.") from None
    except MappingError as error:
        raise refuse(f"{path}: {error}.") from None


def _save_mapping(roster: Roster, wanted: _Wanted) -> None:
    if wanted.save_mapping is None:
        return
    text = mapping_text(roster.columns, roster.words, wanted.mapping)
    try:
        with wanted.save_mapping.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise refuse(f"{wanted.save_mapping} is there already.") from None
    message = f"How this file was read is in {wanted.save_mapping}"
    if roster.unknown_words:
        message += ". Fill in the meaning of each empty word there"
    click.echo(f"{message}. The next time: --mapping {wanted.save_mapping}", err=True)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Disable garbage collection of cycles: rows have none, and it takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _import(event: Event, database: Database, wanted: _Wanted) -> str:
    """Import and report. Return the message for a late interrupt, else ""."""
    data = read_file(wanted.path, RosterLimits().file_bytes)
    read = _read(database, event, data, wanted)
    roster = read.roster
    _save_mapping(roster, wanted)
    interrupted = False
    for trial in range(1, PLANS_MOST + 1):
        plan = _plan(database, read, wanted)
        summary = Summary(plan.result, roster, plan.refused, wanted.dry_run)
        if plan.refused or wanted.dry_run:
            break
        _back_up(event, plan, wanted)
        try:
            interrupted = _write(database, plan)
            break
        except RosterChangedError:
            if trial == PLANS_MOST:
                raise click.ClickException(
                    "others keep changing people or the venue; nothing was imported. Try again."
                ) from None
    _say(summary, wanted)
    if wanted.dry_run:
        return ""
    done = f"interrupted. Already imported: {summary.counts()}"
    if interrupted:
        return done
    try:
        _say_badges(event, database, wanted)
    except KeyboardInterrupt:
        return f"{done} Whose badges are to be replaced: hallkeeper issue --changed --dry-run"
    return ""


def _read(database: Database, event: Event, data: bytes, wanted: _Wanted) -> ReadRoster:
    file = RosterFile(
        data,
        wanted.path.name,
        wanted.mapping,
        wanted.encoding,
        wanted.of_file,
        wanted.new_categories,
    )
    with MemoryForFile(), progress("Reading", 1) as tell:
        read = read_for_event(
            database.reader, event.settings, file, lambda done, of: tell(done, of)
        )
    boxes = undrawable(read.roster.rows)
    if boxes is None:
        return read
    return replace(read, roster=replace(read.roster, findings=(*read.roster.findings, boxes)))


def _plan(database: Database, read: ReadRoster, wanted: _Wanted) -> ImportPlan:
    """Plan outside of a transaction, to block no one."""
    with progress("Comparing", len(read.roster.rows)) as tell:
        return plan_import(
            database.reader,
            read.roster,
            wanted.of_people,
            wanted.skip_bad,
            wall_clock(),
            os.urandom,
            tell,
            read.new_categories,
        )


def _write(database: Database, plan: ImportPlan) -> bool:
    """Write everything. Return whether an interrupt came after the commit.

    An earlier interrupt rolls back, and raises KeyboardInterrupt.
    """
    with interrupts_noted() as noted:
        database.write(lambda db: _write_step(db, plan, noted))
        search.fold_all(database.write)
    return noted.is_set()


def _write_step(db: Connection, plan: ImportPlan, noted: threading.Event) -> None:
    plan.write(db, BY)
    if noted.is_set():
        raise KeyboardInterrupt


def _back_up(event: Event, plan: ImportPlan, wanted: _Wanted) -> None:
    """With a second disk, make a backup before people are changed."""
    if not plan.changes_people or (wanted.as_json and event.backup_path is None):
        return
    if event.backup_path is None:
        why = NO_FILE if event.in_postgresql else "event.toml names no backup_dir"
        click.echo(
            f"No backup was made before this import: {why}. To undo it, import the earlier file"
            " again.",
            err=True,
        )
        return
    try:
        backup = make_backup(event, event.backup_path, wall_clock())
    except BackupError as error:
        click.echo(f"Warning: {error}", err=True)
    else:
        click.echo(f"The event as it was before this import: {backup.path}", err=True)


def _say(summary: Summary, wanted: _Wanted) -> None:
    """Print the summary. Raises an error if it is a refusal."""
    if wanted.as_json:
        click.echo(json.dumps(summary.json(), ensure_ascii=False, indent=2))
        if summary.refused:
            raise click.exceptions.Exit(1)
        return
    if not summary.refused:
        for line in summary.skipped():
            click.echo(line, err=True)
    for line in summary.notes():
        click.echo(line, err=True)
    if summary.refused:
        raise click.ClickException(summary.refusal(wanted.skip_bad))
    click.echo(summary.counts())
    if wanted.dry_run:
        click.echo("Nothing was imported: this was a dry run.")


def _say_badges(event: Event, database: Database, wanted: _Wanted) -> None:
    holders = find_changed(event, database)
    if holders and wanted.reissue:
        replace_changed(event, database, holders, err=wanted.as_json)
    elif holders and not wanted.as_json:
        say_changed(holders)
    missing = issuing.missing_badges(database.reader)
    if missing and not wanted.as_json:
        click.echo(f"{count(missing, 'attendee')} without a badge. Next: hallkeeper issue")


@click.command("import-venue")
@click.argument("venue_path", metavar="FILE", type=file_path)
@event_option
@click.option(
    "--remove-sessions", is_flag=True, help="Remove the sessions that FILE no longer has."
)
@click.option("--dry-run", is_flag=True, help="Show the changes without making them.")
def import_venue(venue_path: Path, event_dir: Path, remove_sessions: bool, dry_run: bool) -> None:
    """Import halls, doors, sessions, zones and categories from FILE, in TOML or XLSX.

    Existing things are changed, by their code; things missing in FILE stay. If anything is wrong,
    all problems are listed and nothing is imported. Doubtful things, such as a hall without a door,
    are imported with a warning. docs/venue-file.md has every column; `hallkeeper sample` writes an
    example.
    """
    data = read_file(venue_path, FILE_BYTES_MAX)
    with opened(event_dir) as (event, database):
        with MemoryForFile():
            plan = venue_file.read_venue(data, venue_path.name, event.settings)
        now = wall_clock()
        if dry_run:
            effects = preview(
                database, plan, event.settings, by=BY, now=now, remove_sessions=remove_sessions
            )
            say_preview(effects, venue_path.name, None, dry_run=True)
            return

        def step(db: Connection) -> tuple[ImportedVenue, list[str]]:
            result = take_over(db, plan, by=BY, now=now, remove_sessions=remove_sessions)
            return result, advice(db, plan, event.settings)

        result, warnings = database.write(step)
        search.fold_all(database.write)
    for verb_of_list, counts in (
        ("Added", result.added),
        ("Updated", result.updated),
        ("Unchanged", result.unchanged),
    ):
        if counts:
            click.echo(
                f"{verb_of_list}: {', '.join(f'{kind} {n:,}' for kind, n in counts.items())}"
            )
    for kind, codes in result.absent.items():
        if codes and kind != "categories":
            removed = kind == "sessions" and remove_sessions
            verb = "Removed" if removed else f"Not in {venue_path.name}, and kept"
            click.echo(f"{verb}: {kind} {', '.join(codes)}")
    for warning in (*plan.notes, *warnings):
        click.echo(f"Warning: {warning}.", err=True)
