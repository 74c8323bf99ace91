"""Reads the table of a web page. Many registration systems export one under the name of a
workbook.
"""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from badges.i18n import N_
from badges.roster.problems import RosterError, shown
from badges.roster.table import SAVE_AS, Line

_START = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|head|meta|table)\b")
_CHARSET = re.compile(rb"charset=[\"']?([\w-]+)", re.IGNORECASE)
_SPAN_MOST = 1_000


def is_html(data: bytes) -> bool:
    return _START.match(data[:1_024].lower()) is not None


def html_lines(data: bytes, name: str) -> list[Line]:
    """Read the largest table. Raises RosterError."""
    charset = _CHARSET.search(data[:4_096])
    encodings = [charset[1].decode()] if charset else []
    for encoding in (*encodings, "utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
            break
        except (UnicodeDecodeError, LookupError):
            continue
    else:
        text = ""
    tables = _Tables()
    tables.feed(text)
    tables.close()
    rows = max(tables.tables, key=len, default=[])
    if not rows:
        raise RosterError(
            N_("%(name)s is a web page without a table: %(save_as)s"),
            name=shown(name),
            save_as=SAVE_AS,
        )
    return _lines(rows)


@dataclass
class _Cell:
    columns: int
    rows: int
    text: str = ""


class _Tables(HTMLParser):
    """Collects the cells of each table. Text outside of cells is ignored."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[_Cell]]] = []
        self._cell: _Cell | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("td", "th") and self.tables and self.tables[-1]:
            spans = dict(attrs)
            self._cell = _Cell(_span(spans.get("colspan")), _span(spans.get("rowspan")))
            self.tables[-1][-1].append(self._cell)
        elif tag in ("br", "p", "div"):
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr", "table"):
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.text += data


def _span(text: str | None) -> int:
    return min(int(text), _SPAN_MOST) if text and text.isdigit() and text != "0" else 1


def _lines(rows: list[list[_Cell]]) -> list[Line]:
    """Place the cells in columns. A cell over several rows is merged with those below it."""
    below: dict[int, tuple[int, str]] = {}  # rows left and text, by column
    grid: list[tuple[dict[int, str], dict[int, str]]] = []
    for row in rows:
        above = {column: text for column, (_, text) in below.items()}
        below = {column: (left - 1, text) for column, (left, text) in below.items() if left > 1}
        texts: dict[int, str] = {}
        column = 0
        for cell in row:
            while column in above:
                column += 1
            texts[column] = cell.text
            if cell.rows > 1:
                below[column] = (cell.rows - 1, cell.text)
            column += cell.columns
        grid.append((texts, above))
    width = max((max(texts, default=-1) + 1 for texts, _ in grid), default=0)
    return [
        Line(
            number,
            tuple(texts.get(column, "") for column in range(width)),
            above={column: text for column, text in above.items() if text.strip()},
        )
        for number, (texts, above) in enumerate(grid, 1)
    ]
