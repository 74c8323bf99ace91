"""Later steps in PostgreSQL, beside servers at work."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlite_utils

from server.storage import migrations
from server.storage.migrations import (
    Kind,
    NewerVersionError,
    OlderServersError,
    Step,
    finish,
    migrate,
    migrate_like,
    plan,
)
from server.storage.postgresql import engine, schema
from server.storage.postgresql.address import Address
from server.storage.postgresql.connection import PostgresConnection
from server.storage.transactions import transaction
from tests import waiting
from tests.server.storage.test_migrations import serving
from tests.server.support.postgresql.databases import Databases

pytestmark = pytest.mark.sqlite_alone


def with_times(db: sqlite_utils.Database) -> None:
    migrations.run(db, "ALTER TABLE zone ADD COLUMN at INTEGER;\n")


def with_indexes(db: sqlite_utils.Database) -> None:
    migrations.run(db, "CREATE INDEX zone_code ON zone (code, bit);\n")
    migrations.run(db, "CREATE UNIQUE INDEX zone_word ON zone (lower(code)) WHERE bit > 0;\n")


def without_times(db: sqlite_utils.Database) -> None:
    migrations.run(db, "ALTER TABLE zone DROP COLUMN at;\n")


EXPAND = Step(with_times, Kind.EXPAND, "1.1", "Zones have a time.")
INDEXES = Step(with_indexes, Kind.EXPAND, "1.1", "Zones are found by their code.")
CONTRACT = Step(without_times, Kind.CONTRACT, "1.1", "Zones have no time any more.")


@pytest.fixture
def address(postgres: Databases) -> Iterator[Address]:
    """Of an event without the steps above."""
    name = postgres.cluster.make()
    address = Address(postgres.cluster.url(name))
    with closing(engine.connect(address)) as connection:
        migrate(connection)
    yield address
    postgres.cluster.drop(name)


@pytest.fixture
def db(address: Address) -> Iterator[PostgresConnection]:
    with closing(engine.connect(address)) as opened:
        yield opened


@pytest.fixture
def other(address: Address) -> Iterator[PostgresConnection]:
    with closing(engine.connect(address)) as opened:
        yield opened


def release(monkeypatch: pytest.MonkeyPatch, *steps: Step) -> None:
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, *steps))


def columns(db: PostgresConnection) -> set[str]:
    rows = db.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'zone'"
    )
    return {name for (name,) in rows}


def indexes(db: PostgresConnection) -> set[str]:
    rows = db.execute(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indisvalid AND c.relname LIKE 'zone_%'"
    )
    return {name for (name,) in rows} - {"zone_pkey", "zone_code_key"}


def test_the_version_before_uses_an_event_until_finish(
    db: PostgresConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = migrations.STEPS
    release(monkeypatch, EXPAND, INDEXES, CONTRACT)
    migrate(db)
    assert "at" in columns(db)
    assert indexes(db) == {"zone_code", "zone_word"}
    assert plan(db) == ((), (CONTRACT,), ())
    newer = migrations.STEPS
    monkeypatch.setattr(migrations, "STEPS", before)
    migrate(db)
    assert plan(db).newer == ("with_times", "with_indexes")
    monkeypatch.setattr(migrations, "STEPS", newer)
    finish(db)
    assert "at" not in columns(db)
    monkeypatch.setattr(migrations, "STEPS", before)
    with pytest.raises(NewerVersionError, match="without_times"):
        migrate(db)


def test_a_version_from_before_the_kinds_sees_no_unknown_step(db: PostgresConnection) -> None:
    """It compares all names of this table with its own, and has the first step only."""
    assert schema.applied(db) == ["schema_1_0"]


def test_finish_changes_nothing_while_an_older_server_works(
    db: PostgresConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(monkeypatch, EXPAND, CONTRACT)
    migrate(db)
    serving(db, "server_knows")
    with pytest.raises(OlderServersError, match="a:1, process 7 .version 1.0.0. *"):
        finish(db)
    assert "at" in columns(db)
    assert plan(db).by_finish == (CONTRACT,)


def test_an_event_that_is_moved_keeps_its_steps(
    postgres: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(monkeypatch, EXPAND, CONTRACT)
    name = postgres.cluster.make()
    with (
        closing(sqlite3.connect(":memory:", isolation_level=None)) as source,
        closing(engine.connect(Address(postgres.cluster.url(name)))) as target,
    ):
        migrate(source)
        finish(source)
        migrate_like(target, source)
        assert plan(target) == ((), (), ())
        assert "at" not in columns(target)
    postgres.cluster.drop(name)


def test_a_step_gives_way_to_a_long_reader_and_tries_again(
    db: PostgresConnection, other: PostgresConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others wait for the table behind the step, so it must not wait long."""
    release(monkeypatch, EXPAND)
    other.execute("BEGIN")
    other.execute("SELECT COUNT(*) FROM zone").fetchone()
    paused = []

    def pause(_: float) -> None:
        paused.append(columns(other))
        if other.in_transaction:
            other.execute("COMMIT")
        with transaction(other):
            other.execute("INSERT INTO zone (bit, code) VALUES (1, 'a')")

    monkeypatch.setattr(schema.time, "sleep", pause)
    migrate(db)
    assert len(paused) == 1
    assert "at" not in paused[0]
    assert [tuple(row) for row in db.execute("SELECT bit, at FROM zone")] == [(1, None)]


def test_a_step_gives_up_in_the_end(
    db: PostgresConnection, other: PostgresConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(monkeypatch, EXPAND)
    monkeypatch.setattr(schema, "TRY_S", 0.0)
    other.execute("BEGIN")
    other.execute("SELECT COUNT(*) FROM zone").fetchone()
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        migrate(db)
    other.execute("COMMIT")
    migrate(db)
    assert "at" in columns(db)


def test_indexes_are_made_while_others_write(
    address: Address,
    db: PostgresConnection,
    other: PostgresConnection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The index waits for the older transaction, and later ones write meanwhile."""
    release(monkeypatch, INDEXES)
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO zone (bit, code) VALUES (1, 'a')")
    making = threading.Thread(target=migrate, args=(db,))
    making.start()
    is_making = "SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURR%'"
    with closing(engine.connect(address)) as watching:
        waiting.until(lambda: watching.execute(is_making).fetchone()[0])
    other.execute("INSERT INTO zone (bit, code) VALUES (2, 'b')")
    other.execute("COMMIT")
    making.join()
    assert indexes(db) == {"zone_code", "zone_word"}
    assert plan(db) == ((), (), ())


def test_an_index_whose_making_failed_is_made_anew(
    db: PostgresConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(monkeypatch, INDEXES)
    db.execute("INSERT INTO zone (bit, code) VALUES (1, 'a')")
    db.execute("INSERT INTO zone (bit, code) VALUES (2, 'A')")
    with pytest.raises(sqlite3.IntegrityError):
        migrate(db)
    assert plan(db).at_open == (INDEXES,)
    db.execute("DELETE FROM zone WHERE bit = 2")
    migrate(db)
    assert indexes(db) == {"zone_code", "zone_word"}


def test_two_programs_make_indexes_once(
    db: PostgresConnection, other: PostgresConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(monkeypatch, EXPAND, INDEXES)
    others = threading.Thread(target=migrate, args=(other,))
    others.start()
    migrate(db)
    others.join()
    assert indexes(db) == {"zone_code", "zone_word"}
    assert schema.applied(db, schema.EXPANDED)[-2:] == ["with_times", "with_indexes"]
