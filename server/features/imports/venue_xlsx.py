"""Reads a venue from a workbook: a sheet per kind, keys in the first row, a thing per row."""

import io
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from badges.i18n import Count, Phrase, counted, joined
from badges.roster.xlsx_lines import cell_text
from server.features.imports.venue_plan import PLURALS, VenueError, located

UNPACKED_BYTES_MAX = 100_000_000
ROWS_MAX = 50_000
COLUMNS_MAX = 50
_SHEET_ROWS = 1_048_576  # A sheet's maximum. Many files have empty formatted rows.


@dataclass(frozen=True)
class Entry:
    place: str
    values: dict[str, Any]
    # Keys with an unreadable value, whose problem was reported.
    unread: frozenset[str] = frozenset()


@dataclass
class Found:
    """Each kind's entries, the problems, and notes for the author."""

    entries: dict[str, list[Entry]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Cell:
    """A cell's text. `flaw`: why it is unreadable; `note`: the value used for a formula."""

    text: str
    flaw: str = ""
    note: str = ""


def is_workbook(data: bytes) -> bool:
    return data.startswith(b"PK\x03\x04")


def read_workbook(data: bytes, name: str, kinds_read: tuple[str, ...]) -> Found:
    """Read each kind's entries. Raises VenueError if no sheet can be read."""
    damaged = VenueError(
        [Phrase("%(name)s is damaged: open it in the spreadsheet and save it again", name=name)]
    )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, ValueError, OverflowError):
        raise damaged from None
    if unpacked > UNPACKED_BYTES_MAX:
        raise VenueError(
            [
                Phrase(
                    "%(name)s unpacks to over %(most)s bytes",
                    name=name,
                    most=Count(UNPACKED_BYTES_MAX),
                )
            ]
        )
    contents, first = Found(), dict[str, str]()
    try:
        sheets = _sheets(data, contents)
    except (VenueError, MemoryError):
        raise
    except Exception:  # openpyxl raises KeyError, ParseError, zlib.error and others
        raise damaged from None
    kinds = {PLURALS[kind]: kind for kind in kinds_read} | {kind: kind for kind in kinds_read}
    for title, rows in sheets.items():
        kind = kinds.get(title.casefold())
        if kind is None:
            contents.problems.append(
                Phrase(
                    "%(name)s: sheet %(title)s is none of %(kinds)s",
                    name=name,
                    title=repr(title[:31]),
                    kinds=", ".join(kinds),
                )
            )
        elif kind in first:
            contents.problems.append(
                Phrase(
                    "%(name)s: sheets %(first)s and %(title)s are both for %(sheets)s: put "
                    "their rows into one",
                    name=name,
                    first=repr(first[kind]),
                    title=repr(title),
                    sheets=PLURALS[kind],
                )
            )
        else:
            first[kind] = title
            contents.entries[kind] = list(_entries(title, rows, contents))
    if len(first) < len(sheets):
        raise VenueError(contents.problems)
    return contents


def _sheets(data: bytes, contents: Found) -> dict[str, list[tuple[_Cell, ...]]]:
    """Return each visible sheet's cells, and note hidden ones."""
    import openpyxl

    values: dict[str, list[tuple[Any, ...]]] = {}
    with closing(openpyxl.load_workbook(io.BytesIO(data), read_only=True)) as book:
        cells_of = {}
        for sheet in book.worksheets:
            if sheet.sheet_state != "visible":
                sheet.reset_dimensions()
                rows = sheet.iter_rows(max_row=ROWS_MAX, max_col=COLUMNS_MAX, values_only=True)
                filled = sum(any(value is not None for value in row) for row in rows)
                if filled > 1:
                    contents.notes.append(
                        counted(
                            "sheet %(title)s is hidden, and its %(num)s row is not read",
                            "sheet %(title)s is hidden, and its %(num)s rows are not read",
                            filled - 1,
                            title=sheet.title,
                        )
                    )
                continue
            cells = list(_rows(sheet))
            if any(cell.data_type == "f" for row in cells for cell in row):
                values = values or _values(data)
            cells_of[sheet.title] = [
                tuple(_cell(cell, column, number, values.get(sheet.title, [])) for column, cell
                      in enumerate(row))
                for number, row in enumerate(cells)
            ]  # fmt: skip
        return cells_of


