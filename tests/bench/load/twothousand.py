"""Two thousand doors on two servers with one PostgreSQL database, for ten minutes: TLS, sessions,
feeds and heartbeats. People come and go, in halls that fill.

Afterwards each scan must be in the ledger once, and the leaves of the entry log in order. A run
that breaks this, or has more people in a hall than its capacity, ends with an error.
"""

import asyncio
import contextlib
import itertools
import random
import shutil
import socket
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from badges.transparency.merkle import leaf_hash
from badges.wire.servers import ServerAddress
from server.core.entry_log.entry_log import entry_of
from server.core.kiosks import addresses
from tests.bench.event import quantiles
from tests.bench.load.load import (
    DOORS_EACH,
    Load,
    Timings,
    allow_files,
    enrol_all,
    session_root,
    used,
    venue,
)
from tests.bench.load.loop import Visitors
from tests.server.support.postgresql.cluster import MISSING, Cluster, binaries
from tests.server.support.postgresql.failover import cpu_of_cluster
from tests.system.support.site import LiveSite, Process, free_port, now_ms, wait_for

DOORS = 2_000
CAPACITY = 20  # of each hall; its doors would let in half as many more
RATE = 150.0  # scans a second, of all doors together
SECONDS = 600.0
WARM_UP_S = 10.0
PEOPLE = 20_000
SETTLED_S = 120.0


