"""The server's CPU for a heartbeat that is signed and for a heartbeat in a session, in turns on one
server; and for the verification alone.
"""

import asyncio
import itertools
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from badges.credential.keys import PrivateKey
from server.web.lanes import Lanes
from tests.bench.load.load import Load
from tests.bench.load.loop import Served, cpu_of
from tests.server.support.fake_door import FakeDoor
from tests.server.web.serving.support import signed

KIOSKS = 60
HEARTBEATS = 600  # in one window
WINDOWS = 12
PROOFS = 2_000
KINDS = ("signed", "session")


async def heartbeats(load: Load, count: int) -> None:
    """Send so many by all kiosks together, each as soon as the last is answered."""
    left = itertools.count(count, -1)

    async def work(number: int) -> None:
        kiosk = load.kiosks[number]
        while next(left) > 0:
            async with kiosk.lock:
                await load.post(kiosk, kiosk.batch())

    async with asyncio.TaskGroup() as tasks:
        for number in range(len(load.kiosks)):
            tasks.create_task(work(number))


async def in_turns(server: Served) -> dict[str, list[float]]:
    """The CPU seconds for a heartbeat of each window."""
    load = server.load
    await load.open()
    sessions = [kiosk.session for kiosk in load.kiosks]
    cost: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(WINDOWS):
        for kind in KINDS:
            for kiosk, session in zip(load.kiosks, sessions, strict=True):
                kiosk.session = session if kind == "session" else None
            cpu, sent = cpu_of(server.pid), load.batches
            await heartbeats(load, HEARTBEATS)
            cost[kind].append((cpu_of(server.pid) - cpu) / (load.batches - sent))
    await load.close()
    return cost


def proof_s(session: bytes | None) -> float:
    """The CPU seconds to verify a request."""
    door, lanes, key = FakeDoor("west", 1, 1), Lanes(), PrivateKey(b"west".ljust(32, b"."))
    lanes.remember_kiosk(("west", 1), key.public.raw, "127.0.0.1")
    if session is not None:
        lanes.begin_session(("west", 1), key.public.raw, session, 0)
    requests = [signed(door, "POST", "/api/scans", bytes(900), session) for _ in range(PROOFS)]
    began = time.thread_time()
    for headers in requests:
        assert lanes.prove(headers, "POST", "/api/scans") is not None
    return (time.thread_time() - began) / PROOFS


def run() -> dict[str, object]:
    """Of CPU, the cheapest and the median window count, because others use the machine too."""
    with TemporaryDirectory() as folder:
        server = Served(Path(folder) / "0", KIOSKS, "")
        try:
            cost = asyncio.run(in_turns(server))
        finally:
            server.close()
    proofs = {"signed": proof_s(None), "session": proof_s(bytes(32))}
    rows = [
        {
            "kind": kind,
            "proof_us": round(proofs[kind] * 1e6, 1),
            "heartbeat_us": round(min(cost[kind]) * 1e6),
            "heartbeat_us_middle": round(statistics.median(cost[kind]) * 1e6),
        }
        for kind in KINDS
    ]
    return {"sessions": rows}
