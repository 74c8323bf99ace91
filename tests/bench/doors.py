"""From a scan at one door to the hall's other doors: 300 kiosks on one server, with TLS and
signatures.

Each kiosk holds its feed; scans come at a steady rate, one POST each, on connections kept open. The
delay runs from the moment before the POST is written to the moment the change is read at another
door. The load's own process shares the two cores with the server.
"""

import asyncio
import base64
import json
import os
import random
import resource
import sqlite3
import ssl
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from badges import wire
from badges.enrolment import RequestStamp, request_message
from badges.transparency import chain_start
from server import places
from tests.server.doors import Door
from tests.system.site import Site, now_ms

HALLS = 55
RATE = 150.0
SECONDS = 20.0
WARM_UP_S = 4.0


def venue() -> str:
    """55 halls, each with as many doors as a forum's largest share needs."""
    parts = []
    for hall in range(HALLS):
        parts.append(
            f'[[hall]]\ncode = "h{hall}"\nname = "Hall {hall}"\ncapacity = 100000\n'
            'categories = ["delegate"]\nanti_passback = "off"\n'
        )
        parts += [
            f'[[door]]\ncode = "h{hall}-{n}"\nhall = "h{hall}"\nname = "D{n}"\nmode = "both"\n'
            for n in range(6)
        ]
    return "".join(parts)


def enrol_all(site: Site, count: int) -> list[Door]:
    """Kiosks as if they had been enrolled, spread over the halls."""
    rows = site.query("SELECT door_id, hall_id FROM door ORDER BY door_id")
    by_hall = sorted(rows, key=lambda row: (row[0] % 6, row[1]))[:count]
    doors = [Door(f"k{n}", door, hall) for n, (door, hall) in enumerate(by_hall)]

    def step(db: sqlite3.Connection) -> None:
        for door in doors:
            db.execute(
                "INSERT INTO kiosk (kiosk, generation, door_id, state, public_key, head,"
                " created_at, seen_at) VALUES (?, 1, ?, 'active', ?, ?, 0, ?)",
                (
                    door.kiosk,
                    door.door,
                    door.key.public.raw,
                    chain_start(door.kiosk, 1),
                    now_ms(),
                ),
            )
            places.enrol(db, door.hall, (door.kiosk, 1))

    site.write(step)
    return doors


