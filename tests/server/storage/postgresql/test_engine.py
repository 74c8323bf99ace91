"""A connection that could lose an acknowledged scan is refused, and secrets stay secret."""

import logging
import queue
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from server.app.new_event import init_event
from server.core.event.directory import Event
from server.storage import errors, migrations
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.storage.engines import durable, reconnecting
from server.storage.opening import connect
from server.storage.postgresql import engine
from server.storage.postgresql.address import (
    ADDRESS_FILE,
    Address,
    AddressError,
    address_of,
    keep_address,
    read_address,
)
from server.storage.tables import change_rows, keep_setting, tables, write_rows
from server.storage.transactions import one_state, undone_alone
from tests.server.conftest import fill
from tests.server.support.console import Console
from tests.server.support.postgresql.cluster import Cluster
from tests.server.support.postgresql.databases import Databases

pytestmark = pytest.mark.sqlite_alone  # These name their engine themselves.
SECRET = "hunter2-and-more"


@pytest.fixture
def address(postgres: Databases) -> Iterator[Address]:
    """An empty database."""
    name = postgres.cluster.make()
    yield Address(postgres.cluster.url(name))
    postgres.cluster.drop(name)


@pytest.fixture
def database(postgres: Databases, tmp_path: Path) -> Iterator[Database]:
    """An event's database in PostgreSQL."""
    path = tmp_path / "apart"
    path.mkdir()
    with postgres.event(path, fill), Database(path / "hallkeeper.db") as opened:
        yield opened


def test_the_command_makes_an_event(console: Console, address: Address, tmp_path: Path) -> None:
    path = tmp_path / "made"
    console("init", str(path), "--time-zone", "UTC", "--database", address.url)
    assert not (path / "hallkeeper.db").exists()
    assert (path / ADDRESS_FILE).stat().st_mode & 0o777 == 0o600
    with closing(connect(path / "hallkeeper.db")) as db:
        assert db.execute("SELECT name FROM staff_user").fetchone()["name"] == "admin"
        assert migrations.plan(db) == ((), (), ())
    again = console("init", str(tmp_path / "other"), "--database", address.url, status=1).output
    assert "already holds an event" in again
    assert not (tmp_path / "other").exists()


def test_a_database_that_was_made_anew_stays_empty_for_its_dump(
    console: Console, address: Address, tmp_path: Path
) -> None:
    path = str(tmp_path / "made")
    console("init", path, "--time-zone", "UTC", "--database", address.url)
    engine.drop_all(address)
    for command in (["status"], ["upgrade", "check"]):
        output = console(*command, "--event", path, status=1).output
        assert f"the database ({address.shown}) is empty" in output
        assert "pg_restore (docs/scale.md)" in output
    engine.check_empty(address)


def test_a_user_who_owns_the_database_and_no_more(
    console: Console, postgres: Databases, tmp_path: Path
) -> None:
    cluster = postgres.cluster
    name = cluster.make()
    cluster.admin("CREATE ROLE plain LOGIN")
    cluster.admin(f"ALTER DATABASE {name} OWNER TO plain")
    address = cluster.url(name).replace("//hallkeeper@", "//plain@")
    console("init", str(tmp_path / "made"), "--time-zone", "UTC", "--database", address)
    with Database(tmp_path / "made" / "hallkeeper.db") as opened:
        results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        opened.write_then(
            lambda db: keep_setting(db, "a", "1"), lambda *result: results.put(result), early=True
        )
        assert results.get(timeout=240) == (None, None)
        assert opened.wait_for_disk(10)
    cluster.drop(name)
    cluster.admin("DROP ROLE plain")


