"""The history in which a database commits.

PostgreSQL starts a new one, called a timeline, when a standby becomes the primary. It lacks the
commits of the earlier primary that the standby did not have.
"""

import sqlite3

from server.storage.connection import Connection

_TIMELINE = "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
_CLOCK = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS bigint)"


def history(db: Connection) -> str:
    """Return an identifier that changes when a standby becomes the primary. "" for SQLite."""
    if isinstance(db, sqlite3.Connection):
        return ""
    return str(db.execute(_TIMELINE).fetchone()[0])


def clock_ms(db: Connection) -> int | None:
    """Return the database's clock (Unix ms), which is the same for all servers. None for SQLite."""
    if isinstance(db, sqlite3.Connection):
        return None
    return int(db.execute(_CLOCK).fetchone()[0])
