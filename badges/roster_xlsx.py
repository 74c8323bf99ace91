"""The first visible sheet of an XLSX workbook as lines of text. Formulas stay visible."""

import datetime as dt
import io
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import openpyxl
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula

from badges.roster_problem import RosterError, shown
from badges.roster_table import SAVE_AS, Line, RosterLimits

_SHEET_ROWS = 1_048_576  # the most that a sheet has; many files end in empty, formatted ones


def xlsx_lines(data: bytes, name: str, limits: RosterLimits) -> list[Line]:
    """Every row, at least as wide as the header. Raises RosterError."""
    _check_archive(data, name, limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions that we do not use
            rows = _rows(data, name, limits)
    except RosterError:
        raise
    except Exception:  # openpyxl raises what its parts raise: KeyError, ParseError, zlib.error, ...
        raise RosterError(
            f"{shown(name)} is damaged: open it in the spreadsheet and save it again"
        ) from None
    width = next((len(cells) for cells in rows if cells), 0)
    return [
        Line(number, cells + ("",) * (width - len(cells)))
        for number, cells in enumerate(rows, 1)
        if cells
    ]


def _check_archive(data: bytes, name: str, limits: RosterLimits) -> None:
    """Look into the zip's directory before anything is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except Exception:  # BadZipFile, NotImplementedError, struct.error, ... by the kind of damage
        raise RosterError(f"{shown(name)} is damaged: {SAVE_AS} again") from None
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > limits.unpacked_bytes or len(entries) > 10_000:
        raise RosterError(
            f"{shown(name)} unpacks to {unpacked:,} bytes in {len(entries):,} parts; the limits are"
            f" {limits.unpacked_bytes:,} and 10,000. Copy the rows into a new workbook"
        )
    if not any(entry.filename == "xl/workbook.xml" for entry in entries):
        raise RosterError(f"{shown(name)} is not an XLSX workbook: {SAVE_AS}")


def _rows(data: bytes, name: str, limits: RosterLimits) -> list[tuple[str, ...]]:
    with closing(openpyxl.load_workbook(io.BytesIO(data), read_only=True)) as book:
        sheet = next((s for s in book.worksheets if s.sheet_state == "visible"), None)
        if sheet is None:
            raise RosterError(f"{shown(name)} has no visible sheet: show the one with the roster")
        sheet.reset_dimensions()  # a file may claim any size
        found = sheet.iter_rows(max_row=_SHEET_ROWS, max_col=limits.columns + 1)
        return list(_all_texts(found))


def _all_texts(rows: Iterable[Iterable[Any]]) -> Iterator[tuple[str, ...]]:
    blank = None  # openpyxl gives one and the same tuple for the rows that the file leaves out
    for cells in rows:
        if cells is blank:
            yield ()
            continue
        texts = _texts(cells)
        blank = blank if texts else cells
        yield texts


def _texts(cells: Iterable[Any]) -> tuple[str, ...]:
    """The cells as text, without the empty ones at the end."""
    texts = [cell_text(cell.value) if cell.value is not None else "" for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    return tuple(texts)


def cell_text(value: object) -> str:
    """A cell as a person would type it: 1001.0 is "1001", a date ISO, a formula starts with "="."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if abs(value) < 10**15 else f"{value:.14E}"
        case float():
            return _number_text(value)
        case dt.datetime() if value.time() == dt.time():
            return value.date().isoformat()
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case ArrayFormula() | DataTableFormula():
            return "="
        case _:
            return str(value)


def _number_text(value: float) -> str:
    """A spreadsheet keeps 15 digits: a longer number has lost some, and the exponent shows it."""
    if abs(value) >= 1e15:
        return f"{value:.14E}"
    return str(int(value)) if value.is_integer() else f"{value:.15g}"
