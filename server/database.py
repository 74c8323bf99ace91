"""One event's database: readers by thread, and one writer that commits many requests at once.

SQLite in WAL with `synchronous=FULL`: what a caller of `write` was told is on disk. A group of
waiting writes shares one commit, each inside its own savepoint, so that one that fails leaves the
others alone. Long writes (a door's backlog) take turns with such groups.
"""

import logging
import queue
import sqlite3
import threading
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

GROUP_MAX = 64
BUSY_TIMEOUT_MS = 10_000
_PRAGMAS = (
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("foreign_keys", "ON", 1),
    ("cell_size_check", "ON", 1),
    ("trusted_schema", "OFF", 0),
)


class DatabaseError(Exception):
    """The database can't be used; the text says what to do."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection with the settings that durability rests on, read back. Raises DatabaseError."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    for name, value, expected in _PRAGMAS:
        connection.execute(f"PRAGMA {name} = {value}")
        (actual,) = connection.execute(f"PRAGMA {name}").fetchone()
        if actual != expected:
            connection.close()
            raise DatabaseError(
                f"SQLite did not take {name}={value} for {path.name} (it says {actual!r}); "
                "without it an acknowledged scan could be lost. Is the disk a network share?"
            )
    return connection


class Database:
    """The database of one event. Close it, or use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._readers: weakref.WeakSet[_Reader] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._listeners: list[Callable[[sqlite3.Connection], None]] = []
        self._checks: list[Callable[[sqlite3.Connection], None]] = []
        self._writer_connection = connect(path)
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
        for reader in list(self._readers):
            reader.connection.close()
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

    @property
    def reader(self) -> sqlite3.Connection:
        """This thread's connection for reading; it ends with the thread."""
        reader: _Reader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = _Reader(connect(self.path))
            reader.connection.execute("PRAGMA query_only = ON")
            with self._lock:
                self._readers.add(reader)
        return reader.connection

    def write(self, step: Callable[[sqlite3.Connection], T], *, long: bool = False) -> T:
        """Run `step` in a transaction, and return its result once that is on disk.

        What `step` raises is raised here, and nothing that it did remains. A `long` step has a
        commit of its own, and between two of them all the short ones that wait have theirs.
        """
        if self._closed:
            raise DatabaseError("the database is closed")
        job = _Job(step, long)
        self._queue.put(job)
        result: T = job.wait()
        return result

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
                        connection.execute("ROLLBACK TO step")
                    job.finish(error=error)
                else:
                    done.append((job, result))
                if len(group) > 1:
                    connection.execute("RELEASE step")
            if not done:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                return
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for job in group:
                if not job.finished:
                    job.finish(error=error)
            return
        for listener in self._listeners:
            try:
                listener(connection)
            except Exception as error:  # what is committed is so; whoever waits must be told
                log.error("a listener to commits failed: %s", type(error).__name__)
        for job, result in done:
            job.finish(result)


class _Reader:
    """A connection that closes when the thread that it serves is gone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __del__(self) -> None:
        self.connection.close()


class _Job:
    """A step and what became of it. A bare lock wakes its thread for a fraction of what a future
    costs, of which a busy server would have hundreds a second.
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
        """The step's result, or what it raised."""
        self._unfinished.acquire()
        if self._error is not None:
            raise self._error
        return self._result
