"""Creates an event's tables, and upgrades those of earlier versions.

The first step creates the tables of 1.0 (schema.sql); later changes are further steps, of two
kinds. An *expand* step only adds: programs of the version before work with its result, running or
started anew. The first program of the new version that opens the event applies it. A *contract*
step removes what only the version before needs; `hallkeeper upgrade finish` applies it.

The database records expand steps apart from all others. So a program can accept expand steps that
it does not know, and refuse every other unknown step.

Steps are applied in order: before an expand step also the contract steps of earlier releases. A
released step never changes: tests/server/storage/test_migrations.py has the hash of each.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from server.storage.connection import Connection
from server.storage.postgresql.address import address_of
from server.storage.schema import TABLES
from server.storage.transactions import transaction

if TYPE_CHECKING:
    from sqlite_utils import Database

Change: TypeAlias = "Callable[[Database], None]"

SET = "hallkeeper"
EXPAND_SET = "hallkeeper expand"
FIRST = "schema_1_0"
SILENT_MS = 30_000  # A server without a write for longer is down, or cannot reach the database.


class Kind(Enum):
    FIRST = "first"
    EXPAND = "expand"
    CONTRACT = "contract"


class Step(NamedTuple):
    change: Change
    kind: Kind
    since: str  # the release that has it first
    purpose: str

    @property
    def name(self) -> str:
        return self.change.__name__


class Plan(NamedTuple):
    """What is left to do at an event's tables."""

    at_open: tuple[Step, ...]
    by_finish: tuple[Step, ...]  # contract steps
    newer: tuple[str, ...]  # applied expand steps that this version does not know


class VersionError(Exception):
    """Raised if this version can't use the event's tables."""


class NewerVersionError(VersionError):
    """Raised for an event of a newer version. `migration` is its first unknown migration."""

    def __init__(self, migration: str) -> None:
        super().__init__(
            f"this event was made by a newer Hallkeeper (it has the step {migration!r}, which this "
            "version does not know). Nothing was changed. Use the newer version."
        )
        self.migration = migration


class BeforeReleaseError(VersionError):
    """Raised for an event created before 1.0."""

    def __init__(self) -> None:
        super().__init__(
            "this event was made by a Hallkeeper from before 1.0, and this version can't use its "
            "tables: go on with the version that made it, or make a new event with `hallkeeper "
            "init` and import venue and roster there (nothing was changed)."
        )


class EmptyDatabaseError(VersionError):
    """Raised for an event whose tables are gone. `database` names where they were."""

    def __init__(self, database: str) -> None:
        super().__init__(
            f"{database} is empty, and holds nothing of this event. Nothing was changed. Bring the "
            "event back from a backup: with `hallkeeper restore`, or in PostgreSQL with pg_restore "
            "(docs/scale.md)."
        )


class OlderServersError(VersionError):
    """Raised if a server at work needs what a contract step removes."""

    def __init__(self, servers: Sequence[str]) -> None:
        super().__init__(
            f"servers of an earlier version are at work: {', '.join(servers)}. Nothing was "
            "changed. Upgrade or stop them, then try again."
        )


def migrate(connection: Connection) -> None:
    """Create the tables, or apply the expand steps. Raises VersionError, with nothing changed."""
    _apply(connection, plan(connection).at_open)


def migrate_like(target: Connection, source: Connection) -> None:
    """Create the tables in an empty database, with the steps that `source` has. Raises
    VersionError.
    """
    left = plan(source)
    pending = (*left.at_open, *left.by_finish)
    _apply(target, [step for step in STEPS if step not in pending])


def finish(connection: Connection) -> None:
    """Apply all steps. Raises VersionError."""
    left = plan(connection)
    _apply(connection, (*left.at_open, *left.by_finish))


def plan(connection: Connection) -> Plan:
    """Raises VersionError."""
    required, expanded = _applied(connection)
    if required and required[0] != FIRST:
        raise BeforeReleaseError
    for name in required:
        if name not in names():
            raise NewerVersionError(name)
    pending = [step for step in STEPS if step.name not in (*required, *expanded)]
    last = max(
        (at for at, step in enumerate(pending, 1) if step.kind is not Kind.CONTRACT), default=0
    )
    newer = tuple(name for name in expanded if name not in names())
    return Plan(tuple(pending[:last]), tuple(pending[last:]), newer)


def has_tables(connection: Connection) -> bool:
    """Whether the database is of an event. An empty file is a valid database, too."""
    return any(_applied(connection))


def check_made(connection: Connection, path: Path) -> None:
    """Raise EmptyDatabaseError if no tables were ever made. `path` is where the SQLite file is, or
    would be. A new event has its tables before it has its settings.
    """
    if not has_tables(connection):
        address = address_of(path.parent)
        raise EmptyDatabaseError(f"the database ({address.shown})" if address else str(path))


