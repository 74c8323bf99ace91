"""A venue as a workbook: one sheet for each kind, the keys in its first row, one thing in a row."""

import io
import zipfile
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import openpyxl

from badges.roster_xlsx import cell_text
from server.venue_plan import VenueError

UNPACKED_BYTES_MAX = 100_000_000
ROWS_MAX = 50_000
COLUMNS_MAX = 50
_SHEETS = {
    "category": "categories", "zone": "zones", "hall": "halls", "door": "doors",
    "session": "sessions",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One thing of a venue file as it stands there, and where."""

    place: str
    values: dict[str, Any]


def is_workbook(data: bytes) -> bool:
    return data.startswith(b"PK\x03\x04")


def workbook_entries(data: bytes, name: str, known: tuple[str, ...]) -> dict[str, list[Entry]]:
    """The entries of each kind. Raises VenueError."""
    damaged = VenueError([f"{name} is damaged: open it in the spreadsheet and save it again"])
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, ValueError, OverflowError):
        raise damaged from None
    if unpacked > UNPACKED_BYTES_MAX:
        raise VenueError([f"{name} unpacks to over {UNPACKED_BYTES_MAX:,} bytes"])
    try:
        sheets = _sheets(data)
    except Exception:  # openpyxl raises what its parts raise: KeyError, ParseError, zlib.error, …
        raise damaged from None
    kinds = {_SHEETS[kind]: kind for kind in known} | {kind: kind for kind in known}
    unknown = [title for title in sheets if title.casefold() not in kinds]
    if unknown:
        raise VenueError(
            [f"{name}: sheet {title[:31]!r} is none of {', '.join(kinds)}" for title in unknown]
        )
    return {kinds[title.casefold()]: _entries(title, rows) for title, rows in sheets.items()}


def _sheets(data: bytes) -> dict[str, list[tuple[str, ...]]]:
    with closing(openpyxl.load_workbook(io.BytesIO(data), read_only=True)) as book:
        found = {}
        for sheet in book.worksheets:
            if sheet.sheet_state == "visible":
                sheet.reset_dimensions()  # a file may claim any size
                rows = sheet.iter_rows(max_row=ROWS_MAX, max_col=COLUMNS_MAX, values_only=True)
                found[sheet.title] = [tuple(cell_text(cell) for cell in row) for row in rows]
        return found


def _entries(title: str, rows: Iterable[tuple[str, ...]]) -> list[Entry]:
    numbered = ((number, row) for number, row in enumerate(rows, 1) if any(map(str.strip, row)))
    _, header = next(numbered, (1, ()))
    keys = [key.strip().casefold() for key in header]
    return [
        Entry(
            f"sheet {title}, row {number}",
            {
                key or "(a column without a title)": text.strip()
                for key, text in zip(keys, row, strict=False)
                if text.strip()
            },
        )
        for number, row in numbered
    ]
