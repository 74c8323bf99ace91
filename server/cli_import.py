"""`hallkeeper import` and `import-venue`: a roster or a venue, all of it or nothing."""

import os
import sqlite3
import tomllib
from functools import partial
from pathlib import Path

import click

from badges.command_line import read_file
from badges.numbers import badge_number
from badges.roster import Problem, Roster, RosterLimits, read_roster
from server import issuing, venue
from server.command_line import (
    BY,
    PROBLEMS_SHOWN,
    count,
    event_option,
    file_path,
    listed,
    opened,
    progress,
    refuse,
    wall_clock,
)
from server.config import Event
from server.database import Database
from server.names import text_in
from server.roster import ImportResult, RosterRefusedError, import_roster
from server.venue_file import FILE_BYTES_MAX

MAPPING_BYTES_MAX = 100_000
NUMBERS_SHOWN = 50


@click.command("import", short_help="Import attendees from CSV or XLSX.")
@click.argument("roster_path", metavar="ROSTER", type=file_path)
@event_option
@click.option("--skip-bad", is_flag=True, help="Import the good rows and leave out the bad ones.")
@click.option(
    "--mapping",
    "mapping_path",
    type=file_path,
    metavar="FILE",
    help='TOML that names the file\'s columns, as in: given_name = "First Name".',
)
@click.option("--encoding", help="Of a CSV file, where it is not found by itself.")
@click.option("--reissue", is_flag=True, help="Replace badges that no longer say what is so.")
def import_people(
    roster_path: Path,
    event_dir: Path,
    skip_bad: bool,
    mapping_path: Path | None,
    encoding: str | None,
    reissue: bool,
) -> None:
    """Take the attendees of ROSTER, a CSV or XLSX file, into the event.

    A row with the external id, else the e-mail, of somebody who is there already changes them;
    badge numbers stay. If any row is bad, every bad row is named and nothing is imported.
    """
    mapping = _mapping(mapping_path) if mapping_path else None
    data = read_file(roster_path, RosterLimits().file_bytes)
    with opened(event_dir) as (event, database):
        roster = _read(database, event, data, roster_path.name, mapping, encoding)
        result = _import(database, roster, skip_bad)
        _report(result, roster)
        if result.needs_reissue:
            _replace(event, database, result.needs_reissue, reissue)
        missing = issuing.missing_badges(database.reader)
    if missing:
        click.echo(f"{count(missing, 'attendee')} without a badge. Next: hallkeeper issue")


