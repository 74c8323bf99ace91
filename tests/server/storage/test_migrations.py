"""Released migrations never change: events in the field have already run them."""

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlite_utils

from server.storage import migrations
from server.storage.migrations import (
    BeforeReleaseError,
    Kind,
    NewerVersionError,
    OlderServersError,
    Step,
    finish,
    migrate,
    plan,
)
from server.storage.opening import connect

# The tables after each step. A released step is corrected by a new one, never by a new hash.
FROZEN = {
    "schema_1_0": "11bdc0a48aafd2d1",
    "server_knows": "9c149c51cc9122ef",
    "phones_at_doors": "cddcf01a7ea39562",
}


@pytest.fixture
def database(tmp_path: Path):
    connection = connect(tmp_path / "event.db")
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def newest() -> Iterator[sqlite3.Connection]:
    """Brought up to this version from nothing."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        yield connection


@pytest.fixture
def migrated(database: sqlite3.Connection, newest: sqlite3.Connection) -> sqlite3.Connection:
    newest.backup(database)
    return database


def tables(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Our tables, without those of sqlite-utils."""
    query = "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE '%sqlite%' ORDER BY name"
    return [tuple(row) for row in connection.execute(query)]


def test_released_migrations_never_change(database: sqlite3.Connection) -> None:
    hashes = {}
    for name in migrations.names():
        migrations.run_steps(database, [name])
        schema = "\n".join(" ".join((sql or "").split()) for _, sql in tables(database))
        hashes[name] = hashlib.sha256(schema.encode()).hexdigest()[:16]
    assert hashes == FROZEN


def test_every_migration_is_known_and_in_order(migrated: sqlite3.Connection) -> None:
    applied = migrated.execute("SELECT name FROM _sqlite_migrations ORDER BY rowid").fetchall()
    assert tuple(row[0] for row in applied) == migrations.names() == tuple(FROZEN)


def test_migrating_again_changes_nothing(migrated: sqlite3.Connection) -> None:
    before = tables(migrated)
    migrate(migrated)
    assert tables(migrated) == before


def test_tables_are_strict(migrated: sqlite3.Connection) -> None:
    loose = migrated.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        " AND NOT strict AND name NOT LIKE '%sqlite%'"
    ).fetchall()
    assert [row[0] for row in loose] == []


def recorded(connection: sqlite3.Connection, migration_set: str, name: str) -> None:
    connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES (?, ?, '')",
        (migration_set, name),
    )


def test_a_newer_event_is_refused_untouched(migrated: sqlite3.Connection) -> None:
    recorded(migrated, migrations.SET, "later")
    before = tables(migrated)
    with pytest.raises(NewerVersionError, match="newer Hallkeeper") as caught:
        migrate(migrated)
    assert caught.value.migration == "later"
    assert tables(migrated) == before


def test_an_event_with_newer_expand_steps_is_used(migrated: sqlite3.Connection) -> None:
    recorded(migrated, migrations.EXPAND_SET, "later")
    before = tables(migrated)
    migrate(migrated)
    assert tables(migrated) == before
    assert plan(migrated).newer == ("later",)


def test_a_version_from_before_the_kinds_sees_no_unknown_step(
    migrated: sqlite3.Connection,
) -> None:
    """It compares all names of this set with its own, and has the first step only."""
    names = "SELECT name FROM _sqlite_migrations WHERE migration_set = 'hallkeeper'"
    assert [name for (name,) in migrated.execute(names)] == ["schema_1_0"]


def test_an_event_of_before_the_release_is_refused_untouched(database: sqlite3.Connection) -> None:
    """The error names the remedy. Its tables are recorded as by the steps of that time."""

    def m001_people(db: sqlite_utils.Database) -> None:
        db.execute("CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT")

    then = sqlite_utils.Migrations("hallkeeper")
    then()(m001_people)
    then.apply(sqlite_utils.Database(database))
    before = tables(database)
    with pytest.raises(BeforeReleaseError, match="before 1.0.*`hallkeeper init`"):
        migrate(database)
    assert tables(database) == before == [("setting", before[0][1])]


def with_a_table(db: sqlite_utils.Database) -> None:
    migrations.run(db, "CREATE TABLE later (at INTEGER NOT NULL) STRICT;\n")
    migrations.run(db, "ALTER TABLE zone ADD COLUMN at INTEGER NOT NULL DEFAULT 7;\n")


def without_times(db: sqlite_utils.Database) -> None:
    migrations.run(db, "ALTER TABLE zone DROP COLUMN at;\n")


def with_colours(db: sqlite_utils.Database) -> None:
    migrations.run(db, "ALTER TABLE zone ADD COLUMN colour TEXT;\n")


EXPAND = Step(with_a_table, Kind.EXPAND, "1.1", "Zones have a time.")
CONTRACT = Step(without_times, Kind.CONTRACT, "1.1", "Zones have no time any more.")
NEXT = Step(with_colours, Kind.EXPAND, "1.1", "Zones have colours.")


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch):
    """Let this version have more steps."""

    def add(*steps: Step) -> None:
        monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, *steps))

    return add


