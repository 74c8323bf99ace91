"""Kiosks on one event loop against one real server: feeds held open, scans posted with TLS and
signatures.

The load's process shares the machine's cores with the server.
"""

import asyncio
import os
import re
import resource
import sqlite3
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from badges.credential.keys import PublicKey
from badges.transparency.chain import chain_start
from badges.wire import session, wire
from kiosk.sync.exchange import HEARTBEAT_S
from server.core.occupancy import pools
from tests.bench.load.kiosk import LoadKiosk, signed_request
from tests.processes import children
from tests.server.support.fake_door import FakeDoor
from tests.system.support.site import LiveSite, now_ms

HALLS = 55
DOORS_EACH = 6
CONNECTS_AT_ONCE = 20
SIGNED = "HALLKEEPER_BENCH_SIGNED"
FILES = 8_192
AGAIN_S = 1.0
AGAINST = "HALLKEEPER_BENCH_AGAINST"
_FROM = "import runpy, sys; sys.path[0] = {!r}; runpy.run_module({!r}, run_name='__main__')"
_STAY = re.compile(rb'"kiosk":"([^"]+)","generation":\d+,"seq":(\d+)')


def venue(capacity: int = 2_000, halls: int = HALLS) -> str:
    """Halls, each with enough doors for the largest share of a forum."""
    parts = []
    for hall in range(halls):
        parts.append(
            f'[[hall]]\ncode = "h{hall}"\nname = "Hall {hall}"\n'
            f"capacity = {capacity}\nfire_limit = {capacity + capacity // 10}\n"
            'categories = ["delegate"]\nanti_passback = "off"\n'
        )
        parts += [
            f'[[door]]\ncode = "h{hall}-{n}"\nhall = "h{hall}"\nname = "D{n}"\nmode = "both"\n'
            for n in range(DOORS_EACH)
        ]
    return "".join(parts)


