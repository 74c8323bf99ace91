"""The journal's tables, and the SQLite settings on which its durability depends.

WAL with synchronous=FULL is SQLite's fastest mode that loses no acknowledged commit in a power
cut. `fullfsync` asks the same of a Mac's disk. Every setting is read back, because SQLite
silently ignores those that it can't apply.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

VERSION = 6  # versions 1 to 5 were never released
BUSY_TIMEOUT_MS = 5_000

# The name of each setting, the wished value, and the value that is read back.
Pragmas = tuple[tuple[str, str | int, str | int], ...]
PRAGMAS: Pragmas = (
    ("busy_timeout", BUSY_TIMEOUT_MS, BUSY_TIMEOUT_MS),
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("foreign_keys", "ON", 1),
    ("cell_size_check", "ON", 1),
    ("trusted_schema", "OFF", 0),
    ("fullfsync", "ON", 1),
    ("checkpoint_fullfsync", "ON", 1),
    # A checkpoint inside a scan's commit costs two more flushes, so `Journal.tidy` makes most of
    # them at other times.
    ("wal_autocheckpoint", 4_000, 4_000),
)

# Every row that the scans do not prove has a seal (kiosk/journal/seal.py). `override` is a
# badges.record.PlaceKind.
TABLES = (
    """
    CREATE TABLE state (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        kiosk TEXT NOT NULL,
        generation INTEGER NOT NULL,
        acked INTEGER NOT NULL CHECK (acked >= 0),
        offered INTEGER NOT NULL CHECK (offered >= acked),
        counter INTEGER NOT NULL,
        incarnation INTEGER NOT NULL,
        fenced INTEGER NOT NULL CHECK (fenced IN (0, 1)),
        resting INTEGER NOT NULL CHECK (resting IN (0, 1)),
        seal BLOB NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE scan (
        seq INTEGER PRIMARY KEY CHECK (seq >= 1),
        record BLOB NOT NULL,
        head BLOB NOT NULL CHECK (length(head) = 32),
        signature BLOB NOT NULL CHECK (length(signature) = 64)
    ) STRICT
    """,
    # The places in one of a hall's pools, with the server's signature of its grants.
    """
    CREATE TABLE account (
        hall INTEGER NOT NULL,
        override INTEGER NOT NULL CHECK (override IN (0, 1, 2)),
        granted INTEGER NOT NULL,
        returned INTEGER NOT NULL,
        entries INTEGER NOT NULL,
        credited INTEGER NOT NULL CHECK (credited <= entries),
        trusted INTEGER NOT NULL,
        signed INTEGER NOT NULL,
        signed_in INTEGER NOT NULL,
        signature BLOB NOT NULL,
        seal BLOB NOT NULL,
        PRIMARY KEY (hall, override),
        CHECK (granted - returned - entries + credited + trusted >= 0)
    ) STRICT
    """,
    # A stay that an entry here opened, in the door's hall or an outer hall (`around`). Credited:
    # its place was taken back here (docs/design/places.md, rule 3).
    """
    CREATE TABLE own_stay (
        seq INTEGER NOT NULL REFERENCES scan,
        hall INTEGER NOT NULL,
        serial INTEGER NOT NULL,
        since INTEGER NOT NULL,
        door INTEGER NOT NULL,
        override INTEGER NOT NULL,
        open INTEGER NOT NULL DEFAULT 1 CHECK (open IN (0, 1)),
        credited INTEGER NOT NULL DEFAULT 0 CHECK (credited <= 1 - open),
        around INTEGER NOT NULL CHECK (around IN (0, 1)),
        PRIMARY KEY (seq, hall)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX own_stay_open ON own_stay (serial, hall) WHERE open = 1",
    # A stay of another kiosk that an exit here closed.
    """
    CREATE TABLE named_stay (
        kiosk TEXT NOT NULL,
        generation INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        hall INTEGER NOT NULL,
        PRIMARY KEY (kiosk, generation, seq, hall)
    ) STRICT, WITHOUT ROWID
    """,
    # The highest issue of a serial that was shown here, if above the first.
    """
    CREATE TABLE seen_issue (
        serial INTEGER PRIMARY KEY,
        issue INTEGER NOT NULL CHECK (issue BETWEEN 2 AND 255)
    ) STRICT
    """,
    # The day credentials shown here. Each replaces a badge on one day.
    """
    CREATE TABLE seen_day (
        serial INTEGER NOT NULL,
        issue INTEGER NOT NULL,
        day INTEGER NOT NULL CHECK (day BETWEEN 0 AND 15),
        PRIMARY KEY (serial, issue, day)
    ) STRICT, WITHOUT ROWID
    """,
    # The newest checkpoint of the entry log that this kiosk verified.
    """
    CREATE TABLE witnessed (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        log_name TEXT NOT NULL,
        log_key BLOB NOT NULL,
        size INTEGER NOT NULL,
        root BLOB NOT NULL,
        note TEXT NOT NULL,
        seal BLOB NOT NULL
    ) STRICT
    """,
    # Proof that the log's owner showed two histories. Kept for good.
    """
    CREATE TABLE evidence (
        number INTEGER PRIMARY KEY,
        noticed_at INTEGER NOT NULL,
        problem TEXT NOT NULL,
        old_note TEXT NOT NULL,
        new_note TEXT NOT NULL,
        seal BLOB NOT NULL
    ) STRICT
    """,
    # The server's progress, by its signed statement.
    """
    CREATE TABLE mark (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        incarnation INTEGER NOT NULL,
        run TEXT NOT NULL,
        cursor INTEGER NOT NULL,
        entries INTEGER NOT NULL,
        signature BLOB NOT NULL,
        seal BLOB NOT NULL
    ) STRICT
    """,
    f"PRAGMA user_version = {VERSION}",
)


class Connection(Protocol):
    @property
    def in_transaction(self) -> bool: ...

    def execute(self, sql: str, parameters: Any = ..., /) -> Any: ...

    def close(self) -> None: ...


Connect = Callable[[Path], Connection]


class SettingError(Exception):
    """SQLite did not accept a setting on which durability depends."""

    def __init__(self, name: str, wished: str | int, actual: object) -> None:
        super().__init__(f"SQLite did not take {name} = {wished} (it has {actual!r})")
        self.name = name


def connect(path: Path) -> Connection:
    """Rows have names, transactions are explicit, and any thread may use it."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


def without_wal(pragmas: Pragmas) -> Pragmas:
    """The same durability on a file system without shared memory, which WAL needs.

    In this mode each commit flushes three times: the rollback journal, the file, and the end of
    the rollback journal.
    """
    kept = (pragma for pragma in pragmas if pragma[0] not in ("journal_mode", "wal_autocheckpoint"))
    return (("journal_mode", "TRUNCATE", "truncate"), *kept)


def configure(connection: Connection, pragmas: Pragmas) -> None:
    """Raises SettingError."""
    for name, wished, expected in pragmas:
        connection.execute(f"PRAGMA {name} = {wished}")
        row = connection.execute(f"PRAGMA {name}").fetchone()
        (actual,) = (None,) if row is None else row
        if actual != expected:
            raise SettingError(name, wished, actual)
