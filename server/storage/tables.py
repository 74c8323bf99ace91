"""Writes rows by the names of their columns, and settings by their key.

sqlite-utils does it over a connection that already is in a transaction of ours. Its writes nest in
that one as savepoints, so what fails takes everything back with it.
"""

import sqlite3

import sqlite_utils

from server.storage.connection import Connection


def tables(db: Connection) -> sqlite_utils.Database:
    """Return `db` through sqlite-utils, without plugins that others may have installed."""
    assert isinstance(db, sqlite3.Connection)
    return sqlite_utils.Database(db, recursive_triggers=False, execute_plugins=False)


def columns_of(db: Connection, table: str) -> list[str]:
    """Return the names of a table's columns, in their order."""
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


def keep_setting(db: Connection, key: str, value: str) -> None:
    """Set a row of the table `setting`, whether it is there or not."""
    db.execute(
        "INSERT INTO setting (key, value) VALUES (?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )
