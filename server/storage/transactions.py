"""Blocks of statements on one connection, alike in SQLite and PostgreSQL."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from server.storage.connection import Connection
from server.storage.sqlite import engine as sqlite


@contextmanager
def transaction(db: Connection) -> Iterator[None]:
    """Commit the block's writes, or roll back if it raises.

    It locks out other writers from the start. Only for connections from `connect`. Raises
    EngineError.
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
    """Read a single snapshot in the block, despite concurrent writes. A transaction
    already does.
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
def undone_alone(db: Connection) -> Iterator[None]:
    """If the block raises, undo only its statements.

    In PostgreSQL a failed statement aborts the transaction, unlike in SQLite. Use this to continue
    after a constraint error.
    """
    if isinstance(db, sqlite3.Connection):
        yield
        return
    postgres: Any = db
    db.execute("SAVEPOINT alone")
    postgres.arrive()  # After an earlier error the database would skip the savepoint.
    try:
        yield
        postgres.arrive()
    except BaseException:
        db.execute("ROLLBACK TO alone")
        raise
    finally:
        db.execute("RELEASE alone")


def large_cache(db: Connection) -> AbstractContextManager[None]:
    """Use a larger cache for a block that writes to indexes everywhere. PostgreSQL's cache is
    shared.
    """
    return sqlite.large_cache(db) if isinstance(db, sqlite3.Connection) else nullcontext()


def indexes_anew(db: Connection, table: str) -> AbstractContextManager[None]:
    """Drop a table's indexes for a block that adds most of its rows, then rebuild them. In
    PostgreSQL they stay, because others read the table meanwhile.
    """
    return sqlite.indexes_anew(db, table) if isinstance(db, sqlite3.Connection) else nullcontext()
