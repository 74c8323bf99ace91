"""Released migrations never change: an event in the field has run them as they were."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from server.storage import migrations
from server.storage.database import connect
from server.storage.migrations import NewerVersionError, migrate

# The tables as each step leaves them. A released step is mended by a new one, never by a new hash.
FROZEN = {
    "m001_people": "ec280f71a9aa9aef",
    "m002_venue": "3b58d408d2fe2bf4",
    "m003_ledger": "32b0a2570ea99a6a",
    "m004_stays": "d797167aaad1fcac",
    "m005_rules_version": "10d6044e7983f64a",
    "m006_unknown_holders": "5765d2e60133b014",
    "m007_shared_until": "757746de3b6517d6",
    "m008_search": "db0ca35e7fba19b9",
    "m009_shared_emails": "a7e2c8f878e7b001",
    "m010_changed_holders": "8da0c3f7f5470f2a",
    "m011_kiosk_reported": "f437692dfd9236c8",
    "m012_sign_in": "7c1052dad41f72b9",
    "m013_acts": "e351096755a08e8a",
    "m014_server_runs": "2956fb309c2678ab",
    "m015_leaving": "43c91c00b53c0595",
    "m016_likely_copies": "a0485c4fd75a30d4",
    "m017_epochs": "97f09ccef56036ae",
    "m018_door_from": "e684f5d380ac6b1f",
    "m019_stay_halls": "f827151b9fab0f92",
    "m020_counted_around": "f827151b9fab0f92",
    "m021_no_token_tries": "7b1d28704f952195",
    "m022_programme": "4551a18ce7ad6157",
    "m023_kept_places": "a4fe4641211c9932",
    "m024_capacity_reasons": "84b7a9591ad1bac5",
    "m026_page_edits": "c3431860dd266b18",
    "m027_protocol_guests": "611c3cb5b6b10d36",
    "m028_country": "a84ab033d7b882d0",
    "m029_cards": "8092459294b9532e",
    "m030_other_names": "bf93ce680baa23ed",
    "m031_found_by": "e3a44e46c08c2459",
    "m032_desk": "5c8986186adfcfc3",
    "m033_printers": "13494c0ea56e2306",
    "m034_day_credentials": "d9c47141e44088dd",
    "m035_phone_links": "aef5caea7e9dc260",
    "m036_mail_and_wallet": "ea4e870675d75528",
    "m037_leaf_salts": "d2c0d28b0319660c",
    "m040_board": "67f6783d2d71529e",
    "m041_attention": "d7256957d7a41e29",
    "m042_musters": "5e25148bde3058d6",
    "m043_lists": "fc9016af077a997b",
    "m044_accounts": "a5ce980f730794ed",
    "m045_machines": "680f1940a5f1dc79",
    "m046_retention": "7709f932bcc77b20",
    "m049_servers": "d15ba09bd464c701",
    "m050_budgets": "f30745083130daca",
    "m053_outside": "b6a4681a76ffc5bb",
    "m055_other_entries": "084ada31ca2b9b38",
    "m056_mail_failed": "f1336f8442dfff7c",
    "m057_door_queues": "cd9f3e1f34de7fa0",
    "m058_shared_limits": "ab241ef257297079",
    "m059_uploads": "365f31611aa836dd",
    "m060_mappings_and_musters": "2445b147dedea615",
    "m061_only_signed": "30bf2621026da95d",
    "m062_wire": "a972b6351e48d48b",
    "m066_failed_writes": "11cc1ea254c654c9",
}


@pytest.fixture
def database(tmp_path: Path):
    connection = connect(tmp_path / "event.db")
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def newest() -> Iterator[sqlite3.Connection]:
    """Brought up to this version from nothing."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        migrate(made)
        yield made


@pytest.fixture
def migrated(database: sqlite3.Connection, newest: sqlite3.Connection) -> sqlite3.Connection:
    newest.backup(database)
    return database


