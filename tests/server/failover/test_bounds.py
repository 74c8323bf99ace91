"""A database that can't be heard holds nobody for ever: neither the server that waits for it, nor
the others that wait for a lock of that server.

The network is a relay on loopback that passes nothing on. So the machines still answer each other,
as where a disk stands still, and only the time of a statement tells. Lost packets are tried by
tests/system/servers.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from server.demo.network_link import Link
from server.entry_log import entry_log
from server.event.directory import Event
from server.event.settings import EventSettings
from server.setup.new_event import init_event
from server.storage import database as storage
from server.storage.connection import Connection
from server.storage.database import Database, connect
from server.storage.disk import AwayError, DatabaseError
from server.storage.engines.state import EngineState, engine_state
from server.storage.errors import EngineError, LostError
from server.storage.postgresql import bounds
from server.storage.postgresql.address import Address, keep_address
from tests.server.conftest import NOW
from tests.server.support.postgresql.cluster import MISSING, Cluster, binaries
from tests.system.support.own_time import OwnTime
from tests.system.support.site import free_port

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(binaries() is None, reason=MISSING),
]

ANSWER_S = 2.0  # A busy machine answers within this, too.
IDLE_S = 2.5
LATE_S = 4.0
BUSY_S = 240.0  # for what surely comes, on a busy machine


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster(None, "listen_addresses=127.0.0.1", port=free_port())
    yield made
    made.stop()


@pytest.fixture
def link(cluster: Cluster) -> Iterator[Link]:
    with Link(("127.0.0.1", cluster.port)) as made:
        yield made


@pytest.fixture
def event(tmp_path: Path, cluster: Cluster, settings: EventSettings) -> Event:
    made, _ = init_event(
        tmp_path / "event", settings, now=NOW, postgresql=cluster.url(cluster.make())
    )
    return made


@pytest.fixture
def servers(
    event: Event, cluster: Cluster, link: Link, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Database, Database]]:
    """The first one has its database behind the link."""
    with ExitStack() as parts:
        direct = parts.enter_context(Database(event.database_path))
        monkeypatch.setattr(bounds, "ANSWER_S", ANSWER_S)
        monkeypatch.setattr(bounds, "IDLE_S", IDLE_S)
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


def took(step: object) -> float:
    since = OwnTime()
    with pytest.raises((EngineError, DatabaseError)):
        step()  # type: ignore[operator]
    return since.s


def test_a_write_is_given_up_and_later_ones_go_on(
    servers: tuple[Database, Database], link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind, direct = servers
    write(behind, "before")
    link.cut()
    began, since = time.monotonic(), OwnTime()
    with pytest.raises(LostError, match="did not answer within 2 s"):
        write(behind, "lost")
    assert time.monotonic() - began > ANSWER_S * 0.9
    assert since.s < ANSWER_S + LATE_S
    # The next one finds that no connection can be made, and those after it wait for no other try.
    monkeypatch.setattr(storage, "AWAY_S", 60.0)
    with pytest.raises(AwayError, match="can't be opened"):
        write(behind, "lost too")
    assert took(lambda: write(behind, "at once")) < 0.5
    write(direct, "elsewhere")

    link.mend()
    monkeypatch.setattr(behind, "_away", None)
    write(behind, "after")
    assert [one.count("elsewhere") or one.count("after") for one in texts(behind)[-2:]] == [1, 1]
    assert not any("lost" in one for one in texts(direct))


def test_a_reader_is_given_up(servers: tuple[Database, Database], link: Link) -> None:
    behind, _ = servers
    with behind.reading() as db:
        link.cut()
        with pytest.raises(LostError):
            db.execute("SELECT COUNT(*) FROM leaf")
    link.mend()
    with behind.reading() as db:
        assert db.execute("SELECT COUNT(*) FROM leaf").fetchone()[0] > 0


def test_the_lock_of_a_server_that_fell_silent_goes_on(
    servers: tuple[Database, Database], link: Link
) -> None:
    """It is cut off in the middle of a transaction, while it has the writer's lock."""
    behind, direct = servers
    inside, go_on = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    def step(db: Connection) -> None:
        entry_log.append(db, "act", entry_log.canonical({"text": "half"}), NOW)
        db.execute("SELECT 1")
        inside.set()
        go_on.wait(BUSY_S)
        db.execute("SELECT 1")

    def hold() -> None:
        try:
            behind.write(step)
        except (EngineError, DatabaseError) as error:
            failed.append(error)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(BUSY_S)
    link.cut()
    since = OwnTime()
    write(direct, "meanwhile")
    assert since.s < IDLE_S + LATE_S
    go_on.set()
    thread.join(BUSY_S)
    assert not thread.is_alive()
    assert len(failed) == 1
    assert [one for one in texts(direct) if "half" in one] == []


def test_both_ends_ask_whether_the_other_is_there(
    servers: tuple[Database, Database], event: Event
) -> None:
    behind, _ = servers
    names = ("keepalives_idle", "keepalives_interval", "keepalives_count", "user_timeout")
    with behind.reading() as db:
        told = [db.execute(f"SELECT current_setting('tcp_{name}')").fetchone()[0] for name in names]
        libpq = {one.keyword.decode(): one.val for one in db.raw.pgconn.info}  # type: ignore[attr-defined]
    assert told == ["2", "1", "2", "4000"]
    assert libpq["tcp_user_timeout"] == b"4000"
    assert libpq["keepalives_idle"] == b"2"


def test_status_says_who_has_the_turn_to_write(
    servers: tuple[Database, Database], cluster: Cluster
) -> None:
    behind, direct = servers

    def step(db: Connection) -> EngineState:
        with direct.reading() as other:
            return engine_state(other, "")

    began, since = time.monotonic(), OwnTime()
    found = behind.write(step)
    waits_s = time.monotonic() - began - since.s
    assert found.writer == "127.0.0.1"
    assert 0 <= found.held_s < LATE_S + waits_s
    with direct.reading() as db:
        assert engine_state(db, "").writer == ""


def test_a_command_may_wait_longer(servers: tuple[Database, Database], event: Event) -> None:
    """What takes a whole database anew is no server's statement."""
    found = connect(event.database_path)
    assert found.raw.answer_s is None  # type: ignore[attr-defined]
    found.close()
    with servers[0].reading() as db:
        assert db.raw.answer_s == ANSWER_S  # type: ignore[attr-defined]
