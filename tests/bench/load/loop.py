"""What a scan costs the whole server, by the CPU of its processes: kiosks in a closed loop.

Each kiosk sends its next batch as soon as the last one is answered, with TLS and signatures, and
holds its feed meanwhile. Half of the scans are entries, and half are exits of those who entered a
while ago. HALLKEEPER_BENCH_AGAINST may name another checkout, whose server then takes turns with
this one on the same event, so that the ratio of the two is of one run.
"""

import asyncio
import itertools
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from badges.record import ScanRecord
from tests.bench.load.kiosk import LoadKiosk
from tests.bench.load.load import Load, enrol_all, quantiles, used, venue
from tests.system.support.site import LiveSite, now_ms

KIOSKS = (1, 8, 32)
SCANS = {1: 2_000, 10: 6_000, 100: 10_000}  # by the size of a batch
WARM_UP = 200
ROUNDS = 2  # the cheapest counts, for others use the machine too
PEOPLE = 8_000
INSIDE = 5  # so many stay in between, for each kiosk
AGAINST = "HALLKEEPER_BENCH_AGAINST"
_THERE = "import runpy, sys; sys.path[0] = {!r}; runpy.run_module({!r}, run_name='__main__')"


class Visitors:
    """The people who come and go at one kiosk's door, one after another."""

    def __init__(self, kiosk: LoadKiosk, people: Iterator[int]) -> None:
        self._kiosk = kiosk
        self._people = people
        self._inside: deque[tuple[int, ScanRecord]] = deque()

    def scan(self) -> None:
        """Somebody enters, or where enough are in, the first of them leaves."""
        if len(self._inside) < INSIDE:
            serial = next(self._people)
            self._inside.append((serial, self._kiosk.enter(serial)))
        else:
            serial, entry = self._inside.popleft()
            self._kiosk.door.leave(now_ms(), serial, self._kiosk.door.ref(entry))


async def closed_loop(load: Load, visitors: list[Visitors], batch: int, scans: int) -> list[float]:
    """So many scans by all kiosks together; how long each batch took, in ms."""
    took: list[float] = []
    left = itertools.count(scans, -batch)

    async def work(kiosk: LoadKiosk, own: Visitors) -> None:
        while next(left) > 0:
            for _ in range(batch):
                own.scan()
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


class Measured:
    """One event, its kiosks, and the servers that take turns with it."""

    def __init__(self, folder: Path, count: int) -> None:
        self._site = LiveSite(folder, venue(), people=PEOPLE)
        self._kiosks = [LoadKiosk(door) for door in enrol_all(self._site, count)]
        people = itertools.cycle(row[0] for row in self._site.query("SELECT serial FROM attendee"))
        self._visitors = [Visitors(kiosk, people) for kiosk in self._kiosks]
        self._command = self._site.server.command

    def close(self) -> None:
        self._site.close()

    def turn(self, batch: int, checkout: str) -> dict[str, float]:
        """One server of a checkout (empty: this one), measured."""
        site = self._site
        if checkout:
            module = self._command.index("-m") + 1
            code = _THERE.format(checkout, self._command[module])
            site.server.command = [sys.executable, "-c", code, *self._command[module + 1 :]]
        else:
            site.server.command = self._command
        site.start_server()
        try:
            return asyncio.run(self._run(batch, site.server.child.pid))
        finally:
            site.server.stop()

    async def _run(self, batch: int, pid: int) -> dict[str, float]:
        (cursor,) = self._site.query("SELECT COALESCE(MAX(cursor), 0) FROM change")[0]
        load = Load(self._site.port, [], cursor)
        load.kiosks = self._kiosks
        for kiosk in self._kiosks:
            kiosk.link.clear()
        await load.open()
        await closed_loop(load, self._visitors, batch, WARM_UP)
        cpu, began = used(pid)[0], time.perf_counter()
        took = await closed_loop(load, self._visitors, batch, SCANS[batch])
        wall, cpu = time.perf_counter() - began, used(pid)[0] - cpu
        await load.close()
        scans = len(took) * batch
        shares = quantiles(took)
        return {
            "cpu_us_per_scan": round(cpu / scans * 1e6),
            "scans_per_s": round(scans / wall),
            "p50_ms": shares["p50"],
            "p99_ms": shares["p99"],
        }


def measure(kiosks: int, checkouts: list[str]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    with TemporaryDirectory() as folder:
        measured = Measured(Path(folder), kiosks)
        try:
            for batch in SCANS:
                found: dict[str, list[dict[str, float]]] = {one: [] for one in checkouts}
                for _ in range(ROUNDS):
                    for one in checkouts:
                        found[one].append(measured.turn(batch, one))
                best = {
                    one: min(rounds, key=lambda row: row["cpu_us_per_scan"])
                    for one, rounds in found.items()
                }
                rows += [
                    {"server": one or "here", "kiosks": kiosks, "batch": batch, **best[one]}
                    for one in checkouts
                ]
        finally:
            measured.close()
    return rows


def run() -> dict[str, object]:
    """One row for each number of kiosks, size of batch, and server."""
    against = os.environ.get(AGAINST)
    checkouts = [*([str(Path(against).resolve())] if against else []), ""]
    return {"loop": [row for kiosks in KIOSKS for row in measure(kiosks, checkouts)]}
