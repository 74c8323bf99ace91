"""An error at any statement of the writer's transaction fails that transaction alone.

psycopg prepares a statement after several executions. In a pipeline the database skips every
statement after an error, but psycopg counts a skipped PREPARE as done.
"""

import math
import queue
import select
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from server.storage import database as storage
from server.storage import errors
from server.storage.database import Database
from server.storage.engines import reconnecting
from server.storage.postgresql.bounds import BoundedConnection
from server.storage.postgresql.connection import PostgresConnection, _Cursor
from server.storage.transactions import undone_alone
from tests.server.conftest import NOW
from tests.server.core.ledger.together.sending import Step, batch_step
from tests.server.support.postgresql.databases import Databases
from tests.server.support.site import Site, heed, open_site
from tests.server.support.templates import nothing

pytestmark = pytest.mark.sqlite_alone  # They name their engine themselves.
RAISE = "DO $$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '{}'; END $$"
STATES = ("53100", "57014")  # A full disk, and a cancelled statement.


@pytest.fixture
def database(postgres: Databases, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "apart"
    path.mkdir()
    with postgres.event(path, nothing), Database(path / "hallkeeper.db") as opened:
        yield opened


class Fault:
    """Raises an error before one statement of the connection that is `armed`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.statements = 0
        self._at = -1
        self._sql = ""
        self._raw: object = None
        self.is_awaited = False
        execute, executemany = BoundedConnection.execute, _Cursor.executemany

        def failing(raw: Any, *arguments: Any, **options: Any) -> Any:
            self._next(raw, execute)
            return execute(raw, *arguments, **options)

        def failing_many(cursor: Any, *arguments: Any, **options: Any) -> Any:
            self._next(cursor.connection, execute)
            return executemany(cursor, *arguments, **options)

        monkeypatch.setattr(BoundedConnection, "execute", failing)
        monkeypatch.setattr(_Cursor, "executemany", failing_many)

    def arm(self, connection: PostgresConnection, at: int, state: str) -> None:
        self._raw, self._at, self._sql = connection.raw, at, RAISE.format(state)
        self.statements = 0

    def disarm(self) -> None:
        self._raw = None

    def _next(self, raw: Any, execute: Callable[..., Any]) -> None:
        if raw is not self._raw:
            return
        self.statements += 1
        if self.statements == self._at:
            execute(raw, self._sql, prepare=False)
            if self.is_awaited:
                # The next statement is sent after the error has arrived.
                select.select([raw], [], [], 240)


def take(database: Database, steps: Sequence[Step], before: Callable[[], object]) -> list[Any]:
    """Take the steps in one early commit, after a transaction that calls `before`.

    Returns each result or error.
    """
    begun, gate = threading.Event(), threading.Event()
    queues: list[queue.SimpleQueue[Any]] = [queue.SimpleQueue() for _ in steps]
    database.write_then(lambda db: before() or begun.set() or gate.wait(), lambda *_: None)
    assert begun.wait(240)
    for step, mine in zip(steps, queues, strict=True):
        database.write_then(
            step.run,
            lambda result, error, mine=mine: mine.put(error or result),
            early=True,
            joinable=step.joinable,
        )
    gate.set()
    return [mine.get(timeout=240) for mine in queues]


def prepared_anew(db: Any) -> None:
    """Have no statement prepared, as on a new connection."""
    with db.raw.transaction(force_rollback=True):
        pass


class Doors:
    """Doors that send a scan each, again and again until it is acknowledged."""

    def __init__(self, database: Database, *, together: bool) -> None:
        self.database = database
        self._together = together
        self.site: Site = open_site(database)
        self.doors = [self.site.west, self.site.east, self.site.other]
        self._counter = 0

    def scan(self) -> None:
        for door in self.doors:
            door.scan(NOW, 9_999, decision="denied", reason="not_invited")

    def send(self, before: Callable[[], object] = lambda: None) -> list[Any]:
        self._counter += 1
        steps = [batch_step(door, door.batch(NOW), NOW, self._counter) for door in self.doors]
        if not self._together:
            steps = [Step(step.run) for step in steps]
        results = take(self.database, steps, before)
        for door, taken in zip(self.doors, results, strict=True):
            if not isinstance(taken, BaseException):
                heed(door, taken)
        return results

    def ledger(self) -> list[tuple[str, int]]:
        with self.database.reading() as db:
            rows = db.execute("SELECT kiosk, seq FROM scan ORDER BY kiosk, seq").fetchall()
        return [(row[0], row[1]) for row in rows]

    def scanned(self) -> list[tuple[str, int]]:
        return sorted(
            (door.kiosk, seq + 1) for door in self.doors for seq in range(len(door.records))
        )


@pytest.mark.parametrize("is_awaited", [False, True])
@pytest.mark.parametrize("way", ["alone", "together", "concurrently"])
@pytest.mark.parametrize("state", STATES)
def test_an_error_at_each_statement(
    database: Database,
    state: str,
    way: str,
    is_awaited: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error arrives before the next statement is sent, or later."""
    together = way != "alone"
    monkeypatch.setattr(storage, "EXCLUSIVE_AFTER", 0)
    monkeypatch.setattr(storage, "OTHERS_S", math.inf if way == "concurrently" else -math.inf)
    monkeypatch.setattr(storage, "FAILURES_MAX", 1_000)
    fault, doors = Fault(monkeypatch), Doors(database, together=together)
    fault.is_awaited = is_awaited
    writer: Any = database._writer_connection
    process = writer.raw.info.backend_pid
    writer.raw.prepare_threshold = 1  # The second time, in place of the sixth.
    at = 1
    while True:
        database.write(prepared_anew)
        doors.scan()
        assert not [result for result in doors.send() if isinstance(result, BaseException)]
        doors.scan()
        # Now each statement of the batches is to be prepared.
        doors.send(lambda at=at: fault.arm(writer, at, state))
        reached = fault.statements >= at
        fault.disarm()
        for _ in range(2):
            assert not [result for result in doors.send() if isinstance(result, BaseException)]
        if not reached:
            break
        at += 1
    assert at > 12
    assert doors.ledger() == doors.scanned()
    assert database._writer_connection is writer
    assert writer.raw.info.backend_pid == process  # type: ignore[attr-defined]


@pytest.mark.parametrize("early", [False, True])
def test_many_rows_of_which_one_is_forbidden(database: Database, early: bool) -> None:
    """psycopg sends them in a pipeline of its own."""
    sql = "INSERT INTO setting VALUES (?, '1')"

    def goes_on(db: Any) -> None:
        with pytest.raises(errors.ConstraintError), undone_alone(db):
            db.executemany(sql, [("b",), ("b",), ("c",)])
        db.executemany(sql, [("b",), ("c",)])

    def forget(db: Any) -> None:
        db.execute("DELETE FROM setting WHERE key IN ('b', 'c')")

    for _ in range(8):
        database.write(goes_on, early=early)
        database.write(forget, early=early)


def test_a_connection_that_fails_again_and_again_is_replaced(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault is that connection's own: other writes succeed meanwhile."""
    monkeypatch.setattr(reconnecting, "SOON_S", 240.0)
    writer = database._writer_connection

    def step(db: Any) -> None:
        if db is writer:
            db.execute("SELECT no_such_function()")

    for _ in range(storage.FAILURES_MAX):
        with pytest.raises(errors.EngineError, match="no_such_function"):
            database.write(step)
        database.write(lambda db: None)
    database.write(step)
    assert database._writer_connection is not writer


def test_what_a_step_did_wrong_replaces_no_connection(database: Database) -> None:
    def twice(db: Any) -> None:
        db.executemany("INSERT INTO setting VALUES (?, '1')", [("a",), ("a",)])

    writer = database._writer_connection
    for _ in range(2 * storage.FAILURES_MAX):
        with pytest.raises(errors.ConstraintError):
            database.write(twice)
    assert database._writer_connection is writer


class TestSpoiled:
    """A connection whose prepared statements differ from psycopg's list is lost."""

    @pytest.fixture(autouse=True)
    def _patient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reconnecting, "SOON_S", 240.0)

    @pytest.mark.parametrize("early", [False, True])
    def test_a_writer_whose_statements_are_gone(self, database: Database, early: bool) -> None:
        def step(db: Any) -> None:
            db.execute("UPDATE setting SET value = ? WHERE key = ?", ("1", "a"))

        for _ in range(10):
            database.write(step, early=early)
        writer: Any = database._writer_connection
        # Without psycopg's knowledge, as by an error that it does not know of.
        writer.raw.pgconn.exec_(b"DEALLOCATE ALL")
        with pytest.raises(errors.LostError):
            database.write(step, early=early)
        database.write(step, early=early)
        assert database._writer_connection is not writer

    def test_a_reader_whose_table_was_changed(
        self, database: Database, postgres: Databases
    ) -> None:
        for _ in range(10):
            with database.reading() as db:
                db.execute("SELECT * FROM setting WHERE key = ?", ("a",)).fetchall()
        with closing(psycopg.connect(_url(database), autocommit=True)) as other:
            other.execute("ALTER TABLE hallkeeper.setting ADD COLUMN more TEXT")
        with pytest.raises(errors.LostError), database.reading() as db:
            db.execute("SELECT * FROM setting WHERE key = ?", ("a",)).fetchall()
        with database.reading() as db:
            db.execute("SELECT * FROM setting WHERE key = ?", ("a",)).fetchall()


def _url(database: Database) -> str:
    engine: Any = database._engine
    return str(engine._address.url)
