"""A commit visible to others before it is on disk is reported to no one. If it is lost with the
database's machine, no server remembers it.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from badges.credential.keys import PrivateKey
from badges.wire import wire
from server.app.new_event import init_event
from server.core.entry_log import entry_log
from server.core.event.settings import EventSettings
from server.core.feed import changes
from server.core.feed.hub import Hub
from server.core.kiosks import runs
from server.core.second_disk import set_back
from server.storage import database as storage
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.disk import AwayError
from server.storage.engines import durable
from server.storage.errors import EngineError
from tests.server.conftest import NOW
from tests.server.support.postgresql.cluster import MISSING, Cluster, binaries
from tests.server.support.postgresql.failover import Pair, kill_all, pair, start_again
from tests.waiting import until

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(binaries() is None, reason=MISSING),
]
BUSY_S = 240.0  # timeout for a busy machine
# Only a commit that waits for it brings the write-ahead log to the disk.
NOT_BY_ITSELF = "wal_writer_delay=10s"


class Server:
    """A server's state of an event's database, without the web."""

    def __init__(self, path: Path, name: str) -> None:
        self.database = Database(path)
        self.log = entry_log.Log(self.database, "test", PrivateKey(b"1" * 32))
        self.hub = Hub(self.database)
        self.own_run = runs.own_run(self.database, lambda: NOW, name)
        self.put_back: list[str] = []
        self.own_run.watch(self._compare, lambda _: None)
        self.feed = self.hub.subscribe(self.hub.cursor, hall_id=None, kiosk=None)
        self.log.size()
        self.told: list[tuple[Any, Any]] = []

    def _compare(self, db: Connection) -> None:
        if not self.log.resume(db):
            self.put_back.append("entry log")
        if changes.cursor(db) < self.hub.cursor:
            self.put_back.append("feed")

    def scan(self, text: str) -> None:
        """Write as a scan does, without waiting."""

        def step(db: Connection) -> int:
            # Not VenueChanged: the hub's thread makes that durable itself, before it delivers it.
            changes.publish(db, wire.NamesChanged())
            return entry_log.append(db, "act", entry_log.canonical({"text": text}), 1)

        self.database.write_then(step, lambda *result: self.told.append(result), early=True)

    def scan_until_taken(self, text: str) -> None:
        """Write it as a kiosk does that retries after a refusal."""
        taken = None
        while taken is None:
            count = len(self.told)
            self.scan(text)
            until(lambda count=count: len(self.told) > count)
            taken, _ = self.told[-1]

    @property
    def heard(self) -> int:
        return len(self.feed.take_all(0))

    def close(self) -> None:
        self.hub.close()
        self.database.close()


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def leaves(database: Database) -> int:
    with database.reading() as db:
        return entry_log.size(db)


class Pending:
    """A call on a separate thread."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.result: list[Any] = []
        self._thread = threading.Thread(target=self._run, args=(call,))
        self._thread.start()

    def _run(self, call: Callable[[], Any]) -> None:
        try:
            self.result.append(call())
        except Exception as error:
            self.result.append(error)

    def join(self) -> Any:
        self._thread.join(BUSY_S)
        return self.result[0]


class TestWithoutTheStandby:
    """A server commits early while the synchronous standby is away."""

    @pytest.fixture
    def database(self, parts: ExitStack) -> Pair:
        return parts.enter_context(pair(synchronous=True))

    @pytest.fixture
    def servers(
        self, database: Pair, tmp_path: Path, settings: EventSettings, parts: ExitStack
    ) -> list[Server]:
        event, _ = init_event(tmp_path / "event", settings, now=NOW, postgresql=database.url)
        pair = [Server(event.database_path, f"server {number}") for number in range(2)]
        for server in pair:
            parts.callback(server.close)
        return pair

    def test_nobody_is_told(self, database: Pair, servers: list[Server]) -> None:
        writes, reads = servers
        before = leaves(reads.database)
        database.standby.stop("fast", remove=False)
        writes.scan("first")
        until(lambda: leaves(reads.database) == before + 1)
        # The lock is free, although the first commit waits.
        reads.scan("second")
        until(lambda: leaves(reads.database) == before + 2)

        refused = Pending(lambda: reads.database.write(lambda db: 1 // 0))
        nothing = Pending(lambda: writes.database.write(lambda db: None))
        sizes = [Pending(server.log.size) for server in servers]
        assert not reads.database.wait_for_disk(0.7)
        waiting = [refused, nothing, *sizes]
        assert [pending.result for pending in waiting] == [[], [], [], []]
        assert [(server.told, server.heard, server.hub.cursor) for server in servers] == [
            ([], 0, servers[0].hub.cursor)
        ] * 2

        database.standby.start()
        assert isinstance(refused.join(), ZeroDivisionError)
        assert nothing.join() is None
        assert [size.join() for size in sizes] == [before + 2] * 2
        until(lambda: all(server.told for server in servers))
        assert [server.told for server in servers] == [[(before, None)], [(before + 1, None)]]
        until(lambda: all(server.hub.cursor > 1 for server in servers))
        # Until the hung wait ends, later ones fail at once.
        until(lambda: reads.database.wait_for_disk(BUSY_S))

    def test_what_was_lost_is_remembered_by_nobody(
        self, database: Pair, servers: list[Server]
    ) -> None:
        writes, reads = servers
        before = leaves(reads.database)
        database.standby.stop("fast", remove=False)
        writes.scan("lost")
        until(lambda: leaves(reads.database) == before + 1)
        size = Pending(reads.log.size)
        database.kill_primary()
        database.standby.start()
        database.standby.promote()

        until(lambda: writes.told)
        assert writes.told[0][0] is None
        assert isinstance(writes.told[0][1], EngineError)
        # AwayError: asked, or asked again, after the primary was killed.
        assert isinstance(size.join(), (EngineError, AwayError))
        for number, server in enumerate(servers):
            server.scan_until_taken(f"after {number}")
        assert [server.told[-1][0] for server in servers] == [before, before + 1]
        assert [server.log.size() for server in servers] == [before + 2] * 2
        assert [server.put_back for server in servers] == [[], []], (
            "nothing that was told is lacking"
        )
        with reads.database.reading() as db:
            assert set_back.notice(db) is None


def test_the_engine_dies_between_the_two_steps(
    tmp_path: Path,
    settings: EventSettings,
    parts: ExitStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = Cluster(None, NOT_BY_ITSELF)
    parts.callback(cluster.stop)
    url = cluster.url(cluster.make())
    event, _ = init_event(tmp_path / "event", settings, now=NOW, postgresql=url)
    server = Server(event.database_path, "server")
    parts.callback(server.close)
    server.scan("kept")
    until(lambda: server.told)
    before, heard = leaves(server.database), server.heard
    assert heard == 1

    def die(db: Connection) -> None:
        monkeypatch.setattr(storage, "make_durable", durable.make_durable)
        kill_all(cluster)
        durable.make_durable(db)

    monkeypatch.setattr(storage, "make_durable", die)
    server.scan("lost")
    until(lambda: len(server.told) == 2)
    assert isinstance(server.told[1][1], EngineError)
    assert server.heard == 0

    start_again(cluster)
    server.scan_until_taken("again")
    with server.database.reading() as db:
        bodies = [bytes(row[0]) for row in db.execute("SELECT body FROM leaf ORDER BY number")]
    assert b'{"text":"kept"}' in bodies
    assert b'{"text":"lost"}' not in bodies
    assert server.told[-1][0] == before
    assert server.put_back == []
    assert server.log.size() == len(bodies)