def _rows(sheet: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows within the limits. Raises VenueError for values beyond them."""
    sheet.reset_dimensions()  # a file may declare any size
    for number, row in enumerate(sheet.iter_rows(max_row=_SHEET_ROWS), 1):
        if number <= ROWS_MAX and len(row) <= COLUMNS_MAX:
            yield row
            continue
        beyond = row if number > ROWS_MAX else row[COLUMNS_MAX:]
        if any(cell.value is not None for cell in beyond):
            place = Phrase("sheet %(title)s, row %(number)s", title=sheet.title[:31], number=number)
            if number > ROWS_MAX:
                message = Phrase(
                    "a sheet has at most %(most)s rows; import the rest from another file",
                    most=Count(ROWS_MAX),
                )
            else:
                message = Phrase(
                    "a sheet has at most %(most)s columns; delete the columns beyond",
                    most=COLUMNS_MAX,
                )
            raise VenueError([located(place, message)])
        if number <= ROWS_MAX:
            yield row[:COLUMNS_MAX]


def _values(data: bytes) -> dict[str, list[tuple[Any, ...]]]:
    """Return each cell's last value, also for formulas."""
    import openpyxl

    with closing(openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)) as book:
        return {
            sheet.title: [tuple(cell.value for cell in row) for row in _rows(sheet)]
            for sheet in book.worksheets
            if sheet.sheet_state == "visible"
        }


def _cell(cell: Any, column: int, row: int, values: list[tuple[Any, ...]]) -> _Cell:
    """Return the cell at these indexes. A formula has its last result."""
    from openpyxl.utils import get_column_letter

    where = f"{get_column_letter(column + 1)}{row + 1}"
    if cell.data_type != "f":
        text = cell_text(cell.value)
        if cell.data_type == "e":
            return _Cell(
                "",
                Phrase(
                    "cell %(where)s contains %(text)s, an error of the spreadsheet: correct it",
                    where=where,
                    text=text,
                ),
            )
        return _Cell(text)
    cached = values[row][column] if row < len(values) and column < len(values[row]) else None
    text = cell_text(cached)
    if not text.strip():
        return _Cell(
            "",
            Phrase(
                "cell %(where)s is a formula without a value: open the file in the "
                "spreadsheet and save it again, or write the value itself",
                where=where,
            ),
        )
    if text.startswith("#"):
        return _Cell(
            "",
            Phrase(
                "cell %(where)s is a formula that gives %(text)s: write the value itself",
                where=where,
                text=text[:40],
            ),
        )
    return _Cell(
        text,
        note=Phrase(
            "cell %(where)s is a formula; its value was used: %(text)s",
            where=where,
            text=text[:40],
        ),
    )


def _entries(title: str, rows: Iterable[tuple[_Cell, ...]], contents: Found) -> Iterator[Entry]:
    numbered = (
        (number, row)
        for number, row in enumerate(rows, 1)
        if any(cell.text.strip() or cell.flaw for cell in row)
    )
    _, header = next(numbered, (1, ()))
    columns = _columns(title, header, contents)
    for number, row in numbered:
        place = Phrase("sheet %(title)s, row %(number)s", title=title, number=number)
        contents.problems += [located(place, cell.flaw) for cell in row if cell.flaw]
        contents.notes += [located(place, cell.note) for cell in row if cell.note]
        filled = [(columns.get(at, ""), cell) for at, cell in enumerate(row) if at in columns]
        filled += [
            (Phrase("(a column without a title)"), cell)
            for cell in row[len(header) :]
            if cell.text.strip()
        ]
        yield Entry(
            place,
            {key: cell.text.strip() for key, cell in filled if cell.text.strip()},
            frozenset(key for key, cell in filled if cell.flaw),
        )


def _columns(title: str, header: tuple[_Cell, ...], contents: Found) -> dict[int, str]:
    """Return each column's key by index, without repeated keys."""
    from openpyxl.utils import get_column_letter

    columns: dict[int, str] = {}
    first: dict[str, int] = {}
    for at, cell in enumerate(header):
        key = "_".join(cell.text.casefold().replace("-", " ").replace("_", " ").split())
        if cell.flaw:
            contents.problems.append(
                Phrase("sheet %(title)s: %(flaw)s", title=title, flaw=cell.flaw)
            )
        elif key in first:
            both = joined(
                Phrase(" and "), [get_column_letter(index + 1) for index in (first[key], at)]
            )
            contents.problems.append(
                Phrase(
                    "sheet %(title)s: columns %(both)s are both %(key)s: keep one",
                    title=title,
                    both=both,
                    key=repr(key),
                )
            )
        else:
            columns[at] = key or Phrase("(a column without a title)")
            if key:
                first[key] = at
    return columns
