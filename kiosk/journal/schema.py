"""The journal's tables, and the SQLite settings on which its durability depends.

WAL with synchronous=FULL is SQLite's fastest mode that loses no acknowledged commit in a power
cut. `fullfsync` asks the same of a Mac's disk. Every setting is read back, because SQLite
silently ignores those that it can't apply.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

VERSION = 6
SEALS_SINCE = 2  # this version's migration also seals all existing rows
BUSY_TIMEOUT_MS = 5_000

PRAGMAS: tuple[tuple[str, str | int, str | int], ...] = (
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

TABLES = (
    """
    CREATE TABLE state (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        kiosk TEXT NOT NULL,
        generation INTEGER NOT NULL,
        acked INTEGER NOT NULL DEFAULT 0 CHECK (acked >= 0),
        offered INTEGER NOT NULL DEFAULT 0 CHECK (offered >= acked),
        counter INTEGER NOT NULL DEFAULT 0,
        incarnation INTEGER NOT NULL DEFAULT 0,
        fenced INTEGER NOT NULL DEFAULT 0 CHECK (fenced IN (0, 1)),
        resting INTEGER NOT NULL DEFAULT 0 CHECK (resting IN (0, 1))
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
    """
    CREATE TABLE account (
        hall INTEGER NOT NULL,
        override INTEGER NOT NULL CHECK (override IN (0, 1)),
        granted INTEGER NOT NULL,
        returned INTEGER NOT NULL,
        entries INTEGER NOT NULL,
        credited INTEGER NOT NULL CHECK (credited <= entries),
        trusted INTEGER NOT NULL,
        PRIMARY KEY (hall, override),
        CHECK (granted - returned - entries + credited + trusted >= 0)
    ) STRICT
    """,
    # A stay that an entry here opened. Credited: its place was taken back here
    # (docs/design/places.md, rule 3).
    """
    CREATE TABLE own_stay (
        seq INTEGER PRIMARY KEY REFERENCES scan,
        hall INTEGER NOT NULL,
        serial INTEGER NOT NULL,
        since INTEGER NOT NULL,
        door INTEGER NOT NULL,
        override INTEGER NOT NULL DEFAULT 0,
        open INTEGER NOT NULL DEFAULT 1 CHECK (open IN (0, 1)),
        credited INTEGER NOT NULL DEFAULT 0 CHECK (credited <= 1 - open)
    ) STRICT
    """,
    "CREATE INDEX own_stay_open ON own_stay (serial, hall) WHERE open = 1",
    # A stay of another kiosk that an exit here closed.
    """
    CREATE TABLE named_stay (
        kiosk TEXT NOT NULL,
        generation INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (kiosk, generation, seq)
    ) STRICT, WITHOUT ROWID
    """,
    # The highest issue of a serial that was shown here, if above the first.
    """
    CREATE TABLE seen_issue (
        serial INTEGER PRIMARY KEY,
        issue INTEGER NOT NULL CHECK (issue BETWEEN 2 AND 255)
    ) STRICT
    """,
    # The newest checkpoint of the entry log that this kiosk verified.
    """
    CREATE TABLE witnessed (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        log_name TEXT NOT NULL,
        log_key BLOB NOT NULL,
        size INTEGER NOT NULL,
        root BLOB NOT NULL,
        note TEXT NOT NULL
    ) STRICT
    """,
    # Proof that the log's owner showed two histories. Kept for good.
    """
    CREATE TABLE evidence (
        number INTEGER PRIMARY KEY,
        noticed_at INTEGER NOT NULL,
        problem TEXT NOT NULL,
        old_note TEXT NOT NULL,
        new_note TEXT NOT NULL
    ) STRICT
    """,
    "PRAGMA user_version = 1",
)

