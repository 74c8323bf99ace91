"""Keeps the memo, which is what steps of the writer know of the database, for as long as nobody
else writes to it.

One process alone serves an event in SQLite, and all that it writes goes through one connection, one
step after the other. So what a step has read or written is still so in the next one, unless
something else was written in between. Two numbers tell that. One is how many rows this connection
has ever changed, and the other changes with each commit of another connection. A step that fails,
and a commit that does, leave nothing that is known.

With PostgreSQL other servers write too. There nothing is kept, and each step reads anew.
"""

import sqlite3
from collections.abc import Hashable
from typing import Any

from server.storage.connection import Connection

Memo = dict[Hashable, Any]


class Memory:
    """Holds the memo of one connection. Only the thread that writes uses it.

    Whoever puts something in chooses the key, and takes it out by the same one.
    """

    def __init__(self) -> None:
        self._memo: Memo = {}
        self._changes = -1  # How many rows the connection had changed when the memo was right.
        self._commits = -1  # The number of others' commits then.

    def begin(self, db: sqlite3.Connection) -> None:
        """Begin a transaction, in which nobody else can write any more."""
        (commits,) = db.execute("PRAGMA data_version").fetchone()
        if commits != self._commits:
            self.forget()
            self._commits = commits

    def memo(self, db: sqlite3.Connection) -> Memo:
        """Return what is known now, which is nothing where anything else was written since `keep`.
        What the caller adds has to be so in its transaction.
        """
        if self._changes != db.total_changes:
            self._memo, self._changes = {}, db.total_changes
        return self._memo

    def keep(self, db: sqlite3.Connection, memo: Memo) -> None:
        """Take the memo as right now, with all that was written since `memo` gave it. One that was
        given up meanwhile stays so.
        """
        if memo is self._memo:
            self._changes = db.total_changes

    def forget(self) -> None:
        """Give up the memo, also the one that a step still adds to."""
        self._memo, self._changes = {}, -1


class Writer(sqlite3.Connection):
    """Represents the connection that writes. A database gives it a memory."""

    memory: Memory | None = None


def attach(db: Connection) -> None:
    """Give the connection a memory, if one process alone writes. Whoever does so calls `begin` in
    each transaction, and `forget` where one was undone.
    """
    if isinstance(db, Writer):
        db.memory = Memory()


def begin(db: Connection) -> None:
    """Begin a transaction (`Memory.begin`)."""
    memory = getattr(db, "memory", None)
    if memory is not None:
        memory.begin(db)


def memo_of(db: Connection) -> Memo:
    """Return what is known in this transaction (`Memory.memo`). It is a place of its own where
    nothing is kept.
    """
    memory = getattr(db, "memory", None)
    return {} if memory is None else memory.memo(db)


def keep(db: Connection, memo: Memo) -> None:
    """Take `memo` as right from now on, with all that this step has written."""
    memory = getattr(db, "memory", None)
    if memory is not None:
        memory.keep(db, memo)


def forget(db: Connection) -> None:
    """Let go of all that is known."""
    memory = getattr(db, "memory", None)
    if memory is not None:
        memory.forget()
