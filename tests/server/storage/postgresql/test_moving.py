"""An event moves from SQLite to PostgreSQL and back without loss."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.core.event.directory import Event, load_event
from server.core.event.lock import AlreadyServingError, only_server
from server.features.backup import move as module
from server.features.backup.move import SQLITE, move
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.storage.postgresql import engine, moving
from server.storage.postgresql.address import ADDRESS_FILE, Address, keep_address
from tests.server.support.console import Console
from tests.server.support.pages import Pages
from tests.server.support.postgresql.databases import Databases
from tests.server.support.templates import nothing

pytestmark = pytest.mark.sqlite_alone  # where each begins


@pytest.fixture
def address(postgres: Databases) -> Iterator[str]:
    """The address of an empty database."""
    name = postgres.cluster.make()
    yield postgres.cluster.url(name)
    postgres.cluster.drop(name)


@pytest.fixture
def used(event: Event, site: Database) -> Event:
    """An event with arrivals."""
    with Pages(event, site) as pages:
        pages.issue()
        pages.kiosk("west-1", "h1-west")
    site.close()
    return event


def rows(event: Event) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, in either engine."""
    with Database(event.database_path) as database, database.reading() as db:
        db.execute("BEGIN")
        tables = {}
        for table in moving.tables_of(db):
            columns = sorted(moving.columns_of(db, table))
            key = moving.key_of(db, table)
            tables[table] = [
                row for block in moving.rows_of(db, table, columns, key) for row in block
            ]
        db.execute("ROLLBACK")
    return tables


def test_there_and_back(used: Event, address: str) -> None:
    before = rows(used)
    assert before["leaf"]
    assert before["badge"]
    there = move(used.path, address, lambda table, count: None)
    assert there.counts == {table: len(lines) for table, lines in before.items()}
    assert (used.path / ADDRESS_FILE).stat().st_mode & 0o777 == 0o600
    assert not used.database_path.exists()
    assert rows(used) == before
    back = move(used.path, SQLITE, lambda table, count: None)
    assert (back.root, back.entries) == (there.root, there.entries)
    assert not (used.path / ADDRESS_FILE).exists()
    assert rows(used) == before
    with closing(sqlite3.connect(used.database_path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    # And there again, because the database was left with room for it.
    assert move(used.path, address, lambda table, count: None).root == there.root


def test_it_works_on_where_it_went(used: Event, address: str) -> None:
    """Triggers, numbers and word indexes continue as before."""
    move(used.path, address, lambda table, count: None)
    event = load_event(used.path)
    with Database(event.database_path) as database, Pages(event, database) as pages:
        answer = pages.staff("admin").get("/admin/people/?q=kell")
        assert "Keller" in answer.text
        before = database.reader.execute("SELECT MAX(number) FROM leaf").fetchone()[0]
        pages.kiosk("main-1", "main")
        database.give_back()
        after = database.reader.execute("SELECT MAX(number) FROM leaf").fetchone()[0]
    assert after > before


def test_a_server_that_runs_is_not_moved(used: Event, address: str) -> None:
    with only_server(used.path), pytest.raises(AlreadyServingError):
        move(used.path, address, lambda table, count: None)


@pytest.mark.parametrize("to", ["there", "back"])
def test_what_fails_in_the_middle_leaves_it_where_it_is(used: Event, address: str, to: str) -> None:
    before = rows(used)
    if to == "back":
        move(used.path, address, lambda table, count: None)

    def fail(table: str, count: int) -> None:
        if table == "leaf":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(used.path, SQLITE if to == "back" else address, fail)
    assert (used.path / ADDRESS_FILE).exists() is (to == "back")
    assert not used.database_path.with_name("hallkeeper.db.new").exists()
    assert rows(used) == before
    move(used.path, SQLITE if to == "back" else address, lambda table, count: None)
    assert rows(used) == before


def test_another_root_is_refused(
    used: Event, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = iter([(1, b"one"), (1, b"other")])
    monkeypatch.setattr(module, "_root", lambda db: next(roots))
    with pytest.raises(DatabaseError, match="the event stays where it was"):
        move(used.path, address, lambda table, count: None)
    assert not (used.path / ADDRESS_FILE).exists()
    engine.check_empty(Address(address))


def test_a_row_that_arrives_differently_is_found(
    used: Event, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = moving._add

    def alter(db: Any, table: str, columns: Any, block: Any) -> None:
        add(db, table, columns, block[1:] if table == "leaf" else block)

    monkeypatch.setattr(moving, "_add", alter)
    with pytest.raises((DatabaseError, sqlite3.IntegrityError)):
        move(used.path, address, lambda table, count: None)
    assert rows(used)["leaf"]


def test_the_old_file_takes_no_scan_any_more(used: Event, address: str) -> None:
    move(used.path, address, lambda table, count: None)
    old = used.database_path.with_name("hallkeeper.db.moved")
    with closing(sqlite3.connect(old)) as db, pytest.raises(sqlite3.IntegrityError, match="moved"):
        db.execute("INSERT INTO leaf SELECT number + 1000, kind, at, hash, body, salt FROM leaf")


class TestTheLogOfTheOldFile:
    """SQLite keeps it if another program reads the file, or if the move is killed at its end."""

    def test_it_is_kept_with_the_file(self, used: Event, address: str) -> None:
        with closing(sqlite3.connect(used.database_path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT COUNT(*) FROM zone").fetchone()
            with Database(used.database_path) as database:
                database.write(lambda db: db.execute("INSERT INTO zone VALUES (9, 'late')"))
            move(used.path, address, lambda table, count: None)
        old = used.database_path.with_name("hallkeeper.db.moved")
        with closing(sqlite3.connect(old)) as db:
            assert db.execute("SELECT COUNT(*) FROM zone WHERE code = 'late'").fetchone() == (1,)
        assert {path.name for path in used.path.glob("hallkeeper.db*")} == {old.name}

    def test_it_is_not_applied_to_the_file_of_a_move_back(self, used: Event, address: str) -> None:
        log = used.database_path.with_name("hallkeeper.db-wal")
        with Database(used.database_path) as database:
            database.write(lambda db: db.execute("INSERT INTO zone VALUES (9, 'late')"))
            left = log.read_bytes()
        assert left
        before = rows(used)
        move(used.path, address, lambda table, count: None)
        log.write_bytes(left)
        move(used.path, SQLITE, lambda table, count: None)
        assert rows(used) == before
        with closing(sqlite3.connect(used.database_path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_command_says_what_it_did(used: Event, address: str, console: Console) -> None:
    output = console("move", str(used.path), "--to", address).output
    assert "its root is as it was" in output
    again = console("move", str(used.path), "--to", address, status=1).output
    assert "in PostgreSQL already" in again


def test_a_nul_in_a_text_is_left_out_and_told(used: Event, address: str, console: Console) -> None:
    with Database(used.database_path) as database:
        database.write(
            lambda db: db.execute("INSERT INTO zone VALUES (9, 'la' || char(0) || 'te')")
        )
    output = console("move", str(used.path), "--to", address).output
    assert "1 row had an invisible character (NUL)" in output
    assert (9, "late") in rows(used)["zone"]


def test_a_database_with_an_event_takes_no_other(
    used: Event, postgres: Databases, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with postgres.event(other, nothing):
        keep_address(used.path, None)
        address = (other / ADDRESS_FILE).read_text().split('"')[1]
        with pytest.raises(DatabaseError, match="already holds an event"):
            move(used.path, address, lambda table, count: None)
