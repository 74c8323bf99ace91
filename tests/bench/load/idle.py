"""What kiosks without people cost the server: feeds held open, and a heartbeat every HEARTBEAT_S.

HALLKEEPER_BENCH_AGAINST may name another checkout. Its server then has as many kiosks at the same
time, so that both have the same share of a busy machine.
"""

import asyncio

from tests.bench.load.load import allow_files
from tests.bench.load.loop import Served, cpu_of, measure

KIOSKS = (300, 1_000)
HALLS = 170  # of six doors each
SETTLE_S = 8.0
SECONDS = 20.0


async def beat(servers: dict[str, Served]) -> list[dict[str, object]]:
    for server in servers.values():
        await server.load.open()
    await asyncio.sleep(SETTLE_S)
    pids = {name: server.pid for name, server in servers.items()}
    cpu = {name: cpu_of(pid) for name, pid in pids.items()}
    batches = {name: server.load.batches for name, server in servers.items()}
    await asyncio.sleep(SECONDS)
    rows: list[dict[str, object]] = []
    for name, server in servers.items():
        seconds, count = cpu_of(pids[name]) - cpu[name], server.load.batches - batches[name]
        rows.append(
            {
                "server": name or "here",
                "kiosks": len(server.load.kiosks),
                "heartbeats_per_s": round(count / SECONDS),
                "server_cpu_percent": round(seconds / SECONDS * 100, 1),
                "cpu_us_per_heartbeat": round(seconds / count * 1e6),
            }
        )
    for server in servers.values():
        await server.load.close()
    return rows


def run() -> dict[str, object]:
    """One row for each number of kiosks and server."""
    allow_files()
    return {"idle": [row for kiosks in KIOSKS for row in measure(kiosks, beat, halls=HALLS)]}
