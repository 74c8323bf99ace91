"""The database's machine dies under load, and its standby takes over: nothing that was acknowledged
is lost. A standby that was behind gives out nothing before the kiosks have been heard.
"""

import json
import queue
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kiosk.sync.transport import TransportError
from server.backup import set_back
from server.cli.servers.status import lines, look
from server.entry_log import entry_log
from server.event.directory import Event
from server.event.settings import EventSettings
from server.kiosks import runs
from server.setup.new_event import init_event
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.storage.errors import EngineError
from tests.server.conftest import NOW
from tests.server.support.in_process import CAPACITY, Forum
from tests.server.support.postgresql.cluster import MISSING, binaries
from tests.server.support.postgresql.failover import Pair, pair

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(240),
    pytest.mark.skipif(binaries() is None, reason=MISSING),
]

WRITERS = 6
BEFORE_S, AFTER_S = 1.5, 1.5


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def event_in(path: Path, database: Pair, settings: EventSettings) -> Event:
    event, _ = init_event(path / "event", settings, now=NOW, postgresql=database.url)
    return event


def early_write(database: Database, step: Callable[[Connection], int]) -> None:
    """Write as a scan does, and wait for it."""
    told: queue.SimpleQueue[object] = queue.SimpleQueue()
    database.write_then(step, lambda result, error: told.put(error), early=True)
    error = told.get()
    if isinstance(error, Exception):
        raise error


class Load:
    """Threads that write all the time, each a number of its own, and keep what was acknowledged.
    Two of three write as scans do, whose commit is early.
    """

    def __init__(self, databases: list[Database]) -> None:
        self.acknowledged: list[tuple[float, str]] = []
        self.failed = 0
        self.errors: Counter[str] = Counter()
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(databases[n % len(databases)], n))
            for n in range(WRITERS)
        ]
        for thread in self._threads:
            thread.start()

    def _write(self, database: Database, writer: int) -> None:
        number = 0
        while not self._over.is_set():
            text = f"{writer}/{number}"
            try:
                body = entry_log.canonical({"text": text})
                wrote = early_write if writer % 3 else Database.write
                wrote(database, lambda db, body=body: entry_log.append(db, "act", body, 1))
            except (EngineError, DatabaseError) as error:
                self.failed += 1
                self.errors[str(error)[:200]] += 1
                time.sleep(0.02)
            else:
                self.acknowledged.append((time.monotonic(), text))
            number += 1

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def gap_s(self) -> float:
        """The longest time in which nothing was acknowledged."""
        times = sorted(at for at, _ in self.acknowledged)
        return max(later - earlier for earlier, later in zip(times, times[1:], strict=False))


def test_nothing_acknowledged_is_lost(
    tmp_path: Path, settings: EventSettings, parts: ExitStack
) -> None:
    database = parts.enter_context(pair(synchronous=True))
    event = event_in(tmp_path, database, settings)
    servers = [parts.enter_context(Database(event.database_path)) for _ in range(2)]
    standings = [runs.stand(one, lambda: NOW, f"server {n}") for n, one in enumerate(servers)]
    assert standings[0].run == standings[1].run, "two servers share the run"
    load = Load(servers)
    try:
        time.sleep(BEFORE_S)
        before = len(load.acknowledged)
        assert before, load.errors
        database.kill_primary()
        database.standby.promote()
        deadline = time.monotonic() + 30
        while load.acknowledged[-1][0] < deadline - 30 + AFTER_S:
            assert time.monotonic() < deadline, "nothing is written any more"
            time.sleep(0.05)
    finally:
        load.stop()
    with servers[0].reading() as db:
        bodies = [json.loads(bytes(row[0])) for row in db.execute("SELECT body FROM leaf")]
        kept = {body.get("text") for body in bodies}
        numbers = [number for (number,) in db.execute("SELECT number FROM leaf ORDER BY number")]
    lost = {text for _, text in load.acknowledged} - kept
    sys.stdout.write(
        f"{len(load.acknowledged)} acknowledged ({before} before), {len(lost)} lost, {load.failed} "
        f"refused, longest gap {load.gap_s:.2f} s\n"
    )
    assert not lost
    assert numbers == list(range(len(numbers)))
    assert len(load.acknowledged) > before > 20
    assert standings[0].run == standings[1].run
    with servers[0].reading() as db:
        assert len(db.execute("SELECT run FROM server_run").fetchall()) == 2


@pytest.mark.parametrize("remembers", [True, False])
def test_a_standby_that_was_behind(
    tmp_path: Path, settings: EventSettings, parts: ExitStack, remembers: bool
) -> None:
    """West was granted all places after the standby stopped, and is away when that takes over."""
    database = parts.enter_context(pair(synchronous=False))
    forum = Forum(event_in(tmp_path, database, settings), tmp_path)
    parts.callback(forum.close)
    west, east = forum.enrol("west", heard=False), forum.enrol("east", heard=False)
    database.caught_up()
    database.standby.stop("fast", remove=False)
    for _ in range(4):
        forum.now += 1_100
        west.ask()
        east.exchange()
    assert west.account.free > 2
    west.transport.wire_cut = True
    if not remembers:
        forum.stop()
    database.kill_primary()
    database.standby.start()
    database.standby.promote()
    if not remembers:
        forum._serve()

    for _ in range(2 * CAPACITY):
        forum.now += 1_100
        west.present(100 + forum.now % 997)
        try:
            east.ask()
            east.refresh()
        except TransportError:
            continue
        east.present(2_000 + forum.now % 997)
        assert forum.inside() <= CAPACITY
    found = set_back.notice(forum.database.reader)
    forum.database.give_back()
    assert found is not None
    assert [one.kiosk for one in found.awaited] == ["west"]

    west.transport.wire_cut = False
    for _ in range(4):
        forum.now += 1_100
        for kiosk in (west, east):
            kiosk.ask()
            kiosk.fill(range(forum.now % 10_000, forum.now % 10_000 + 9))
    forum.database.give_back()
    assert forum.inside() == CAPACITY
    assert forum.pool.awaited == frozenset()


def test_after_a_promotion_the_kiosks_are_heard_first(
    tmp_path: Path, settings: EventSettings, parts: ExitStack
) -> None:
    """Also where the standby had everything, places are given out only some seconds later."""
    database = parts.enter_context(pair(synchronous=True))
    forum = Forum(event_in(tmp_path, database, settings), tmp_path)
    parts.callback(forum.close)
    west = forum.enrol("west", heard=False)
    told = "\n".join(lines(look(forum.database.reader, forum.event, forum.now), forum.now))
    forum.database.give_back()
    assert "standby (streaming, sync" in told
    assert "a commit waits for one" in told
    database.kill_primary()
    database.standby.promote()
    with pytest.raises(TransportError):
        west.ask()
    west.ask()
    assert west.account.free == 0
    forum.now += runs.HEARD_MS
    west.ask()
    assert west.account.free > 0
    assert set_back.notice(forum.database.reader) is None
    forum.database.give_back()
