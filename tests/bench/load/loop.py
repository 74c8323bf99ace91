"""The whole server's cost of a scan, by the CPU of its processes: kiosks in a closed loop.

Each kiosk sends its next batch as soon as the last is answered, with TLS and signatures, and holds
its feed meanwhile. Half of the scans are entries, half are exits of earlier people.
HALLKEEPER_BENCH_AGAINST may name another checkout, whose server then alternates with this one in
short windows, so both figures of the ratio come from one run.
"""

import asyncio
import contextlib
import itertools
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from badges.record import ScanRecord
from badges.wire import wire
from server.core.feed import changes
from tests.bench.event import quantiles
from tests.bench.load.kiosk import LoadKiosk
from tests.bench.load.load import (
    HALLS,
    Load,
    checkouts,
    enrol_all,
    serve_from,
    session_root,
    venue,
)
from tests.system.support.site import LiveSite, now_ms

KIOSKS = (1, 8, 32)
SCANS = {1: 150, 10: 600, 100: 2_000}  # in one window, by the size of a batch
WARM_UP = 100
WINDOWS = 12
PEOPLE = 8_000
INSIDE = 5  # inside at once, for each kiosk

Windows = list[tuple[float, float, list[float]]]


class Visitors:
    """The people who come and go at one kiosk's door, one after another."""

    def __init__(self, kiosk: LoadKiosk, people: Iterator[int]) -> None:
        self._kiosk = kiosk
        self._people = people
        self._inside: deque[tuple[int, ScanRecord]] = deque()

    @property
    def inside(self) -> int:
        return len(self._inside)

    def scan(self) -> bool:
        """A person enters; if enough are in or no place is free, the first of them leaves. False if
        neither is possible until the server grants a place.
        """
        if len(self._inside) < INSIDE and self._kiosk.has_place:
            serial = next(self._people)
            self._inside.append((serial, self._kiosk.enter(serial)))
            return True
        if not self._inside:
            return False
        serial, entry = self._inside.popleft()
        self._kiosk.door.leave(now_ms(), serial, self._kiosk.door.ref(entry))
        return True


async def closed_loop(load: Load, visitors: list[Visitors], batch: int, scans: int) -> list[float]:
    """Send so many scans by all kiosks together; return each batch's time, in ms."""
    took: list[float] = []
    left = itertools.count(scans, -batch)

    async def work(kiosk: LoadKiosk, own: Visitors) -> None:
        while next(left) > 0:
            scanned = 0
            while scanned < batch:
                if own.scan():
                    scanned += 1
                else:
                    async with kiosk.lock:
                        await load.post(kiosk, kiosk.batch())
            again = True
            began = time.perf_counter()
            while again:
                async with kiosk.lock:
                    again = await load.post(kiosk, kiosk.batch())
            took.append((time.perf_counter() - began) * 1000)

    async with asyncio.TaskGroup() as tasks:
        for kiosk, own in zip(load.kiosks, visitors, strict=True):
            tasks.create_task(work(kiosk, own))
    return took


class Served:
    """An event with its kiosks, and the server of one checkout (empty: this one)."""

    def __init__(self, folder: Path, count: int, checkout: str, *, halls: int = HALLS) -> None:
        folder.mkdir()
        self._site = LiveSite(folder, venue(halls=halls), people=PEOPLE)
        doors = enrol_all(self._site, count, halls)
        people = itertools.cycle(row[0] for row in self._site.query("SELECT serial FROM attendee"))
        (cursor,) = self._site.query("SELECT COALESCE(MAX(cursor), 0) FROM change")[0]
        serve_from(self._site, checkout)
        self.load = Load(self._site.port, doors, cursor, session_root(self._site))
        self._visitors = [Visitors(kiosk, people) for kiosk in self.load.kiosks]

    def close(self) -> None:
        self._site.close()

    @property
    def pid(self) -> int:
        return self._site.server.child.pid

    def publish(self) -> None:
        """Store a change for every door, as another process does."""
        self._site.write(lambda db: changes.publish(db, wire.NamesChanged()))

    async def window(self, batch: int) -> tuple[float, float, list[float]]:
        """Send so many scans. Returns each one's seconds of CPU and clock, and the batches' ms."""
        pid = self.pid
        await closed_loop(self.load, self._visitors, batch, max(WARM_UP, batch))
        cpu, began = cpu_of(pid), time.perf_counter()
        took = await closed_loop(self.load, self._visitors, batch, SCANS[batch])
        wall, cpu = time.perf_counter() - began, cpu_of(pid) - cpu
        scans = len(took) * batch
        return cpu / scans, wall / scans, took


def cpu_of(pid: int) -> float:
    """Seconds of CPU of a process' worker, finer than the ticks of its other figures."""
    worker = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
    threads = Path(f"/proc/{worker}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


async def in_turns(servers: dict[str, Served]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for server in servers.values():
        await server.load.open()
    for batch in SCANS:
        windows: dict[str, Windows] = {name: [] for name in servers}
        for _ in range(WINDOWS):
            for name, server in servers.items():
                windows[name].append(await server.window(batch))
        rows += [
            row_of(name or "here", len(servers[name].load.kiosks), batch, took)
            for name, took in windows.items()
        ]
    for server in servers.values():
        await server.load.close()
    return rows


def row_of(server: str, kiosks: int, batch: int, windows: Windows) -> dict[str, object]:
    """Of CPU, the cheapest and the median window count, because others use the machine too."""
    cpu = sorted(window[0] * 1e6 for window in windows)
    shares = quantiles([ms for window in windows for ms in window[2]])
    return {
        "server": server,
        "kiosks": kiosks,
        "batch": batch,
        "cpu_us_per_scan": round(cpu[0]),
        "cpu_us_middle": round(cpu[len(cpu) // 2]),
        "scans_per_s": round(1 / min(window[1] for window in windows)),
        "p50_ms": shares["p50"],
        "p99_ms": shares["p99"],
    }


def measure(
    kiosks: int,
    work: Callable[[dict[str, Served]], Coroutine[None, None, list[dict[str, object]]]],
    *,
    halls: int = HALLS,
) -> list[dict[str, object]]:
    """Return the rows of `work` with a server of each checkout, all with so many kiosks."""
    with TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        servers = {}
        for number, checkout in enumerate(checkouts()):
            served = Served(Path(folder) / str(number), kiosks, checkout, halls=halls)
            stack.callback(served.close)
            servers[checkout] = served
        return asyncio.run(work(servers))


def run() -> dict[str, object]:
    """One row for each number of kiosks, size of batch, and server."""
    return {"loop": [row for kiosks in KIOSKS for row in measure(kiosks, in_turns)]}