# Migrations to each later version. A new file runs them all.
CHANGES: dict[int, tuple[str, ...]] = {
    # Every row that the scans do not prove has a seal (kiosk/journal/seal.py), and each account has
    # the server's signature of its grants.
    2: (
        "ALTER TABLE state ADD COLUMN seal BLOB NOT NULL DEFAULT x''",
        "ALTER TABLE account ADD COLUMN signed INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE account ADD COLUMN signed_in INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE account ADD COLUMN signature BLOB NOT NULL DEFAULT x''",
        "ALTER TABLE account ADD COLUMN seal BLOB NOT NULL DEFAULT x''",
        "ALTER TABLE witnessed ADD COLUMN seal BLOB NOT NULL DEFAULT x''",
        "ALTER TABLE evidence ADD COLUMN seal BLOB NOT NULL DEFAULT x''",
        # Scans that were answered again after a restart.
        """
        CREATE TABLE repeated (
            seq INTEGER PRIMARY KEY REFERENCES scan,
            seal BLOB NOT NULL
        ) STRICT
        """,
        # The wall clock's lead over the monotonic clock, in which boot, and the scan after which
        # the wall clock was last set.
        """
        CREATE TABLE clock (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            boot TEXT NOT NULL,
            ahead_ms INTEGER NOT NULL,
            since INTEGER NOT NULL,
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
        "PRAGMA user_version = 2",
    ),
    # An entry may open a stay in the door's hall and in each outer hall, and an exit may close
    # them.
    3: (
        """
        CREATE TABLE own_stay_3 (
            seq INTEGER NOT NULL REFERENCES scan,
            hall INTEGER NOT NULL,
            serial INTEGER NOT NULL,
            since INTEGER NOT NULL,
            door INTEGER NOT NULL,
            override INTEGER NOT NULL DEFAULT 0,
            open INTEGER NOT NULL DEFAULT 1 CHECK (open IN (0, 1)),
            credited INTEGER NOT NULL DEFAULT 0 CHECK (credited <= 1 - open),
            around INTEGER NOT NULL DEFAULT 0 CHECK (around IN (0, 1)),
            PRIMARY KEY (seq, hall)
        ) STRICT, WITHOUT ROWID
        """,
        "INSERT INTO own_stay_3 (seq, hall, serial, since, door, override, open, credited)"
        " SELECT seq, hall, serial, since, door, override, open, credited FROM own_stay",
        "DROP TABLE own_stay",
        "ALTER TABLE own_stay_3 RENAME TO own_stay",
        "CREATE INDEX own_stay_open ON own_stay (serial, hall) WHERE open = 1",
        # Hall 0 does not exist. Stays closed before this version count as closed in every hall.
        """
        CREATE TABLE named_stay_3 (
            kiosk TEXT NOT NULL,
            generation INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            hall INTEGER NOT NULL,
            PRIMARY KEY (kiosk, generation, seq, hall)
        ) STRICT, WITHOUT ROWID
        """,
        "INSERT INTO named_stay_3 SELECT kiosk, generation, seq, 0 FROM named_stay",
        "DROP TABLE named_stay",
        "ALTER TABLE named_stay_3 RENAME TO named_stay",
        "PRAGMA user_version = 3",
    ),
    # Kept places are a third pool. `override` is a badges.record.PlaceKind, here and in own_stay.
    4: (
        """
        CREATE TABLE account_4 (
            hall INTEGER NOT NULL,
            override INTEGER NOT NULL CHECK (override IN (0, 1, 2)),
            granted INTEGER NOT NULL,
            returned INTEGER NOT NULL,
            entries INTEGER NOT NULL,
            credited INTEGER NOT NULL CHECK (credited <= entries),
            trusted INTEGER NOT NULL,
            signed INTEGER NOT NULL DEFAULT 0,
            signed_in INTEGER NOT NULL DEFAULT 0,
            signature BLOB NOT NULL DEFAULT x'',
            seal BLOB NOT NULL DEFAULT x'',
            PRIMARY KEY (hall, override),
            CHECK (granted - returned - entries + credited + trusted >= 0)
        ) STRICT
        """,
        "INSERT INTO account_4 (hall, override, granted, returned, entries, credited, trusted,"
        " signed, signed_in, signature, seal)"
        " SELECT hall, override, granted, returned, entries, credited, trusted,"
        " signed, signed_in, signature, seal FROM account",
        "DROP TABLE account",
        "ALTER TABLE account_4 RENAME TO account",
        "PRAGMA user_version = 4",
    ),
    # A day credential replaces a badge on one day. Those shown here are stored.
    5: (
        """
        CREATE TABLE seen_day (
            serial INTEGER NOT NULL,
            issue INTEGER NOT NULL,
            day INTEGER NOT NULL CHECK (day BETWEEN 0 AND 15),
            PRIMARY KEY (serial, issue, day)
        ) STRICT, WITHOUT ROWID
        """,
        "PRAGMA user_version = 5",
    ),
    # Answers are no longer repeated after a restart (kiosk/door/repeats.py).
    6: ("DROP TABLE repeated", "DROP TABLE clock", "PRAGMA user_version = 6"),
}


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
    """A connection with rows by name and explicit transactions, usable from any thread."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


def configure(connection: Connection) -> None:
    """Set every pragma and read it back. Raises SettingError."""
    for name, wished, expected in PRAGMAS:
        connection.execute(f"PRAGMA {name} = {wished}")
        row = connection.execute(f"PRAGMA {name}").fetchone()
        (actual,) = (None,) if row is None else row
        if actual != expected:
            raise SettingError(name, wished, actual)
