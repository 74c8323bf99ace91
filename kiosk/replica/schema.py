"""The replica's tables. Everything can be fetched again, so commits need not wait for the disk."""

import sqlite3
from pathlib import Path

VERSION = 5
BUSY_TIMEOUT_MS = 5_000

# SQLite's message about damaged names may be invalid UTF-8, which Python can't decode.
_DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)
# Where there is no shared memory, SQLite ignores WAL and keeps its rollback journal.
_PRAGMAS = ("journal_mode = WAL", "synchronous = NORMAL", "trusted_schema = OFF")
_TABLES = (
    # The last snapshot, without holders and stays, which have tables of their own.
    """
    CREATE TABLE snapshot (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        body BLOB NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE progress (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        cursor INTEGER NOT NULL DEFAULT 0,
        names_after INTEGER NOT NULL DEFAULT 0,
        fresh_at INTEGER
    ) STRICT
    """,
    "INSERT INTO progress (one) VALUES (1)",
    """
    CREATE TABLE holder (
        serial INTEGER PRIMARY KEY,
        highest_issue INTEGER NOT NULL,
        revoked INTEGER NOT NULL,
        copied_issue INTEGER NOT NULL,
        withdrawn_to INTEGER NOT NULL
    ) STRICT
    """,
    # The server's day credentials, each by the issue that it replaces.
    """
    CREATE TABLE day_credential (
        serial INTEGER NOT NULL,
        issue INTEGER NOT NULL,
        day INTEGER NOT NULL,
        PRIMARY KEY (serial, issue, day)
    ) STRICT, WITHOUT ROWID
    """,
    # Stays that began at other kiosks, in this door's hall or outer halls. `moved`: the holder was
    # seen at another hall since.
    """
    CREATE TABLE stay (
        kiosk TEXT NOT NULL,
        generation INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        serial INTEGER NOT NULL,
        since INTEGER NOT NULL,
        door INTEGER NOT NULL,
        override INTEGER NOT NULL,
        moved INTEGER NOT NULL,
        hall INTEGER NOT NULL,
        PRIMARY KEY (kiosk, generation, seq, hall)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX stay_serial ON stay (serial, hall)",
    # Stays that began here and ended elsewhere, by the sequence of their entry.
    """
    CREATE TABLE ended (
        seq INTEGER NOT NULL,
        hall INTEGER NOT NULL,
        PRIMARY KEY (seq, hall)
    ) STRICT, WITHOUT ROWID
    """,
    # Open stays that began here, whose holder was seen at another hall since.
    """
    CREATE TABLE moved (
        seq INTEGER NOT NULL,
        hall INTEGER NOT NULL,
        PRIMARY KEY (seq, hall)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE TABLE name (lookup BLOB PRIMARY KEY, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID",
    f"PRAGMA user_version = {VERSION}",
)


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        # a damaged file raises at the first of these statements
        connection.close()
        raise
    return connection


class OtherVersionError(Exception):
    """The file is damaged or of another version, and must not be replaced."""


def prepare(path: Path, *, replace: bool) -> sqlite3.Connection:
    """A damaged file, or one of another version, is replaced by an empty one, or raises
    OtherVersionError.
    """
    if (current := _current(path)) is not None:
        return current
    if not replace:
        raise OtherVersionError
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    connection = connect(path)
    try:
        connection.execute("BEGIN IMMEDIATE")
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _current(path: Path) -> sqlite3.Connection | None:
    if not path.exists():
        return None
    try:
        connection = connect(path)
    except _DAMAGE:
        return None
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except _DAMAGE:
        verdict = "damaged"
    if verdict == "ok" and version == VERSION:
        return connection
    connection.close()
    return None
