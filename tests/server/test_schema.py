"""Released migrations never change: an event in the field has run them as they were."""

import hashlib
import sqlite3
from pathlib import Path

import pytest
import sqlite_utils

from server import schema
from server.database import connect
from server.schema import NewerVersionError, migrate

# The tables as each step leaves them. A released step is mended by a new one, never by a new hash.
FROZEN = {
    "m001_people": "ec280f71a9aa9aef",
    "m002_venue": "3b58d408d2fe2bf4",
    "m003_ledger": "32b0a2570ea99a6a",
    "m004_stays": "d797167aaad1fcac",
    "m005_rules_version": "10d6044e7983f64a",
    "m006_unknown_holders": "5765d2e60133b014",
    "m007_shared_until": "757746de3b6517d6",
    "m030_door_from": "85e86fd8c3834dc0",
    "m031_stay_halls": "8f80d8b1aa32b68e",
    "m032_counted_around": "8f80d8b1aa32b68e",
}


@pytest.fixture
def database(tmp_path: Path):
    connection = connect(tmp_path / "event.db")
    yield connection
    connection.close()


def tables(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """What is ours, not what sqlite-utils keeps for itself."""
    query = "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE '%sqlite%' ORDER BY name"
    return [tuple(row) for row in connection.execute(query)]


def test_released_migrations_never_change(database: sqlite3.Connection) -> None:
    found = {}
    for name, following in zip(schema.NAMES, (*schema.NAMES[1:], None), strict=True):
        schema.migrations.apply(sqlite_utils.Database(database), stop_before=following)
        made = "\n".join(" ".join((sql or "").split()) for _, sql in tables(database))
        found[name] = hashlib.sha256(made.encode()).hexdigest()[:16]
    assert found == FROZEN


def test_every_migration_is_known_and_in_order(database: sqlite3.Connection) -> None:
    migrate(database)
    applied = database.execute("SELECT name FROM _sqlite_migrations ORDER BY rowid").fetchall()
    assert tuple(row[0] for row in applied) == schema.NAMES == tuple(FROZEN)


def test_migrating_again_changes_nothing(database: sqlite3.Connection) -> None:
    migrate(database)
    before = tables(database)
    migrate(database)
    assert tables(database) == before


def test_tables_are_strict(database: sqlite3.Connection) -> None:
    migrate(database)
    loose = database.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        " AND NOT strict AND name NOT LIKE '%sqlite%'"
    ).fetchall()
    assert [row[0] for row in loose] == []


def test_a_newer_event_is_refused_untouched(database: sqlite3.Connection) -> None:
    migrate(database)
    database.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
        " VALUES ('hallkeeper', 'm099_later', '')"
    )
    before = tables(database)
    with pytest.raises(NewerVersionError, match="newer Hallkeeper") as caught:
        migrate(database)
    assert caught.value.migration == "m099_later"
    assert tables(database) == before


def test_an_older_event_is_brought_up(database: sqlite3.Connection) -> None:
    migrate(database)
    whole = tables(database)
    gone = (
        "absence",
        "change",
        "discrepancy",
        "early_exit",
        "unnamed_exit",
        "place_account",
        "stay",
        "scan",
        "leaf",
        "unknown_holder",
        "door_from",
    )
    for table in gone:
        database.execute(f"DROP TABLE {table}")
    for name in [name for name, sql in whole if (sql or "").startswith("CREATE TRIGGER")]:
        database.execute(f"DROP TRIGGER IF EXISTS {name}")
    database.execute("DELETE FROM setting WHERE key = 'rules_version'")
    database.execute("ALTER TABLE hall DROP COLUMN shared_until")
    database.execute("DELETE FROM _sqlite_migrations WHERE name >= 'm003'")
    migrate(database)
    assert tables(database) == whole


def test_a_migration_that_fails_leaves_nothing(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute("CREATE TABLE scan (number INTEGER)")  # in the way of the third
    with pytest.raises(sqlite3.OperationalError, match="scan already exists"):
        migrate(database)
    names = [name for name, _ in tables(database)]
    assert "place_account" not in names
    assert "leaf" not in names


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("INSERT INTO setting VALUES ('k', X'00')", "cannot store BLOB value in TEXT column"),
        ("INSERT INTO zone VALUES (32, 'z')", "CHECK constraint failed"),
        ("INSERT INTO door VALUES (1, 'd', 9, '{}', 'both')", "FOREIGN KEY constraint failed"),
        (
            "INSERT INTO hall VALUES (1, 'h', '{}', NULL, 5, 9, 1, 0, 'hard', 'strict', NULL,"
            " NULL, 0, 0, 0, 0)",
            "CHECK constraint failed: fire_limit >= capacity",
        ),
    ],
)
def test_constraints_hold(database: sqlite3.Connection, statement: str, error: str) -> None:
    migrate(database)
    with pytest.raises(sqlite3.IntegrityError, match=error):
        database.execute(statement)
