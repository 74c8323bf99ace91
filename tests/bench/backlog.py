"""How one kiosk that sends a day's backlog slows 60 others down.

It sends batch after batch as a kiosk does, each after the acknowledgement of the last. The others
scan at a steady rate; their delays are measured before, during and after.
"""

import asyncio
import itertools
import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from badges.places.pool import PoolKey
from kiosk.sync.exchange import BATCH_SCANS
from server.core.occupancy import pools
from tests.bench.doors import scan_steadily
from tests.bench.event import quantiles
from tests.bench.load.kiosk import LoadKiosk
from tests.bench.load.load import Load, Timings, enrol_all, used, venue
from tests.server.support.fake_door import FakeDoor
from tests.system.support.site import LiveSite, now_ms

OTHERS = 60
RATE = 100.0
BACKLOG = 20_000
DAY_MS = 10 * 3_600_000
QUIET_S = 8.0
WARM_UP_S = 3.0
SYNC_MAX_S = 300.0


def grant(site: LiveSite, door: FakeDoor, count: int) -> None:
    """The places that the door held when it went offline."""
    key, kiosk = PoolKey(door.hall), (door.kiosk, door.generation)

    def step(db: sqlite3.Connection) -> None:
        before = pools.load(db, key)
        pools.save(db, key, before, before.grant(kiosk, count))

    site.write(step)
    door.granted = count


def scan_a_day(door: FakeDoor, serials: list[int]) -> None:
    """Fill the door's journal: people in and out, the last one long ago."""
    dice = random.Random(2)
    began = now_ms() - DAY_MS
    inside: list[tuple[int, object]] = []
    for n in range(BACKLOG):
        at = began + n * DAY_MS // BACKLOG
        if inside and dice.random() < 0.45:
            serial, ref = inside.pop(dice.randrange(len(inside)))
            door.leave(at, serial, ref, facts_age_ms=at - began)
        else:
            serial = dice.choice(serials)
            entry = door.scan(at, serial, facts_age_ms=at - began)
            inside.append((serial, door.ref(entry)))


async def hand_in(load: Load, kiosk: LoadKiosk, batch_scans: int) -> int:
    """Send batch after batch; return their number."""
    batches = 0
    while kiosk.door.acked < len(kiosk.door.records):
        last = min(len(kiosk.door.records), kiosk.door.acked + batch_scans)
        await load.post(kiosk, kiosk.door.batch(now_ms(), last=last))
        batches += 1
    return batches


async def run_load(
    load: Load, people: Iterator[int], late: FakeDoor, batch_scans: int, pid: int
) -> dict[str, object]:
    await load.open()
    await scan_steadily(load, people, RATE, WARM_UP_S)
    before = load.timings = Timings()
    await scan_steadily(load, people, RATE, QUIET_S)
    during = load.timings = Timings()
    synced = asyncio.Event()
    others = asyncio.create_task(scan_steadily(load, people, RATE, SYNC_MAX_S, synced))
    cpu, began = used(pid)[0], time.perf_counter()
    kiosk = LoadKiosk(late)
    batches = await hand_in(load, kiosk, batch_scans)
    took, cpu = time.perf_counter() - began, used(pid)[0] - cpu
    synced.set()
    await others
    after = load.timings = Timings()
    await scan_steadily(load, people, RATE, QUIET_S)
    kiosk.link[1].close()
    await load.close()
    return {
        "others": len(load.kiosks),
        "others_scans_per_s": RATE,
        "backlog_scans": BACKLOG,
        "batch_scans": batch_scans,
        "batches": batches,
        "synced_in_s": round(took, 1),
        "server_cpu_percent": round(100 * cpu / took),
        **{
            name: {
                "scans": len(timings.acks_ms),
                "acknowledged_ms": quantiles(timings.acks_ms),
                "door_to_door_ms": quantiles(timings.delays_ms),
            }
            for name, timings in (("before", before), ("during", during), ("after", after))
        },
    }


def measure(batch_scans: int = BATCH_SCANS) -> dict[str, object]:
    with TemporaryDirectory() as folder:
        site = LiveSite(Path(folder), venue(capacity=2 * BACKLOG), people=2_000)
        try:
            late, *doors = enrol_all(site, OTHERS + 1)
            serials = [row[0] for row in site.query("SELECT serial FROM attendee")]
            grant(site, late, BACKLOG)
            scan_a_day(late, serials)
            (cursor,) = site.query("SELECT COALESCE(MAX(cursor), 0) FROM change")[0]
            site.start_server()
            load = Load(site.port, doors, cursor)
            return asyncio.run(
                run_load(load, itertools.cycle(serials), late, batch_scans, site.server.child.pid)
            )
        finally:
            site.close()


def run() -> dict[str, object]:
    return {"backlog": measure()}
