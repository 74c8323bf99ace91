"""Handles a database as a file. It is copied, checked for damage, read where it lies, or made in
memory.

`database.py` opens the event's own database to work with it. What stands here is for backups, and
for the small file beside them.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from server.storage.connection import Connection
from server.storage.database import connect
from server.storage.disk import DatabaseError
from server.storage.errors import of_damaged_names

Tables = Mapping[str, Sequence[Mapping[str, Any]]]  # By table, its rows, each by column.


NO_FILE = (
    "this event is in PostgreSQL, which is backed up by its own means: pg_dump, or pg_basebackup "
    "with its write-ahead log (docs/scale.md)."
)


class NewerFileError(Exception):
    """Is raised for a file that says that a newer version wrote it."""


def copy_moment(
    source: Path, target: Path, *, pages: int, progress: Callable[[int, int], None]
) -> None:
    """Copy a database as it is at one moment, whatever is written to it meanwhile.

    `target` is an empty file, which the caller flushes to its disk. After each step of so many
    `pages`, `progress` hears how many are done, and of how many; what it raises ends the copying.
    Raises DatabaseError or EngineError.
    """

    def step(status: int, remaining: int, total: int) -> None:
        progress(total - remaining, total)

    with closing(connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        if not isinstance(live, sqlite3.Connection):
            raise DatabaseError(NO_FILE)
        copy.execute("PRAGMA synchronous = OFF")
        # The open transaction keeps the moment. Without it SQLite would begin again with every
        # write, and at a busy door would never end.
        live.execute("BEGIN")
        live.execute("SELECT COUNT(*) FROM setting").fetchone()
        live.backup(copy, pages=pages, progress=step)
        live.execute("ROLLBACK")
        copy.execute("PRAGMA journal_mode = DELETE")
        (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise DatabaseError(f"the copy is damaged ({verdict}); is the disk failing?")


def damage(path: Path) -> str:
    """Return what is wrong inside a database, or "". It reads all of it. Raises EngineError."""
    with closing(sqlite3.connect(path)) as db, of_damaged_names():
        (verdict,) = db.execute("PRAGMA integrity_check(1)").fetchone()
        astray = db.execute("PRAGMA foreign_key_check").fetchone()
    if astray is not None:
        return f"rows of {astray[0]} belong to nothing"
    return "" if verdict == "ok" else str(verdict)


@contextmanager
def opened_read_only(path: Path) -> Iterator[Connection]:
    """Lend a connection to a database that is left exactly as it is. Raises EngineError."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db, of_damaged_names():
        yield db


def fold_log(db: Connection) -> None:
    """Take the write-ahead log into the database's file, which then is all there is of it.

    In PostgreSQL there is no such file, and nothing is done.
    """
    if isinstance(db, sqlite3.Connection):
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def written_anew(path: Path) -> bool:
    """Write the database's file anew, without anything that was deleted, and fold its log into it.

    Others may read meanwhile, and whoever writes waits. It takes as long as copying the file.
    Return whether the log could be folded, which a long reader prevents. In PostgreSQL the places
    of what was deleted are freed, and nobody waits. Raises EngineError or DatabaseError.
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
    """Have what is deleted in the block overwritten in the database's file, where it would
    otherwise stay until its place is used again.

    PostgreSQL has nothing like it. There the disk keeps it until `written_anew` and later writes
    took its place.
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
    """Return the bytes of a small database without types, so that any version reads it.

    Its tables have the columns of their first rows.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        made.execute(f"PRAGMA user_version = {version}")
        for name, rows in tables.items():
            columns = list(rows[0]) if rows else ["no_rows"]
            made.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
            marks = ", ".join("?" * len(columns))
            made.executemany(
                f"INSERT INTO {name} VALUES ({marks})", (tuple(row.values()) for row in rows)
            )
        return made.serialize()


def unpack(data: bytes, version: int, names: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of those of the named tables that the bytes of such a database have.

    Raises NewerFileError, or EngineError where they are damaged or are no such database.
    """
    with closing(sqlite3.connect(":memory:")) as made:
        made.deserialize(data or b"empty")
        (found,) = made.execute("PRAGMA user_version").fetchone()
        if found > version:
            raise NewerFileError
        (verdict,) = made.execute("PRAGMA integrity_check(1)").fetchone()
        if found != version or verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        there = {row[0] for row in made.execute("SELECT name FROM sqlite_schema")}
        return {name: _rows(made, name) for name in names if name in there}


def _rows(made: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    cursor = made.execute(f"SELECT * FROM {table}")
    columns = [column[0] for column in cursor.description]
    return [dict(zip(columns, row, strict=True)) for row in cursor]
