"""Names the history in which a database commits.

PostgreSQL begins a new one, which it calls a timeline, when a standby becomes the primary. What the
earlier primary committed and the standby did not have is not in it.
"""

import sqlite3

from server.storage.connection import Connection

_TIMELINE = "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"


def history(db: Connection) -> str:
    """Return the name of the history. It is empty for SQLite, whose file one server has alone."""
    if isinstance(db, sqlite3.Connection):
        return ""
    return str(db.execute(_TIMELINE).fetchone()[0])
