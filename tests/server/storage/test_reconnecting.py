"""A remote database is lost, and is tried again while no caller waits for it."""

import threading
from collections.abc import Callable, Iterator

import pytest

from server.storage.connection import OwnConnection
from server.storage.disk import AwayError, DatabaseError
from server.storage.engines import reconnecting
from server.storage.engines.reconnecting import Reconnecting
from tests.waiting import until

BUSY_S = 240.0


class Made:
    closed = False

    def close(self) -> None:
        self.closed = True


class Database:
    """Answers attempts as configured."""

    def __init__(self) -> None:
        self.attempts = 0
        self.prepare: Callable[[Made], object] = lambda connection: None
        self.answer: Callable[[], Made] = Made

    def connect(self) -> OwnConnection:
        self.attempts += 1
        return self.answer()  # type: ignore[return-value]

    def prepared(self, connection: object) -> None:
        assert isinstance(connection, Made)
        self.prepare(connection)


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def again(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reconnecting]:
    monkeypatch.setattr(reconnecting, "AGAIN_S", 0.01)
    monkeypatch.setattr(reconnecting, "SOON_S", BUSY_S)
    opened = Reconnecting(database.connect, database.prepared)
    yield opened
    opened.close()


def test_a_connection_that_comes_soon_is_waited_for(
    database: Database, again: Reconnecting
) -> None:
    assert isinstance(again.take(), Made)
    assert isinstance(again.take(), Made), "that one was lost, too"
    assert database.attempts == 2


def test_nobody_waits_for_one_that_does_not_come(
    database: Database, again: Reconnecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconnecting, "SOON_S", 0.1)
    go_on = threading.Event()

    def hang() -> Made:
        go_on.wait(BUSY_S)
        return Made()

    database.answer = hang
    for _ in range(50):
        with pytest.raises(AwayError, match="can't be reached yet"):
            again.take()
    assert again.away
    assert database.attempts == 1
    go_on.set()
    until(lambda: again._made is not None)
    assert isinstance(again.take(), Made)


def test_it_goes_on_trying_and_says_why_there_is_none(
    database: Database, again: Reconnecting
) -> None:
    def fail() -> Made:
        raise AwayError("nobody is there")

    database.answer = fail
    assert not again.away
    with pytest.raises(AwayError, match="nobody is there"):
        again.take()
    assert again.away
    before = database.attempts
    until(lambda: database.attempts > before + 1)
    database.answer = Made
    until(lambda: not again.away)
    assert isinstance(again.take(), Made)


def test_a_fault_of_ours_ends_nothing(database: Database, again: Reconnecting) -> None:
    def fail() -> Made:
        raise ValueError("with something personal")

    database.answer = fail
    with pytest.raises(DatabaseError, match="^no connection: ValueError$"):
        again.take()
    database.answer = Made
    until(lambda: again._made is not None)


def test_what_nobody_took_is_closed(
    database: Database, again: Reconnecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = Made()
    database.answer = lambda: connection
    again.begin()
    until(lambda: again._made is not None)
    again.close()
    assert connection.closed
    monkeypatch.setattr(reconnecting, "SOON_S", 0.0)
    with pytest.raises(AwayError):
        again.take()


def test_a_database_that_keeps_a_commit_waiting_is_not_away(
    database: Database, again: Reconnecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconnecting, "SOON_S", 0.0)
    preparing, go_on = threading.Event(), threading.Event()

    def prepare(connection: Made) -> None:
        preparing.set()
        go_on.wait(BUSY_S)

    database.prepare = prepare
    again.begin()
    assert preparing.wait(BUSY_S)
    assert not again.away
    with pytest.raises(AwayError, match="can't be reached yet"):
        again.take()
    go_on.set()
    until(lambda: again._made is not None)


def test_one_that_could_not_be_prepared_is_closed(database: Database, again: Reconnecting) -> None:
    connections: list[Made] = []

    def fail(connection: Made) -> None:
        connections.append(connection)
        raise DatabaseError("superseded")

    database.prepare = fail
    with pytest.raises(DatabaseError, match="superseded"):
        again.take()
    database.prepare = lambda connection: None
    until(lambda: again._made is not None)
    assert connections[0].closed
