"""The server's CPU for one change that goes to hundreds of doors, by their feeds over TLS.

HALLKEEPER_BENCH_AGAINST may name another checkout, whose server then has its changes in turns with
this one's.
"""

import asyncio
import statistics

from tests.bench.load.load import allow_files
from tests.bench.load.loop import Served, cpu_of, measure

KIOSKS = (300, 1_000)
HALLS = 170  # of six doors each
CHANGES = 30
REST_S = 0.5  # without changes, to know what the server takes for itself


async def deliver(server: Served) -> float:
    """Microseconds of CPU for each door that one change goes to."""
    doors, load = len(server.load.kiosks), server.load
    cpu = cpu_of(server.pid)
    await asyncio.sleep(REST_S)
    rest = (cpu_of(server.pid) - cpu) / REST_S
    loop, cpu, wanted = asyncio.get_running_loop(), cpu_of(server.pid), load.deliveries + doors
    began = loop.time()
    server.publish()
    while load.deliveries < wanted:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    return (cpu_of(server.pid) - cpu - rest * (loop.time() - began)) / doors * 1e6


async def in_turns(servers: dict[str, Served]) -> list[dict[str, object]]:
    for server in servers.values():
        await server.load.open_feeds()
    took: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(CHANGES):
        for name, server in servers.items():
            took[name].append(await deliver(server))
    for server in servers.values():
        await server.load.close()
    return [
        {
            "server": name or "here",
            "feeds": len(servers[name].load.kiosks),
            "cpu_us_per_delivery": round(statistics.median(values), 1),
            "least_us": round(min(values), 1),
        }
        for name, values in took.items()
    ]


def run() -> dict[str, object]:
    """One row for each number of feeds and server."""
    allow_files()
    return {"feeds": [row for kiosks in KIOSKS for row in measure(kiosks, in_turns, halls=HALLS)]}
