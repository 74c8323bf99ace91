"""Makes the files of `hallkeeper sample`: an example event, as text and workbooks."""

import csv
import io
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from server.core.venue.fields import Field
from server.features.imports.venue_file import columns
from server.features.imports.venue_plan import PLURALS

# Imported only when used, because loading is slow.
if TYPE_CHECKING:
    import openpyxl
    from openpyxl.worksheet.worksheet import Worksheet

DAYS = 3
NAMES = ("venue.toml", "venue.xlsx", "roster.csv", "roster.xlsx", "guests.toml")
_WIDTH = 18  # width in characters
_FIRST = {"code", "key", "name", "name_zh", "title", "title_zh"}
_NOTES = {
    "capacity": "People that the doors admit automatically.",
    "fire_limit": "The most by law; the same as capacity if empty.",
    "parent": "Code of the hall around this one.",
    "categories": "Keys with commas, all, or none.",
    "zones": "Codes with commas; any if empty.",
    "sessions_only": "true or false: only guests of a session are admitted.",
    "anti_passback": "hard, soft or off; hard if empty.",
    "exits": "strict or trusting; strict if empty.",
    "facts_age_max_min": "Minutes; no limit if empty.",
    "floor_m2": "With m2_per_person; unknown if empty.",
    "m2_per_person": "With floor_m2; unknown if empty.",
    "exit_width_m": "Metres of exits without steps, together.",
    "exit_steps_width_m": "Metres of exits by steps, together.",
    "fill_min": "Minutes in which the hall must fill; 60 if empty.",
    "clear_min": "Minutes in which people must be out; 8 if empty.",
    "emergency_min": "Minutes by the risk assessment; 8 if empty.",
    "accessible_places": "Of the capacity, for wheelchair users and companions.",
    "accessible_until_min": "Minutes before the start; always kept if empty.",
    "mode": "entry, exit or both; both if empty.",
    "from": "Code of the hall before the door, or outside.",
    "starts": "Local time of the venue, as 2026-05-04 13:45.",
    "ends": "Local time of the venue, as 2026-05-04 13:45.",
    "opens_before_min": "Minutes before the start; 30 if empty.",
    "closes_after_min": "Minutes after the end; 0 if empty.",
    "invited": "Ids or e-mails with commas, as in the roster.",
    "refused": "Ids or e-mails with commas, as in the roster.",
    "bit": "0 to 31; never changes.",
    "letter": "One letter or digit.",
    "colour": "As #2f5d7c; not red.",
}


class SampleThereError(Exception):
    """Files with these names already exist."""

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__(", ".join(map(str, paths)))
        self.paths = tuple(paths)


@lru_cache(maxsize=1)
def sample_files(first_day: date) -> Mapping[str, bytes]:
    venue, guests = _text("venue.toml", first_day), _text("guests.toml", first_day)
    roster = _text("roster.csv", first_day)
    contents = (
        venue.encode(), _venue_workbook(venue), roster.encode("utf-8-sig"),
        _roster_workbook(roster), guests.encode(),
    )  # fmt: skip
    return MappingProxyType(dict(zip(NAMES, contents, strict=True)))


def _text(name: str, first_day: date) -> str:
    text = resources.files("server.features.imports").joinpath("samples", name).read_text("utf-8")
    for day in range(DAYS):
        text = text.replace(f"DAY{day + 1}", (first_day + timedelta(days=day)).isoformat())
    return text


def _venue_workbook(text: str) -> bytes:
    import openpyxl
    from openpyxl.comments import Comment

    document = tomllib.loads(text)
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for kind, fields in columns().items():
        sheet = book.create_sheet(PLURALS[kind])
        header = sorted(fields, key=lambda key: key not in _FIRST)
        _fill(
            sheet,
            header,
            [[_cell(thing.get(key)) for key in header] for thing in document.get(kind, [])],
        )
        for at, key in enumerate(header, 1):
            comment = " ".join(filter(None, (_NOTES.get(key), _need(fields[key]))))
            sheet.cell(1, at).comment = Comment(comment, "Hallkeeper")
    return _saved(book)


def _need(field: Field) -> str:
    if field.required_without:
        return f"Needed without {field.required_without}."
    return "Needed." if field.required else "May be empty."


def _roster_workbook(text: str) -> bytes:
    import openpyxl

    header, *rows = csv.reader(io.StringIO(text))
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "roster"
    _fill(sheet, header, rows)
    return _saved(book)


def _cell(value: object) -> object:
    if value == []:
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _fill(sheet: "Worksheet", header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Fill a sheet. Text stays text: spreadsheets would read "1-3" as a date."""
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    sheet.append(list(header))
    for row in rows:
        sheet.append([None if cell == "" else cell for cell in row])
    sheet.freeze_panes = "A2"
    for at in range(1, len(header) + 1):
        sheet.cell(1, at).font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(at)].width = _WIDTH
    for cells in sheet.iter_rows(min_row=2):
        for cell in cells:
            if isinstance(cell.value, str):
                cell.number_format = "@"


def _saved(book: "openpyxl.Workbook") -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def write_sample(directory: Path, first_day: date, *, force: bool) -> list[Path]:
    """Raises OSError, and SampleThereError for existing files unless `force`; then none is
    written.
    """
    paths = [directory / name for name in NAMES]
    there = [path for path in paths if path.exists()]
    if there and not force:
        raise SampleThereError(there)
    files = sample_files(first_day)
    directory.mkdir(parents=True, exist_ok=True)
    for path in paths:
        path.write_bytes(files[path.name])
    return paths