def enrol_all(site: LiveSite, count: int, halls: int = HALLS, phones: int = 0) -> list[FakeDoor]:
    """Kiosks inserted as enrolled, spread over the halls; at least two to a hall. The last
    `phones` of them are phones.
    """
    rows = site.query("SELECT door_id, hall_id FROM door ORDER BY door_id")
    halls = max(1, min(halls, count // 2))
    rows = [row for row in rows if row[1] in sorted({hall for _, hall in rows})[:halls]]
    by_hall = sorted(rows, key=lambda row: (row[0] % DOORS_EACH, row[1]))[:count]
    doors = [FakeDoor(f"k{n}", door, hall) for n, (door, hall) in enumerate(by_hall)]

    def step(db: sqlite3.Connection) -> None:
        for door in doors:
            db.execute(
                "INSERT INTO kiosk (kiosk, generation, door_id, state, public_key, head,"
                " created_at, seen_at) VALUES (?, 1, ?, 'active', ?, ?, 0, ?)",
                (door.kiosk, door.door, door.key.public.raw, chain_start(door.kiosk, 1), now_ms()),
            )
            pools.enrol(db, door.hall, (door.kiosk, 1))
        for door in doors[count - phones :]:
            db.execute("UPDATE kiosk SET device = 'phone' WHERE kiosk = ?", (door.kiosk,))

    site.write(step)
    return doors


@dataclass
class Timings:
    """The times of one period, in ms."""

    acks_ms: list[float] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)


class Load:
    """The kiosks' side. `timings` collects current times; None: discard them."""

    def __init__(
        self, port: int, doors: list[FakeDoor], cursor: int, root: PublicKey | None = None
    ) -> None:
        """`root` is the event's key, for kiosks that begin a session. Without it they sign each
        request.
        """
        self.port = port
        self._root = root
        self.kiosks = [LoadKiosk(door) for door in doors]
        self.cursor = cursor
        self.timings: Timings | None = None
        self._sent_at: dict[tuple[str, int], float] = {}
        self.batches = 0
        self.refused = 0  # batches, with 503
        self.deliveries = 0  # changes that came by the feeds
        self._tasks: list[asyncio.Task] = []
        self._open_feeds = 0
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    @property
    def feeds(self) -> int:
        """The number of feeds opened and not ended."""
        return self._open_feeds

    async def open(self) -> None:
        """Hold every feed, take the first places, and start heartbeats."""
        await self.open_feeds()
        for kiosk in self.kiosks:
            await self._tell(kiosk)
            await self._begin_session(kiosk)
            # At once: the server ends connections without a request for ten seconds.
            self._tasks.append(asyncio.create_task(self._beat(kiosk)))

    async def open_feeds(self) -> None:
        ready = asyncio.Semaphore(CONNECTS_AT_ONCE)
        feeds = [asyncio.create_task(self._listen(kiosk, ready)) for kiosk in self.kiosks]
        self._tasks = feeds
        while self._open_feeds < len(self.kiosks):  # a kiosk's counters must arrive in order
            for feed in feeds:
                if feed.done():
                    feed.result()
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Raises any error of the background tasks."""
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        for kiosk in self.kiosks:
            await _drop(kiosk)
        for error in ended:
            if not isinstance(error, asyncio.CancelledError | None):
                raise error

    async def scan(self, kiosk: LoadKiosk, serial: int) -> None:
        """Send one scan at once."""
        async with kiosk.lock:
            kiosk.scan(serial)
            again = await self._send(kiosk)
        if again:
            await self._tell(kiosk)

    async def send(self, kiosk: LoadKiosk) -> None:
        """Send the kiosk's unacknowledged scans, if there are any once its last batch is
        answered.
        """
        again = False
        async with kiosk.lock:
            if kiosk.unacknowledged:
                again = await self._send(kiosk)
        if again:
            await self._tell(kiosk)

    async def _send(self, kiosk: LoadKiosk) -> bool:
        timings, start = self.timings, time.perf_counter()
        for seq in kiosk.unacknowledged:
            self._sent_at[kiosk.door.kiosk, seq] = start
        again = await self.post(kiosk, kiosk.batch())
        if timings is not None:
            timings.acks_ms.append((time.perf_counter() - start) * 1000)
        return again

    async def post(self, kiosk: LoadKiosk, batch: wire.ScanBatch) -> bool:
        """Send a batch and process the answer. Returns whether the kiosk sends another at once.

        If the server has dropped an idle connection, it is resent on a new one, and after a 503
        again, as a kiosk does.
        """
        reused = bool(kiosk.link)
        body = wire.encode(batch)
        try:
            status, raw = await self._post_once(kiosk, "/api/scans", body)
        except (asyncio.IncompleteReadError, ConnectionError):
            if not reused:
                raise
            await _drop(kiosk)
            status, raw = await self._post_once(kiosk, "/api/scans", body)
        while status == 503:
            self.refused += 1
            await asyncio.sleep(AGAIN_S)
            status, raw = await self._post_once(kiosk, "/api/scans", body)
        assert status == 200, raw
        self.batches += 1
        return kiosk.take(wire.decode(raw, wire.ScanAnswer))

    async def _begin_session(self, kiosk: LoadKiosk) -> None:
        """A server of an earlier version has no sessions."""
        if self._root is None:
            return
        offer = session.Offer()
        async with kiosk.lock:
            status, raw = await self._post_once(kiosk, session.TARGET, wire.encode(offer.request))
        if status == 200:
            answer = wire.decode(raw, session.SessionAnswer)
            kiosk.session = offer.accept(answer, (kiosk.door.kiosk, 1), self._root)

    async def _post_once(self, kiosk: LoadKiosk, target: str, body: bytes) -> tuple[int, bytes]:
        if not kiosk.link:
            kiosk.link.extend(await self._connect())
        reader, writer = kiosk.link
        writer.write(signed_request(kiosk.door, "POST", target, body, kiosk.session))
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        return int(head.split()[1]), await reader.readexactly(length)

    async def _tell(self, kiosk: LoadKiosk) -> None:
        """Heartbeats while places go back."""
        again = True
        while again:
            async with kiosk.lock:
                again = await self.post(kiosk, kiosk.batch())

    async def _beat(self, kiosk: LoadKiosk) -> None:
        """A heartbeat after each period without other messages."""
        while True:
            left = kiosk.sent_at + HEARTBEAT_S - time.monotonic()
            if left > 0:
                await asyncio.sleep(left)
            else:
                await self._tell(kiosk)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=self._context)

    async def _listen(self, kiosk: LoadKiosk, ready: asyncio.Semaphore) -> None:
        async with ready:
            reader, writer = await self._connect()
            target = f"/api/feed?after={self.cursor}"
            writer.write(signed_request(kiosk.door, "GET", target, b""))
            await reader.readuntil(b": open")
            self._open_feeds += 1
        heartbeats: set[asyncio.Task] = set()
        try:
            while line := await reader.readline():
                self.deliveries += line.startswith(b"data:")
                if b'"stay_opened"' in line:
                    self._heard(line, kiosk.door)
                elif b'"places"' in line:
                    change = wire.decode_change(line.removeprefix(b"data:").strip())
                    assert isinstance(change, wire.PlacesOrdered)
                    if kiosk.obey([change.order]):
                        task = asyncio.create_task(self._tell(kiosk))
                        heartbeats.add(task)
                        task.add_done_callback(heartbeats.discard)
        finally:
            self._open_feeds -= 1
            await _end(writer)

    def _heard(self, line: bytes, door: FakeDoor) -> None:
        at = time.perf_counter()
        stay = _STAY.search(line)  # parsing all JSON would take the server's cores
        assert stay is not None, line
        kiosk = stay[1].decode()
        sent = self._sent_at.get((kiosk, int(stay[2])))
        if kiosk != door.kiosk and self.timings is not None and sent is not None:
            self.timings.delays_ms.append((at - sent) * 1000)


@contextmanager
def served(
    kiosks: int,
    people: int,
    *,
    halls: int = HALLS,
    capacity: int = 2_000,
    phones: int = 0,
    postgresql: str | None = None,
    checkout: str = "",
) -> Iterator[tuple[LiveSite, Load]]:
    """Run a server with enrolled kiosks. Their load is not open yet."""
    with TemporaryDirectory() as folder:
        text = venue(capacity, halls)
        site = LiveSite(Path(folder), text, people=people, postgresql=postgresql)
        try:
            doors = enrol_all(site, kiosks, halls, phones)
            (cursor,) = site.query("SELECT COALESCE(MAX(cursor), 0) FROM change")[0]
            serve_from(site, checkout)
            yield site, Load(site.port, doors, cursor, session_root(site))
        finally:
            site.close()


def serve_from(site: LiveSite, checkout: str) -> None:
    """Start the site's server with the code of another checkout (empty: this one)."""
    if checkout:
        command = site.server.command
        module = command.index("-m") + 1
        code = _FROM.format(checkout, command[module])
        site.server.command = [sys.executable, "-c", code, *command[module + 1 :]]
    site.start_server()


def checkouts() -> list[str]:
    """The checkouts to compare. The empty one is this."""
    against = os.environ.get(AGAINST)
    return [*([str(Path(against).resolve())] if against else []), ""]


def session_root(site: LiveSite) -> PublicKey | None:
    """The event's key, for kiosks with sessions. None if HALLKEEPER_BENCH_SIGNED is set: they sign
    each request, as version 1.0.
    """
    return None if os.environ.get(SIGNED) else site.event.root_key.public


async def _drop(kiosk: LoadKiosk) -> None:
    """End the kiosk's sending connection, if any."""
    for writer in kiosk.link[1:]:
        await _end(writer)
    kiosk.link.clear()
    kiosk.session = None


async def _end(writer: asyncio.StreamWriter) -> None:
    """End a connection at once: a busy server's goodbye may come after the loop has ended."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


def allow_files() -> None:
    """Allow as many connections as thousands of kiosks need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def used(pid: int) -> tuple[float, float]:
    """CPU seconds and resident megabytes of a process and its children."""
    pids = [pid, *children(pid)]
    ticks = os.sysconf("SC_CLK_TCK")
    cpu, pages = 0.0, 0
    for process in pids:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        cpu += (int(fields[11]) + int(fields[12])) / ticks
        pages += int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return cpu, pages * resource.getpagesize() / 1e6
