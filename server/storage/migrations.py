"""Defines the tables of an event, as migrations that never change once released.

Tables are singular and STRICT. `…_at` is Unix milliseconds in UTC.
tests/server/storage/test_migrations.py holds the hash of each released migration.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

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
    FAILED_WRITES,
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
    ONLY_SIGNED,
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
    WIRE,
)

if TYPE_CHECKING:
    from sqlite_utils import Database

Step: TypeAlias = "Callable[[Database], None]"

SET = "hallkeeper"
STEPS: list[Step] = []


def step(made: Step) -> Step:
    """Add a step after those before it."""
    STEPS.append(made)
    return made


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
    applied = _applied(connection)
    for name in applied:
        if name not in NAMES:
            raise NewerVersionError(name)
    if len(applied) < len(NAMES):
        run_before(connection, None)


def _applied(connection: sqlite3.Connection) -> list[str]:
    """Return which steps a database has had, in their order, as sqlite-utils noted them."""
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

    for name in schema.applied(connection):
        if name not in NAMES:
            raise NewerVersionError(name)
    schema.bring_up(connection, run_up_to, NAMES)


def run_up_to(model: sqlite3.Connection, names: Sequence[str]) -> None:
    """Run these migrations in a database of SQLite, which are the first ones."""
    following = NAMES[len(names)] if len(names) < len(NAMES) else None
    run_before(model, following)


def run_before(model: sqlite3.Connection, following: str | None) -> None:
    """Run the migrations that stand before one, or all of them, in a database of SQLite."""
    # To load this takes longer than to open an event, so only what changes tables does.
    from sqlite_utils import Database, Migrations

    migrations = Migrations(SET)
    for one in STEPS:
        migrations()(one)
    migrations.apply(Database(model), stop_before=following)


@step
def m001_people(db: "Database") -> None:
    _run(db, PEOPLE)


@step
def m002_venue(db: "Database") -> None:
    _run(db, VENUE)


@step
def m003_ledger(db: "Database") -> None:
    _run(db, LEDGER)


@step
def m004_stays(db: "Database") -> None:
    _run(db, STAYS)


@step
def m005_rules_version(db: "Database") -> None:
    _run(db, RULES_VERSION)


@step
def m006_unknown_holders(db: "Database") -> None:
    _run(db, UNKNOWN_HOLDERS)


@step
def m007_shared_until(db: "Database") -> None:
    _run(db, SHARED_UNTIL)


@step
def m008_search(db: "Database") -> None:
    _run(db, SEARCH)


@step
def m009_shared_emails(db: "Database") -> None:
    _run(db, SHARED_EMAILS)


@step
def m010_changed_holders(db: "Database") -> None:
    _run(db, CHANGED_HOLDERS)


@step
def m011_kiosk_reported(db: "Database") -> None:
    _run(db, KIOSK_REPORTED)


@step
def m012_sign_in(db: "Database") -> None:
    _run(db, SIGN_IN)


@step
def m013_acts(db: "Database") -> None:
    _run(db, ACTS)


@step
def m014_server_runs(db: "Database") -> None:
    _run(db, SERVER_RUNS)


@step
def m015_leaving(db: "Database") -> None:
    _run(db, LEAVING)


@step
def m016_likely_copies(db: "Database") -> None:
    _run(db, LIKELY_COPIES)


@step
def m017_epochs(db: "Database") -> None:
    _run(db, EPOCHS)


@step
def m018_door_from(db: "Database") -> None:
    _run(db, DOOR_FROM)


@step
def m019_stay_halls(db: "Database") -> None:
    for table, old, new, rows in STAY_HALLS:
        _rebuild(db, table, old, new, rows or f"SELECT * FROM {table}")
    db.execute(UNNAMED_KEY)


@step
def m020_counted_around(db: "Database") -> None:
    _run(db, COUNTED_AROUND)


@step
def m021_no_token_tries(db: "Database") -> None:
    # Nobody guesses a code of 128 bits, so the tries were never counted.
    db.execute("ALTER TABLE kiosk DROP COLUMN token_tries")


@step
def m022_programme(db: "Database") -> None:
    _run(db, PROGRAMME)


@step
def m023_kept_places(db: "Database") -> None:
    _run(db, KEPT_PLACES)


@step
def m024_capacity_reasons(db: "Database") -> None:
    _run(db, CAPACITY_REASONS)


@step
def m026_page_edits(db: "Database") -> None:
    _run(db, PAGE_EDITS)


@step
def m027_protocol_guests(db: "Database") -> None:
    _run(db, PROTOCOL_GUESTS)


@step
def m028_country(db: "Database") -> None:
    # Attendees are counted by country on pages, without going through their whole rows.
    db.execute("CREATE INDEX attendee_country ON attendee (country)")


@step
def m029_cards(db: "Database") -> None:
    _run(db, CARDS)


@step
def m030_other_names(db: "Database") -> None:
    # Names under which rosters and lists have an organisation beside its own, as a JSON list.
    db.execute("ALTER TABLE organisation ADD COLUMN other_names TEXT NOT NULL DEFAULT '[]'")


@step
def m031_found_by(db: "Database") -> None:
    _run(db, FOUND_BY)


@step
def m032_desk(db: "Database") -> None:
    _run(db, DESK)


@step
def m033_printers(db: "Database") -> None:
    _run(db, PRINTERS)


@step
def m034_day_credentials(db: "Database") -> None:
    _run(db, DAY_CREDENTIALS)


@step
def m035_phone_links(db: "Database") -> None:
    _run(db, PHONE_LINKS)


@step
def m036_mail_and_wallet(db: "Database") -> None:
    _run(db, MAIL_AND_WALLET)


@step
def m037_leaf_salts(db: "Database") -> None:
    _run(db, LEAF_SALTS)


@step
def m040_board(db: "Database") -> None:
    _run(db, BOARD)


@step
def m041_attention(db: "Database") -> None:
    _run(db, ATTENTION)


@step
def m042_musters(db: "Database") -> None:
    _run(db, MUSTERS)


@step
def m043_lists(db: "Database") -> None:
    _run(db, LISTS)


@step
def m044_accounts(db: "Database") -> None:
    _run(db, ACCOUNTS)


@step
def m045_machines(db: "Database") -> None:
    _run(db, MACHINES)


@step
def m046_retention(db: "Database") -> None:
    _run(db, RETENTION)


@step
def m049_servers(db: "Database") -> None:
    _run(db, SERVERS)


@step
def m050_budgets(db: "Database") -> None:
    _run(db, BUDGETS)


@step
def m053_outside(db: "Database") -> None:
    _run(db, OUTSIDE)


@step
def m055_other_entries(db: "Database") -> None:
    _run(db, OTHER_ENTRIES)


@step
def m056_mail_failed(db: "Database") -> None:
    _run(db, MAIL_FAILED)


@step
def m057_door_queues(db: "Database") -> None:
    _run(db, DOOR_QUEUES)


@step
def m058_shared_limits(db: "Database") -> None:
    _run(db, SHARED_LIMITS)


@step
def m059_uploads(db: "Database") -> None:
    _run(db, UPLOADS)


@step
def m060_mappings_and_musters(db: "Database") -> None:
    _run(db, MAPPINGS_AND_MUSTERS)


@step
def m061_only_signed(db: "Database") -> None:
    _run(db, ONLY_SIGNED)


@step
def m062_wire(db: "Database") -> None:
    _run(db, WIRE)


@step
def m066_failed_writes(db: "Database") -> None:
    _run(db, FAILED_WRITES)


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
    "m061_only_signed",
    "m062_wire",
    "m066_failed_writes",
)


def _run(db: "Database", script: str) -> None:
    """Run a script statement by statement. `executescript` would commit the migration's own
    transaction.
    """
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)


def _rebuild(db: "Database", table: str, old: str, new: str, rows: str) -> None:
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
