"""The database's machine dies under load and its standby takes over: no acknowledged scan is lost.
A standby that was behind gives out no place before the kiosks have been heard.
"""

import itertools
import json
import queue
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from kiosk.sync.protocol import TransportError
from server.app.new_event import init_event
from server.core.entry_log import entry_log
from server.core.event.directory import Event
from server.core.event.settings import EventSettings
from server.core.kiosks import registry, runs
from server.core.occupancy import hall_control
from server.core.second_disk import set_back
from server.features.servers.status import lines, look
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.storage.errors import EngineError
from tests.server.conftest import NOW
from tests.server.support.in_process import CAPACITY, HALL, Forum, InProcessKiosk
from tests.server.support.pages import Pages
from tests.server.support.postgresql.cluster import MISSING, binaries
from tests.server.support.postgresql.failover import Pair, pair

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(binaries() is None, reason=MISSING),
]

WRITERS = 6
ENOUGH = 20  # acknowledged before the primary dies
AFTER_S = 1.5
BUSY_S = 240.0  # timeout for a busy machine


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def event_in(path: Path, database: Pair, settings: EventSettings) -> Event:
    event, _ = init_event(path / "event", settings, now=NOW, postgresql=database.url)
    return event


def await_writes(database: Database) -> None:
    """Wait until the server has connected to the new primary. Writers do not wait for it."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            database.write(lambda db: None)
        except (EngineError, DatabaseError):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return


def early_write(database: Database, step: Callable[[Connection], int]) -> None:
    """Write as a scan does, and wait for it."""
    errors: queue.SimpleQueue[object] = queue.SimpleQueue()
    database.write_then(step, lambda result, error: errors.put(error), early=True)
    error = errors.get()
    if isinstance(error, Exception):
        raise error


class Load:
    """Threads that write all the time, each with its own numbers, and keep the acknowledged ones.
    Two of three write as scans do, with an early commit.
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
        """The longest time without an acknowledgement."""
        times = sorted(at for at, _ in self.acknowledged)
        return max(later - earlier for earlier, later in itertools.pairwise(times))


def test_nothing_acknowledged_is_lost(
    tmp_path: Path, settings: EventSettings, parts: ExitStack
) -> None:
    database = parts.enter_context(pair(synchronous=True))
    event = event_in(tmp_path, database, settings)
    servers = [parts.enter_context(Database(event.database_path)) for _ in range(2)]
    own_runs = [
        runs.own_run(server, lambda: NOW, f"server {n}") for n, server in enumerate(servers)
    ]
    assert own_runs[0].run == own_runs[1].run, "two servers share the run"
    load = Load(servers)
    try:
        deadline = time.monotonic() + BUSY_S
        while (before := len(load.acknowledged)) <= ENOUGH:
            assert time.monotonic() < deadline, load.errors
            time.sleep(0.05)
        database.kill_primary()
        database.standby.promote()
        promoted = time.monotonic()
        while load.acknowledged[-1][0] < promoted + AFTER_S:
            assert time.monotonic() < promoted + BUSY_S, "nothing is written any more"
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
    assert len(load.acknowledged) > before
    assert own_runs[0].run == own_runs[1].run
    with servers[0].reading() as db:
        assert len(db.execute("SELECT run FROM server_run").fetchall()) == 2


@dataclass
class Behind:
    """A hall whose database is a standby that was behind. West was granted all places after it
    stopped, and is away when it takes over.
    """

    forum: Forum
    west: InProcessKiosk
    east: InProcessKiosk

    def crowd(self) -> None:
        """Many people come to both doors for a while."""
        forum = self.forum
        for _ in range(2 * CAPACITY):
            forum.now += 1_100
            self.west.present(100 + forum.now % 997)
            try:
                self.east.ask()
                self.east.refresh()
            except TransportError:
                continue
            self.east.present(2_000 + forum.now % 997)
            assert forum.inside() <= CAPACITY

    def fill(self, *kiosks: InProcessKiosk) -> None:
        for _ in range(4):
            self.forum.now += 1_100
            for kiosk in kiosks:
                kiosk.ask()
                kiosk.fill(range(self.forum.now % 10_000, self.forum.now % 10_000 + 9))
            assert self.forum.inside() <= CAPACITY
        self.forum.database.give_back()


