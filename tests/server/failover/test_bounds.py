"""A silent database blocks no server for ever: neither the server that waits for it, nor the others
that wait for a lock of that server.

The network is a relay on loopback that passes nothing on. The machines still answer each other, as
when a disk hangs, so only a statement's time reveals it. Lost packets are tested by
tests/system/servers.
"""

import os
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from server.app.new_event import init_event
from server.core.entry_log import entry_log
from server.core.event.directory import Event
from server.core.event.settings import EventSettings
from server.demo.network_link import Link
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.disk import AwayError, DatabaseError
from server.storage.engines.state import EngineState, engine_state
from server.storage.errors import EngineError, LostError
from server.storage.opening import connect
from server.storage.postgresql import bounds, engine
from server.storage.postgresql.address import Address, address_of, keep_address
from tests.server.conftest import NOW
from tests.server.support.postgresql.cluster import MISSING, Cluster, binaries
from tests.system.support.site import free_port
from tests.waiting import until

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(binaries() is None, reason=MISSING),
]

ANSWER_S = 5.0  # A busy machine answers within this, too.
IDLE_S = 6.0
BUSY_S = 240.0  # timeout for a busy machine


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    server = Cluster(None, "listen_addresses=127.0.0.1", port=free_port())
    yield server
    server.stop()


@pytest.fixture
def link(cluster: Cluster) -> Iterator[Link]:
    with Link(("127.0.0.1", cluster.port)) as connected:
        yield connected


@pytest.fixture
def event(tmp_path: Path, cluster: Cluster, settings: EventSettings) -> Event:
    created, _ = init_event(
        tmp_path / "event", settings, now=NOW, postgresql=cluster.url(cluster.make())
    )
    return created


@pytest.fixture
def servers(
    event: Event, cluster: Cluster, link: Link, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Database, Database]]:
    """The first one has its database behind the link."""
    with ExitStack() as parts:
        direct = parts.enter_context(Database(event.database_path))
        monkeypatch.setattr(bounds, "ANSWER_S", ANSWER_S)
        monkeypatch.setattr(bounds, "IDLE_S", IDLE_S)
        # Waiters for the turn give up long after the machine is found silent.
        monkeypatch.setattr(engine, "LOCK_TIMEOUT_MS", 240_000)
        with direct.reading() as db:
            name = db.execute("SELECT current_database()").fetchone()[0]
        keep_address(event.path, Address(cluster.url_by_network(name, *link.address)))
        behind = parts.enter_context(Database(event.database_path))
        parts.callback(link.mend)
        yield behind, direct


def write(database: Database, text: str) -> None:
    body = entry_log.canonical({"text": text})
    database.write(lambda db: entry_log.append(db, "act", body, NOW))


def texts(database: Database) -> list[str]:
    with database.reading() as db:
        rows = db.execute("SELECT body FROM leaf ORDER BY number").fetchall()
    return [bytes(row[0]).decode() for row in rows if b'"text"' in bytes(row[0])]


def writes(database: Database, text: str) -> bool:
    try:
        write(database, text)
    except (EngineError, DatabaseError):
        return False
    return True


def refusal(database: Database) -> str:
    with pytest.raises(AwayError) as raised:
        write(database, "lost too")
    return str(raised.value)


def is_active(database: Database, condition: str) -> bool:
    """Whether PostgreSQL has such a session."""
    with database.reading() as db:
        asked = f"SELECT COUNT(*) FROM pg_stat_activity WHERE {condition}"
        return int(db.execute(asked).fetchone()[0]) > 0


def test_a_write_is_given_up_and_later_ones_go_on(
    servers: tuple[Database, Database], link: Link
) -> None:
    behind, direct = servers
    write(behind, "before")
    link.cut()
    with pytest.raises(LostError, match="did not answer within 5 s"):
        write(behind, "lost")
    for _ in range(3):
        refusal(behind)
    assert behind.away
    until(lambda: "can't be opened" in refusal(behind))
    with pytest.raises(AwayError, match="can't be reached"), behind.reading():
        pass
    write(direct, "elsewhere")

    link.mend()
    until(lambda: writes(behind, "after"))
    assert not behind.away
    assert [text.count("elsewhere") or text.count("after") for text in texts(behind)[-2:]] == [1, 1]
    assert not any("lost" in text for text in texts(direct))


