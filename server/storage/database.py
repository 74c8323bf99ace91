"""Keeps one event's database. It has a pool of readers, and one writer that commits many requests
at once.

SQLite runs in WAL with `synchronous=FULL`, so what a caller of `write` was told is on disk. A group
of waiting writes shares one commit. Each is inside its own savepoint, so that one that fails leaves
the others alone. Long writes (a door's backlog) take turns with such groups.

The database owns every connection, opens it and closes it. A thread borrows one for as long as it
reads. Threads of a server come and go, and one that closed a connection while it ended has taken
the process with it.
"""

import logging
import queue
import sqlite3
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from server.storage import disk
from server.storage.connection import Connection
from server.storage.disk import DatabaseError

log = logging.getLogger(__name__)

T = TypeVar("T")
C = TypeVar("C", bound=sqlite3.Connection)

GROUP_MAX = 64
BUSY_TIMEOUT_MS = 10_000
# A reader notes this many cursors before it forgets those that are gone.
CURSORS_NOTED = 100
LARGE_CACHE_KB = 100_000
# This many readers stay open for later use, which is more than two cores can serve at once.
IDLE_READERS_MAX = 32
_PRAGMAS = (
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("foreign_keys", "ON", 1),
    ("cell_size_check", "ON", 1),
    ("trusted_schema", "OFF", 0),
)


class Reader(sqlite3.Connection):
    """Represents a connection of the pool. It refuses to be used by a thread that has given it
    back.

    It also ends what that thread has left half read. An open cursor would show its old state to the
    next thread.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._cursors: list[weakref.ref[sqlite3.Cursor]] = []
        # The thread that it was lent to. None means whoever holds the block.
        self.thread: int | None = None
        self.lent = True

    def cursor(self, factory: Any = sqlite3.Cursor) -> Any:
        self._check()
        return self._noted(super().cursor(factory))

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        self._check()
        made: sqlite3.Cursor = self._noted(super().execute(sql, parameters))
        return made

    def settle(self) -> None:
        """Make it as new for the next borrower."""
        for reference in self._cursors:
            cursor = reference()
            if cursor is not None:
                cursor.close()
        self._cursors.clear()
        if self.in_transaction:
            super().execute("ROLLBACK")

    def _noted(self, cursor: Any) -> Any:
        if len(self._cursors) >= CURSORS_NOTED:
            self._cursors = [one for one in self._cursors if one() is not None]
        self._cursors.append(weakref.ref(cursor))
        return cursor

    def _check(self) -> None:
        if not self.lent or self.thread not in (None, threading.get_ident()):
            raise DatabaseError(
                "this reader was given back: read inside `with database.reading()`, to the end"
            )


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection with the settings that durability rests on. Each setting is read back.

    Raises DatabaseError, of which DiskError is one.
    """
    return _connect(path, sqlite3.Connection)


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Return a connection that can't write. Raises DatabaseError, of which DiskError is one."""
    connection = connect(path)
    connection.execute("PRAGMA query_only = ON").close()
    return connection


def _connect(path: Path, factory: type[C]) -> C:
    try:
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, factory=factory
        )
    except sqlite3.Error as error:
        raise disk.trouble(error, path) or error from None
    try:
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        for name, value, expected in _PRAGMAS:
            connection.execute(f"PRAGMA {name} = {value}")
            (actual,) = connection.execute(f"PRAGMA {name}").fetchone()
            if actual != expected:
                raise DatabaseError(
                    f"SQLite did not take {name}={value} for {path.name} (it says {actual!r}); "
                    "without it an acknowledged scan could be lost. Is the disk a network share?"
                )
    except BaseException as error:
        # A damaged file raises at the first of these statements.
        connection.close()
        raise disk.trouble(error, path) or error from None
    return connection