def tables(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """What is ours, not what sqlite-utils keeps for itself."""
    query = "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE '%sqlite%' ORDER BY name"
    return [tuple(row) for row in connection.execute(query)]


@pytest.mark.long
def test_released_migrations_never_change(database: sqlite3.Connection) -> None:
    found = {}
    for name, following in zip(migrations.NAMES, (*migrations.NAMES[1:], None), strict=True):
        migrations.run_before(database, following)
        made = "\n".join(" ".join((sql or "").split()) for _, sql in tables(database))
        found[name] = hashlib.sha256(made.encode()).hexdigest()[:16]
    assert found == FROZEN


def test_every_migration_is_known_and_in_order(migrated: sqlite3.Connection) -> None:
    applied = migrated.execute("SELECT name FROM _sqlite_migrations ORDER BY rowid").fetchall()
    assert tuple(row[0] for row in applied) == migrations.NAMES == tuple(FROZEN)


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


def test_a_newer_event_is_refused_untouched(migrated: sqlite3.Connection) -> None:
    migrated.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
        " VALUES ('hallkeeper', 'm099_later', '')"
    )
    before = tables(migrated)
    with pytest.raises(NewerVersionError, match="newer Hallkeeper") as caught:
        migrate(migrated)
    assert caught.value.migration == "m099_later"
    assert tables(migrated) == before


def test_an_older_event_is_brought_up(
    database: sqlite3.Connection, newest: sqlite3.Connection
) -> None:
    migrations.run_before(database, "m003_ledger")
    assert "scan" not in dict(tables(database))
    migrate(database)
    assert tables(database) == tables(newest)


def test_scans_that_wait_are_known_after_an_upgrade(database: sqlite3.Connection) -> None:
    migrations.run_before(database, "m011_kiosk_reported")
    database.execute(
        "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones, sessions_only,"
        " anti_passback, exits) VALUES (1, 'h', '{}', 9, 9, 1, 0, 'hard', 'strict')"
    )
    database.execute("INSERT INTO door VALUES (1, 'd', 1, '{}', 'both')")
    for kiosk, seen_at, health in (("new", None, None), ("old", 5_000, '{"queue":7}')):
        database.execute(
            "INSERT INTO kiosk (kiosk, generation, door_id, state, acked_seq, seen_at, health,"
            " created_at) VALUES (?, 1, 1, 'active', 30, ?, ?, 0)",
            (kiosk, seen_at, health),
        )
    migrate(database)
    found = database.execute("SELECT kiosk, last_seq, reported_at FROM kiosk ORDER BY kiosk")
    assert [tuple(row) for row in found] == [("new", 0, None), ("old", 37, 5_000)]


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
            "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones, sessions_only,"
            " anti_passback, exits) VALUES (1, 'h', '{}', 5, 9, 1, 0, 'hard', 'strict')",
            "CHECK constraint failed: fire_limit >= capacity",
        ),
    ],
)
def test_constraints_hold(migrated: sqlite3.Connection, statement: str, error: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=error):
        migrated.execute(statement)


def test_moves_of_an_older_event_are_unconfirmed_and_its_halls_count_scans(
    database: sqlite3.Connection,
) -> None:
    """They gave places back; who they were is not asked again."""
    migrations.run_before(database, "m015_leaving")
    database.execute(
        "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones, sessions_only,"
        " anti_passback, exits) VALUES (1, 'h', '{}', 9, 9, 1, 0, 'hard', 'strict')"
    )
    for seq, by in enumerate(("move", "exit", "move", None), 1):
        database.execute(
            "INSERT INTO stay (kiosk, generation, seq, hall_id, door_id, serial, opened_at,"
            " closed_at, closed_by) VALUES ('k', 1, ?, 1, 1, 1, 0, ?, ?)",
            (seq, None if by is None else 5, by),
        )
    migrate(database)
    found = database.execute("SELECT leaving, walk_s, moved_on, unconfirmed_moves FROM hall")
    assert tuple(found.fetchone()) == ("scanned", None, 0, 2)
    database.execute("UPDATE stay SET after_move = NULL WHERE seq = 1")
    assert database.execute("SELECT unconfirmed_moves FROM hall").fetchone()[0] == 1
