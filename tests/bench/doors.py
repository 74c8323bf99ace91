"""From a scan at one door to the hall's other doors: 10 to 300 kiosks on one server, with TLS and
signatures.

Each kiosk holds its feed, obeys orders of places, and sends a heartbeat after two seconds without a
message. Scans come at a steady rate, one POST each, on connections kept open. The delay runs from
just before the POST is written until another door reads the change.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.load.disk import DiskProbe
from tests.bench.load.load import Load, Timings, enrol_all, quantiles, used, venue
from tests.system.support.site import LiveSite

KIOSKS = (10, 60, 150, 300)
RATE = 150.0
SECONDS = 20.0
WARM_UP_S = 4.0
PEOPLE = 4_000  # more than are scanned


async def scan_steadily(
    load: Load,
    people: Iterator[int],
    rate: float,
    seconds: float,
    until: asyncio.Event | None = None,
) -> None:
    """Scan at random doors at a steady rate, however long the answers take.

    `people` gives serials in turn. A person must not recur within a minute: two doors faster than
    walking pace look like a copied badge, and the server notifies all doors.
    """
    dice = random.Random(1)
    begin = time.perf_counter()
    count = 0
    async with asyncio.TaskGroup() as posts:
        while time.perf_counter() - begin < seconds and not (until and until.is_set()):
            posts.create_task(load.scan(dice.choice(load.kiosks), next(people)))
            count += 1
            await asyncio.sleep(max(0, begin + count / rate - time.perf_counter()))


async def run_load(load: Load, people: Iterator[int], pid: int) -> tuple[Timings, float, float]:
    """Return the kiosks' timings, the server's share of a core, and batches and heartbeats a
    second.
    """
    await load.open()
    await scan_steadily(load, people, RATE, WARM_UP_S)
    timings = load.timings = Timings()
    before, batches, began = used(pid)[0], load.batches, time.perf_counter()
    await scan_steadily(load, people, RATE, SECONDS)
    took = time.perf_counter() - began
    share, batches = (used(pid)[0] - before) / took, load.batches - batches
    await asyncio.sleep(0.5)
    await load.close()
    return timings, share, batches / took


def measure(kiosks: int) -> dict[str, object]:
    with TemporaryDirectory() as folder:
        site = LiveSite(Path(folder), venue(), people=PEOPLE)
        try:
            doors = enrol_all(site, kiosks)
            people = itertools.cycle(row[0] for row in site.query("SELECT serial FROM attendee"))
            (cursor,) = site.query("SELECT COALESCE(MAX(cursor), 0) FROM change")[0]
            site.start_server()
            pid = site.server.child.pid
            load = Load(site.port, doors, cursor)
            with DiskProbe(Path(folder)) as probe:
                timings, share, batches = asyncio.run(run_load(load, people, pid))
            memory = used(pid)[1]
        finally:
            site.close()
    return {
        "kiosks": kiosks,
        "scans": len(timings.acks_ms),
        "posts_per_s": round(batches),
        "deliveries": len(timings.delays_ms),
        "door_to_door_ms": quantiles(timings.delays_ms),
        "acknowledged_ms": quantiles(timings.acks_ms),
        "disk_sync_ms": quantiles(probe.took_ms),
        "server_cpu_percent": round(share * 100),
        "server_memory_mb": round(memory),
    }


def run() -> dict[str, object]:
    return {"doors": [measure(kiosks) for kiosks in KIOSKS]}
