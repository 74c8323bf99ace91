"""Copies, checks and rewrites database files, for backups and for the small file on the second
disk.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from badges.i18n import N_
from server.storage.connection import Connection
from server.storage.disk import DatabaseError
from server.storage.errors import of_damaged_names
from server.storage.migrations import has_tables
from server.storage.opening import connect

Tables = Mapping[str, Sequence[Mapping[str, Any]]]  # rows by table; values by column


NO_FILE = N_(
    "this event is in PostgreSQL, whose own tools back it up: pg_dump, or pg_basebackup with its "
    "write-ahead log. Copy the event's directory as well, which has the keys (docs/scale.md)."
)


class NewerFileError(Exception):
    """Raised for a file written by a newer version."""


def copy_moment(
    source: Path, target: Path, *, pages: int, progress: Callable[[int, int], None]
) -> None:
    """Copy a snapshot of a database, despite concurrent writes.

    `target` is an empty file, which the caller flushes. `progress` gets the numbers of copied and
    of all pages after each step of `pages`; its exception aborts the copy. Raises DatabaseError or
    EngineError.
    """

    def step(status: int, remaining: int, total: int) -> None:
        progress(total - remaining, total)

    with closing(connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        if not isinstance(live, sqlite3.Connection):
            raise DatabaseError(NO_FILE)
        copy.execute("PRAGMA synchronous = OFF")
        # Without an open transaction SQLite would restart the copy at each write.
        live.execute("BEGIN")
        live.execute("SELECT COUNT(*) FROM setting").fetchone()
        live.backup(copy, pages=pages, progress=step)
        live.execute("ROLLBACK")
        copy.execute("PRAGMA journal_mode = DELETE")
        (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise DatabaseError(f"the copy is damaged ({verdict}); is the disk failing?")


def damage(path: Path) -> str:
    """Return a description of the damage of an event's file, or "". Raises EngineError."""
    with closing(sqlite3.connect(path)) as db, of_damaged_names():
        (verdict,) = db.execute("PRAGMA integrity_check(1)").fetchone()
        astray = db.execute("PRAGMA foreign_key_check").fetchone()
        is_of_event = has_tables(db)
    if not is_of_event:
        return "it has nothing of an event in it"
    if astray is not None:
        return f"rows of {astray[0]} belong to nothing"
    return "" if verdict == "ok" else str(verdict)


@contextmanager
def opened_read_only(path: Path) -> Iterator[Connection]:
    """Raises EngineError."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db, of_damaged_names():
        yield db


def fold_log(db: Connection) -> None:
    """Move the write-ahead log into the database file. Does nothing in PostgreSQL."""
    if isinstance(db, sqlite3.Connection):
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def written_anew(path: Path) -> bool:
    """Rewrite the database file without deleted data, and fold its log into it.

    It takes as long as a copy; readers continue. Returns whether the log could be folded, which a
    long reader prevents. In PostgreSQL it frees deleted rows. Raises EngineError or DatabaseError.
    """
    with closing(connect(path)) as db:
        if not isinstance(db, sqlite3.Connection):
            db.execute("VACUUM")
            return True
        db.execute("VACUUM")
        (busy, _, _) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


@contextmanager
def deleted_is_overwritten(db: Connection) -> Iterator[None]:
    """Overwrite data deleted in the block, which otherwise stays in the file until its space is
    reused. PostgreSQL keeps it until `written_anew` and later writes.
    """
    if not isinstance(db, sqlite3.Connection):
        yield
        return
    (before,) = db.execute("PRAGMA secure_delete").fetchone()
    db.execute("PRAGMA secure_delete = ON").fetchone()
    try:
        yield
    finally:
        db.execute(f"PRAGMA secure_delete = {'ON' if before else 'OFF'}").fetchone()


def pack(version: int, tables: Tables) -> bytes:
    """Write a small SQLite database. Its columns have no types, so that any version reads it. The
    first row names the columns.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as packed:
        packed.execute(f"PRAGMA user_version = {version}")
        for name, rows in tables.items():
            columns = list(rows[0]) if rows else ["no_rows"]
            packed.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
            marks = ", ".join("?" * len(columns))
            packed.executemany(
                f"INSERT INTO {name} VALUES ({marks})", (tuple(row.values()) for row in rows)
            )
        return packed.serialize()


def unpack(data: bytes, version: int, names: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Read the named tables from `pack`.

    Raises NewerFileError, or EngineError if the bytes are damaged or of another kind.
    """
    with closing(sqlite3.connect(":memory:")) as packed:
        packed.deserialize(data or b"empty")
        (user_version,) = packed.execute("PRAGMA user_version").fetchone()
        if user_version > version:
            raise NewerFileError
        (verdict,) = packed.execute("PRAGMA integrity_check(1)").fetchone()
        if user_version != version or verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        there = {row[0] for row in packed.execute("SELECT name FROM sqlite_schema")}
        return {name: _rows(packed, name) for name in names if name in there}


def _rows(db: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    cursor = db.execute(f"SELECT * FROM {table}")
    columns = [column[0] for column in cursor.description]
    return [dict(zip(columns, row, strict=True)) for row in cursor]
