"""Writes CSV (RFC 4180) without cells that a spreadsheet would execute."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator

BYTE_ORDER_MARK = "\ufeff"  # without it, spreadsheets misread UTF-8
_FORMULA = frozenset("=+-@\t\r\n")


def guarded(cell: object) -> object:
    """Put an apostrophe before text that a spreadsheet would execute as a formula (CWE-1236).

    Full-width and small forms of the operators count too.
    """
    if isinstance(cell, str) and unicodedata.normalize("NFKC", cell[:1])[:1] in _FORMULA:
        return "'" + cell
    return cell


def csv_chunks(
    header: Iterable[object], chunks: Iterable[Iterable[Iterable[object]]]
) -> Iterator[str]:
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