def newest() -> str:
    return STEPS[-1].name


def knows(newest_known: str | None, step: Step) -> bool:
    """Whether a program knows the step, by the newest step that it recorded."""
    if newest_known is None:
        return False
    # A program with a newer step knows all of ours.
    return newest_known not in names()[: names().index(step.name)]


def names() -> tuple[str, ...]:
    return tuple(step.name for step in STEPS)


def _applied(connection: Connection) -> tuple[list[str], list[str]]:
    """Return the names of expand steps apart from all others, each in order."""
    if not isinstance(connection, sqlite3.Connection):
        return _applied_in_postgresql(connection)
    noted = "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = ?"
    (there,) = connection.execute(noted, ("_sqlite_migrations",)).fetchone()
    if not there:
        return [], []
    of_set = "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY rowid"
    required, expanded = (
        [name for (name,) in connection.execute(of_set, (migration_set,))]
        for migration_set in (SET, EXPAND_SET)
    )
    return required, expanded


def _applied_in_postgresql(connection: Any) -> tuple[list[str], list[str]]:
    from server.storage.postgresql import schema

    return schema.applied(connection), schema.applied(connection, schema.EXPANDED)


def _apply(connection: Connection, steps: Sequence[Step]) -> None:
    if not steps:
        return
    if not isinstance(connection, sqlite3.Connection):
        _apply_to_postgresql(connection, steps)
        return
    with transaction(connection):
        for step in steps:
            if steps[0].kind is not Kind.FIRST:
                _check(connection, step.name)
            run_steps(connection, [step.name])


def _apply_to_postgresql(connection: Any, steps: Sequence[Step]) -> None:
    from server.storage.postgresql import schema

    expanding = {step.name for step in STEPS if step.kind is Kind.EXPAND}
    schema.bring_up(connection, run_steps, [step.name for step in steps], expanding, _check)


def _check(connection: Connection, name: str) -> None:
    """Refuse a contract step while an older server works. Call it in the step's transaction, since
    a server may start at any time.
    """
    step = STEPS[names().index(name)]
    if step.kind is not Kind.CONTRACT:
        return
    since = time.time_ns() // 1_000_000 - SILENT_MS
    rows = connection.execute(
        "SELECT name, version, knows FROM server_process WHERE stopped_at IS NULL AND seen_at >= ?",
        (since,),
    )
    older = [
        f"{name} (version {version})" for name, version, known in rows if not knows(known, step)
    ]
    if older:
        raise OlderServersError(older)


def run_steps(connection: sqlite3.Connection, wanted: Sequence[str]) -> None:
    """Apply the named steps that are not applied yet, in the order of STEPS."""
    # Importing this takes longer than opening an event.
    from sqlite_utils import Database, Migrations

    database = Database(connection)
    for step in STEPS:
        if step.name in wanted:
            migrations = Migrations(EXPAND_SET if step.kind is Kind.EXPAND else SET)
            migrations()(step.change)
            migrations.apply(database)


def run(db: "Database", script: str) -> None:
    """Statement by statement: `executescript` would commit the transaction."""
    for statement in _statements(script):
        db.execute(statement)


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def schema_1_0(db: "Database") -> None:
    run(db, TABLES)


def server_knows(db: "Database") -> None:
    run(db, "ALTER TABLE server_process ADD COLUMN knows TEXT;")


def phones_at_doors(db: "Database") -> None:
    # A code by which at most `phones` phones enrol. `used` of them have; `refused` counts later
    # tries. `doors` is a JSON list of door ids.
    run(
        db,
        """
CREATE TABLE phone_code (
    code_id INTEGER PRIMARY KEY,
    token_hash BLOB NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    doors TEXT NOT NULL,
    phones INTEGER NOT NULL CHECK (phones >= 1),
    used INTEGER NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND phones),
    refused INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
ALTER TABLE kiosk ADD COLUMN device TEXT;
ALTER TABLE kiosk ADD COLUMN phone_code INTEGER;
ALTER TABLE kiosk ADD COLUMN old_files TEXT;
""",
    )


STEPS: tuple[Step, ...] = (
    Step(schema_1_0, Kind.FIRST, "1.0", "The tables of 1.0."),
    # Empty for a server that does not know this step.
    Step(server_knows, Kind.EXPAND, "1.0", "Each server records the newest step that it knows."),
    # A kiosk's `device` is NULL or 'phone'. `old_files` is the version of the page's files that an
    # admin asked a phone to leave. Servers of 1.0 ignore all of it.
    Step(phones_at_doors, Kind.EXPAND, "1.1", "Phones enrol as kiosks."),
)