def test_what_fails_leaves_the_database_empty(
    event: Event, address: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("server.core.staff.users.add_user", fail)
    with pytest.raises(ZeroDivisionError):
        init_event(tmp_path / "made", event.settings, postgresql=address.url)
    assert not (tmp_path / "made").exists()
    engine.check_empty(address)


def test_a_backup_is_refused_with_the_means_of_postgresql(
    console: Console, event: Event, address: Address, tmp_path: Path
) -> None:
    made, _ = init_event(tmp_path / "made", event.settings, postgresql=address.url)
    second = tmp_path / "second"
    second.mkdir()
    output = console("backup", str(second), "--event", str(made.path), status=1).output
    assert "pg_dump" in output
    assert list(second.iterdir()) == []


class TestAddress:
    def test_a_password_on_the_command_line_is_refused_and_not_told(
        self, console: Console, tmp_path: Path
    ) -> None:
        url = f"postgresql://me:{SECRET}@localhost/forum"
        output = console("init", str(tmp_path / "made"), "--database", url, status=1).output
        assert "everybody on this computer" in output
        assert SECRET not in output

    def test_a_file_may_hold_a_password(self, tmp_path: Path) -> None:
        file = tmp_path / "address"
        file.write_text(f"postgresql://me:{SECRET}@localhost/forum\n")
        file.chmod(0o644)
        with pytest.raises(AddressError, match="can be read by others"):
            read_address(str(file))
        file.chmod(0o600)
        address = read_address(str(file))
        assert address.parameters["password"] == SECRET
        assert SECRET not in f"{address} {address!r} {address.shown}"
        keep_address(tmp_path, address)
        assert address_of(tmp_path) == address

    @pytest.mark.parametrize("given", ["mysql://x", "postgresql://[x", "no-such-file"])
    def test_what_is_none_is_refused(self, given: str) -> None:
        with pytest.raises(AddressError, match="It is like postgresql://"):
            read_address(given)

    @pytest.mark.parametrize("text", ["", "url = 3", 'url = "x"', "[", "\xff"])
    def test_a_damaged_file_is_told(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / ADDRESS_FILE
        file.write_text(text, encoding="latin-1")
        file.chmod(0o600)
        with pytest.raises(AddressError, match="is damaged"):
            address_of(tmp_path)

    def test_others_may_not_read_it(self, tmp_path: Path) -> None:
        keep_address(tmp_path, Address("postgresql://a@b/c"))
        (tmp_path / ADDRESS_FILE).chmod(0o640)
        with pytest.raises(AddressError, match="chmod 600"):
            Database(tmp_path / "hallkeeper.db")

    def test_a_server_that_is_not_there_is_told_without_the_password(self) -> None:
        url = f"postgresql://me:{SECRET}@127.0.0.1:1/forum"
        with pytest.raises(DatabaseError, match="can't be opened") as caught:
            engine.connect(Address(url))
        assert SECRET not in str(caught.value)

    @pytest.mark.system
    def test_without_the_library_it_says_what_to_install(self, tmp_path: Path) -> None:
        keep_address(tmp_path, Address("postgresql://a@b/c"))
        script = (
            "import sys; sys.modules['psycopg'] = None\n"
            "from pathlib import Path; from server.storage.opening import connect\n"
            "try:\n    connect(Path(sys.argv[1]) / 'hallkeeper.db')\n"
            "except Exception as error:\n    print(type(error).__name__, error)"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith("AddressError")
        assert "pip install 'psycopg[binary]'" in done.stdout


@pytest.mark.parametrize("setting", ["fsync=off", "full_page_writes=off"])
def test_a_database_that_may_lose_commits_is_refused(setting: str, postgres: Databases) -> None:
    cluster = Cluster(None, setting)
    try:
        with pytest.raises(DatabaseError, match="an acknowledged scan could be lost"):
            engine.connect(Address(cluster.url("postgres")))
    finally:
        cluster.stop()


def test_a_commit_is_durable_whatever_the_user_s_default(
    postgres: Databases, address: Address
) -> None:
    postgres.cluster.admin("ALTER ROLE hallkeeper SET synchronous_commit = off")
    try:
        with closing(engine.connect(address)) as db:
            setting = db.execute("SELECT current_setting('synchronous_commit')").fetchone()
            assert setting is not None
            assert setting[0] == "on"
    finally:
        postgres.cluster.admin("ALTER ROLE hallkeeper RESET synchronous_commit")


def test_another_encoding_is_refused(postgres: Databases) -> None:
    postgres.cluster.admin("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(DatabaseError, match="server_encoding = LATIN1"):
            engine.connect(Address(postgres.cluster.url("latin")))
    finally:
        postgres.cluster.drop("latin")


def cut_off(postgres: Databases) -> None:
    """End all connections, as a network failure or a restart does."""
    postgres.cluster.admin(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'hallkeeper'"
    )


class TestWriter:
    def test_a_step_that_fails_leaves_the_others(self, database: Database) -> None:
        def twice(db: Any) -> None:
            keep_setting(db, "a", "1")
            db.execute("INSERT INTO setting VALUES ('a', '2')")

        with pytest.raises(errors.ConstraintError, match=r"UNIQUE.*setting\.key"):
            database.write(twice)
        database.write(lambda db: keep_setting(db, "b", "1"))
        rows = database.reader.execute("SELECT key FROM setting WHERE key IN ('a', 'b')")
        assert [row[0] for row in rows] == ["b"]

    def test_an_error_that_a_step_hides_undoes_it_all_the_same(self, database: Database) -> None:
        """Otherwise PostgreSQL would answer COMMIT with ROLLBACK, unnoticed."""

        def hides(db: Any) -> None:
            keep_setting(db, "a", "1")
            with suppress(errors.EngineError):
                db.execute("INSERT INTO setting VALUES ('a', '2')")

        with pytest.raises(errors.EngineError, match="undone on the way"):
            database.write(hides)
        assert not database.reader.execute("SELECT 1 FROM setting WHERE key = 'a'").fetchall()

    def test_what_is_refused_may_be_undone_alone(self, database: Database) -> None:
        def goes_on(db: Any) -> None:
            keep_setting(db, "a", "1")
            with pytest.raises(errors.ConstraintError), undone_alone(db):
                db.execute("INSERT INTO setting VALUES ('a', '2')")
            keep_setting(db, "b", "1")

        database.write(goes_on)
        rows = database.reader.execute("SELECT value FROM setting WHERE key IN ('a', 'b')")
        assert [row[0] for row in rows] == ["1", "1"]

    def test_a_lost_connection_is_made_anew(
        self,
        database: Database,
        postgres: Databases,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(reconnecting, "SOON_S", 240.0)
        prepared: list[int] = []
        database.prepare_writer(lambda db: prepared.append(1))
        database.write(lambda db: keep_setting(db, "a", "1"))
        with database.reading() as db:
            assert db.execute("SELECT 1").fetchone()[0] == 1
        cut_off(postgres)
        with pytest.raises(errors.EngineError):
            database.write(lambda db: keep_setting(db, "b", "1"))
        with caplog.at_level(logging.WARNING):
            database.write(lambda db: keep_setting(db, "c", "1"))
        assert prepared == [1, 1]
        # The idle reader was discarded with the writer.
        with database.reading() as db:
            rows = db.execute("SELECT key FROM setting WHERE key IN ('a', 'b', 'c') ORDER BY key")
            assert [row[0] for row in rows] == ["a", "c"]

    def test_a_lost_reader_fails_once(self, database: Database, postgres: Databases) -> None:
        with database.reading() as first, database.reading() as other:
            assert [db.execute("SELECT 1").fetchone()[0] for db in (first, other)] == [1, 1]
        cut_off(postgres)
        with pytest.raises(errors.EngineError), database.reading() as db:
            db.execute("SELECT 1")
        with database.reading() as db:
            assert db.execute("SELECT 1").fetchone()[0] == 1

    def test_a_reader_waits_for_what_it_read(self, database: Database) -> None:
        with database.reading() as db:
            assert db.execute("SELECT COUNT(*) FROM setting").fetchone()[0]
            durable.make_durable(db)
            with one_state(db), pytest.raises(DatabaseError, match="after the transaction"):
                durable.make_durable(db)
            with pytest.raises(errors.EngineError, match="readonly"):
                keep_setting(db, "a", "1")
        assert database.wait_for_disk(10)

    def test_waiting_goes_on_after_the_connection_was_lost(
        self, database: Database, postgres: Databases
    ) -> None:
        assert database.wait_for_disk(10)
        cut_off(postgres)
        assert not database.wait_for_disk(10)
        assert database.wait_for_disk(10)

    def test_a_reader_writes_nothing(self, database: Database) -> None:
        with database.reading() as db, pytest.raises(errors.EngineError, match="readonly"):
            keep_setting(db, "a", "1")

    def test_one_state_is_read(self, database: Database) -> None:
        with database.reading() as db, one_state(db):
            before = db.execute("SELECT COUNT(*) FROM setting").fetchone()[0]
            database.write(lambda other: keep_setting(other, "a", "1"))
            assert db.execute("SELECT COUNT(*) FROM setting").fetchone()[0] == before

    def test_writers_of_two_processes_take_turns(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine, "LOCK_TIMEOUT_MS", 50)
        with closing(connect(database.path)) as other:

            def busy(_: object) -> None:
                with pytest.raises(errors.EngineError) as caught:
                    other.execute("BEGIN IMMEDIATE")
                assert errors.is_busy(caught.value)
                other.execute("ROLLBACK")

            database.write(busy)
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")


class TestRows:
    def test_by_name_and_by_place(self, database: Database) -> None:
        row = database.reader.execute("SELECT 1 AS one, 'b' AS Two").fetchone()
        assert (row["one"], row["TWO"], row[1], list(row), len(row)) == (1, "b", "b", [1, "b"], 2)
        assert dict(row) == {"one": 1, "two": "b"}
        with pytest.raises(IndexError):
            row["three"]

    def test_numbers_are_as_in_sqlite(self, database: Database) -> None:
        sql = "SELECT SUM(n), n > 1, AVG(n) FROM (SELECT 1 AS n UNION ALL SELECT 2) x"
        with pytest.raises(errors.EngineError, match="GROUP BY"):
            database.reader.execute(sql)
        row = database.reader.execute(
            "SELECT SUM(n), COUNT(*) FILTER (WHERE n = 1), MAX(n) > 1, AVG(n), SUM(n) / 2"
            " FROM (SELECT CAST(? AS BIGINT) AS n UNION ALL SELECT 2) x",
            (1,),
        ).fetchone()
        assert list(row) == [3, 1, 1, 1.5, 1]
        assert [type(value) for value in row] == [int, int, int, float, int]

    def test_many_rows_at_once(self, database: Database) -> None:
        names = [(f"key {n}", f'"{n}"\t\\N\n会') for n in range(100)]

        def step(db: Any) -> None:
            write_rows(db, "setting", ("key", "value"), names)
            change_rows(
                db,
                "setting",
                ("value", "key"),
                [("new", "key 7"), ("other", "key 8")],
                sets="value = v.value",
                where="setting.key = v.key",
            )
            tables(db).table("setting").insert({"key": "one", "value": "1"})
            tables(db).table("setting").update("one", {"value": "2"})

        database.write(step)
        values = dict(
            database.reader.execute(
                "SELECT key, value FROM setting WHERE key LIKE 'key %' OR key = 'one'"
            ).fetchall()
        )
        assert values == dict(names) | {"key 7": "new", "key 8": "other", "one": "2"}

    def test_a_text_with_nul_is_refused_in_plain_words(self, database: Database) -> None:
        with pytest.raises(DatabaseError, match="has the character NUL in it"):
            database.write(lambda db: keep_setting(db, "a", "x\0y"))
        many = [(f"key {n}", "x\0y") for n in range(50)]
        with pytest.raises(DatabaseError, match="has the character NUL in it"):
            database.write(lambda db: write_rows(db, "setting", ("key", "value"), many))
        # It appears nowhere.
        rows = database.reader.execute("SELECT 1 FROM setting WHERE value = ?", ("x\0y",))
        assert rows.fetchall() == []

    def test_no_error_has_a_value(self, database: Database) -> None:
        def twice(db: Any) -> None:
            db.execute("INSERT INTO setting VALUES (?, 'x')", (SECRET,))
            db.execute("INSERT INTO setting VALUES (?, 'x')", (SECRET,))

        with pytest.raises(sqlite3.IntegrityError) as caught:
            database.write(twice)
        assert SECRET not in str(caught.value)
        assert caught.value.__cause__ is None
