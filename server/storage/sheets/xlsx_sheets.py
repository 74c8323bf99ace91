"""Streams XLSX (ECMA-376), so that a workbook of a million rows is never in memory.

Every text is an inline string, which no spreadsheet executes. Integers are numbers; all other
values are text.

XlsxWriter yields nothing before the last row: 100,000 rows first take 72 MB of temporary files with
names in them, and 5.2 s of CPU instead of 1.0.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape

SHEET_ROWS = 1_048_576  # limit of spreadsheets, with the header
CELL_CHARS_MAX = 32_767
# A longer part would need ZIP64, which some spreadsheets can't open.
_SHEET_BYTES = 2_000_000_000
_LEVEL = 1  # a higher one takes three times as long for a tenth less
_EXACT = 10**15  # larger integers lose digits in spreadsheets
# Characters that XML 1.0 forbids, and text that looks like their escapes.
_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|_(?=x[0-9A-Fa-f]{4}_)")
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


class _Pieces:
    def __init__(self) -> None:
        self._held: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._held.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        data = b"".join(self._held)
        self._held.clear()
        return data


def xlsx_chunks(
    name: str,
    header: Sequence[str],
    chunks: Iterable[Iterable[Sequence[object]]],
    *,
    sheet_rows: int = SHEET_ROWS,
) -> Iterator[bytes]:
    """Yield the bytes of a workbook with the header and the rows.

    After `sheet_rows` rows (with the header) the next sheet begins, with the header again. Sheets
    are named by `name` and their number.
    """
    out = _Pieces()
    # zipfile never reads or seeks an unseekable output.
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as book:  # type: ignore[call-overload]
        rows = iter(row for chunk in chunks for row in chunk)
        sheets, row = 0, next(rows, None)
        while row is not None or not sheets:
            sheets += 1
            with book.open(f"xl/worksheets/sheet{sheets}.xml", "w") as sheet:
                size = sheet.write(_sheet_begins(len(header)) + _row(header))
                place = 1
                while row is not None and place < sheet_rows and size < _SHEET_BYTES:
                    place += 1
                    size += sheet.write(_row(row))
                    row = next(rows, None)
                    if place % 256 == 0:
                        yield out.taken()
                sheet.write(b"</sheetData></worksheet>")
            yield out.taken()
        for path, text in _parts(name, sheets):
            book.writestr(path, _HEAD + text)
    yield out.taken()


def _sheet_begins(columns: int) -> bytes:
    return (
        f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        "</sheetView></sheetViews>"
        f'<cols><col min="1" max="{columns}" width="18" customWidth="1"/></cols><sheetData>'
    ).encode()


def _row(cells: Sequence[object]) -> bytes:
    return f"<row>{''.join(map(_cell, cells))}</row>".encode()


def _cell(value: object) -> str:
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _EXACT:
        return f"<c><v>{value}</v></c>"
    text = str(value)[:CELL_CHARS_MAX]
    if text.isascii() and text.isalnum():
        return f'<c t="inlineStr"><is><t>{text}</t></is></c>'
    text = escape(_UNFIT.sub(_written, text))
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _written(match: re.Match[str]) -> str:
    return f"_x{min(ord(match[0]), 0xFFFF):04X}_"


def _parts(name: str, sheets: int) -> Iterator[tuple[str, str]]:
    numbers = range(1, sheets + 1)
    listed = "".join(
        f'<sheet name="{escape(name)} {n}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers
    )
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{_REL}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in numbers
    )
    kinds = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_KIND}.worksheet+xml"/>'
        for n in numbers
    )
    yield (
        "xl/workbook.xml",
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_REL}"><sheets>{listed}</sheets></workbook>',
    )
    yield (
        "xl/_rels/workbook.xml.rels",
        f'<Relationships xmlns="{_PACKAGE}/relationships">{links}</Relationships>',
    )
    yield (
        "_rels/.rels",
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
        f' Type="{_REL}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    )
    yield (
        "[Content_Types].xml",
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
        f"{kinds}</Types>",
    )
