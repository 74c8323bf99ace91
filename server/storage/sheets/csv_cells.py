"""Writes CSV as every file of ours is written. It follows RFC 4180 and has no cell that a
spreadsheet would run.
"""

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator

BYTE_ORDER_MARK = "\ufeff"  # Without it, spreadsheets read UTF-8 as another encoding.
_FORMULA = frozenset("=+-@\t\r\n")


def guarded(cell: object) -> object:
    """Put an apostrophe before text that a spreadsheet would run as a formula (CWE-1236).

    Spreadsheets take the full-width and small forms of the signs for the signs themselves.
    """
    if isinstance(cell, str) and unicodedata.normalize("NFKC", cell[:1])[:1] in _FORMULA:
        return "'" + cell
    return cell


def csv_chunks(
    header: Iterable[object], chunks: Iterable[Iterable[Iterable[object]]]
) -> Iterator[str]:
    """Write the header and then each chunk of rows as one piece of text, every cell guarded."""
    out = io.StringIO()
    writer = csv.writer(out)
    yield BYTE_ORDER_MARK
    writer.writerow(header)
    yield _taken(out)
    for rows in chunks:
        writer.writerows([map(guarded, row) for row in rows])
        yield _taken(out)


def _taken(out: io.StringIO) -> str:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text
