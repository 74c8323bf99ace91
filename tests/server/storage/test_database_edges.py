"""The writer where a step undoes its transaction, and readers returned half read."""

import logging
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from server.storage import disk
from server.storage.database import Database
from server.storage.disk import DatabaseError, DiskError
from server.storage.engines.waiting import GROUP_MAX
from server.storage.opening import connect
from server.storage.sqlite import engine
from tests.server.storage.test_database import (
    Gate,
    add,
    count,
    count_elsewhere,
    descriptors,
    queued,
)


@pytest.fixture
def numbers(tmp_path: Path) -> Iterator[Database]:
    """A database with one table of numbers."""
    with Database(tmp_path / "numbers.db") as opened:
        opened.write(lambda db: db.execute("CREATE TABLE n (n INTEGER PRIMARY KEY)") and None)
        yield opened


def together(database: Database, *steps: Callable[[sqlite3.Connection], object]) -> list[Future]:
    """Steps that share a commit, and the result of each."""
    with ThreadPoolExecutor(len(steps)) as pool:
        with Gate(database):
            futures = []
            for step in steps:
                futures.append(pool.submit(database.write, step))
                queued(database, len(futures))
        for future in futures:
            future.exception()
    return futures


def undo(db: sqlite3.Connection) -> None:
    db.execute("ROLLBACK")


def undo_and_fail(db: sqlite3.Connection) -> None:
    """As SQLite does where the disk is full."""
    db.execute("ROLLBACK")
    raise sqlite3.OperationalError("gone")


def fail(db: sqlite3.Connection) -> None:
    add(db, 100)
    raise ZeroDivisionError


class TestGroups:
    def test_of_two_one_may_fail(self, numbers: Database) -> None:
        bad, good = together(numbers, fail, partial(add, number=1))
        assert isinstance(bad.exception(), ZeroDivisionError)
        assert good.result() == 1
        assert count(numbers) == 1

    def test_where_all_fail_nothing_is_written(self, numbers: Database) -> None:
        commits: list[int] = []
        numbers.on_commit(lambda _: commits.append(1))
        for future in together(numbers, fail, fail):
            assert isinstance(future.exception(), ZeroDivisionError)
        assert count(numbers) == 0
        assert len(commits) == 1, "the gate's own"
        assert numbers.write(partial(add, number=1)) == 1

    def test_a_step_that_loses_the_transaction_is_told_to_all(self, numbers: Database) -> None:
        """None of them is on disk, even those that succeeded before it."""
        futures = together(numbers, partial(add, number=1), undo_and_fail, partial(add, number=2))
        for future in futures:
            assert isinstance(future.exception(), sqlite3.OperationalError)
            assert str(future.exception()) == "gone"
        assert count(numbers) == 0
        assert numbers.write(partial(add, number=3)) == 3

    def test_and_where_it_says_nothing_too(self, numbers: Database) -> None:
        for future in together(numbers, partial(add, number=1), undo, partial(add, number=2)):
            assert "undone on the way" in str(future.exception())
        assert count(numbers) == 0

    @pytest.mark.parametrize("step", [undo, undo_and_fail])
    def test_one_alone_is_told(self, numbers: Database, step) -> None:
        with pytest.raises(sqlite3.OperationalError, match="gone|undone on the way"):
            numbers.write(step)
        assert numbers.write(partial(add, number=1)) == 1

    def test_one_that_failed_is_told_its_own_error_where_the_commit_fails(
        self, numbers: Database
    ) -> None:
        child = "CREATE TABLE child (n INTEGER REFERENCES n DEFERRABLE INITIALLY DEFERRED)"
        numbers.write(lambda db: db.execute(child) and None)
        bad, orphan = together(
            numbers, fail, lambda db: db.execute("INSERT INTO child VALUES (9)").rowcount
        )
        assert isinstance(bad.exception(), ZeroDivisionError)
        assert isinstance(orphan.exception(), sqlite3.IntegrityError)
        assert numbers.write(partial(add, number=1)) == 1

    def test_64_steps_share_a_commit_and_no_more(self, numbers: Database) -> None:
        sizes: list[int] = []
        numbers.on_commit(lambda db: sizes.append(count_of(db)))
        together(numbers, *(partial(add, number=n) for n in range(GROUP_MAX + 6)))
        assert sizes == [0, GROUP_MAX, GROUP_MAX + 6]

    def test_what_a_check_refuses_is_undone_and_the_others_are_kept(
        self, numbers: Database
    ) -> None:
        def no_sevens(db: sqlite3.Connection) -> None:
            if db.execute("SELECT 1 FROM n WHERE n = 7").fetchone():
                raise ValueError("seven")

        numbers.check_steps(no_sevens)
        good, bad = together(numbers, partial(add, number=1), partial(add, number=7))
        assert good.result() == 1
        assert str(bad.exception()) == "seven"
        assert count(numbers) == 1
        with pytest.raises(ValueError, match="seven"):
            numbers.write(partial(add, number=7))
        assert count(numbers) == 1


def count_of(db: sqlite3.Connection) -> int:
    return db.execute("SELECT COUNT(*) FROM n").fetchone()[0]


