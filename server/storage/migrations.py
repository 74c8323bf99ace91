"""Defines the tables of an event, as migrations that never change once released.

Tables are singular and STRICT. `…_at` is Unix milliseconds in UTC.
tests/server/storage/test_migrations.py holds the hash of each released migration.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

import sqlite_utils
from sqlite_utils import Migrations

from server.storage.connection import Connection
from server.storage.schema import (
    ACCOUNTS,
    ACTS,
    ATTENTION,
    BOARD,
    BUDGETS,
    CAPACITY_REASONS,
    CARDS,
    CHANGED_HOLDERS,
    COUNTED_AROUND,
    DAY_CREDENTIALS,
    DESK,
    DOOR_FROM,
    DOOR_QUEUES,
    EPOCHS,
    FOUND_BY,
    KEPT_PLACES,
    KIOSK_REPORTED,
    LEAF_SALTS,
    LEAVING,
    LEDGER,
    LIKELY_COPIES,
    LISTS,
    MACHINES,
    MAIL_AND_WALLET,
    MAIL_FAILED,
    MAPPINGS_AND_MUSTERS,
    MUSTERS,
    OTHER_ENTRIES,
    OUTSIDE,
    PAGE_EDITS,
    PEOPLE,
    PHONE_LINKS,
    PRINTERS,
    PROGRAMME,
    PROTOCOL_GUESTS,
    RETENTION,
    RULES_VERSION,
    SEARCH,
    SERVER_RUNS,
    SERVERS,
    SHARED_EMAILS,
    SHARED_LIMITS,
    SHARED_UNTIL,
    SIGN_IN,
    STAY_HALLS,
    STAYS,
    UNKNOWN_HOLDERS,
    UNNAMED_KEY,
    UPLOADS,
    VENUE,
)

migrations = Migrations("hallkeeper")


class NewerVersionError(Exception):
    """Is raised when the event belongs to a newer Hallkeeper. `migration` is the first that this
    one lacks.
    """

    def __init__(self, migration: str) -> None:
        super().__init__(
            f"this event was made by a newer Hallkeeper (it has the step {migration!r}, which this "
            "version does not know). Nothing was changed. Use the newer version."
        )
        self.migration = migration


def migrate(connection: Connection) -> None:
    """Bring the tables up to this version. Raises NewerVersionError, with nothing changed."""
    if not isinstance(connection, sqlite3.Connection):
        _migrate_postgresql(connection)
        return
    db = sqlite_utils.Database(connection)
    applied = [step.name for step in migrations.applied(db)]
    for name in applied:
        if name not in NAMES:
            raise NewerVersionError(name)
    if len(applied) < len(NAMES):
        migrations.apply(db)


def _migrate_postgresql(connection: Any) -> None:
    from server.storage.postgresql import schema

    for name in schema.applied(connection):
        if name not in NAMES:
            raise NewerVersionError(name)
    schema.bring_up(connection, run_up_to, NAMES)


def run_up_to(model: sqlite3.Connection, names: Sequence[str]) -> None:
    """Run these migrations in a database of SQLite, which are the first ones."""
    following = NAMES[len(names)] if len(names) < len(NAMES) else None
    migrations.apply(sqlite_utils.Database(model), stop_before=following)


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
def m008_search(db: sqlite_utils.Database) -> None:
    _run(db, SEARCH)


@migrations()
def m009_shared_emails(db: sqlite_utils.Database) -> None:
    _run(db, SHARED_EMAILS)


@migrations()
def m010_changed_holders(db: sqlite_utils.Database) -> None:
    _run(db, CHANGED_HOLDERS)


@migrations()
def m011_kiosk_reported(db: sqlite_utils.Database) -> None:
    _run(db, KIOSK_REPORTED)


@migrations()
def m012_sign_in(db: sqlite_utils.Database) -> None:
    _run(db, SIGN_IN)


@migrations()
def m013_acts(db: sqlite_utils.Database) -> None:
    _run(db, ACTS)


@migrations()
def m014_server_runs(db: sqlite_utils.Database) -> None:
    _run(db, SERVER_RUNS)


@migrations()
def m015_leaving(db: sqlite_utils.Database) -> None:
    _run(db, LEAVING)


@migrations()
def m016_likely_copies(db: sqlite_utils.Database) -> None:
    _run(db, LIKELY_COPIES)


@migrations()
def m017_epochs(db: sqlite_utils.Database) -> None:
    _run(db, EPOCHS)


@migrations()
def m018_door_from(db: sqlite_utils.Database) -> None:
    _run(db, DOOR_FROM)


@migrations()
def m019_stay_halls(db: sqlite_utils.Database) -> None:
    for table, old, new, rows in STAY_HALLS:
        _rebuild(db, table, old, new, rows or f"SELECT * FROM {table}")
    db.execute(UNNAMED_KEY)


@migrations()
def m020_counted_around(db: sqlite_utils.Database) -> None:
    _run(db, COUNTED_AROUND)


@migrations()
def m021_no_token_tries(db: sqlite_utils.Database) -> None:
    # Nobody guesses a code of 128 bits, so the tries were never counted.
    db.execute("ALTER TABLE kiosk DROP COLUMN token_tries")


@migrations()
def m022_programme(db: sqlite_utils.Database) -> None:
    _run(db, PROGRAMME)


@migrations()
def m023_kept_places(db: sqlite_utils.Database) -> None:
    _run(db, KEPT_PLACES)


@migrations()
def m024_capacity_reasons(db: sqlite_utils.Database) -> None:
    _run(db, CAPACITY_REASONS)


@migrations()
def m026_page_edits(db: sqlite_utils.Database) -> None:
    _run(db, PAGE_EDITS)


@migrations()
def m027_protocol_guests(db: sqlite_utils.Database) -> None:
    _run(db, PROTOCOL_GUESTS)


@migrations()
def m028_country(db: sqlite_utils.Database) -> None:
    # Attendees are counted by country on pages, without going through their whole rows.
    db.execute("CREATE INDEX attendee_country ON attendee (country)")


@migrations()
def m029_cards(db: sqlite_utils.Database) -> None:
    _run(db, CARDS)


@migrations()
def m030_other_names(db: sqlite_utils.Database) -> None:
    # Names under which rosters and lists have an organisation beside its own, as a JSON list.
    db.execute("ALTER TABLE organisation ADD COLUMN other_names TEXT NOT NULL DEFAULT '[]'")


@migrations()
def m031_found_by(db: sqlite_utils.Database) -> None:
    _run(db, FOUND_BY)


@migrations()
def m032_desk(db: sqlite_utils.Database) -> None:
    _run(db, DESK)


@migrations()
def m033_printers(db: sqlite_utils.Database) -> None:
    _run(db, PRINTERS)


@migrations()
def m034_day_credentials(db: sqlite_utils.Database) -> None:
    _run(db, DAY_CREDENTIALS)


@migrations()
def m035_phone_links(db: sqlite_utils.Database) -> None:
    _run(db, PHONE_LINKS)


@migrations()
def m036_mail_and_wallet(db: sqlite_utils.Database) -> None:
    _run(db, MAIL_AND_WALLET)


@migrations()
def m037_leaf_salts(db: sqlite_utils.Database) -> None:
    _run(db, LEAF_SALTS)


@migrations()
def m040_board(db: sqlite_utils.Database) -> None:
    _run(db, BOARD)


@migrations()
def m041_attention(db: sqlite_utils.Database) -> None:
    _run(db, ATTENTION)


@migrations()
def m042_musters(db: sqlite_utils.Database) -> None:
    _run(db, MUSTERS)


@migrations()
def m043_lists(db: sqlite_utils.Database) -> None:
    _run(db, LISTS)


@migrations()
def m044_accounts(db: sqlite_utils.Database) -> None:
    _run(db, ACCOUNTS)


@migrations()
def m045_machines(db: sqlite_utils.Database) -> None:
    _run(db, MACHINES)


@migrations()
def m046_retention(db: sqlite_utils.Database) -> None:
    _run(db, RETENTION)


@migrations()
def m049_servers(db: sqlite_utils.Database) -> None:
    _run(db, SERVERS)


@migrations()
def m050_budgets(db: sqlite_utils.Database) -> None:
    _run(db, BUDGETS)


@migrations()
def m053_outside(db: sqlite_utils.Database) -> None:
    _run(db, OUTSIDE)


@migrations()
def m055_other_entries(db: sqlite_utils.Database) -> None:
    _run(db, OTHER_ENTRIES)


@migrations()
def m056_mail_failed(db: sqlite_utils.Database) -> None:
    _run(db, MAIL_FAILED)


@migrations()
def m057_door_queues(db: sqlite_utils.Database) -> None:
    _run(db, DOOR_QUEUES)


@migrations()
def m058_shared_limits(db: sqlite_utils.Database) -> None:
    _run(db, SHARED_LIMITS)


@migrations()
def m059_uploads(db: sqlite_utils.Database) -> None:
    _run(db, UPLOADS)


@migrations()
def m060_mappings_and_musters(db: sqlite_utils.Database) -> None:
    _run(db, MAPPINGS_AND_MUSTERS)


NAMES = (
    "m001_people",
    "m002_venue",
    "m003_ledger",
    "m004_stays",
    "m005_rules_version",
    "m006_unknown_holders",
    "m007_shared_until",
    "m008_search",
    "m009_shared_emails",
    "m010_changed_holders",
    "m011_kiosk_reported",
    "m012_sign_in",
    "m013_acts",
    "m014_server_runs",
    "m015_leaving",
    "m016_likely_copies",
    "m017_epochs",
    "m018_door_from",
    "m019_stay_halls",
    "m020_counted_around",
    "m021_no_token_tries",
    "m022_programme",
    "m023_kept_places",
    "m024_capacity_reasons",
    "m026_page_edits",
    "m027_protocol_guests",
    "m028_country",
    "m029_cards",
    "m030_other_names",
    "m031_found_by",
    "m032_desk",
    "m033_printers",
    "m034_day_credentials",
    "m035_phone_links",
    "m036_mail_and_wallet",
    "m037_leaf_salts",
    "m040_board",
    "m041_attention",
    "m042_musters",
    "m043_lists",
    "m044_accounts",
    "m045_machines",
    "m046_retention",
    "m049_servers",
    "m050_budgets",
    "m053_outside",
    "m055_other_entries",
    "m056_mail_failed",
    "m057_door_queues",
    "m058_shared_limits",
    "m059_uploads",
    "m060_mappings_and_musters",
)


def _run(db: sqlite_utils.Database, script: str) -> None:
    """Run a script statement by statement. `executescript` would commit the migration's own
    transaction.
    """
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)


def _rebuild(db: sqlite_utils.Database, table: str, old: str, new: str, rows: str) -> None:
    """Make a table anew, with `new` where its definition has `old`. The query `rows` selects what
    the new table holds.

    It selects the columns that the table had, whichever those are, and after them those that are
    new. Its indexes and triggers are as they were.
    """
    query = "SELECT sql FROM sqlite_schema WHERE tbl_name = ? AND type = ? AND sql IS NOT NULL"
    ((made,),) = db.execute(query, (table, "table")).fetchall()
    kept = [sql for kind in ("index", "trigger") for (sql,) in db.execute(query, (table, kind))]
    _, _, body = made.partition("(")
    if old not in body:
        raise ValueError(f"table {table} is not as this step expects it")
    db.execute(f"CREATE TABLE {table}_new ({body.replace(old, new)}")
    held = [column[0] for column in db.execute(f"{rows} LIMIT 0").description]
    db.execute(f"INSERT INTO {table}_new ({', '.join(held)}) {rows}")
    db.execute(f"DROP TABLE {table}")
    db.execute(f"ALTER TABLE {table}_new RENAME TO {table}")
    for sql in kept:
        db.execute(sql)
