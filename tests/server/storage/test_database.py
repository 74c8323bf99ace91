"""The writer: acknowledged writes are on disk, a step fails alone, many run at once."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from server.storage import database as module
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.storage.engines.waiting import Waiting
from server.storage.opening import connect
from server.storage.sqlite import engine


@pytest.fixture
def numbers(tmp_path: Path) -> Iterator[Database]:
    """A database with one table of numbers."""
    with Database(tmp_path / "numbers.db") as opened:
        opened.write(lambda db: db.execute("CREATE TABLE n (n INTEGER PRIMARY KEY)") and None)
        yield opened


def add(db: sqlite3.Connection, number: int) -> int:
    db.execute("INSERT INTO n VALUES (?)", (number,))
    return number


def count(database: Database) -> int:
    return database.reader.execute("SELECT COUNT(*) FROM n").fetchone()[0]


class Gate:
    """Holds the writer inside one step, so that later jobs wait and share a commit."""

    def __init__(self, database: Database) -> None:
        self.opened = threading.Event()
        self.reached = threading.Event()
        self.database = database

    def __enter__(self) -> "Gate":
        self.thread = threading.Thread(target=self.database.write, args=(self._hold,))
        self.thread.start()
        assert self.reached.wait(240)
        return self

    def __exit__(self, *_: object) -> None:
        self.opened.set()
        self.thread.join()

    def _hold(self, db: sqlite3.Connection) -> None:
        self.reached.set()
        assert self.opened.wait(240)


def queued(database: Database, jobs: int) -> None:
    """Wait until that many jobs are in the queue."""
    for _ in range(48_000):
        if database.waiting >= jobs:
            return
        threading.Event().wait(0.005)
    raise AssertionError(f"{database.waiting} jobs in the queue")


def test_it_works(numbers: Database) -> None:
    assert numbers.write(lambda db: add(db, 7)) == 7
    assert count(numbers) == 1
    other = connect(numbers.path)
    assert other.execute("SELECT n FROM n").fetchone()[0] == 7
    other.close()


def test_the_settings_that_durability_rests_on(tmp_path: Path) -> None:
    connection = connect(tmp_path / "a.db")
    settings = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys")
    }
    connection.close()
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
    }


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 45), reason="see engine.py: Debian 12")
def test_the_schema_is_not_trusted(tmp_path: Path) -> None:
    with contextlib.closing(connect(tmp_path / "a.db")) as connection:
        assert connection.execute("PRAGMA trusted_schema").fetchone()[0] == 0


def test_a_setting_that_does_not_take_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_PRAGMAS", (("synchronous", "FULL", 3),))
    with pytest.raises(DatabaseError, match="an acknowledged scan could be lost"):
        connect(tmp_path / "a.db")


def test_waiting_writes_share_a_commit(numbers: Database) -> None:
    commits: list[int] = []
    numbers.on_commit(lambda _: commits.append(1))
    with ThreadPoolExecutor(32) as pool:
        with Gate(numbers):
            writes = [pool.submit(numbers.write, lambda db, n=n: add(db, n)) for n in range(32)]
            queued(numbers, 32)
        assert [write.result() for write in writes] == list(range(32))
    assert len(commits) == 2  # the gate's own, and one for all 32
    assert count(numbers) == 32


def test_a_savepoint_of_many_pages_needs_no_file(numbers: Database) -> None:
    """SQLite deletes such a file at once, so it is found among the open ones."""

    def step(db: sqlite3.Connection) -> list[str]:
        db.executemany("INSERT INTO n VALUES (?)", ((number,) for number in range(50_000)))
        db.execute("SAVEPOINT step")
        db.execute("DELETE FROM n WHERE n % 7 = 0")
        files = []
        for file in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                files.append(str(file.readlink()))
        return [file for file in files if "etilqs" in file]

    assert numbers.write(step) == []


def test_listeners_tell_once_it_is_on_disk(
    numbers: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine is set to show commits before they are on disk, as PostgreSQL may."""
    order: list[str] = []
    monkeypatch.setattr(numbers._engine, "commits_early", True)
    monkeypatch.setattr(module, "make_durable", lambda db: order.append("on disk"))
    numbers.on_commit(lambda db: order.append("read") or (lambda: order.append("listener")))
    answered = threading.Event()

    def done(result: object, error: object) -> None:
        order.append(f"told {result} {error}")
        answered.set()

    numbers.write_then(lambda db: add(db, 1) and None, done, early=True)
    assert answered.wait(240)
    assert order == ["read", "on disk", "listener", "told None None"]
    order.clear()
    with pytest.raises(ZeroDivisionError):
        numbers.write(lambda db: 1 // 0)
    assert order == ["on disk"], "a refusal may rest on what is not on disk"


def test_a_page_of_sqlite_waits_for_nothing(numbers: Database) -> None:
    with numbers.reading():
        pass
    assert numbers.has_read()
    assert not numbers.has_read()
    assert numbers.wait_for_disk(0)


def test_long_steps_take_turns_with_the_short_ones(numbers: Database) -> None:
    commits: list[list[int]] = []
    began: list[int] = []

    def step(db: sqlite3.Connection, number: int) -> None:
        began.append(number)
        add(db, number)
        if number == 100:  # jobs that arrive during a long step run before the next one
            late.append(pool.submit(numbers.write, lambda db: step(db, 9)))
            queued(numbers, 1)

    def committed(_: sqlite3.Connection) -> None:
        commits.append([*began])
        began.clear()

    late: list[Future[None]] = []
    numbers.on_commit(committed)
    with ThreadPoolExecutor(9) as pool:
        with Gate(numbers):
            writes = []
            for number in (100, 1, 101, 2, 102):
                numbered = partial(step, number=number)
                writes.append(pool.submit(numbers.write, numbered, long=number >= 100))
                queued(numbers, len(writes))
        for write in [*writes, *late]:
            write.result()
    assert commits == [[], [1, 2], [100], [9], [101], [102]]
    assert count(numbers) == 6


def test_one_failing_step_leaves_the_others(numbers: Database) -> None:
    def fail(db: sqlite3.Connection) -> None:
        add(db, 100)
        raise ZeroDivisionError("on purpose")

    with ThreadPoolExecutor(8) as pool:
        with Gate(numbers):
            good = [pool.submit(numbers.write, lambda db, n=n: add(db, n)) for n in range(4)]
            bad = pool.submit(numbers.write, fail)
            twice = pool.submit(numbers.write, lambda db: [add(db, 50), add(db, 50)])
            queued(numbers, 6)
        assert [write.result() for write in good] == [0, 1, 2, 3]
        with pytest.raises(ZeroDivisionError):
            bad.result()
        with pytest.raises(sqlite3.IntegrityError):
            twice.result()
    assert [row[0] for row in numbers.reader.execute("SELECT n FROM n ORDER BY n")] == [0, 1, 2, 3]


def test_a_result_comes_after_the_commit(numbers: Database) -> None:
    seen: list[int] = []
    numbers.on_commit(lambda _: seen.append(count_elsewhere(numbers.path)))
    numbers.write(lambda db: add(db, 1))
    assert seen == [1]


def count_elsewhere(path: Path) -> int:
    connection = connect(path)
    try:
        return connection.execute("SELECT COUNT(*) FROM n").fetchone()[0]
    finally:
        connection.close()


def test_a_commit_that_fails_tells_everybody(numbers: Database) -> None:
    numbers.write(
        lambda db: (
            db.execute("CREATE TABLE child (n INTEGER REFERENCES n DEFERRABLE INITIALLY DEFERRED)")
            and None
        )
    )
    with ThreadPoolExecutor(2) as pool:
        with Gate(numbers):
            good = pool.submit(numbers.write, lambda db: add(db, 1))
            bad = pool.submit(
                numbers.write, lambda db: db.execute("INSERT INTO child VALUES (99)").rowcount
            )
            queued(numbers, 2)
        for write in (good, bad):
            with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
                write.result()
    assert count(numbers) == 0
    assert numbers.write(lambda db: add(db, 2)) == 2  # and the writer continues


def test_32_threads_writing(numbers: Database) -> None:
    def work(thread: int) -> None:
        for n in range(20):
            number = thread * 100 + n
            numbers.write(lambda db, number=number: add(db, number))
            row = numbers.reader.execute("SELECT 1 FROM n WHERE n = ?", (number,)).fetchone()
            assert row is not None, "acknowledged, and not to be read"

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(work, range(32)))
    assert count(numbers) == 640


