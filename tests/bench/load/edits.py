"""The cost of an edit of the venue: bytes to 300 kiosks, and CPU of the server and of a kiosk.

Each edit is made twice. First all kiosks have an earlier version, and the edit is published for all
doors, as before version 3 of the wire: each kiosk takes a snapshot and reopens its feed. Then they
have this version. Bytes are those of the server's answers, without TLS.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from badges.wire import wire
from badges.wire.version import HEADER, OWN, WireVersion
from kiosk.replica.replica import Replica
from kiosk.sync.changes import REPLICA
from server.core.edits.things import Thing, values_of
from server.core.feed import changes
from server.core.staff import pins
from server.features.editing import venue_edit
from server.storage.connection import Connection
from tests.bench.load.kiosk import signed_request
from tests.bench.load.load import enrol_all, used, venue
from tests.server.support.fake_door import FakeDoor
from tests.system.support.site import LiveSite, now_ms

KIOSKS = 300
PEOPLE = 4_000
REVOKED = 2_000  # as many exceptions as a forum of 100,000 people may have
SESSIONS_EACH = 10
USERS = 20  # with a PIN
QUIET_S = 3.0  # After so long without a byte the server has finished.
HOUR = 3_600_000
EARLIER = WireVersion(newest=2, oldest=1)
TIMES = 50


@dataclass
class Kiosk:
    """Follows the feed, and takes a snapshot when required."""

    door: FakeDoor
    version: WireVersion
    port: int
    context: ssl.SSLContext
    received: int = 0
    heard_at: float = 0.0
    snapshot: bytes = b""
    names: int = 0
    listens: bool = False
    edits: list[bytes] = field(default_factory=list)

    async def follow(self, ready: asyncio.Semaphore) -> None:
        while True:
            async with ready:
                self.snapshot = await self._get(REPLICA)
                cursor = wire.decode(self.snapshot, wire.Snapshot).cursor
                page = wire.decode(
                    await self._get(f"/api/names?after={self.names}"), wire.NamesPage
                )
                self.names = page.next
                reader, writer = await self._ask(f"/api/feed?after={cursor}")
                await self._head(reader)
                self.listens = True
            try:
                while line := await reader.readline():
                    self._count(line)
                    if b'"venue"' in line:
                        break
                    if b'"edited"' in line:
                        self.edits.append(line.removeprefix(b"data: "))
            finally:
                writer.transport.abort()
                with suppress(OSError):
                    await writer.wait_closed()

    async def _get(self, target: str) -> bytes:
        reader, writer = await self._ask(target)
        head = (await self._head(reader)).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        self._count(body)
        writer.transport.abort()
        assert b" 200 " in head[:20], body
        return body

    async def _ask(self, target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.context)
        request = signed_request(self.door, "GET", target, b"")
        first, rest = request.split(b"\r\n", 1)
        writer.write(first + f"\r\n{HEADER}: {self.version.text}\r\n".encode() + rest)
        return reader, writer

    async def _head(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        self._count(head)
        return head

    def _count(self, piece: bytes) -> None:
        self.received += len(piece)
        if piece.strip(b":\r\n 0123456789abcdef"):  # except "still here"
            self.heard_at = time.monotonic()


def fill(db: Connection) -> None:
    """Add sessions in each hall, users with PINs, and revoked badges."""
    begin = now_ms() + HOUR
    halls = [row[0] for row in db.execute("SELECT hall_id FROM hall").fetchall()]
    db.executemany(
        "INSERT INTO session (code, hall_id, titles, starts_at, ends_at, opens_at, closes_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (f"s{hall}-{n}", hall, f'{{"en": "Session {n} of hall {hall}", "zh": "第{n}场报告"}}',
             begin, begin + HOUR, begin - HOUR // 2, begin + HOUR)
            for hall in halls for n in range(SESSIONS_EACH)
        ],
    )  # fmt: skip
    db.executemany(
        "INSERT INTO staff_user (name, password_hash, role, created_at, pin_hash)"
        " VALUES (?, '', 'supervisor', 0, ?)",
        [(f"Supervisor {n}", "$argon2id$v=19$m=65536,t=3,p=4$" + "x" * 66) for n in range(USERS)],
    )
    db.execute(
        "UPDATE attendee SET revoked_at = 1 WHERE serial IN"
        " (SELECT serial FROM attendee ORDER BY serial LIMIT ?)",
        (REVOKED,),
    )


def new_title(site: LiveSite) -> Callable[[Connection], object]:
    """Give one session a new title, as its page does."""

    def edit(db: Connection) -> None:
        thing = Thing("session", "s1-0")
        values = values_of(db, thing, ZoneInfo(site.event.settings.time_zone))
        assert values is not None
        changed = {**values, "title": f"Session {time.time_ns()}"}
        venue_edit.put(db, site.event.settings, thing, changed, by="test", now=now_ms())

    return edit


def new_pin(_: LiveSite) -> Callable[[Connection], object]:
    hashed = f"$argon2id$v=19$m=65536,t=3,p=4${time.time_ns():066}"
    return lambda db: pins.set_pin(db, 1, hashed, by="test", now=now_ms())


async def measure(
    site: LiveSite, doors: list[FakeDoor], version: WireVersion
) -> list[dict[str, object]]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    kiosks = [Kiosk(door, version, site.port, context) for door in doors]
    ready = asyncio.Semaphore(20)
    tasks = [asyncio.create_task(kiosk.follow(ready)) for kiosk in kiosks]
    while not all(kiosk.listens for kiosk in kiosks):
        await asyncio.sleep(0.1)
    await _quiet(kiosks)
    rows = []
    for name, edit in (("a session's title", new_title), ("a PIN", new_pin)):
        pid = site.server.child.pid
        cpu, received = used(pid)[0], sum(kiosk.received for kiosk in kiosks)
        step = edit(site)

        def publish(db: Connection, step: Callable[[Connection], object] = step) -> None:
            step(db)
            if version == EARLIER:
                changes.publish_venue(db)

        await asyncio.to_thread(site.write, publish)
        began = time.monotonic()
        while max(kiosk.heard_at for kiosk in kiosks) < began:
            await asyncio.sleep(0.05)
        await _quiet(kiosks)
        heard = [kiosk for kiosk in kiosks if kiosk.heard_at > began]
        rows.append(
            {
                "edit": name,
                "wire_version": version.newest,
                "kiosks": KIOSKS,
                "kiosks_that_heard": len(heard),
                "bytes": sum(kiosk.received for kiosk in kiosks) - received,
                "server_cpu_ms": round((used(pid)[0] - cpu) * 1000),
                "kiosk_cpu_ms": round(_kiosk_cpu_ms(site, heard[0]), 1),
            }
        )
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if not isinstance(error, asyncio.CancelledError):
            raise error
    return rows


async def _quiet(kiosks: list[Kiosk]) -> None:
    while time.monotonic() - max(kiosk.heard_at for kiosk in kiosks) < QUIET_S:
        await asyncio.sleep(0.1)


def _kiosk_cpu_ms(site: LiveSite, kiosk: Kiosk) -> float:
    """CPU of a real replica for the kiosk's latest update, without the network."""
    root = site.event.root_key.public
    with (
        TemporaryDirectory() as folder,
        closing(Replica(Path(folder) / "replica.db", kiosk.door.kiosk, 1, root)) as replica,
    ):
        replica.load(wire.decode(kiosk.snapshot, wire.Snapshot))
        for earlier in kiosk.edits[:-1]:
            _edit(replica, earlier)
        began = time.process_time()
        for _ in range(TIMES):
            if kiosk.edits:
                _edit(replica, kiosk.edits[-1])
            else:
                replica.load(wire.decode(kiosk.snapshot, wire.Snapshot))
        return (time.process_time() - began) * 1000 / TIMES


def _edit(replica: Replica, body: bytes) -> None:
    edit = wire.decode_change(body)
    assert isinstance(edit, wire.VenueEdited)
    replica.edit(edit, 1)


def _rows(site: LiveSite) -> Iterator[dict[str, object]]:
    doors = enrol_all(site, KIOSKS)
    site.write(fill)
    site.start_server()
    for version in (EARLIER, OWN):
        yield from asyncio.run(measure(site, doors, version))


def run() -> dict[str, object]:
    with TemporaryDirectory() as folder:
        site = LiveSite(Path(folder), venue(), people=PEOPLE)
        try:
            return {"edits": list(_rows(site))}
        finally:
            site.close()
