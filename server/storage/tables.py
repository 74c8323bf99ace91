"""Writes rows by column names, and settings by key.

In SQLite it uses sqlite-utils over a connection in our transaction. Its writes are nested
savepoints.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from server.storage.connection import Connection, Row
from server.storage.postgresql import catalogue, many_rows

T = TypeVar("T")


class Table(Protocol):
    def insert(self, record: dict[str, Any], /) -> Any: ...

    def insert_all(self, records: Iterable[dict[str, Any]], /, *, batch_size: int = ...) -> Any: ...

    def update(self, key: Any, updates: dict[str, Any], /) -> Any: ...


class Tables(Protocol):
    def table(self, name: str, /) -> Table: ...

    def query(self, statement: str, /) -> Iterable[Mapping[str, Any]]: ...


def tables(db: Connection) -> Tables:
    """Return sqlite-utils' object for the tables of `db`, without third-party plugins. For
    PostgreSQL a class of ours does the same.
    """
    if not isinstance(db, sqlite3.Connection):
        return catalogue.Tables(db)
    # Import late: it loads NumPy if that is installed.
    import sqlite_utils

    database: Tables = sqlite_utils.Database(db, recursive_triggers=False, execute_plugins=False)
    return database


def load() -> None:
    """Import sqlite-utils now, so that no request waits for it."""
    import sqlite_utils  # noqa: F401


def columns_of(db: Connection, table: str) -> list[str]:
    if not isinstance(db, sqlite3.Connection):
        return list(catalogue.types_of(db, table))
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


def tables_with(db: Connection, column: str) -> list[str]:
    if not isinstance(db, sqlite3.Connection):
        return catalogue.tables_with(db, column)
    rows = db.execute(
        "SELECT m.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c"
        " WHERE m.type = 'table' AND c.name = ? ORDER BY m.name",
        (column,),
    )
    return [row[0] for row in rows]


_VALUES_MAX = 30_000  # in one statement; SQLite's limit is 32,766
_ROWS_MAX = 512
_ASKED_MAX = 64
_SENT_MAX = 64  # more rows are cheaper by COPY, which first waits for all answers


def write_rows(
    db: Connection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    then: str = "",
    *,
    numbered: str = "",
) -> None:
    """Insert rows with the values of `columns`, without waiting for the answer if they are few.

    `then` is the ON CONFLICT clause. The database numbers the column `numbered`. A statement has
    hundreds of rows: with single rows, other threads would take the interpreter lock in between.
    """
    if not rows:
        return
    if len(rows) == 1:
        db.execute(_insertion(table, tuple(columns), 1, then), rows[0])
    elif isinstance(db, sqlite3.Connection):
        for count, values in _blocks(rows):
            db.execute(_insertion(table, tuple(columns), count, then), values)
    elif then or len(rows) <= _SENT_MAX:
        insertion = many_rows.insertion(table, columns, numbered)
        db.execute(f"{insertion}{then}", (many_rows.packed(columns, rows),))
    else:
        catalogue.insert_many(db, table, columns, rows)


def change_rows(
    db: Connection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    sets: str,
    where: str,
    returning: str = "",
) -> list[Row]:
    """Update rows. Without `returning`, do not wait for the database's answer.

    `sets` and `where` refer to the values of `columns` as `v.name`. Each row may match at most one
    entry of `rows`. Return the columns `returning` of the changed rows.
    """
    changed: list[Row] = []
    for statement, values in _changes(db, table, columns, rows, sets, where):
        if returning:
            changed += db.execute(f"{statement} RETURNING {returning}", values).fetchall()
        else:
            db.execute(statement, values)
    return changed


def _changes(
    db: Connection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    sets: str,
    where: str,
) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield statements with their values."""
    if len(rows) == 1:
        statement, names = _change_of_one(table, sets, where)
        given = dict(zip(columns, rows[0], strict=True))
        yield statement, [given[name] for name in names]
    elif isinstance(db, sqlite3.Connection):
        for count, values in _blocks(rows):
            given_rows = f"v ({', '.join(columns)}) AS (VALUES {_marks(len(columns), count)})"
            yield f"WITH {given_rows} UPDATE {table} SET {sets} FROM v WHERE {where}", values
    elif rows:
        yield (
            f"UPDATE {table} SET {sets} FROM {many_rows.source(table)} AS v WHERE {where}",
            (many_rows.packed(columns, rows),),
        )


_OF_ROW = re.compile(r"\bv\.(\w+)")


@lru_cache(maxsize=256)
def _change_of_one(table: str, sets: str, where: str) -> tuple[str, list[str]]:
    """The statement for a single entry, and the names of its values in order."""
    text = f"UPDATE {table} SET {sets} WHERE {where}"
    return _OF_ROW.sub("?", text), _OF_ROW.findall(text)


def padded(asked: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield parts whose lengths are powers of two, repeating the last item, so that few different
    statements are prepared.
    """
    for at in range(0, len(asked), _ASKED_MAX):
        part = asked[at : at + _ASKED_MAX]
        missing = (1 << (len(part) - 1).bit_length()) - len(part)
        yield [*part, *[part[-1]] * missing]


@lru_cache(maxsize=256)
def _insertion(table: str, columns: tuple[str, ...], count: int, then: str = "") -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {_marks(len(columns), count)}{then}"


def _marks(width: int, count: int) -> str:
    return ", ".join([f"({', '.join('?' * width)})"] * count)


def _blocks(rows: Sequence[Sequence[Any]]) -> Iterator[tuple[int, Sequence[Any]]]:
    """Yield a number of rows, with the values of as many rows, until all are used.

    The numbers are powers of two, so that few different statements are prepared.
    """
    at = 0
    while at < len(rows):
        count = min(_ROWS_MAX, 1 << (len(rows) - at).bit_length() - 1)
        while count * len(rows[at]) > _VALUES_MAX:
            count //= 2
        block = rows[at : at + count]
        yield count, block[0] if count == 1 else [value for row in block for value in row]
        at += count


def keep_setting(db: Connection, key: str, value: str) -> None:
    db.execute(
        "INSERT INTO setting (key, value) VALUES (?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )
