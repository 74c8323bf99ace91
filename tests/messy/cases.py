"""A messy file, and how it is imported."""

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet


@dataclass(frozen=True)
class Step:
    """One import of the file with these options, and its expected result.

    `says` are phrases of the output. `holds` are the event's people or things afterwards, None if
    the import is refused and nothing may have changed.
    """

    says: tuple[str, ...]
    holds: tuple[str, ...] | None = None
    options: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()  # others, by their names in `options`
    first: tuple[tuple[str, str], ...] = ()  # files that are imported before, as name and text


@dataclass(frozen=True)
class Case:
    """A file and its defects. Its steps are tried in one event, one after the other."""

    file: str
    messy: str
    data: bytes
    steps: tuple[Step, ...]
    command: str = "import"


def table(rows: Sequence[Sequence[object]], delimiter: str = ",") -> str:
    """Return the rows as CSV."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    book.close()
    return out.getvalue()


def sheet_of(book: openpyxl.Workbook, rows: Sequence[Sequence[object]]) -> Worksheet:
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    return sheet


def workbook(rows: Sequence[Sequence[object]]) -> bytes:
    """Return a workbook with these rows."""
    book = openpyxl.Workbook()
    sheet_of(book, rows)
    return saved(book)


def with_value(data: bytes, cell: str, value: str) -> bytes:
    """Return the workbook as a spreadsheet saves it, with a formula's result beside it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for part in old.infolist():
            content = old.read(part)
            if part.filename.startswith("xl/worksheets/"):
                pattern = rf'<c r="{cell}"([^>]*><f>[^<]*</f>)<v ?/?>(?:</v>)?'.encode()
                kind = "" if value.isdigit() else ' t="str"'
                start = f'<c r="{cell}"{kind}'.encode()
                content = re.sub(pattern, start + rb"\1<v>" + value.encode() + b"</v>", content)
            new.writestr(part.filename, content)
    return out.getvalue()
