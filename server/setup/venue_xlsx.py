"""Reads a venue from a workbook. It has one sheet for each kind, the keys in the first row, and one
thing in each row.
"""

import io
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from badges.roster.xlsx_lines import cell_text
from server.setup.venue_plan import VenueError

UNPACKED_BYTES_MAX = 100_000_000
ROWS_MAX = 50_000
COLUMNS_MAX = 50
_SHEET_ROWS = 1_048_576  # The most that a sheet has. Many files end in empty, formatted rows.
# The name of each kind's sheet.
SHEETS = {
    "category": "categories", "zone": "zones", "hall": "halls", "door": "doors",
    "session": "sessions", "organisation": "organisations", "activity_kind": "activity_kinds",
    "activity": "activities", "speaker": "speakers", "area": "areas", "exhibitor": "exhibitors",
    "stand": "stands",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """Holds one thing of a venue file as it stands in the file, and where it stands."""

    place: str
    values: dict[str, Any]
    # Keys that are there but could not be read. Their problem has been reported.
    unread: frozenset[str] = frozenset()


@dataclass
class Found:
    """Holds what a file has of each kind, what is wrong with it, and what its owner should know."""

    entries: dict[str, list[Entry]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Cell:
    """Holds a cell's text. `flaw` says why it can't be read, and `note` says what value was taken
    for a formula.
    """

    text: str
    flaw: str = ""
    note: str = ""


def is_workbook(data: bytes) -> bool:
    return data.startswith(b"PK\x03\x04")


def read_workbook(data: bytes, name: str, known: tuple[str, ...]) -> Found:
    """Read the entries of each kind. Raises VenueError where no sheet can be read."""
    damaged = VenueError([f"{name} is damaged: open it in the spreadsheet and save it again"])
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, ValueError, OverflowError):
        raise damaged from None
    if unpacked > UNPACKED_BYTES_MAX:
        raise VenueError([f"{name} unpacks to over {UNPACKED_BYTES_MAX:,} bytes"])
    found, first = Found(), dict[str, str]()
    try:
        sheets = _sheets(data, found)
    except VenueError:
        raise
    except Exception:  # openpyxl raises what its parts raise: KeyError, ParseError, zlib.error, …
        raise damaged from None
    kinds = {SHEETS[kind]: kind for kind in known} | {kind: kind for kind in known}
    for title, rows in sheets.items():
        kind = kinds.get(title.casefold())
        if kind is None:
            found.problems.append(f"{name}: sheet {title[:31]!r} is none of {', '.join(kinds)}")
        elif kind in first:
            found.problems.append(
                f"{name}: sheets {first[kind]!r} and {title!r} are both for {SHEETS[kind]}: put "
                "their rows into one"
            )
        else:
            first[kind] = title
            found.entries[kind] = list(_entries(title, rows, found))
    if len(first) < len(sheets):
        raise VenueError(found.problems)
    return found


def _sheets(data: bytes, told: Found) -> dict[str, list[tuple[_Cell, ...]]]:
    """Read the cells of each visible sheet, and note what hidden ones have. The last results of
    formulas are read only where there are formulas.
    """
    import openpyxl

    values: dict[str, list[tuple[Any, ...]]] = {}
    with closing(openpyxl.load_workbook(io.BytesIO(data), read_only=True)) as book:
        found = {}
        for sheet in book.worksheets:
            if sheet.sheet_state != "visible":
                sheet.reset_dimensions()
                rows = sheet.iter_rows(max_row=ROWS_MAX, max_col=COLUMNS_MAX, values_only=True)
                filled = sum(any(value is not None for value in row) for row in rows)
                # The first of them has the titles.
                if filled > 1:
                    rows_left = "1 row is" if filled == 2 else f"{filled - 1:,} rows are"
                    told.notes.append(
                        f"sheet {sheet.title} is hidden, and its {rows_left} not read"
                    )
                continue
            cells = list(_rows(sheet))
            if any(cell.data_type == "f" for row in cells for cell in row):
                values = values or _values(data)
            found[sheet.title] = [
                tuple(_cell(cell, column, number, values.get(sheet.title, [])) for column, cell
                      in enumerate(row))
                for number, row in enumerate(cells)
            ]  # fmt: skip
        return found


def _rows(sheet: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows and columns up to the limits. Raises VenueError where something stands beyond
    them.
    """
    sheet.reset_dimensions()  # a file may claim any size
    for number, row in enumerate(sheet.iter_rows(max_row=_SHEET_ROWS), 1):
        if number <= ROWS_MAX and len(row) <= COLUMNS_MAX:
            yield row
            continue
        beyond = row if number > ROWS_MAX else row[COLUMNS_MAX:]
        if any(cell.value is not None for cell in beyond):
            place = f"sheet {sheet.title[:31]}, row {number}"
            if number > ROWS_MAX:
                said = f"a sheet has at most {ROWS_MAX:,} rows; import the rest from another file"
            else:
                said = f"a sheet has at most {COLUMNS_MAX} columns; delete what stands beyond"
            raise VenueError([f"{place}: {said}"])
        if number <= ROWS_MAX:
            yield row[:COLUMNS_MAX]


def _values(data: bytes) -> dict[str, list[tuple[Any, ...]]]:
    """Return what the spreadsheet last showed in each cell, for formulas too."""
    import openpyxl

    with closing(openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)) as book:
        return {
            sheet.title: [tuple(cell.value for cell in row) for row in _rows(sheet)]
            for sheet in book.worksheets
            if sheet.sheet_state == "visible"
        }


def _cell(cell: Any, column: int, row: int, values: list[tuple[Any, ...]]) -> _Cell:
    """Return the cell at an index of column and row. A formula counts as its last result."""
    from openpyxl.utils import get_column_letter

    where = f"{get_column_letter(column + 1)}{row + 1}"
    if cell.data_type != "f":
        text = cell_text(cell.value)
        if cell.data_type == "e":
            return _Cell("", f"cell {where} holds {text}, an error of the spreadsheet: mend it")
        return _Cell(text)
    cached = values[row][column] if row < len(values) and column < len(values[row]) else None
    text = cell_text(cached)
    if not text.strip():
        return _Cell(
            "",
            f"cell {where} is a formula without a value: open the file in the spreadsheet and save "
            "it again, or write the value itself",
        )
    if text.startswith("#"):
        return _Cell(
            "", f"cell {where} is a formula that gives {text[:40]}: write the value itself"
        )
    return _Cell(text, note=f"cell {where} is a formula; its value was taken: {text[:40]}")


def _entries(title: str, rows: Iterable[tuple[_Cell, ...]], found: Found) -> Iterator[Entry]:
    numbered = (
        (number, row)
        for number, row in enumerate(rows, 1)
        if any(cell.text.strip() or cell.flaw for cell in row)
    )
    _, header = next(numbered, (1, ()))
    columns = _columns(title, header, found)
    for number, row in numbered:
        place = f"sheet {title}, row {number}"
        found.problems += [f"{place}: {cell.flaw}" for cell in row if cell.flaw]
        found.notes += [f"{place}: {cell.note}" for cell in row if cell.note]
        filled = [(columns.get(at, ""), cell) for at, cell in enumerate(row) if at in columns]
        filled += [
            ("(a column without a title)", cell) for cell in row[len(header) :] if cell.text.strip()
        ]
        yield Entry(
            place,
            {key: cell.text.strip() for key, cell in filled if cell.text.strip()},
            frozenset(key for key, cell in filled if cell.flaw),
        )


def _columns(title: str, header: tuple[_Cell, ...], found: Found) -> dict[int, str]:
    """Return the key of each column by its index. A second column with the same key is left out."""
    from openpyxl.utils import get_column_letter

    columns: dict[int, str] = {}
    first: dict[str, int] = {}
    for at, cell in enumerate(header):
        key = "_".join(cell.text.casefold().replace("-", " ").replace("_", " ").split())
        if cell.flaw:
            found.problems.append(f"sheet {title}: {cell.flaw}")
        elif key in first:
            both = " and ".join(get_column_letter(index + 1) for index in (first[key], at))
            found.problems.append(f"sheet {title}: columns {both} are both {key!r}: keep one")
        else:
            columns[at] = key or "(a column without a title)"
            if key:
                first[key] = at
    return columns