def signed_request(door: Door, method: str, target: str, body: bytes) -> bytes:
    door.counter += 1
    stamp = RequestStamp(door.kiosk, 1, door.counter)
    signature = base64.b64encode(door.key.sign(request_message(stamp, method, target, body)))
    return (
        f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n"
        f"{stamp.KIOSK_HEADER}: {door.kiosk}/1\r\n{stamp.COUNTER_HEADER}: {stamp.counter}\r\n"
        f"{stamp.SIGNATURE_HEADER}: {signature.decode()}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


class Load:
    """The kiosks' side, on one event loop."""

    def __init__(self, port: int, doors: list[Door], cursor: int) -> None:
        self.port = port
        self.doors = doors
        self.cursor = cursor
        self.sent_at: dict[tuple[str, int], float] = {}
        self.acks_ms: list[float] = []
        self.delays_ms: list[float] = []
        self.measuring = False
        self.open_feeds = 0
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=self.context)

    async def listen(self, door: Door, ready: asyncio.Semaphore) -> None:
        async with ready:
            reader, writer = await self.connect()
            target = f"/api/feed?after={self.cursor}"
            writer.write(signed_request(door, "GET", target, b""))
            await reader.readuntil(b": open")
            self.open_feeds += 1
        try:
            while line := await reader.readline():
                if b'"stay_opened"' in line:
                    self.heard(line, door)
        finally:
            writer.close()

    def heard(self, line: bytes, door: Door) -> None:
        at = time.perf_counter()
        stay = json.loads(line[line.index(b"{") : line.rindex(b"}") + 1])["stay"]["stay"]
        if stay["kiosk"] != door.kiosk and self.measuring:
            sent = self.sent_at.get((stay["kiosk"], stay["seq"]))
            if sent is not None:
                self.delays_ms.append((at - sent) * 1000)

    async def post(self, door: Door, link: list, batch: wire.ScanBatch) -> wire.ScanAnswer:
        if not link:
            link.extend(await self.connect())
        reader, writer = link
        body = wire.encode(batch)
        writer.write(signed_request(door, "POST", "/api/scans", body))
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        answer = await reader.readexactly(length)
        assert b" 200 " in head[:20], answer
        return wire.decode(answer, wire.ScanAnswer)

    def take(self, door: Door, answer: wire.ScanAnswer) -> None:
        door.acked = answer.acked_seq
        for order in answer.orders:
            door.granted = max(door.granted, order.granted)

    async def scan(self, door: Door, link: list, lock: asyncio.Lock, serial: int) -> None:
        async with lock:
            record = door.scan(now_ms(), serial)
            start = time.perf_counter()
            self.sent_at[door.kiosk, record.seq] = start
            answer = await self.post(door, link, door.batch(now_ms()))
            self.take(door, answer)
            if self.measuring:
                self.acks_ms.append((time.perf_counter() - start) * 1000)

    async def run(self, serials: list[int]) -> None:
        ready = asyncio.Semaphore(20)
        feeds = [asyncio.create_task(self.listen(door, ready)) for door in self.doors]
        while self.open_feeds < len(self.doors):  # a kiosk's counters must arrive in order
            await asyncio.sleep(0.05)
        links: list[list] = [[] for _ in self.doors]
        locks = [asyncio.Lock() for _ in self.doors]
        for door, link in zip(self.doors, links, strict=True):
            self.take(door, await self.post(door, link, door.batch(now_ms())))
        dice = random.Random(1)
        begin = time.perf_counter()
        posts = set()
        count = 0
        while (at := time.perf_counter() - begin) < WARM_UP_S + SECONDS:
            self.measuring = at > WARM_UP_S
            n = dice.randrange(len(self.doors))
            scan = self.scan(self.doors[n], links[n], locks[n], dice.choice(serials))
            task = asyncio.create_task(scan)
            posts.add(task)
            task.add_done_callback(posts.discard)
            count += 1
            await asyncio.sleep(max(0, begin + count / RATE - time.perf_counter()))
        await asyncio.gather(*posts)
        await asyncio.sleep(0.5)
        for feed in feeds:
            feed.cancel()
        await asyncio.gather(*feeds, return_exceptions=True)
        for _, writer in filter(None, links):
            writer.close()


def quantiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        name: round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1)
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }


def used(pid: int) -> tuple[float, float]:
    """CPU seconds and resident megabytes of a process and its children."""
    pids = [pid, *children(pid)]
    ticks = os.sysconf("SC_CLK_TCK")
    cpu, pages = 0.0, 0
    for one in pids:
        fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        cpu += (int(fields[11]) + int(fields[12])) / ticks
        pages += int(Path(f"/proc/{one}/statm").read_text().split()[1])
    return cpu, pages * resource.getpagesize() / 1e6


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def measure(kiosks: int) -> dict[str, object]:
    with TemporaryDirectory() as folder:
        site = Site(Path(folder), venue(), people=500)
        try:
            doors = enrol_all(site, kiosks)
            serials = [row[0] for row in site.query("SELECT serial FROM attendee")]
            (cursor,) = site.query("SELECT COALESCE(MAX(cursor), 0) FROM change")[0]
            site.start_server()
            load = Load(site.port, doors, cursor)
            before, began = used(site.server.child.pid)[0], time.perf_counter()
            asyncio.run(load.run(serials))
            cpu, memory = used(site.server.child.pid)
            share = (cpu - before) / (time.perf_counter() - began)
        finally:
            site.close()
    return {
        "kiosks": kiosks,
        "scans": len(load.acks_ms),
        "deliveries": len(load.delays_ms),
        "door_to_door_ms": quantiles(load.delays_ms),
        "acknowledged_ms": quantiles(load.acks_ms),
        "server_cpu_percent": round(share * 100),
        "server_memory_mb": round(memory),
    }


def run() -> dict[str, object]:
    return {"doors": [measure(kiosks) for kiosks in (60, 150, 300)]}
