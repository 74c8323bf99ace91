"""Opens connections to a SQLite file, in WAL mode with `synchronous=FULL`, so that committed data
is on disk.
"""

import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from server.storage import disk
from server.storage.disk import DatabaseError
from server.storage.engines.memory import Writer
from server.storage.errors import of_damaged_names

C = TypeVar("C", bound=sqlite3.Connection)

BUSY_TIMEOUT_MS = 10_000
# Tracked cursors of a reader, before it drops the closed ones.
CURSORS_NOTED = 100
LARGE_CACHE_KB = 100_000


def _indexes_may_call_json() -> bool:
    """Whether this SQLite calls json_extract in an index of an untrusted schema. Debian 12's 3.40
    does not.
    """
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("CREATE TABLE act (body TEXT)")
        try:
            db.execute("CREATE INDEX name ON act (json_extract(body, '$.act'))")
        except sqlite3.OperationalError:
            return False
    return True


_PRAGMAS = (
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("foreign_keys", "ON", 1),
    ("cell_size_check", "ON", 1),
    *([("trusted_schema", "OFF", 0)] if _indexes_may_call_json() else []),
)


class Reader(sqlite3.Connection):
    """A pooled connection. It refuses use by a thread that has returned it.

    On return it closes open cursors, which would show old data to the next thread.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._cursors: list[weakref.ref[sqlite3.Cursor]] = []
        # The only thread that may use it, or None for any.
        self.thread: int | None = None
        self.lent = True
        self.lost = False  # as a file never is

    def cursor(self, factory: Any = sqlite3.Cursor) -> Any:
        self._check()
        return self._noted(super().cursor(factory))

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        self._check()
        cursor: sqlite3.Cursor = self._noted(super().execute(sql, parameters))
        return cursor

    def settle(self) -> None:
        for reference in self._cursors:
            cursor = reference()
            if cursor is not None:
                cursor.close()
        self._cursors.clear()
        if self.in_transaction:
            super().execute("ROLLBACK")

    def _noted(self, cursor: Any) -> Any:
        if len(self._cursors) >= CURSORS_NOTED:
            self._cursors = [reference for reference in self._cursors if reference() is not None]
        self._cursors.append(weakref.ref(cursor))
        return cursor

    def _check(self) -> None:
        if not self.lent or self.thread not in (None, threading.get_ident()):
            raise DatabaseError(
                "this reader was given back: read inside `with database.reading()`, to the end"
            )


def connect(path: Path) -> sqlite3.Connection:
    """Durability settings are verified. Raises DatabaseError (or its subclass DiskError)."""
    return _connect(path, Writer)


def _connect(path: Path, factory: type[C]) -> C:
    try:
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, factory=factory
        )
    except sqlite3.Error as error:
        raise disk.trouble(error, path) or error from None
    try:
        connection.row_factory = sqlite3.Row
        with of_damaged_names():
            _set_up(connection, path)
    except BaseException as error:
        # A damaged file fails at the first statement.
        connection.close()
        raise disk.trouble(error, path) or error from None
    return connection


def _set_up(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    for name, value, expected in _PRAGMAS:
        connection.execute(f"PRAGMA {name} = {value}")
        (actual,) = connection.execute(f"PRAGMA {name}").fetchone()
        if actual != expected:
            raise DatabaseError(
                f"SQLite did not take {name}={value} for {path.name} (it says {actual!r}); "
                "without it an acknowledged scan could be lost. Is the disk a network share?"
            )


@contextmanager
def large_cache(db: sqlite3.Connection) -> Iterator[None]:
    (usual,) = db.execute("PRAGMA cache_size").fetchone()
    db.execute(f"PRAGMA cache_size = -{LARGE_CACHE_KB}")
    try:
        yield
    finally:
        db.execute(f"PRAGMA cache_size = {usual}")


@contextmanager
def indexes_anew(db: sqlite3.Connection, table: str) -> Iterator[None]:
    """Drop a table's indexes for a block that adds most of its rows, then rebuild them.

    Building an index of 100,000 unordered rows at once takes a twentieth of the time of single
    insertions. Indexes of constraints stay. `db` is in a transaction, so others never see the table
    without indexes.
    """
    indexes = db.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ?"
        " AND sql IS NOT NULL ORDER BY rowid",
        (table,),
    ).fetchall()
    for row in indexes:
        db.execute(f"DROP INDEX {row['name']}")
    yield
    for row in indexes:
        db.execute(row["sql"])


class SqliteEngine:
    """Opens connections to one SQLite file."""

    commits_early = False
    is_far = False

    def __init__(self, path: Path) -> None:
        self._path = path

    def writer(self) -> sqlite3.Connection:
        writer = connect(self._path)
        # A savepoint keeps the earlier content of changed pages. A commit of several batches has
        # more of them than SQLite keeps in memory by default, so each wrote and deleted a file.
        writer.execute("PRAGMA temp_store = MEMORY")
        return writer

    def reader(self) -> Reader:
        reader = _connect(self._path, Reader)
        reader.execute("PRAGMA query_only = ON").close()
        return reader

    def listen(self, heard: Callable[[int], object]) -> None:
        """Return None: only one process writes to the file."""

    def begin(self, writer: Any, *, early: bool) -> None:
        """Begin a transaction. Its commit waits for the disk."""
        writer.execute("BEGIN IMMEDIATE")

    def begin_concurrent(self, writer: Any) -> None:
        raise NotImplementedError

    def settler(self) -> None:
        return None

    def number_of(self, writer: Any) -> int:
        return 0

    def waits_s(self, writer: Any) -> float:
        return 0.0

    def stands(self, writer: Any) -> bool:
        """Return False if SQLite has rolled the transaction back, as on a full disk."""
        return bool(writer.in_transaction)

    def is_lost(self, writer: Any) -> bool:
        return False
