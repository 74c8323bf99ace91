"""Reads the table of a web page. Many registration systems export one under the name of a
workbook.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser

from badges.i18n import N_, Count
from badges.roster.problems import RosterError, shown
from badges.roster.table import MERGED_CELLS_MOST, SAVE_AS, Line, RosterLimits

_START = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|head|meta|table)\b")
_CHARSET = re.compile(rb"charset=[\"']?([\w-]+)", re.IGNORECASE)
_SPAN = re.compile(r"[1-9][0-9]*")
_SPAN_MOST = 1_000
_ROWS_MOST = 1_048_576  # as in a workbook's sheet


def is_html(data: bytes) -> bool:
    return _START.match(data[:1_024].lower()) is not None


def html_lines(data: bytes, name: str, limits: RosterLimits) -> Iterator[Line]:
    """Read the largest table, up to one column more than allowed. Raises RosterError."""
    charset = _CHARSET.search(data[:4_096])
    encodings = [charset[1].decode()] if charset else []
    for encoding in (*encodings, "utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
            break
        # Python's codec for the charset "undefined" raises a plain UnicodeError.
        except (UnicodeError, LookupError):
            continue
    else:
        text = ""
    tables = _Tables(limits.columns + 1)
    tables.feed(text)
    tables.close()
    rows = max(tables.largest, tables.rows, key=len)
    if not rows:
        raise RosterError(
            N_("%(name)s is a web page without a table: %(save_as)s"),
            name=shown(name),
            save_as=SAVE_AS,
        )
    return _lines(rows, limits.columns + 1)


@dataclass(slots=True)
class _Cell:
    columns: int
    rows: int
    text: str = ""


class _Tables(HTMLParser):
    """Collects the cells of the largest table and of the newest one. Text outside of cells is
    ignored.
    """

    def __init__(self, columns: int) -> None:
        super().__init__(convert_charrefs=True)
        self.largest: list[list[_Cell]] = []
        self.rows: list[list[_Cell]] = []
        self._columns = columns
        self._in_table = False
        self._cell: _Cell | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.largest, self.rows = max(self.largest, self.rows, key=len), []
            self._in_table = True
        elif tag == "tr" and self._in_table and len(self.rows) < _ROWS_MOST:
            self.rows.append([])
        elif tag in ("td", "th") and self.rows and len(self.rows[-1]) < self._columns:
            spans = dict(attrs)
            self._cell = _Cell(_span(spans.get("colspan")), _span(spans.get("rowspan")))
            self.rows[-1].append(self._cell)
        elif tag in ("br", "p", "div"):
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr", "table"):
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.text += data


def _span(text: str | None) -> int:
    return min(int(text[:5]), _SPAN_MOST) if text and _SPAN.fullmatch(text) else 1


def _lines(rows: Sequence[Sequence[_Cell]], columns: int) -> Iterator[Line]:
    width = max((max(texts, default=-1) + 1 for texts, _ in _placed(rows, columns)), default=0)
    for number, (texts, above) in enumerate(_placed(rows, columns), 1):
        yield Line(
            number,
            tuple(texts.get(column, "") for column in range(width)),
            above={column: text for column, text in above.items() if text.strip()},
        )


def _placed(
    rows: Sequence[Sequence[_Cell]], columns: int
) -> Iterator[tuple[dict[int, str], dict[int, str]]]:
    """Place the cells in columns. A cell over several rows is merged with those below it. Yield
    each row's texts, and those of the cells above that reach into it.
    """
    below: dict[int, tuple[int, str]] = {}  # rows left and text, by column
    merged = 0
    for row in rows:
        above = {column: text for column, (_, text) in below.items()}
        merged += len(above)
        if merged > MERGED_CELLS_MOST:
            raise RosterError(
                N_("over %(most)s cells are merged: copy the rows into a new workbook"),
                most=Count(MERGED_CELLS_MOST),
            )
        below = {column: (left - 1, text) for column, (left, text) in below.items() if left > 1}
        texts: dict[int, str] = {}
        column = 0
        for cell in row:
            while column in above:
                column += 1
            if column >= columns:
                texts[columns - 1] = cell.text  # so that the row is seen to have too many
                break
            texts[column] = cell.text
            if cell.rows > 1:
                below[column] = (cell.rows - 1, cell.text)
            column += cell.columns
        yield texts, above