@contextmanager
def transaction(db: Connection) -> Iterator[None]:
    """Commit what is written in the block, or undo all of it where the block raises.

    Nobody else writes from its beginning on. It is for a connection of `connect`, outside of the
    server's writer. Raises EngineError.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def one_state(db: Connection) -> Iterator[None]:
    """Read one state of the database in the block, whatever is written meanwhile.

    A connection that is in a transaction reads one state as it is.
    """
    if db.in_transaction:
        yield
        return
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


@contextmanager
def large_cache(db: Connection) -> Iterator[None]:
    """Keep more of the database in memory for a block that writes all over its indexes."""
    (usual,) = db.execute("PRAGMA cache_size").fetchone()
    db.execute(f"PRAGMA cache_size = -{LARGE_CACHE_KB}")
    try:
        yield
    finally:
        db.execute(f"PRAGMA cache_size = {usual}")


@contextmanager
def indexes_anew(db: Connection, table: str) -> Iterator[None]:
    """Take a table's indexes away for a block that adds most of its rows, and make them anew.

    Making an index of a hundred thousand rows at once takes a twentieth of the time that adding
    the rows to it one by one does, when they are in no order. Those of constraints stay. `db` is in
    a transaction, so nobody else ever sees the table without them.
    """
    found = db.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ?"
        " AND sql IS NOT NULL ORDER BY rowid",
        (table,),
    ).fetchall()
    for row in found:
        db.execute(f"DROP INDEX {row['name']}")
    yield
    for row in found:
        db.execute(row["sql"])


class Database:
    """Keeps the database of one event. Close it, or use it as a context manager.

    Read inside `with database.reading() as db:`, which lends a connection for the block, whatever
    thread runs it. A page may say `database.reader` instead. That connection is the thread's until
    `give_back`, which the app calls after each request (server/__init__.py), before the answer's
    body is sent. So an answer that is made piece by piece, and a thread that lives long, use
    `reading`. Rows are taken out (`fetchall`, a list) before the connection is given back.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._idle: list[Reader] = []
        self._lent: dict[Reader, weakref.ref[_Turn] | None] = {}
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._listeners: list[Callable[[sqlite3.Connection], None]] = []
        self._checks: list[Callable[[sqlite3.Connection], None]] = []
        self._writer_connection = connect(path)
        # What is wrong with the disk, since a commit failed for that reason.
        self._disk_trouble = ""
        self._closed = False
        self._writer = threading.Thread(target=self._run, name="writer", daemon=True)
        self._writer.start()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Finish what is queued and close every connection."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._writer.join()
        with self._lock:
            readers = [*self._idle, *self._lent]
            self._idle.clear()
            self._lent.clear()
        for reader in readers:
            reader.close()
        self._writer_connection.close()

    def on_commit(self, listener: Callable[[sqlite3.Connection], None]) -> None:
        """Call `listener` on the writer's thread after each commit, with the writer's connection to
        read by. It must be quick.
        """
        self._listeners.append(listener)

    def check_steps(self, check: Callable[[sqlite3.Connection], None]) -> None:
        """Call `check` on the writer's thread after each step, inside its transaction.

        What it raises undoes that step, and is raised where the step was asked for.
        """
        self._checks.append(check)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for reading, for this block. Raises DatabaseError once the database is
        closed.
        """
        reader = self._borrow(None)
        try:
            yield reader
        finally:
            self._take_back(reader)

    @property
    def reader(self) -> sqlite3.Connection:
        """Return this thread's connection for reading, until it calls `give_back`.

        Raises DatabaseError where another thread uses it, or where this one uses it after it gave
        it back.
        """
        turn: _Turn | None = getattr(self._local, "turn", None)
        if turn is None:
            turn = _Turn()
            turn.reader = self._borrow(turn)
            self._local.turn = turn
        return turn.reader

    def give_back(self) -> None:
        """End this thread's use of `reader`. The next use borrows anew."""
        turn: _Turn | None = getattr(self._local, "turn", None)
        if turn is not None:
            del self._local.turn
            self._take_back(turn.reader)

    @property
    def readers(self) -> tuple[int, int]:
        """Return how many connections for reading are lent, and how many lie idle."""
        with self._lock:
            return len(self._lent), len(self._idle)

    @property
    def waiting(self) -> int:
        """Return how many writes wait for the writer."""
        return self._queue.qsize()

    @property
    def disk_trouble(self) -> str:
        """Return the code of what was wrong with the disk at the last commit, "" while all is
        well.
        """
        return self._disk_trouble

    def _borrow(self, turn: "_Turn | None") -> "Reader":
        with self._lock:
            if self._closed:
                raise DatabaseError("the database is closed")
            if not self._idle:
                self._reclaim()
            reader = self._idle.pop() if self._idle else None
            if reader is not None:
                self._lend(reader, turn)
                return reader
        reader = _connect(self.path, Reader)  # This is outside the lock because it takes a while.
        reader.execute("PRAGMA query_only = ON").close()
        with self._lock:
            if self._closed:
                reader.close()
                raise DatabaseError("the database is closed")
            self._lend(reader, turn)
        return reader

    def _lend(self, reader: "Reader", turn: "_Turn | None") -> None:
        reader.lent = True
        reader.thread = None if turn is None else threading.get_ident()
        self._lent[reader] = None if turn is None else weakref.ref(turn)

    def _take_back(self, reader: "Reader") -> None:
        reader.lent = False
        with self._lock:
            if self._lent.pop(reader, self) is self:
                return  # The database was closed meanwhile.
            if len(self._idle) < IDLE_READERS_MAX:
                reader.settle()
                self._idle.append(reader)
                return
        reader.settle()
        reader.close()

    def _reclaim(self) -> None:
        """Take back what threads held that have ended."""
        for reader, turn in list(self._lent.items()):
            if turn is not None and turn() is None:
                del self._lent[reader]
                reader.lent = False
                reader.settle()
                self._idle.append(reader)

    def write(self, step: Callable[[sqlite3.Connection], T], *, long: bool = False) -> T:
        """Run `step` in a transaction, and return its result once that is on disk.

        What `step` raises is raised here, and nothing that it did remains. A `long` step has a
        commit of its own, and between two of them all the short ones that wait have theirs.

        Raises DiskError where the disk is full or can't be written. The writer goes on, and takes
        writes again once the disk does. Raises DatabaseError once the database is closed.
        """
        job = _Job(step, long)
        # Nothing may come after the None that ends the writer. Nobody would ever answer it.
        with self._lock:
            if self._closed:
                raise DatabaseError("the database is closed")
            self._queue.put(job)
        result: T = job.wait()
        return result

    def write_then(
        self, step: Callable[[sqlite3.Connection], T], done: Callable[[Any, Any], object]
    ) -> None:
        """Run `step` as `write` does, without waiting for it.

        `done` gets its result, or None and what it raised, on the writer's thread once the commit
        is on disk. It must be quick. Raises DatabaseError once the database is closed.
        """
        with self._lock:
            if self._closed:
                raise DatabaseError("the database is closed")
            self._queue.put(_Told(step, done))

    def _run(self) -> None:
        more = True
        long: deque[_Job] = deque()
        while more or long:
            group: list[_Job] = []
            idle = not long
            while more and len(group) < GROUP_MAX and (idle or not self._queue.empty()):
                job = self._queue.get()
                idle = False
                if job is None:
                    more = False
                else:
                    (long if job.long else group).append(job)
            if group:
                self._commit(group)
            if long:
                self._commit([long.popleft()])

    def _commit(self, group: "list[_Job]") -> None:
        connection = self._writer_connection
        done: list[tuple[_Job, Any]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in group:
                if len(group) > 1:
                    connection.execute("SAVEPOINT step")
                try:
                    result = job.step(connection)
                    for check in self._checks:
                        check(connection)
                except BaseException as error:
                    if len(group) > 1:
                        if not connection.in_transaction:
                            # The disk is full or failing, and SQLite has undone the others' steps
                            # too.
                            self._fail(group, error)
                            return
                        connection.execute("ROLLBACK TO step")
                    job.finish(error=self._told(error))
                else:
                    if not connection.in_transaction:
                        raise sqlite3.OperationalError("the transaction was undone on the way")
                    done.append((job, result))
                if len(group) > 1:
                    connection.execute("RELEASE step")
            if not done:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                return
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            self._fail(group, error)
            return
        if self._disk_trouble:
            log.warning("the disk takes writes again")
            self._disk_trouble = ""
        for listener in self._listeners:
            try:
                listener(connection)
            except Exception as error:
                # The commit stands whatever a listener does, and those who wait for it must be
                # told.
                log.error("a listener to commits failed: %s", type(error).__name__)
        for job, result in done:
            job.finish(result)

    def _fail(self, group: "list[_Job]", error: BaseException) -> None:
        told = self._told(error)
        for job in group:
            if not job.finished:
                job.finish(error=told)

    def _told(self, error: BaseException) -> BaseException:
        """Return the error that the caller gets. Trouble with the disk is told in plain words, and
        the log has it once.
        """
        found = disk.trouble(error, self.path)
        if found is None:
            return error
        if found.code != self._disk_trouble:
            log.error("%s", found)
            self._disk_trouble = found.code
        return found


class _Turn:
    """Represents a thread's use of a reader. It ends with the thread, and the reader stays with the
    database.
    """

    reader: Reader


class _Job:
    """Holds a step and what became of it. A bare lock wakes its thread for a fraction of what a
    future costs, and a busy server would need hundreds of futures a second.
    """

    def __init__(self, step: Callable[[sqlite3.Connection], Any], long: bool) -> None:
        self.step = step
        self.long = long
        self.finished = False
        self._result: Any = None
        self._error: BaseException | None = None
        self._unfinished = threading.Lock()
        self._unfinished.acquire()

    def finish(self, result: Any = None, error: BaseException | None = None) -> None:
        self._result, self._error, self.finished = result, error, True
        self._unfinished.release()

    def wait(self) -> Any:
        """Return the step's result, or raise what it raised."""
        self._unfinished.acquire()
        if self._error is not None:
            raise self._error
        return self._result


class _Told(_Job):
    """Holds a step for which nobody waits. Its end is told."""

    def __init__(
        self, step: Callable[[sqlite3.Connection], Any], done: Callable[[Any, Any], object]
    ) -> None:
        self.step = step
        self.long = False
        self.finished = False
        self._done = done

    def finish(self, result: Any = None, error: BaseException | None = None) -> None:
        self.finished = True
        try:
            self._done(result, error)
        except Exception as failed:
            # The commit stands, and the others must be told.
            log.error("nobody could be told of a step's end: %s", type(failed).__name__)
