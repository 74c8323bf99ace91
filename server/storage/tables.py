"""sqlite-utils over a connection that already is in a transaction of ours.

Its writes nest in an open transaction as savepoints, so what fails takes everything back with it.
"""

import sqlite3

import sqlite_utils

from server.storage.connection import Connection


def tables(db: Connection) -> sqlite_utils.Database:
    """`db` through sqlite-utils, without plugins that others may have installed."""
    assert isinstance(db, sqlite3.Connection)
    return sqlite_utils.Database(db, recursive_triggers=False, execute_plugins=False)
