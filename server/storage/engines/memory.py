"""Keeps the memo, which is what steps of the writer know of the database, for as long as nobody
else writes to it.

One process alone serves an event in SQLite, and all that it writes goes through one connection, one
step after the other. So what a step has read or written is still so in the next one, unless
something else was written in between. Two numbers tell that. One is how many rows this connection
has ever changed, and the other changes with each commit of another connection. A step that fails,
and a commit that does, leave nothing that is known.

With PostgreSQL other servers write too, but none does while this one has the lock. There the memo
lasts for one transaction.
"""

import sqlite3
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from server.storage.connection import Connection

Memo = dict[Hashable, Any]


class Changing(Protocol):
    """Represents a connection that counts its changes."""

    @property
    def total_changes(self) -> int: ...


class Memory:
    """Holds the memo of one connection. Only the thread that writes uses it.

    Whoever puts something in chooses the key, and takes it out by the same one.
    """

    def __init__(self, *, lasts: bool) -> None:
        """The memo `lasts` from one transaction to the next where one process alone writes."""
        self._lasts = lasts
        self._memo: Memo = {}
        self._changes = -1  # How many rows the connection had changed when the memo was right.
        self._commits = -1  # The number of others' commits then.

    def begin(self, db: Connection) -> None:
        """Begin a transaction, in which nobody else can write any more."""
        if not self._lasts:
            self.forget()
            return
        (commits,) = db.execute("PRAGMA data_version").fetchone()
        if commits != self._commits:
            self.forget()
            self._commits = commits

    def memo(self, db: Changing) -> Memo:
        """Return what is known now, which is nothing where anything else was written since `keep`.
        What the caller adds has to be so in its transaction.
        """
        if self._changes != db.total_changes:
            self._memo, self._changes = {}, db.total_changes
        return self._memo

    def keep(self, db: Changing, memo: Memo) -> None:
        """Take the memo as right now, with all that was written since `memo` gave it. One that was
        given up meanwhile stays so.
        """
        if memo is self._memo:
            self._changes = db.total_changes

    @contextmanager
    def still(self, db: Changing) -> Iterator[None]:
        """Write in this block what the memo has already. Where it was right before, it is so
        afterwards.
        """
        right = self._changes == db.total_changes
        yield
        if right:
            self._changes = db.total_changes

    def forget(self) -> None:
        """Give up the memo, also the one that a step still adds to."""
        self._memo, self._changes = {}, -1


class Writer(sqlite3.Connection):
    """Represents the connection that writes. A database gives it a memory.

    While steps are taken together, `joint` is told before each statement.
    """

    memory: Memory | None = None
    joint: Any = None
    waits_to_read = True  # As it does always.

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if self.joint is not None:
            self.joint.before_statement()
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        if self.joint is not None:
            self.joint.before_statement()
        return super().executemany(sql, parameters)


def attach(db: Any) -> None:
    """Give the writer's connection a memory. Whoever does so calls `begin` in each transaction,
    and `forget` where one was undone.
    """
    db.memory = Memory(lasts=isinstance(db, Writer))


def _of(db: Connection) -> Memory | None:
    return getattr(db, "memory", None)


def begin(db: Connection) -> None:
    """Begin a transaction (`Memory.begin`)."""
    memory = _of(db)
    if memory is not None:
        memory.begin(db)


def memo_of(db: Any) -> Memo:
    """Return what is known in this transaction (`Memory.memo`). It is a place of its own where
    nothing is kept.
    """
    memory = _of(db)
    return {} if memory is None else memory.memo(db)


def keep(db: Any, memo: Memo) -> None:
    """Take `memo` as right from now on, with all that this step has written."""
    memory = _of(db)
    if memory is not None:
        memory.keep(db, memo)


@contextmanager
def still(db: Any) -> Iterator[None]:
    """Write in this block what the memo has already (`Memory.still`)."""
    memory = _of(db)
    if memory is None:
        yield
        return
    with memory.still(db):
        yield


def forget(db: Connection) -> None:
    """Let go of all that is known."""
    memory = _of(db)
    if memory is not None:
        memory.forget()