def test_a_writer_that_waits_is_told_that_the_database_is_silent(
    servers: tuple[Database, Database], link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for the end of another server's turn; its own machine does not ask it earlier."""
    monkeypatch.setattr(bounds, "PULSE_ANSWER_S", 0.5)
    behind, direct = servers
    behind.on_foreign_commit(lambda: None)
    write(behind, "before")
    until(
        lambda: is_active(direct, "query = 'SELECT 1'")
    )  # The pulse by which it notices a silence.
    inside, go_on = threading.Event(), threading.Event()

    def step(db: Connection) -> None:
        inside.set()
        while not go_on.wait(0.2):
            db.execute("SELECT 2")  # It is at work.

    thread = threading.Thread(target=lambda: direct.write(step))
    thread.start()
    assert inside.wait(BUSY_S)
    behind._writer_connection.raw.answer_s = BUSY_S  # type: ignore[attr-defined]
    waiting: queue.SimpleQueue[object] = queue.SimpleQueue()
    behind.write_then(lambda db: None, lambda result, error: waiting.put(error))
    until(lambda: is_active(direct, "wait_event_type = 'Lock'"))
    link.cut()
    assert isinstance(waiting.get(timeout=BUSY_S), LostError)
    go_on.set()
    thread.join(BUSY_S)
    assert not thread.is_alive()


def test_a_reader_is_given_up(servers: tuple[Database, Database], link: Link) -> None:
    behind, _ = servers
    with behind.reading() as db:
        link.cut()
        with pytest.raises(LostError):
            db.execute("SELECT COUNT(*) FROM leaf")
    link.mend()
    with behind.reading() as db:
        assert db.execute("SELECT COUNT(*) FROM leaf").fetchone()[0] > 0


@pytest.mark.parametrize("early", [False, True])
def test_the_lock_of_a_server_that_fell_silent_goes_on(
    servers: tuple[Database, Database], link: Link, early: bool
) -> None:
    """It is cut off in a transaction while it holds the writer's lock. A transaction with scans
    holds it no longer than a kiosk waits.
    """
    behind, direct = servers
    inside, go_on = threading.Event(), threading.Event()
    failed: queue.SimpleQueue[object] = queue.SimpleQueue()
    ended_after: list[str] = []

    def step(db: Connection) -> None:
        entry_log.append(db, "act", entry_log.canonical({"text": "half"}), NOW)
        asked = "SELECT current_setting('idle_in_transaction_session_timeout')"
        ended_after.append(db.execute(asked).fetchone()[0])
        inside.set()
        go_on.wait(BUSY_S)
        db.execute("SELECT 1")

    behind.write_then(step, lambda result, error: failed.put(error), early=early)
    assert inside.wait(BUSY_S)
    assert ended_after == ["1s" if early else "6s"]
    link.cut()
    write(direct, "meanwhile")
    go_on.set()
    assert isinstance(failed.get(timeout=BUSY_S), EngineError)
    assert [text for text in texts(direct) if "half" in text] == []


def ends(db: Connection) -> tuple[list[str], bytes | None]:
    """PostgreSQL's action on a silence, and libpq's timeout in ms."""
    names = ("keepalives_idle", "keepalives_interval", "keepalives_count", "user_timeout")
    settings = [db.execute(f"SELECT current_setting('tcp_{name}')").fetchone()[0] for name in names]
    libpq = {option.keyword.decode(): option.val for option in db.raw.pgconn.info}  # type: ignore[attr-defined]
    return settings, libpq["tcp_user_timeout"]


def test_both_ends_ask_whether_the_other_is_there(
    servers: tuple[Database, Database], event: Event
) -> None:
    behind, _ = servers
    with behind.reading() as db:
        assert ends(db) == (["2", "1", "2", "4000"], b"800")
    assert behind.write(ends) == (["1", "1", "1", "800"], b"800")
    command = connect(event.database_path)
    assert ends(command) == (["2", "1", "2", "4000"], b"4000")
    command.close()


def test_the_address_may_say_otherwise(event: Event, cluster: Cluster) -> None:
    address = address_of(event.path)
    assert address is not None
    name = address.parameters["dbname"]
    url = cluster.url_by_network(name, "127.0.0.1", cluster.port)
    keep_address(event.path, Address(f"{url}?tcp_user_timeout=6000"))
    with Database(event.database_path) as database:
        assert database.write(ends) == (["3", "1", "3", "6000"], b"6000")


def test_many_rows_may_take_the_database_longer(servers: tuple[Database, Database]) -> None:
    """A machine that imports slowly is not mistaken for a machine that is cut off."""
    behind, _ = servers

    def step(db: Connection) -> list[int]:
        raw: Any = db.raw  # type: ignore[attr-defined]
        timeouts = []
        with socket.socket(fileno=os.dup(raw.pgconn.socket)) as line:
            option = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            timeouts.append(line.getsockopt(*option))
            with raw.rows(100):
                timeouts.append(line.getsockopt(*option))
            timeouts.append(line.getsockopt(*option))
        return timeouts

    assert behind.write(step) == [800, 4000, 800]


def test_status_says_who_has_the_turn_to_write(
    servers: tuple[Database, Database], cluster: Cluster
) -> None:
    behind, direct = servers

    def step(db: Connection) -> EngineState:
        with direct.reading() as other:
            return engine_state(other, "")

    turn = behind.write(step)
    assert turn.writer == "127.0.0.1"
    assert turn.held_s >= 0
    with direct.reading() as db:
        assert engine_state(db, "").writer == ""


def test_a_command_may_wait_longer(servers: tuple[Database, Database], event: Event) -> None:
    """A rewrite of a whole database is no server's statement."""
    connection = connect(event.database_path)
    assert connection.raw.answer_s is None  # type: ignore[attr-defined]
    connection.close()
    with servers[0].reading() as db:
        assert db.raw.answer_s == ANSWER_S  # type: ignore[attr-defined]