class TestDisk:
    def full(self, db: sqlite3.Connection) -> None:
        raise OSError(28, "No space left on device")

    def test_the_log_says_it_once_and_once_that_it_is_over(
        self, numbers: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        for _ in range(3):
            with pytest.raises(DiskError) as caught:
                numbers.write(self.full)
            assert caught.value.code == "disk_full"
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        for number in range(2):
            numbers.write(partial(add, number=number))
        assert [record.getMessage() for record in caplog.records][1:] == [
            "the disk takes writes again"
        ]
        with pytest.raises(DiskError):
            numbers.write(self.full)
        assert len(caplog.records) == 3

    def test_a_file_that_can_not_be_opened_for_want_of_room(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """SQLite reports only that it can't be opened; the file system gives the reason."""
        directory = tmp_path / "taken.db"
        directory.mkdir()
        with pytest.raises(sqlite3.OperationalError, match="unable to open"):
            connect(directory)
        monkeypatch.setattr(disk, "room", lambda path: disk.Room(free=0, total=10**12))
        with pytest.raises(DiskError) as caught:
            connect(directory)
        assert caught.value.code == "disk_full"

    def test_a_log_that_can_not_be_made_for_want_of_room(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "n.db"
        path.with_name("n.db-wal").mkdir()
        monkeypatch.setattr(disk, "_free", lambda path: 0)
        with pytest.raises(DiskError) as caught:
            connect(path)
        assert caught.value.code == "disk_full"

    def test_what_is_not_the_disk_s_is_told_as_it_is(self, tmp_path: Path) -> None:
        path = tmp_path / "damaged.db"
        path.write_bytes(b"this is no database" * 100)
        with pytest.raises(sqlite3.DatabaseError, match="not a database"):
            connect(path)


class TestLeft:
    """Readers returned half read, and the number that stays open."""

    def test_also_among_many(self, numbers: Database) -> None:
        """More than are recorded before the released ones are dropped."""
        for number in range(3):
            numbers.write(partial(add, number=number))
        with numbers.reading() as db:
            half = db.execute("SELECT n FROM n")
            half.fetchone()
            kept = [db.execute("SELECT 1") for _ in range(150)]
            for _ in range(400):
                db.execute("SELECT 1").fetchone()
            assert len(kept) == 150
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            half.fetchone()
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            kept[-1].fetchone()

    def test_a_long_block_takes_no_memory_for_what_was_read(self, numbers: Database) -> None:
        with numbers.reading() as db:
            tracemalloc.start()
            try:
                for _ in range(5_000):
                    db.execute("SELECT 1").fetchone()
                held, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        assert held < 50_000

    def test_a_block_may_be_read_by_another_thread(self, numbers: Database) -> None:
        """An answer in pieces is not always produced by the thread that began it."""
        with numbers.reading() as db, ThreadPoolExecutor(1) as pool:
            assert pool.submit(lambda: count_of(db)).result() == 0
            assert isinstance(db.execute("SELECT 1 AS one").fetchone(), sqlite3.Row)

    def test_a_block_ends_with_what_it_raises(self, numbers: Database) -> None:
        with pytest.raises(ZeroDivisionError), numbers.reading():
            raise ZeroDivisionError
        assert numbers.readers == (0, 1)

    def test_a_thread_s_reader_is_kept_while_it_lives(self, numbers: Database) -> None:
        mine = numbers.reader
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(lambda: numbers.reader is mine).result() is False
            assert numbers.readers == (2, 0)
        assert numbers.reader is mine
        assert count(numbers) == 0

    def test_nothing_is_lent_by_a_database_that_closes_meanwhile(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "n.db"
        database = Database(path)
        connecting = engine._connect

        def slow(*arguments):
            connection = connecting(*arguments)
            database.close()
            return connection

        monkeypatch.setattr(engine, "_connect", slow)
        with pytest.raises(DatabaseError, match="the database is closed"), database.reading():
            pass
        assert descriptors(path) == 0
        assert database.readers == (0, 0)

    def test_nothing_is_left_open_by_closing(self, tmp_path: Path) -> None:
        database = Database(tmp_path / "n.db")
        with database.reading(), database.reading():
            pass
        assert database.readers == (0, 2)
        database.close()
        assert database.readers == (0, 0)


def test_others_locks_are_waited_for(tmp_path: Path) -> None:
    """A backup, or a command at a terminal, may write for a while."""
    connection = connect(tmp_path / "a.db")
    assert connection.execute("PRAGMA busy_timeout").fetchone()[0] == 10_000
    assert connection.execute("PRAGMA cell_size_check").fetchone()[0] == 1
    connection.close()


@pytest.mark.system
def test_a_process_that_ends_without_closing_ends(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from server.storage.database import Database;"
        " Database(Path(sys.argv[1])).write(lambda db: db.execute('CREATE TABLE n (n)') and None)"
    )
    path = tmp_path / "n.db"
    subprocess.run([sys.executable, "-c", code, path], check=True, timeout=240)
    connection = connect(path)
    connection.execute("SELECT * FROM n")
    connection.close()


def test_a_write_is_on_disk_when_it_returns(numbers: Database) -> None:
    for number in range(3):
        numbers.write(partial(add, number=number))
        assert count_elsewhere(numbers.path) == number + 1
