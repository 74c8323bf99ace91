"""A thousand kiosks on one server: each holds its feed, with heartbeats, and 300 scans a second.

The load's own process uses as many of the machine's cores as the server, which then lack them; its
share is reported too.
"""

import asyncio
import itertools
import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.doors import scan_steadily
from tests.bench.load.load import Load, Timings, enrol_all, quantiles, used, venue
from tests.system.support.site import LiveSite

KIOSKS = 1_000
HALLS = 170  # of six doors each
RATES = (100.0, 300.0)
SECONDS = 15.0
WARM_UP_S = 4.0
PEOPLE = 12_000
FILES = 8_192


async def run_rates(load: Load, site: LiveSite, pid: int) -> list[dict[str, object]]:
    people = itertools.cycle(row[0] for row in site.query("SELECT serial FROM attendee"))
    await load.open()
    rows = []
    for rate in RATES:
        await scan_steadily(load, people, rate, WARM_UP_S)
        timings = load.timings = Timings()
        before, batches = used(pid)[0], load.batches
        began, own = time.perf_counter(), time.process_time()
        await scan_steadily(load, people, rate, SECONDS)
        took, own = time.perf_counter() - began, time.process_time() - own
        cpu, memory = used(pid)
        threads = _threads(pid)
        load.timings = None
        rows.append(
            {
                "kiosks": KIOSKS,
                "feeds": load.feeds,
                "scans_per_s": round(len(timings.acks_ms) / took),
                "posts_per_s": round((load.batches - batches) / took),
                "deliveries": len(timings.delays_ms),
                "door_to_door_ms": quantiles(timings.delays_ms),
                "acknowledged_ms": quantiles(timings.acks_ms),
                "server_cpu_percent": round((cpu - before) / took * 100),
                "load_cpu_percent": round(own / took * 100),
                "server_memory_mb": round(memory),
                "server_threads": threads,
            }
        )
    await load.close()
    return rows


def _threads(pid: int) -> int:
    """Threads of the server's worker."""
    worker = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
    return len(list(Path(f"/proc/{worker}/task").iterdir()))


def run() -> dict[str, object]:
    """One row for each rate of scans."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    with TemporaryDirectory() as folder:
        site = LiveSite(Path(folder), venue(halls=HALLS), people=PEOPLE)
        try:
            doors = enrol_all(site, KIOSKS, HALLS)
            (cursor,) = site.query("SELECT COALESCE(MAX(cursor), 0) FROM change")[0]
            site.start_server()
            load = Load(site.port, doors, cursor)
            return {"thousand": asyncio.run(run_rates(load, site, site.server.child.pid))}
        finally:
            site.close()
