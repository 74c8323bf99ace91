"""Hostile values of JSON, and what they must not leave behind in the database."""

import json
from collections.abc import Iterator
from typing import Any

from badges.whole_text import whole_text
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.postgresql.moving import columns_of, tables_of
from tests.tries import tries

# As JSON text, since some of them can't be made from a Python value.
VALUES = {
    "NUL": rb'"a\u0000b"',
    "decomposed letters": '"Jose\u0301"'.encode(),
    "decomposed by an escape": rb'"Jose\u0301"',
    "lone surrogate": rb'"\ud800"',
    "half a pair": rb'"\udc00\ud83d"',
    "no UTF-8": b'"Jos\xe9"',
    "CESU-8": b'"\xed\xa0\xbd\xed\xb8\x80"',
    "1 MB": b'"' + b"x" * 1_000_000 + b'"',
    "1 MB of escapes": b'"' + rb"\u00e9" * 170_000 + b'"',
    "empty": b'""',
    "-1": b"-1",
    "63 bits": str(2**63 - 1).encode(),
    "64 bits": str(2**64).encode(),
    "below 64 bits": str(-(2**63) - 1).encode(),
    "5,000 digits": b"9" * 5_000,
    "infinite": b"1e400",
    "NaN": b"NaN",
    "fraction": b"0.5",
    "first year": b'"0001-01-01T00:00:00Z"',
    "last year": b'"9999-12-31T23:59:59Z"',
    "null": b"null",
    "true": b"true",
    "list": b"[]",
    "object": b"{}",
    "deep": b"[" * 50_000,
}
Rows = dict[str, list[tuple[Any, ...]]]
MARK = "put the value here"


def bodies(sample: Any, value: bytes, turn: int) -> Iterator[tuple[str, bytes]]:
    """Yield the sample with `value` in place of a part of it, or of a name in an object, for those
    places whose turn it is (`tests/tries.py`).
    """
    for place, marked in tries.some(list(_marked(sample, "")), turn):
        yield place, _body(marked, value)


def places(sample: Any) -> list[str]:
    return [place for place, _ in _marked(sample, "")]


def body(sample: Any, place: str, value: bytes) -> bytes:
    return next(_body(marked, value) for where, marked in _marked(sample, "") if where == place)


def _body(marked: Any, value: bytes) -> bytes:
    return json.dumps(marked).encode().replace(json.dumps(MARK).encode(), value)


def _marked(sample: Any, place: str) -> Iterator[tuple[str, Any]]:
    yield place or "all", MARK
    if isinstance(sample, dict):
        for name, part in sample.items():
            for inner, marked in _marked(part, f"{place}.{name}"):
                yield inner, {**sample, name: marked}
        yield f"{place}.(name)", {**sample, MARK: 1}
    if isinstance(sample, list):
        for number, part in enumerate(sample):
            for inner, marked in _marked(part, f"{place}[{number}]"):
                yield inner, [*sample[:number], marked, *sample[number + 1 :]]


class Tables:
    """Every table of a database, with its columns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.reading() as db:
            self._queries = {
                table: f'SELECT {", ".join(columns_of(db, table))} FROM "{table}"'
                for table in tables_of(db)
            }

    def rows(self, db: Connection | None = None) -> Rows:
        """Return every row of every table, as committed or as `db` has them in its transaction."""
        if db is None:
            with self._database.reading() as reader:
                return self.rows(reader)
        return {
            table: sorted(map(tuple, db.execute(query)), key=repr)
            for table, query in self._queries.items()
        }


def texts_not_whole(rows: Rows) -> list[str]:
    """Return the places whose text is not whole, also inside JSON."""
    return [
        f"{table}: {value[:80]!r}"
        for table, lines in rows.items()
        for line in lines
        for value in line
        if isinstance(value, str) and not _is_whole(value)
    ]


def _is_whole(text: str) -> bool:
    if text.startswith(("{", "[")) and "\\u" in text:
        text = json.dumps(json.loads(text), ensure_ascii=False)
    return whole_text(text) == text and "\\u0000" not in text
