"""The tables of an event, as migrations that never change once released.

Tables are singular and STRICT; `…_at` is Unix milliseconds in UTC. tests/server/test_schema.py
holds the hash of each released migration.
"""

import sqlite3

import sqlite_utils
from sqlite_utils import Migrations

from server.schema_changes import (
    ACTS,
    CHANGED_HOLDERS,
    EPOCHS,
    KIOSK_REPORTED,
    LEAVING,
    LIKELY_COPIES,
    RULES_VERSION,
    SEARCH,
    SERVER_RUNS,
    SHARED_EMAILS,
    SHARED_UNTIL,
    SIGN_IN,
    STAYS,
    UNKNOWN_HOLDERS,
)
from server.schema_tables import LEDGER, PEOPLE, VENUE

migrations = Migrations("hallkeeper")


class NewerVersionError(Exception):
    """The event belongs to a newer Hallkeeper; `migration` is the first that this one lacks."""

    def __init__(self, migration: str) -> None:
        super().__init__(
            f"this event was made by a newer Hallkeeper (it has the step {migration!r}, which this "
            "version does not know). Nothing was changed. Use the newer version."
        )
        self.migration = migration


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables up to this version. Raises NewerVersionError, with nothing changed."""
    db = sqlite_utils.Database(connection)
    for step in migrations.applied(db):
        if step.name not in NAMES:
            raise NewerVersionError(step.name)
    migrations.apply(db)


@migrations()
def m001_people(db: sqlite_utils.Database) -> None:
    _run(db, PEOPLE)


@migrations()
def m002_venue(db: sqlite_utils.Database) -> None:
    _run(db, VENUE)


@migrations()
def m003_ledger(db: sqlite_utils.Database) -> None:
    _run(db, LEDGER)


@migrations()
def m004_stays(db: sqlite_utils.Database) -> None:
    _run(db, STAYS)


@migrations()
def m005_rules_version(db: sqlite_utils.Database) -> None:
    _run(db, RULES_VERSION)


@migrations()
def m006_unknown_holders(db: sqlite_utils.Database) -> None:
    _run(db, UNKNOWN_HOLDERS)


@migrations()
def m007_shared_until(db: sqlite_utils.Database) -> None:
    _run(db, SHARED_UNTIL)


@migrations()
def m010_search(db: sqlite_utils.Database) -> None:
    _run(db, SEARCH)


@migrations()
def m015_shared_emails(db: sqlite_utils.Database) -> None:
    _run(db, SHARED_EMAILS)


@migrations()
def m016_changed_holders(db: sqlite_utils.Database) -> None:
    _run(db, CHANGED_HOLDERS)


@migrations()
def m019_kiosk_reported(db: sqlite_utils.Database) -> None:
    _run(db, KIOSK_REPORTED)


@migrations()
def m020_sign_in(db: sqlite_utils.Database) -> None:
    _run(db, SIGN_IN)


@migrations()
def m021_acts(db: sqlite_utils.Database) -> None:
    _run(db, ACTS)


@migrations()
def m035_server_runs(db: sqlite_utils.Database) -> None:
    _run(db, SERVER_RUNS)


@migrations()
def m025_leaving(db: sqlite_utils.Database) -> None:
    _run(db, LEAVING)


@migrations()
def m026_likely_copies(db: sqlite_utils.Database) -> None:
    _run(db, LIKELY_COPIES)


@migrations()
def m027_epochs(db: sqlite_utils.Database) -> None:
    _run(db, EPOCHS)


NAMES = (
    "m001_people",
    "m002_venue",
    "m003_ledger",
    "m004_stays",
    "m005_rules_version",
    "m006_unknown_holders",
    "m007_shared_until",
    "m010_search",
    "m015_shared_emails",
    "m016_changed_holders",
    "m019_kiosk_reported",
    "m020_sign_in",
    "m021_acts",
    "m035_server_runs",
    "m025_leaving",
    "m026_likely_copies",
    "m027_epochs",
)


def _run(db: sqlite_utils.Database, script: str) -> None:
    """Statement by statement: `executescript` would commit the migration's own transaction."""
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)