def test_an_expand_step_brings_an_event_up(migrated: sqlite3.Connection, released) -> None:
    migrated.execute("INSERT INTO zone VALUES (3, 'z')")
    released(EXPAND)
    for _ in range(2):
        migrate(migrated)
        assert tuple(migrated.execute("SELECT bit, code, at FROM zone").fetchone()) == (3, "z", 7)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as new:
        migrate(new)
        assert tables(new) == tables(migrated)


def test_a_contract_step_waits_for_finish(migrated: sqlite3.Connection, released) -> None:
    released(EXPAND, CONTRACT)
    migrate(migrated)
    assert plan(migrated) == ((), (CONTRACT,), ())
    assert "at" in zone_columns(migrated)
    finish(migrated)
    assert plan(migrated) == ((), (), ())
    assert "at" not in zone_columns(migrated)


def test_finish_changes_nothing_while_an_older_server_works(
    migrated: sqlite3.Connection, released
) -> None:
    released(EXPAND, CONTRACT)
    migrate(migrated)
    for older in ("server_knows", None):
        serving(migrated, older)
        with pytest.raises(OlderServersError, match=r"at work: a:1, process 7 \(version 1.0.0\)"):
            finish(migrated)
        assert plan(migrated).by_finish == (CONTRACT,)
        assert "at" in zone_columns(migrated)
    for newer in ("without_times", "of_a_later_version"):
        serving(migrated, newer)
    finish(migrated)
    assert "at" not in zone_columns(migrated)


def test_a_contract_step_precedes_the_expand_steps_of_later_releases(
    migrated: sqlite3.Connection, released
) -> None:
    released(EXPAND, CONTRACT)
    migrate(migrated)
    released(NEXT)
    assert plan(migrated).at_open == (CONTRACT, NEXT)
    serving(migrated, "server_knows")
    with pytest.raises(OlderServersError):
        migrate(migrated)
    assert zone_columns(migrated) == ["bit", "code", "at"]
    serving(migrated, "without_times")
    migrate(migrated)
    assert zone_columns(migrated) == ["bit", "code", "colour"]


def test_the_version_before_uses_an_event_until_finish(
    migrated: sqlite3.Connection, released, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = migrations.STEPS
    released(EXPAND, CONTRACT)
    migrate(migrated)
    newer = migrations.STEPS
    monkeypatch.setattr(migrations, "STEPS", before)
    migrate(migrated)
    assert plan(migrated).newer == ("with_a_table",)
    monkeypatch.setattr(migrations, "STEPS", newer)
    finish(migrated)
    monkeypatch.setattr(migrations, "STEPS", before)
    with pytest.raises(NewerVersionError, match="without_times"):
        migrate(migrated)


def serving(db, knows: str | None) -> None:
    """Let a server be at work that knows this step."""
    now = time.time_ns() // 1_000_000
    db.execute(
        "INSERT INTO server_process (name, address, version, started_at, seen_at, run, log_size,"
        " knows) VALUES ('a:1, process 7', 'a:1', '1.0.0', ?, ?, 'run', 0, ?)"
        " ON CONFLICT (name) DO UPDATE SET knows = excluded.knows",
        (now, now, knows),
    )


def zone_columns(connection: sqlite3.Connection) -> list[str]:
    return [row[1] for row in connection.execute("PRAGMA table_info(zone)")]


def test_a_later_step_that_fails_leaves_nothing(migrated: sqlite3.Connection, released) -> None:
    def fails(db: sqlite_utils.Database) -> None:
        with_a_table(db)
        db.execute("CREATE TABLE zone (bit INTEGER) STRICT")

    before = tables(migrated)
    released(Step(fails, Kind.EXPAND, "1.1", ""))
    with pytest.raises(sqlite3.OperationalError, match="zone already exists"):
        migrate(migrated)
    assert tables(migrated) == before


def test_tables_that_are_in_the_way_stay_alone(database: sqlite3.Connection) -> None:
    database.execute("CREATE TABLE scan (number INTEGER)")
    with pytest.raises(sqlite3.OperationalError, match="scan already exists"):
        migrate(database)
    assert [name for name, _ in tables(database)] == ["scan"]


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("INSERT INTO setting VALUES ('k', X'00')", "cannot store BLOB value in TEXT column"),
        ("INSERT INTO zone VALUES (32, 'z')", "CHECK constraint failed"),
        ("INSERT INTO door VALUES (1, 'd', 9, '{}', 'both')", "FOREIGN KEY constraint failed"),
        (
            "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones, sessions_only,"
            " anti_passback, exits) VALUES (1, 'h', '{}', 5, 9, 1, 0, 'hard', 'strict')",
            "CHECK constraint failed: fire_limit >= capacity",
        ),
    ],
)
def test_constraints_hold(migrated: sqlite3.Connection, statement: str, error: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=error):
        migrated.execute(statement)