def behind(tmp_path: Path, settings: EventSettings, parts: ExitStack, *, remembers: bool) -> Behind:
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
    if remembers:
        await_writes(forum.database)
    else:
        forum._serve()
    return Behind(forum, west, east)


@pytest.mark.parametrize("remembers", [True, False])
def test_a_standby_that_was_behind_gives_out_nothing_until_the_doors_were_heard(
    tmp_path: Path, settings: EventSettings, parts: ExitStack, remembers: bool
) -> None:
    """The server knows more than the database, or it was restarted and a kiosk knows more."""
    standby = behind(tmp_path, settings, parts, remembers=remembers)
    forum, west, east = standby.forum, standby.west, standby.east
    before = east.account.granted
    standby.crowd()
    assert east.account.granted == before, "nothing was given out"
    notice = set_back.notice(forum.database.reader)
    forum.database.give_back()
    assert notice is not None
    assert [kiosk.kiosk for kiosk in notice.awaited] == ["west"]

    west.transport.wire_cut = False
    standby.fill(west, east)
    assert forum.inside() == CAPACITY
    assert forum.pool.awaited == frozenset()
    forum.database.give_back()


def test_a_standby_that_was_behind_is_told_everywhere_and_ends_as_the_manual_says(
    tmp_path: Path, settings: EventSettings, parts: ExitStack
) -> None:
    """The board, `hallkeeper status` and the figures report it. The awaited kiosk is lost for good,
    so it is fenced, and two people attest how many it let in.
    """
    standby = behind(tmp_path, settings, parts, remembers=True)
    forum, west, east = standby.forum, standby.west, standby.east
    standby.crowd()
    with Pages(forum.event, forum.database, forum.now) as pages:
        board = " ".join(pages.staff("admin").get("/admin/").text.split())
        figures = pages.app.test_client().get("/metrics").text
    assert "older state of its database" in board
    assert "west" in board.partition("older state")[2][:1_500]
    assert "hallkeeper_kiosks_awaited 1.0" in figures
    status = look(forum.database.reader, forum.event, forum.now)
    forum.database.give_back()
    assert any("No places are granted in Hall" in line for line in status.troubles)
    assert any("TROUBLE    No places" in line for line in lines(status, forum.now))

    let_in = sum(1 for record in west.journal.newest(1_000) if record.decision == "admitted")
    assert let_in > 2
    staff = {"by": "user:1", "with_": "user:2", "now": forum.now}
    forum.database.write(lambda db: registry.fence(db, "west", 1, by="user:1", now=forum.now))
    standby.fill(east)
    assert forum.pool.awaited == {("west", 1)}, "a fence alone gives nothing free"
    forum.database.write(lambda db: hall_control.attest(db, HALL, ("west", 1), let_in, **staff))
    standby.fill(east)
    assert forum.pool.awaited == frozenset()
    assert forum.inside() == CAPACITY
    troubles = look(forum.database.reader, forum.event, forum.now).troubles
    forum.database.give_back()
    assert not any("No places are given out" in line for line in troubles)


def test_after_a_promotion_the_kiosks_are_heard_first(
    tmp_path: Path, settings: EventSettings, parts: ExitStack
) -> None:
    """Even if the standby had everything, places are given out only some seconds later."""
    database = parts.enter_context(pair(synchronous=True))
    forum = Forum(event_in(tmp_path, database, settings), tmp_path)
    parts.callback(forum.close)
    west = forum.enrol("west", heard=False)
    text = "\n".join(lines(look(forum.database.reader, forum.event, forum.now), forum.now))
    forum.database.give_back()
    assert "standby (streaming, sync" in text
    assert "a commit waits for one" in text
    assert "Writers    0 waiting for their turn" in text
    figures = forum.app.test_client().get("/metrics").text
    assert "hallkeeper_database_standbys 1.0" in figures
    assert "hallkeeper_database_synchronous 1.0" in figures
    assert 'hallkeeper_database_standby_behind_bytes{standby="standby"} ' in figures
    database.kill_primary()
    database.standby.promote()
    with pytest.raises(TransportError):
        west.ask()
    await_writes(forum.database)
    west.ask()
    assert west.account.free == 0
    forum.now += runs.HEARD_MS
    west.ask()
    assert west.account.free > 0
    assert set_back.notice(forum.database.reader) is None
    forum.database.give_back()
