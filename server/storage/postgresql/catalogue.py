"""Reads PostgreSQL's catalogue, and writes many rows at once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from server.storage.connection import Connection

SCHEMA = "hallkeeper"
COPIED_MIN = 20  # below, statements are faster


class Table:
    def __init__(self, db: Connection, name: str) -> None:
        self._db = db
        self._name = name

    def insert(self, record: dict[str, Any]) -> None:
        self._db.execute(_insertion(self._name, list(record)), tuple(record.values()))

    def insert_all(self, records: Iterable[dict[str, Any]], *, batch_size: int = 0) -> None:
        rows = list(records)
        if rows:
            columns = list(rows[0])
            insert_many(
                self._db, self._name, columns, [[row[name] for name in columns] for row in rows]
            )

    def update(self, key: Any, updates: dict[str, Any]) -> None:
        sets = ", ".join(f"{name} = ?" for name in updates)
        self._db.execute(
            f"UPDATE {self._name} SET {sets} WHERE {key_of(self._db, self._name)[0]} = ?",
            (*updates.values(), key),
        )


class Tables:
    def __init__(self, db: Connection) -> None:
        self._db = db

    def table(self, name: str) -> Table:
        return Table(self._db, name)

    def query(self, statement: str) -> Iterator[Mapping[str, Any]]:
        for row in self._db.execute(statement):
            yield dict(row)


def _insertion(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def key_of(db: Connection, table: str) -> list[str]:
    rows = db.execute(
        "SELECT a.attname FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid"
        " AND a.attnum = ANY(c.conkey) WHERE c.contype = 'p' AND c.conrelid = CAST(? AS regclass)"
        " ORDER BY array_position(c.conkey, a.attnum)",
        (f'{SCHEMA}."{table}"',),
    )
    return [str(name) for (name,) in rows]


def types_of(db: Connection, table: str) -> dict[str, str]:
    """In order, except the `rowid` that SQLite numbers."""
    rows = db.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = CAST(? AS regclass) AND attnum > 0 AND NOT attisdropped"
        " AND attname <> 'rowid' ORDER BY attnum",
        (f'{SCHEMA}."{table}"',),
    )
    return {row[0]: row[1] for row in rows}


def tables_with(db: Connection, column: str) -> list[str]:
    rows = db.execute(
        "SELECT c.relname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE c.relkind = 'r' AND c.relnamespace = CAST(? AS regnamespace) AND a.attname = ?"
        " AND NOT a.attisdropped ORDER BY c.relname",
        (SCHEMA, column),
    )
    return [row[0] for row in rows]


def insert_many(
    db: Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Insert rows with the values of `columns`. From COPIED_MIN rows on by COPY."""
    copy_in = getattr(db, "copy_in", None)
    if copy_in is not None and len(rows) >= COPIED_MIN:
        copy_in(table, columns, rows)
    elif rows:
        db.executemany(_insertion(table, columns), rows)


def in_blocks(db: Connection, statement: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
    """Yield a statement's rows in blocks, in a transaction."""
    db.execute(f"DECLARE blocks NO SCROLL CURSOR FOR {statement}")
    while block := db.execute(f"FETCH {int(size)} FROM blocks").fetchall():
        yield [tuple(row) for row in block]
    db.execute("CLOSE blocks")
