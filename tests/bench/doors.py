"""From a scan at one door to the hall's other doors: 10 to 300 kiosks on one server, with TLS and
signatures.

Each kiosk holds its feed, obeys orders of places, and sends a heartbeat after two seconds without a
message. Scans come at a steady rate, one POST each, on connections kept open. The delay runs from
just before the POST is written until another door reads the change.

HALLKEEPER_BENCH_AGAINST may name another checkout, whose server then runs in turns with this one's.

The load's own process uses as many of the machine's cores as the server, which then lack them; its
share is reported too.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.event import quantiles
from tests.bench.load.disk import DiskProbe
from tests.bench.load.kiosk import LoadKiosk
from tests.bench.load.load import HALLS, Load, Timings, checkouts, served, used
from tests.server.support.postgresql.cluster import Cluster
from tests.server.support.postgresql.failover import cpu_of_cluster
from tests.system.support.site import LiveSite

KIOSKS = (10, 60, 150, 300)
RATE = 150.0
SECONDS = 20.0
WARM_UP_S = 4.0
PEOPLE = 12_000  # more than are scanned


async def scan_steadily(
    load: Load,
    people: Iterator[int],
    rate: float,
    seconds: float,
    until: asyncio.Event | None = None,
    kiosks: Sequence[LoadKiosk] = (),
) -> None:
    """Scan at random doors (of `kiosks`, or of all) at a steady rate, however long answers take.

    `people` gives serials in turn. A person must not recur within a minute: two doors faster than
    walking pace look like a copied badge, and the server notifies all doors.
    """
    if not rate:
        await asyncio.sleep(seconds)
        return
    dice = random.Random(1)
    begin = time.perf_counter()
    count = 0
    async with asyncio.TaskGroup() as posts:
        while time.perf_counter() - begin < seconds and not (until and until.is_set()):
            posts.create_task(load.scan(dice.choice(kiosks or load.kiosks), next(people)))
            count += 1
            await asyncio.sleep(max(0, begin + count / rate - time.perf_counter()))


async def run_load(
    load: Load, site: LiveSite, rate: float = RATE, cluster: Cluster | None = None
) -> dict[str, object]:
    """Scan for SECONDS, and return the figures of kiosks, server and database."""
    people = itertools.cycle(row[0] for row in site.query("SELECT serial FROM attendee"))
    pid = site.server.child.pid
    await load.open()
    await scan_steadily(load, people, rate, WARM_UP_S)
    timings = load.timings = Timings()
    before, batches = used(pid)[0], load.batches
    engine = 0.0 if cluster is None else cpu_of_cluster(cluster)
    began, own = time.perf_counter(), time.process_time()
    await scan_steadily(load, people, rate, SECONDS)
    took, own = time.perf_counter() - began, time.process_time() - own
    cpu, memory = used(pid)
    engine = 0.0 if cluster is None else cpu_of_cluster(cluster) - engine
    batches = load.batches - batches
    await asyncio.sleep(0.5)
    feeds, threads = load.feeds, _threads(pid)
    await load.close()
    return {
        "kiosks": len(load.kiosks),
        "feeds": feeds,
        "scans": len(timings.acks_ms),
        "scans_per_s": round(len(timings.acks_ms) / took),
        "posts_per_s": round(batches / took),
        "deliveries": len(timings.delays_ms),
        "door_to_door_ms": quantiles(timings.delays_ms),
        "acknowledged_ms": quantiles(timings.acks_ms),
        "server_cpu_percent": round((cpu - before) / took * 100),
        "database_cpu_percent": round(engine / took * 100),
        "load_cpu_percent": round(own / took * 100),
        "server_memory_mb": round(memory),
        "server_threads": threads,
    }


def _threads(pid: int) -> int:
    """Threads of the server's worker."""
    worker = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
    return len(list(Path(f"/proc/{worker}/task").iterdir()))


def measure(
    kiosks: int,
    rate: float = RATE,
    halls: int = HALLS,
    cluster: Cluster | None = None,
    checkout: str = "",
) -> dict[str, object]:
    """With a `cluster` of PostgreSQL, the event is on it. The server is of `checkout`, or of this
    one if empty.
    """
    url = None if cluster is None else cluster.url(cluster.make())
    with (
        served(kiosks, PEOPLE, halls=halls, postgresql=url, checkout=checkout) as (site, load),
        DiskProbe(site.path) as probe,
    ):
        figures = asyncio.run(run_load(load, site, rate, cluster))
    return {"server": checkout or "here", **figures, "disk_sync_ms": quantiles(probe.took_ms)}


def run() -> dict[str, object]:
    rows = ((kiosks, checkout) for kiosks in KIOSKS for checkout in checkouts())
    return {"doors": [measure(kiosks, checkout=checkout) for kiosks, checkout in rows]}