def _mapping(path: Path) -> dict[str, str]:
    try:
        mapping = tomllib.loads(read_file(path, MAPPING_BYTES_MAX).decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise refuse(f"{path} is not TOML: {error}.") from None
    for column, title in mapping.items():
        if not isinstance(title, str):
            raise refuse(f'{path}: write {column} = "the column\'s title in the file".')
    return mapping


def _read(
    database: Database,
    event: Event,
    data: bytes,
    name: str,
    mapping: dict[str, str] | None,
    encoding: str | None,
) -> Roster:
    db = database.reader
    return read_roster(
        data,
        name,
        categories={one.key: text_in(one.names, "en") for one in venue.categories(db)},
        mapping=mapping,
        encoding=encoding,
        days=event.settings.days,
        zones=list(venue.zones(db)),
        sessions=[session.code for session in venue.sessions(db)],
        language="",
    )


def _import(database: Database, roster: Roster, skip_bad: bool) -> ImportResult:
    with progress("Importing", len(roster.rows)) as tell:
        step = partial(
            import_roster,
            roster=roster,
            skip_bad=skip_bad,
            by=BY,
            now=wall_clock(),
            random=os.urandom,
            progress=tell,
        )
        try:
            return database.write(step)
        except RosterRefusedError as error:
            raise click.ClickException(_refusal(error.problems, roster, skip_bad)) from None


def _refusal(problems: tuple[Problem, ...], roster: Roster, skip_bad: bool) -> str:
    """Every bad row, and what to do."""
    bad = {problem.line for problem in problems if problem.line is not None}
    good = sum(row.line not in bad for row in roster.rows)
    remedy = f"Mend {'it' if len(problems) == 1 else 'them'}"
    if good and not skip_bad:
        remedy += f", or import the other {count(good, 'row')} with --skip-bad"
    return f"{listed(problems)}\n{remedy}."


def _report(result: ImportResult, roster: Roster) -> None:
    for problem in result.problems[:PROBLEMS_SHOWN]:
        click.echo(f"Skipped {problem}", err=True)
    if roster.unread:
        click.echo(f"Columns that were not used: {', '.join(roster.unread)}", err=True)
    click.echo(
        f"Added {result.added:,}, updated {result.updated:,}, unchanged {result.unchanged:,},"
        f" skipped {result.skipped:,}."
    )


def _replace(event: Event, database: Database, serials: tuple[int, ...], wanted: bool) -> None:
    """Say whose badges are out of date, or replace them."""
    numbers = " ".join(map(badge_number, serials[:NUMBERS_SHOWN]))
    if len(serials) > NUMBERS_SHOWN:
        numbers += f" and {len(serials) - NUMBERS_SHOWN:,} more"
    if not wanted:
        click.echo(
            f"{count(len(serials), 'badge says', 'badges say')} what was so before: {numbers}\n"
            "To replace them: hallkeeper reissue --reason changed NUMBER…"
        )
        return

    def step(db: sqlite3.Connection) -> None:
        for serial in serials:
            issuing.reissue(db, event, serial, reason="changed", now=wall_clock(), by=BY)

    database.write(step)
    click.echo(f"Replaced {count(len(serials), 'badge')}, to be printed again: {numbers}")


@click.command("import-venue", short_help="Import halls, doors and sessions.")
@click.argument("venue_path", metavar="FILE", type=file_path)
@event_option
@click.option(
    "--remove-sessions", is_flag=True, help="Remove the sessions that FILE no longer has."
)
def import_venue(venue_path: Path, event_dir: Path, remove_sessions: bool) -> None:
    """Take halls, doors, sessions, zones and categories from FILE, in TOML or XLSX, into the event.

    What is there already is changed, by its code; what FILE lacks stays. If anything is wrong, all
    of it is named and nothing is imported.
    """
    data = read_file(venue_path, FILE_BYTES_MAX)
    with opened(event_dir) as (event, database):
        plan = venue.read_venue(data, venue_path.name, event.settings)

        def step(db: sqlite3.Connection) -> venue.ImportedVenue:
            result = venue.import_venue(db, plan, by=BY, now=wall_clock())
            gone = result.absent.get("sessions", []) if remove_sessions else []
            for session in venue.sessions(db):
                if session.code in gone:
                    venue.remove_session(db, session.session_id, by=BY, now=wall_clock())
            return result

        result = database.write(step)
    for what, counts in (
        ("Added", result.added),
        ("Updated", result.updated),
        ("Unchanged", result.unchanged),
    ):
        if counts:
            click.echo(f"{what}: {', '.join(f'{kind} {n:,}' for kind, n in counts.items())}")
    for line in _unsaid_doors(result):
        click.echo(line, err=True)
    for kind, codes in result.absent.items():
        if codes and kind != "categories":
            removed = kind == "sessions" and remove_sessions
            verb = "Removed" if removed else f"Not in {venue_path.name}, and kept"
            click.echo(f"{verb}: {kind} {', '.join(codes)}")


def _unsaid_doors(result: venue.ImportedVenue) -> list[str]:
    """What is to be said of doors of halls inside others: who comes in counts in each of them."""
    lines = []
    for door, (halls, own) in list(result.unsaid.items())[:PROBLEMS_SHOWN]:
        line = f"Door {door} does not say where it leads from, so who enters there takes a place"
        line += f" in {' and '.join(halls)} too"
        if own:
            line += f". Who has come in by a door of {' or '.join(own)} counts twice there"
        lines.append(f'{line}. Write from = "outside", or from = "{halls[0]}"')
    if len(result.unsaid) > PROBLEMS_SHOWN:
        lines.append(f"… and {len(result.unsaid) - PROBLEMS_SHOWN:,} more such doors")
    return lines
