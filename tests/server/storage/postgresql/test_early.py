"""Steps with an early commit send their statements without waiting for each."""

import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from server.storage import errors
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.engines import reconnecting
from server.storage.tables import keep_setting, write_rows
from server.storage.transactions import undone_alone
from tests.server.conftest import fill
from tests.server.support.postgresql.databases import Databases

pytestmark = pytest.mark.sqlite_alone  # They name their engine themselves.
INSERT = "INSERT INTO setting VALUES (?, '1')"


@pytest.fixture
def database(postgres: Databases, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "apart"
    path.mkdir()
    with postgres.event(path, fill), Database(path / "hallkeeper.db") as opened:
        opened.write(lambda db: keep_setting(db, "there", "1"))
        yield opened


def together(database: Database, *steps: Callable[[Connection], Any]) -> list[Any]:
    """Run early steps in one group. Returns each result or error."""
    queues: list[queue.SimpleQueue[Any]] = [queue.SimpleQueue() for _ in steps]

    def gate(db: Connection) -> None:
        for step, answers in zip(steps, queues, strict=True):
            database.write_then(
                step,
                lambda result, error, answers=answers: answers.put(error or result),
                early=True,
            )

    database.write(gate)
    return [answers.get(timeout=240) for answers in queues]


def kept(database: Database) -> list[str]:
    with database.reading() as db:
        rows = db.execute("SELECT key FROM setting WHERE length(key) = 1 ORDER BY key").fetchall()
    return [row[0] for row in rows]


def test_what_is_asked_for_is_waited_for(database: Database) -> None:
    def step(db: Connection) -> list[Any]:
        db.executemany(INSERT, [("a",), ("b",)])
        changed = db.execute("UPDATE setting SET value = '2' WHERE key IN ('a', 'b')").rowcount
        value = db.execute("SELECT value FROM setting WHERE key = 'a'").fetchone()[0]
        deleted = db.execute("DELETE FROM setting WHERE key = 'a' RETURNING value").fetchall()
        none = db.execute("INSERT INTO setting VALUES ('c', '1')").fetchone()
        rest = [row[0] for row in db.execute("DELETE FROM setting WHERE key = 'c' RETURNING key")]
        return [changed, value, [row[0] for row in deleted], none, rest]

    assert together(database, step) == [[2, "2", ["2"], None, ["c"]]]
    assert kept(database) == ["b"]


def test_a_step_that_fails_later_fails_alone(database: Database) -> None:
    """The error of its last statement is known only after its end."""
    first, bad, third, undone, last = together(
        database,
        lambda db: db.execute(INSERT, ("a",)) and 1,
        lambda db: (db.execute(INSERT, ("b",)), db.execute(INSERT, ("there",))) and 2,
        lambda db: db.execute(INSERT, ("c",)) and 3,
        lambda db: db.execute(INSERT, ("d",)) and 1 // 0,
        lambda db: db.execute(INSERT, ("e",)) and 5,
    )
    assert (first, third, last) == (1, 3, 5)
    assert isinstance(bad, errors.ConstraintError)
    assert errors.is_about(bad, "key")
    assert isinstance(undone, ZeroDivisionError)
    assert kept(database) == ["a", "c", "e"]


@pytest.mark.parametrize("others", [0, 1])
def test_an_error_that_a_step_hides_is_found(database: Database, others: int) -> None:
    def hides(db: Connection) -> None:
        db.execute(INSERT, ("a",))
        try:
            db.executemany(INSERT, [("there",)])
            db.execute("SELECT 1")
        except errors.EngineError:
            pass

    results = together(database, hides, *[lambda db: db.execute(INSERT, ("b",)) and 1] * others)
    assert isinstance(results[0], errors.EngineError)
    assert results[1:] == [1] * others
    assert kept(database) == ["b"] * others


def test_what_is_refused_may_be_undone_alone(database: Database) -> None:
    def goes_on(db: Connection) -> str:
        db.execute(INSERT, ("a",))
        with pytest.raises(errors.ConstraintError), undone_alone(db):
            db.executemany(INSERT, [("b",), ("there",)])
        db.execute(INSERT, ("c",))
        return "done"

    assert together(database, goes_on) == ["done"]
    assert kept(database) == ["a", "c"]


def test_what_can_only_be_waited_for(database: Database) -> None:
    """Rows are copied and a table is made, as in any step."""

    def step(db: Connection) -> int:
        db.execute(INSERT, ("a",))
        write_rows(db, "setting", ("key", "value"), [("b", "1"), ("c", "1")])
        db.execute("CREATE TEMP TABLE made (n INTEGER)")
        return db.execute("INSERT INTO made VALUES (1)").rowcount

    assert together(database, step) == [1]
    assert kept(database) == ["a", "b", "c"]


def test_a_lost_connection_fails_all_and_is_made_anew(
    database: Database, postgres: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconnecting, "SOON_S", 240.0)  # A busy machine may take longer to connect.

    def cut(db: Any) -> None:
        db.execute(INSERT, ("b",))
        postgres.cluster.admin(f"SELECT pg_terminate_backend({db.raw.info.backend_pid})")

    results = together(
        database,
        lambda db: db.execute(INSERT, ("a",)) and 1,
        cut,
        lambda db: db.execute("SELECT 1"),
    )
    assert all(isinstance(result, errors.EngineError) for result in results)
    assert together(database, lambda db: db.execute(INSERT, ("c",)) and 1) == [1]
    assert kept(database) == ["c"]
