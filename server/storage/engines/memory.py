"""Caches data of the writer's steps, the memo, as long as nothing else is written.

In SQLite one process serves an event, and all its writes use one connection. So data stays valid
from step to step, unless something else was written. Two counters detect that: the connection's
changed rows, and other connections' commits. A failed step or commit clears the memo.

In PostgreSQL the memo lasts for one transaction, while this server holds the lock.
"""

import sqlite3
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from server.storage.connection import Connection

Memo = dict[Hashable, Any]


class Changing(Protocol):
    @property
    def total_changes(self) -> int: ...


class Memory:
    """The writer's cache of rows (the memo), valid while nothing else writes them. Used only on
    the writer's thread. Callers choose the keys.
    """

    def __init__(self, *, lasts: bool) -> None:
        """`lasts` means that the memo outlives a transaction, because only one process writes."""
        self._lasts = lasts
        self._memo: Memo = {}
        self._changes = -1  # rows changed by the connection when the memo was valid
        self._commits = -1  # commits of others then

    def begin(self, db: Connection) -> None:
        """Drop the memo if another process has written since. Call it in each transaction."""
        if not self._lasts:
            self.forget()
            return
        (commits,) = db.execute("PRAGMA data_version").fetchone()
        if commits != self._commits:
            self.forget()
            self._commits = commits

    def memo(self, db: Changing) -> Memo:
        """Return the memo. It is empty if anything was written since `keep`. The caller may add
        only what is true in its transaction.
        """
        if self._changes != db.total_changes:
            self._memo, self._changes = {}, db.total_changes
        return self._memo

    def keep(self, db: Changing, memo: Memo) -> None:
        """Declare the memo valid despite the caller's writes, unless it was dropped meanwhile."""
        if memo is self._memo:
            self._changes = db.total_changes

    @contextmanager
    def still(self, db: Changing) -> Iterator[None]:
        """Write data in the block that the memo already contains. The memo stays valid."""
        right = self._changes == db.total_changes
        yield
        if right:
            self._changes = db.total_changes

    def forget(self) -> None:
        """Drop the memo, even if a step still adds to it."""
        self._memo, self._changes = {}, -1


class Writer(sqlite3.Connection):
    """The writing connection of SQLite. `joint` is called before each statement
    while a group runs.
    """

    memory: Memory | None = None
    joint: Any = None
    effects: Any = None  # of the running step (`server/storage/effects.py`)
    waits_to_read = True

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if self.joint is not None:
            self.joint.before_statement()
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        if self.joint is not None:
            self.joint.before_statement()
        return super().executemany(sql, parameters)


def attach(db: Any) -> None:
    """Give the writer's connection a Memory. The caller must call `begin` in each transaction, and
    `forget` after a rollback.
    """
    db.memory = Memory(lasts=isinstance(db, Writer))


def _of(db: Connection) -> Memory | None:
    return getattr(db, "memory", None)


def begin(db: Connection) -> None:
    memory = _of(db)
    if memory is not None:
        memory.begin(db)


def memo_of(db: Any) -> Memo:
    """Return the connection's memo (`Memory.memo`), or an empty dict if it has none."""
    memory = _of(db)
    return {} if memory is None else memory.memo(db)


def keep(db: Any, memo: Memo) -> None:
    memory = _of(db)
    if memory is not None:
        memory.keep(db, memo)


@contextmanager
def still(db: Any) -> Iterator[None]:
    memory = _of(db)
    if memory is None:
        yield
        return
    with memory.still(db):
        yield


def forget(db: Connection) -> None:
    memory = _of(db)
    if memory is not None:
        memory.forget()
