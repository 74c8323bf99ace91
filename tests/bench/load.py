"""Kiosks on one event loop against one real server: feeds held open, scans posted with TLS and
signatures.

The load's own process shares the machine's cores with the server.
"""

import asyncio
import base64
import os
import re
import resource
import sqlite3
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path

from badges import wire
from badges.enrolment import RequestStamp, request_message
from badges.transparency import chain_start
from server import places
from tests.server.doors import Door
from tests.system.site import Site, now_ms

HALLS = 55
DOORS_EACH = 6
CONNECTS_AT_ONCE = 20
_STAY = re.compile(rb'"kiosk":"([^"]+)","generation":\d+,"seq":(\d+)')


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
            for n in range(DOORS_EACH)
        ]
    return "".join(parts)


def enrol_all(site: Site, count: int) -> list[Door]:
    """Kiosks as if they had been enrolled, spread over the halls; two to a hall at the least."""
    rows = site.query("SELECT door_id, hall_id FROM door ORDER BY door_id")
    halls = min(HALLS, count // 2)
    rows = [row for row in rows if row[1] in sorted({hall for _, hall in rows})[:halls]]
    by_hall = sorted(rows, key=lambda row: (row[0] % DOORS_EACH, row[1]))[:count]
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


@dataclass
class Kiosk:
    """A door with its connection; its requests follow one another, as its counters must."""

    door: Door
    link: list = field(default_factory=list)  # reader and writer, once connected
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass
class Timings:
    """What one stretch of time saw, in ms."""

    acks_ms: list[float] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)


class Load:
    """The kiosks' side. `timings` is where what happens now is kept; None: nowhere."""

    def __init__(self, port: int, doors: list[Door], cursor: int) -> None:
        self.port = port
        self.kiosks = [Kiosk(door) for door in doors]
        self.cursor = cursor
        self.timings: Timings | None = None
        self._sent_at: dict[tuple[str, int], float] = {}
        self._feeds: list[asyncio.Task] = []
        self._open_feeds = 0
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    async def open(self) -> None:
        """Hold every feed, and take the first places."""
        ready = asyncio.Semaphore(CONNECTS_AT_ONCE)
        self._feeds = [
            asyncio.create_task(self._listen(kiosk.door, ready)) for kiosk in self.kiosks
        ]
        while self._open_feeds < len(self.kiosks):  # a kiosk's counters must arrive in order
            for feed in self._feeds:
                if feed.done():
                    feed.result()
            await asyncio.sleep(0.05)
        for kiosk in self.kiosks:
            await self.post(kiosk, kiosk.door.batch(now_ms()))

    async def close(self) -> None:
        for feed in self._feeds:
            feed.cancel()
        await asyncio.gather(*self._feeds, return_exceptions=True)
        for kiosk in self.kiosks:
            for writer in kiosk.link[1:]:
                writer.close()

    async def scan(self, kiosk: Kiosk, serial: int) -> None:
        """One scan, sent at once."""
        async with kiosk.lock:
            timings = self.timings
            record = kiosk.door.scan(now_ms(), serial)
            start = time.perf_counter()
            self._sent_at[kiosk.door.kiosk, record.seq] = start
            await self.post(kiosk, kiosk.door.batch(now_ms()))
            if timings is not None:
                timings.acks_ms.append((time.perf_counter() - start) * 1000)

    async def post(self, kiosk: Kiosk, batch: wire.ScanBatch) -> None:
        """Send a batch and take the answer."""
        if not kiosk.link:
            kiosk.link.extend(await self._connect())
        reader, writer = kiosk.link
        writer.write(signed_request(kiosk.door, "POST", "/api/scans", wire.encode(batch)))
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        raw = await reader.readexactly(length)
        assert b" 200 " in head[:20], raw
        answer = wire.decode(raw, wire.ScanAnswer)
        kiosk.door.acked = answer.acked_seq
        for order in answer.orders:
            if not order.override:
                kiosk.door.granted = max(kiosk.door.granted, order.granted)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=self._context)

    async def _listen(self, door: Door, ready: asyncio.Semaphore) -> None:
        async with ready:
            reader, writer = await self._connect()
            target = f"/api/feed?after={self.cursor}"
            writer.write(signed_request(door, "GET", target, b""))
            await reader.readuntil(b": open")
            self._open_feeds += 1
        try:
            while line := await reader.readline():
                if b'"stay_opened"' in line:
                    self._heard(line, door)
        finally:
            writer.close()

    def _heard(self, line: bytes, door: Door) -> None:
        at = time.perf_counter()
        found = _STAY.search(line)  # all of it as JSON would cost the server its cores
        assert found is not None, line
        kiosk = found[1].decode()
        sent = self._sent_at.get((kiosk, int(found[2])))
        if kiosk != door.kiosk and self.timings is not None and sent is not None:
            self.timings.delays_ms.append((at - sent) * 1000)


def quantiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {}
    shares = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))
    return {
        name: round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1)
        for name, share in shares
    }


def used(pid: int) -> tuple[float, float]:
    """CPU seconds and resident megabytes of a process and its children."""
    pids = [pid, *_children(pid)]
    ticks = os.sysconf("SC_CLK_TCK")
    cpu, pages = 0.0, 0
    for one in pids:
        fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        cpu += (int(fields[11]) + int(fields[12])) / ticks
        pages += int(Path(f"/proc/{one}/statm").read_text().split()[1])
    return cpu, pages * resource.getpagesize() / 1e6


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]
