import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from badges.cli.console import AbsolutePath, read_file, write_file
from server.console import (
    BY,
    MemoryForFile,
    count,
    event_option,
    file_path,
    listed,
    opened,
    wall_clock,
)
from server.core.event.directory import Event
from server.features.imports.commands.preview_report import say_preview
from server.features.imports.programme.adopt import Adopted, adopt
from server.features.imports.programme.exhibitors import LIMITS, read_exhibitors
from server.features.imports.programme.formats.programme_file import (
    FILE_BYTES_MAX,
    FORMATS,
    read_programme,
)
from server.features.imports.programme.mapping import ProgrammeMapping, mapping_text, read_mapping
from server.features.imports.venue_plan import Venue
from server.features.imports.venue_preview import Preview, preview, take_over
from server.features.imports.writer import ImportedVenue
from server.storage.connection import Connection
from server.storage.database import Database

MAPPING_BYTES_MAX = 1_000_000

F = TypeVar("F", bound=Callable[..., Any])


def _common_options(command: F) -> F:
    for option in (
        click.option("--skip-bad", is_flag=True, help="Import the valid rows and skip the others."),
        click.option("--json", "as_json", is_flag=True, help="Print everything as JSON."),
        click.option("--dry-run", is_flag=True, help="Show the changes without making them."),
    ):
        command = option(command)
    return command


@click.command("import-programme")
@click.argument("path", metavar="FILE", type=file_path)
@event_option
@click.option("--format", "form", type=click.Choice(list(FORMATS)), help="Else by the content.")
@click.option("--mapping", "mapping_path", type=file_path, help="TOML: rooms to halls, kinds.")
@click.option(
    "--save-mapping",
    "save_path",
    type=AbsolutePath(dir_okay=False),
    help="Write all rooms and kinds of FILE there, to fill in.",
)
@click.option(
    "--remove-sessions", is_flag=True, help="Remove the sessions that FILE no longer has."
)
@click.option("--encoding", help="Encoding of a CSV file, if it is not detected.")
@click.option(
    "--new-halls",
    is_flag=True,
    help="Make a hall of each unknown room, with the capacity in FILE or the mapping.",
)
@_common_options
def import_programme(
    path: Path,
    event_dir: Path,
    form: str | None,
    mapping_path: Path | None,
    save_path: Path | None,
    remove_sessions: bool,
    encoding: str | None,
    new_halls: bool,
    dry_run: bool,
    as_json: bool,
    skip_bad: bool,
) -> None:
    """Import the activities, sessions and speakers of FILE.

    FILE is a calendar (iCalendar), a schedule of frab or pretalx, or an XLSX or CSV file.
    Earlier ones are updated, by UID, guid or code. Admission rules and door times stay
    as in the event.
    docs/programme.md lists what is read of each format.
    """
    data = read_file(path, FILE_BYTES_MAX)
    mapping = ProgrammeMapping()
    if mapping_path is not None:
        mapping = read_mapping(read_file(mapping_path, MAPPING_BYTES_MAX), mapping_path.name)
    if new_halls:
        mapping = replace(mapping, new_halls=True)
    with opened(event_dir) as (event, database):
        with MemoryForFile():
            drafts = read_programme(
                data, path.name, event.settings, form, encoding, mapping.columns
            )
        adopted = adopt(database.reader, drafts, mapping, event.settings)
        if save_path is not None:
            text = mapping_text(adopted.rooms, adopted.kinds, drafts.columns)
            write_file(save_path, text.encode())
            click.echo(f"Wrote {save_path}.", err=True)
        work = _Work(event, database, path.name, ("sessions", "activities"), remove_sessions)
        work.do(adopted.venue, adopted.problems, _left_out(adopted), dry_run, as_json, skip_bad)


def _left_out(adopted: Adopted) -> str:
    return f"{count(adopted.skipped, 'session')} left out" if adopted.skipped else ""


@click.command("import-exhibitors")
@click.argument("path", metavar="FILE", type=file_path)
@event_option
@click.option("--encoding", help="Encoding of a CSV file, if it is not detected.")
@click.option("--sheet", metavar="NAME", help="The sheet of a workbook that is read.")
@click.option("--area", metavar="CODE", help="Area of stands without an area in FILE.")
@click.option(
    "--new-areas",
    metavar="HALL",
    help="Make areas that are not there in this hall, and one for stands without any.",
)
@_common_options
def import_exhibitors(
    path: Path,
    event_dir: Path,
    encoding: str | None,
    sheet: str | None,
    area: str | None,
    new_areas: str | None,
    dry_run: bool,
    as_json: bool,
    skip_bad: bool,
) -> None:
    """Import the exhibitors of FILE, a CSV or XLSX file, with their stands.

    The organisation of a row is found by its code, else by any of its names, else created.
    docs/programme.md has the columns.
    """
    data = read_file(path, LIMITS.file_bytes)
    with opened(event_dir) as (event, database):
        with MemoryForFile():
            exhibitors = read_exhibitors(
                database.reader,
                data,
                path.name,
                encoding=encoding,
                sheet=sheet,
                area=area,
                new_areas=new_areas,
            )
        left = f"{count(exhibitors.skipped, 'row')} left out" if exhibitors.skipped else ""
        work = _Work(event, database, path.name, ("exhibitors", "stands"), False)
        work.do(exhibitors.venue, exhibitors.problems, left, dry_run, as_json, skip_bad)


class _Work:
    def __init__(
        self,
        event: Event,
        database: Database,
        name: str,
        kinds: Collection[str],
        remove_sessions: bool,
    ) -> None:
        self.event = event
        self.database = database
        self.name = name
        self.kinds = kinds  # The kinds for which missing things are listed
        self.remove_sessions = remove_sessions

    def do(
        self,
        venue: Venue,
        problems: Sequence[str],
        left_out: str,
        dry_run: bool,
        as_json: bool,
        skip_bad: bool,
    ) -> None:
        refused = bool(problems) and not skip_bad
        if refused and not (dry_run or as_json):
            for note in venue.notes:
                click.echo(f"Note: {note}.", err=True)
            raise click.ClickException(f"{listed(problems)}\n{_remedy(problems)}")
        effects = preview(
            self.database,
            venue,
            self.event.settings,
            by=BY,
            now=wall_clock(),
            remove_sessions=self.remove_sessions,
        )
        if as_json:
            click.echo(_json(effects, problems, self.kinds, not (refused or dry_run)))
        else:
            for problem in problems:
                click.echo(f"{'Left out' if skip_bad else 'Problem'}: {problem}", err=True)
            say_preview(effects, self.name, self.kinds, dry_run)
            if left_out:
                click.echo(f"{left_out}.")
        if not (refused or dry_run):
            self.database.write(lambda db: self._write(db, venue))
        if refused:
            raise click.exceptions.Exit(1)

    def _write(self, db: Connection, venue: Venue) -> ImportedVenue:
        return take_over(db, venue, by=BY, now=wall_clock(), remove_sessions=self.remove_sessions)


def _remedy(problems: Sequence[str]) -> str:
    pronoun = "it" if len(problems) == 1 else "them"
    return f"Correct {pronoun}, or import the rest with --skip-bad."


def _json(effects: Preview, problems: Sequence[str], kinds: Collection[str], imported: bool) -> str:
    missing = [asdict(thing) for thing in effects.missing if thing.kind in kinds]
    document = {
        "imported": imported,
        **asdict(effects),
        "missing": missing,
        "problems": list(problems),
    }
    del document["mark"]  # Only for pages
    return json.dumps(document, ensure_ascii=False, indent=2)