class Forum:
    """The event, its two servers, and the load on each. Each hall's doors use one server."""

    def __init__(self, path: Path, url: str) -> None:
        self.halls = -(-DOORS // DOORS_EACH)
        self.site = LiveSite(path, venue(CAPACITY, self.halls), PEOPLE, postgresql=url)
        doors = enrol_all(self.site, DOORS, self.halls)
        ports = [self.site.port, free_port()]
        listed = [ServerAddress("127.0.0.1", port) for port in ports]
        self.site.write(
            lambda db: addresses.set_servers(db, self.site.event, listed, by="test", now=now_ms())
        )
        self.second = _second_server(self.site, path / "second", ports[1])
        self.servers = [self.site.server, self.second]
        (cursor,) = self.site.query("SELECT COALESCE(MAX(cursor), 0) FROM change")[0]
        root = session_root(self.site)
        self.loads = [
            Load(port, [door for door in doors if door.hall % 2 == number], cursor, root)
            for number, port in enumerate(ports)
        ]
        serials = [row[0] for row in self.site.query("SELECT serial FROM attendee")]
        people = itertools.cycle(serials)
        self.doors = [
            (load, kiosk, Visitors(kiosk, people)) for load in self.loads for kiosk in load.kiosks
        ]
        self.inside: Counter[int] = Counter()
        self.most_inside = 0

    def start(self) -> None:
        self.site.start_server()
        self.second.start()
        wait_for("the second server", lambda: _listens(self.second, self.loads[1].port))

    def close(self) -> None:
        if self.second.alive:
            self.second.stop()
        self.second.end()
        self.site.close()

    async def scan_for(self, seconds: float) -> None:
        """Scan at random doors at a steady rate. A door sends as soon as its last batch is
        answered, with all scans since.
        """
        dice, began = random.Random(1), time.perf_counter()
        async with asyncio.TaskGroup() as posts:
            for count in itertools.count(1):
                if time.perf_counter() - began >= seconds:
                    break
                load, kiosk, visitors = dice.choice(self.doors)
                before = visitors.inside
                if visitors.scan():
                    self._count(kiosk.door.hall, visitors.inside - before)
                    posts.create_task(load.send(kiosk))
                await asyncio.sleep(max(0.0, began + count / RATE - time.perf_counter()))

    def _count(self, hall: int, people: int) -> None:
        self.inside[hall] += people
        self.most_inside = max(self.most_inside, self.inside[hall])
        assert self.inside[hall] <= CAPACITY, f"too many people in hall {hall}"

    async def settle(self) -> None:
        """Send what is unacknowledged."""
        async with asyncio.timeout(SETTLED_S):
            for load, kiosk, _ in self.doors:
                while kiosk.unacknowledged:
                    await load.send(kiosk)

    def check(self) -> int:
        """Compare all doors' journals with the ledger. Return the number of scans."""
        journals = Counter(
            (kiosk.door.kiosk, seq)
            for _, kiosk, _ in self.doors
            for seq in range(1, len(kiosk.door.records) + 1)
        )
        ledger = Counter(self.site.query("SELECT kiosk, seq FROM scan"))
        assert ledger == journals, "each scan is in the ledger once"
        with self.site.database.reading() as db:
            rows = db.execute("SELECT number, hash, body, salt FROM leaf ORDER BY number")
            for place, (number, digest, body, salt) in enumerate(rows):
                assert number == place, "the entry log has no gap"
                held = None if salt is None else bytes(salt)
                assert bytes(digest) == leaf_hash(entry_of(bytes(body), held))
        return journals.total()


def _second_server(site: LiveSite, own: Path, port: int) -> Process:
    shutil.copytree(site.event.path, own)
    command = [sys.executable, "-m", "server.cli.main", "serve", "--event", str(own)]
    return Process("second", [*command, "--port", str(port)], own / "log")


def _listens(server: Process, port: int) -> bool:
    assert server.alive, server.log.read_text()
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


async def _scan(forum: Forum, cluster: Cluster) -> dict[str, object]:
    began = time.perf_counter()
    await asyncio.gather(*(load.open() for load in forum.loads))
    opened_s = time.perf_counter() - began
    await forum.scan_for(WARM_UP_S)
    timings = Timings()
    for load in forum.loads:
        load.timings = timings
    pids = [server.child.pid for server in forum.servers]
    before, batches = [used(pid)[0] for pid in pids], sum(load.batches for load in forum.loads)
    engine, own, began = cpu_of_cluster(cluster), time.process_time(), time.perf_counter()
    await forum.scan_for(SECONDS)
    took = time.perf_counter() - began
    after = [used(pid) for pid in pids]
    figures = {
        "scans_per_s": round(len(timings.acks_ms) / took),
        "posts_per_s": round((sum(load.batches for load in forum.loads) - batches) / took),
        "door_to_door_ms": quantiles(timings.delays_ms),
        "acknowledged_ms": quantiles(timings.acks_ms),
        "server_cpu_percent": [
            round((cpu - first) / took * 100) for (cpu, _), first in zip(after, before, strict=True)
        ],
        "server_memory_mb": [round(memory) for _, memory in after],
        "database_cpu_percent": round((cpu_of_cluster(cluster) - engine) / took * 100),
        "load_cpu_percent": round((time.process_time() - own) / took * 100),
        "seconds_to_connect": round(opened_s),
        "feeds": sum(load.feeds for load in forum.loads),
        "refused": sum(load.refused for load in forum.loads),
    }
    await forum.settle()
    for load in forum.loads:
        await load.close()
    return figures


def run() -> dict[str, object]:
    if binaries() is None:
        return {"twothousand": [], "skipped": MISSING}
    allow_files()
    with ExitStack() as stack:
        path = Path(tempfile.mkdtemp(prefix="hallkeeper-forum-"))
        stack.callback(shutil.rmtree, path, ignore_errors=True)
        cluster = Cluster()
        stack.callback(cluster.stop)
        forum = Forum(path, cluster.url(cluster.make()))
        stack.callback(forum.close)
        forum.start()
        figures = asyncio.run(_scan(forum, cluster))
        scans = forum.check()
    return {
        "twothousand": {
            "doors": DOORS,
            "seconds": SECONDS,
            "scans": scans,
            "lost": 0,  # otherwise it would have ended with an error
            "most_inside": forum.most_inside,
            "capacity": CAPACITY,
            **figures,
        }
    }
