"""Creates an event's tables, and upgrades those of earlier versions.

The first step creates the tables of 1.0 (schema.sql); later changes are further steps. A released
step never changes: tests/server/storage/test_migrations.py has the hash of each.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from server.storage.connection import Connection
from server.storage.schema import TABLES

if TYPE_CHECKING:
    from sqlite_utils import Database

Step: TypeAlias = "Callable[[Database], None]"

SET = "hallkeeper"
FIRST = "schema_1_0"


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


def migrate(connection: Connection) -> None:
    """Raises VersionError, with nothing changed."""
    if not isinstance(connection, sqlite3.Connection):
        _migrate_postgresql(connection)
        return
    applied = _applied(connection)
    _check(applied)
    if len(applied) < len(names()):
        run_up_to(connection, names())


def names() -> tuple[str, ...]:
    return tuple(step.__name__ for step in STEPS)


def _check(applied: Sequence[str]) -> None:
    if applied and applied[0] != FIRST:
        raise BeforeReleaseError
    for name in applied:
        if name not in names():
            raise NewerVersionError(name)


def _applied(connection: sqlite3.Connection) -> list[str]:
    """As recorded by sqlite-utils, in order."""
    noted = "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = ?"
    (there,) = connection.execute(noted, ("_sqlite_migrations",)).fetchone()
    if not there:
        return []
    rows = connection.execute(
        "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY rowid", (SET,)
    )
    return [name for (name,) in rows]


def _migrate_postgresql(connection: Any) -> None:
    from server.storage.postgresql import schema

    _check(schema.applied(connection))
    schema.bring_up(connection, run_up_to, names())


def run_up_to(model: sqlite3.Connection, wanted: Sequence[str]) -> None:
    # Importing this takes longer than opening an event.
    from sqlite_utils import Database, Migrations

    migrations = Migrations(SET)
    for step in STEPS[: len(wanted)]:
        migrations()(step)
    migrations.apply(Database(model))


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


STEPS: tuple[Step, ...] = (schema_1_0,)