def test_readers_can_not_write(numbers: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        numbers.reader.execute("INSERT INTO n VALUES (1)")


@pytest.mark.parametrize("long", [False, True])
def test_close_finishes_what_is_queued(tmp_path: Path, long: bool) -> None:
    database = Database(tmp_path / "n.db")
    database.write(lambda db: db.execute("CREATE TABLE n (n INTEGER PRIMARY KEY)") and None)
    with ThreadPoolExecutor(9) as pool:
        with Gate(database):
            writes = [
                pool.submit(database.write, partial(add, number=n), long=long) for n in range(8)
            ]
            queued(database, 8)
            closing = pool.submit(database.close)
        assert [write.result() for write in writes] == list(range(8))
        closing.result()
    database.close()  # twice is fine
    with pytest.raises(DatabaseError, match="closed"):
        database.write(lambda db: add(db, 99))
    assert count_elsewhere(tmp_path / "n.db") == 8


def test_a_write_that_meets_the_closing_is_done_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It must not wait for a writer that has ended."""
    armed = threading.Event()

    class SlowWaiting(Waiting):
        """The database is closed just before a job is put into it."""

        def put(self, job):
            if armed.is_set():
                armed.clear()
                closing.start()
                closing.join(0.1)  # an unhindered closing has ended by then
            super().put(job)

    monkeypatch.setattr(module, "Waiting", SlowWaiting)
    database = Database(tmp_path / "n.db")
    database.write(lambda db: db.execute("CREATE TABLE n (n INTEGER PRIMARY KEY)") and None)
    closing = threading.Thread(target=database.close)
    armed.set()
    answers: list[int | str] = []

    def write() -> None:
        try:
            answers.append(database.write(lambda db: add(db, 7)))
        except DatabaseError as error:
            answers.append(str(error))

    writing = threading.Thread(target=write, daemon=True)
    writing.start()
    writing.join(240)
    assert not writing.is_alive(), "the write waits for ever"
    closing.join(240)
    assert not closing.is_alive()
    assert answers == [7]
    assert count_elsewhere(tmp_path / "n.db") == 1


def test_a_listener_that_fails_keeps_no_answer_back(numbers: Database) -> None:
    def fail(db: sqlite3.Connection) -> None:
        raise RuntimeError

    heard: list[int] = []
    numbers.on_commit(fail)
    numbers.on_commit(lambda db: heard.append(db.execute("SELECT COUNT(*) FROM n").fetchone()[0]))
    numbers.write(lambda db: add(db, 1))
    numbers.write(lambda db: add(db, 2))
    assert heard == [1, 2]


def descriptors(path: Path) -> int:
    """The number of this process's descriptors of that file."""
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            count += link.readlink() == path
    return count


def test_a_damaged_file_is_closed_again(tmp_path: Path) -> None:
    path = tmp_path / "damaged.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(sqlite3.DatabaseError, match="not a database") as caught:
        connect(path)
    assert descriptors(path) == 0, caught.value


class TestReaders:
    def test_a_block_borrows_one_and_gives_it_back(self, numbers: Database) -> None:
        with numbers.reading() as db, numbers.reading() as other:
            assert db is not other
            assert numbers.readers == (2, 0)
        assert numbers.readers == (0, 2)
        with numbers.reading() as again:
            assert again in (db, other)

    def test_a_thread_keeps_one_until_it_gives_it_back(self, numbers: Database) -> None:
        assert numbers.reader is numbers.reader
        assert numbers.readers == (1, 0)
        numbers.give_back()
        numbers.give_back()  # twice is fine
        assert numbers.readers == (0, 1)

    def test_what_was_given_back_can_not_be_used(self, numbers: Database) -> None:
        kept = numbers.reader
        numbers.give_back()
        with pytest.raises(DatabaseError, match="given back"):
            kept.execute("SELECT 1")
        with numbers.reading() as db:
            pass
        with pytest.raises(DatabaseError, match="given back"):
            db.cursor()  # type: ignore[attr-defined]

    def test_another_thread_can_not_use_it(self, numbers: Database) -> None:
        kept = numbers.reader
        with ThreadPoolExecutor(1) as pool, pytest.raises(DatabaseError, match="given back"):
            pool.submit(kept.execute, "SELECT 1").result()

    def test_what_was_half_read_shows_nothing_old_to_the_next(self, numbers: Database) -> None:
        for number in range(3):
            numbers.write(partial(add, number=number))
        half = numbers.reader.execute("SELECT n FROM n")
        assert half.fetchone()[0] == 0
        numbers.give_back()
        numbers.write(lambda db: add(db, 7))
        assert count(numbers) == 4, "the next reader sees what was true for the one before"
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            half.fetchone()

    def test_an_open_transaction_ends_with_the_block(self, numbers: Database) -> None:
        with numbers.reading() as db:
            db.execute("BEGIN")
            assert db.execute("SELECT COUNT(*) FROM n").fetchone()[0] == 0
        numbers.write(lambda db: add(db, 7))
        with numbers.reading() as again:
            assert again is db
            assert again.execute("SELECT COUNT(*) FROM n").fetchone()[0] == 1

    def test_one_moment_within_a_transaction(self, numbers: Database) -> None:
        with numbers.reading() as db:
            db.execute("BEGIN")
            assert db.execute("SELECT COUNT(*) FROM n").fetchone()[0] == 0
            numbers.write(lambda db: add(db, 7))
            assert db.execute("SELECT COUNT(*) FROM n").fetchone()[0] == 0

    def test_a_crowd_keeps_no_more_than_the_pool(self, numbers: Database) -> None:
        together = threading.Barrier(50)

        def read() -> None:
            with numbers.reading() as db:
                db.execute("SELECT COUNT(*) FROM n").fetchone()
                together.wait(240)

        for _ in range(3):
            with ThreadPoolExecutor(50) as pool:
                for done in [pool.submit(read) for _ in range(50)]:
                    done.result()
            assert numbers.readers == (0, 32)
        # SQLite keeps the files of closed connections for the next ones, while others hold locks.
        assert descriptors(numbers.path) <= 50 + 1

    def test_closing_closes_all(self, tmp_path: Path) -> None:
        database = Database(tmp_path / "n.db")
        database.write(lambda db: db.execute("CREATE TABLE n (n INTEGER)") and None)
        count(database)
        with database.reading():
            database.close()
        assert descriptors(tmp_path / "n.db") == 0
        for use in (lambda: database.reader, lambda: database.reading().__enter__()):
            database.give_back()
            with pytest.raises(DatabaseError, match="closed"):
                use()
