"""A server's stores and kiosks' cores in one process, with a link between them that can be cut.

The kiosk's journal, replica, sync, feed and admitter and the server's ledger, grants and snapshots
are the product's; their messages are encoded and decoded as on the wire. Time is given.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from badges.admission.facts import Calendar, Direction
from badges.credential.keys import PrivateKey
from badges.places.pool import PoolKey
from badges.record import PlaceKind
from badges.wire import wire
from badges.wire.enrolment import open_identity, proof
from badges.wire.version import OWN
from badges.wire.wire import ErrorCode
from kiosk.door.admit import Admitter
from kiosk.door.answer import Answer
from kiosk.journal.journal import Journal
from kiosk.replica.replica import Replica
from kiosk.supervisor.override import OverrideHandler, Word
from kiosk.sync.follow import Feed
from kiosk.sync.link import Link, Skew
from kiosk.sync.protocol import ConnectionFault, TransportError
from kiosk.sync.upload import Sync
from server.app.new_event import init_event
from server.core.event.calendar import day_starts
from server.core.event.directory import Event
from server.core.event.settings import EventSettings
from server.core.feed import changes
from server.core.feed.subscription import CursorGoneError, Subscription
from server.core.kiosks import contact, registry, snapshot
from server.core.kiosks.vouching import Voucher
from server.core.ledger import ingest
from server.core.occupancy.figures import hall_figures
from server.core.people import issuing
from server.core.venue import nesting, store
from server.features.imports import roster_import, venue_file, venue_import
from server.features.imports.writer import ImportedVenue
from server.storage.database import Database
from tests.server.conftest import HOUR, NOW, roster_of

WORD = Word("7", "Petra", "invited by the minister")
SETTINGS = EventSettings(
    name={"en": "Harbour Forum"},
    time_zone="Asia/Shanghai",
    first_day=date(2026, 5, 4),
    days=3,
    public_host="localhost",
    host="127.0.0.1",
    port=8443,
)


class Nested:
    """One event in a directory, and its kiosks. Close it."""

    def __init__(self, path: Path, halls: str, people: int = 30) -> None:
        self.event, _ = init_event(path / "event", SETTINGS, now=NOW - 24 * HOUR)
        self.voucher = Voucher(self.event.root_key, self.event.event_id)
        self.path = path
        self.now = NOW
        self.database = Database(self.event.database_path)
        self.doors: list[NestedDoor] = []
        self.load(halls)
        lines = ["id,given name,family name,organisation,country,email,category,days,zones"]
        lines += [f"P{n},Person,Number {n},,,p{n}@example.org,delegate,," for n in range(people)]
        people_of = roster_of("\n".join(lines) + "\n")

        def fill(db) -> None:
            roster_import.import_roster(
                db, people_of, skip_bad=False, by="test", now=NOW, random=os.urandom
            )
            issuing.issue_missing(db, self.event, now=NOW, by="test")

        self.database.write(fill)
        rows = self.database.reader.execute(
            "SELECT credential FROM attendee JOIN badge USING (serial)"
            " ORDER BY CAST(SUBSTR(external_id, 2) AS INTEGER)"
        )
        self.badges = [row[0] for row in rows]

    def load(self, halls: str) -> ImportedVenue:
        plan = venue_file.read_venue(halls.encode(), "venue.toml", self.event.settings)
        return self.database.write(
            lambda db: venue_import.import_venue(db, plan, by="test", now=self.now)
        )

    def enrol(self, name: str, door: str) -> "NestedDoor":
        kiosk = NestedDoor(self, name, door)
        self.doors.append(kiosk)
        return kiosk

    def hall(self, code: str) -> int:
        query = "SELECT hall_id FROM hall WHERE code = ?"
        return int(self.database.reader.execute(query, (code,)).fetchone()[0])

    def figures(self, code: str) -> tuple[int, int]:
        """The number inside by the ledger, and the maximum."""
        hall = self.hall(code)
        hall_row = next(f for f in hall_figures(self.database.reader) if f.hall_id == hall)
        return hall_row.inside, hall_row.worst_case

    def overrides(self, code: str) -> int:
        """Places beyond the capacity at doors, perhaps used unseen."""
        hall = self.hall(code)
        figures = hall_figures(self.database.reader)
        return next(row.overrides for row in figures if row.hall_id == hall)

    def quiet(self) -> None:
        """Let every door that is up send and receive everything."""
        for _ in range(10):  # places are shared every four seconds
            self.now += 1_500
            for door in self.doors:
                if door.up:
                    door.exchange()

    def close(self) -> None:
        for door in self.doors:
            door.close()
        self.database.close()


class NestedDoor:
    """A kiosk at a door, and its link to the server: cut while not `up`."""

    def __init__(self, site: Nested, name: str, door: str) -> None:
        self.site = site
        self.name = name
        self.up = True
        self.key = PrivateKey(name.encode().ljust(32, b"."))
        site.database.write(lambda db: self._enrol(db, site.event, door))
        self.start()
        self.exchange()

    def _enrol(self, db, event: Event, door: str) -> None:
        now = self.site.now
        code = registry.add_kiosk(
            db, event, self.name, door, address=("localhost", 1), by="test", now=now,
            random=os.urandom,
        )  # fmt: skip
        public = self.key.public.raw
        request = wire.EnrolRequest(code.token, public, proof(self.key, code.token))
        registry.enrol(db, event, request, now)
        registry.confirm(db, event, self.name, by="test", now=now)
        identity = registry.enrol(db, event, request, now).identity
        self.generation = open_identity(event.root_key.public, identity).generation

    def start(self) -> None:
        identity, folder = (self.name, self.generation), self.site.path
        event = self.site.event
        self.journal = Journal(
            folder / f"{self.name}-journal.db", *identity, self.key,
            root=event.root_key.public, event_id=event.event_id,
        )  # fmt: skip
        self.replica = Replica(
            folder / f"{self.name}-replica.db", *identity, self.site.event.root_key.public,
            clock=lambda: self.site.now, monotonic=lambda: self.site.now,
        )  # fmt: skip
        self.link = Link(lambda: self.site.now, lambda: self.site.now)
        self.sync = Sync(self.journal, self.replica, self, self.link, clock=lambda: self.site.now)
        self.feed = Feed(self.journal, self.replica, self, self.link)
        self.admitter = Admitter(
            self.journal,
            self.replica,
            ask_for_place=self._ask,
            skew=lambda: Skew(0),
            is_offline=lambda: not self.up,
        )
        self.override_handler = OverrideHandler(
            self.journal, self.replica, ask_for_place=self._ask_override, skew=lambda: Skew(0)
        )

    def close(self) -> None:
        self.journal.close()
        self.replica.close()

    def restart(self) -> None:
        """A power failure; only the disk remains."""
        self.close()
        self.start()

    def _ask(self, hall: int, kind: PlaceKind = PlaceKind.ORDINARY) -> bool:
        return self._asked(hall, kind)

    def _ask_override(self, hall: int) -> bool:
        return self._asked(hall, PlaceKind.OVERRIDE)

    def _asked(self, hall: int, kind: PlaceKind) -> bool:
        if not self.up:
            return False
        self.sync.ask_for_place(hall, kind)
        return False  # messages come with the next exchange

    def exchange(self) -> None:
        """One batch, and the feed as far as it goes. Does nothing while the link is cut."""
        if not self.up:
            return
        while self.sync.exchange():
            pass
        self.feed.snapshot_wanted |= self.replica.context is None
        self.feed.follow()
        if self.feed.snapshot_wanted:
            self.feed.follow()
        self.sync.exchange()

    def enter(self, person: int) -> Answer:
        return self._present(person, Direction.ENTRY)

    def leave(self, person: int) -> Answer:
        return self._present(person, Direction.EXIT)

    def _present(self, person: int, direction: Direction) -> Answer:
        self.site.now += 60_000
        text = self.site.badges[person]
        answer = self.admitter.present(text, at=self.site.now, direction=direction)
        if self.up:
            self.exchange()
        return answer

    def free(self, code: str, *, override: bool = False) -> int:
        return self.journal.accounts()[PoolKey(self.site.hall(code), PlaceKind(override))].free

    # The transport of the sync and the feed.

    peer = OWN

    def post(self, target: str, batch: wire.ScanBatch, kind: type) -> wire.ScanAnswer:
        self._needs_link()
        batch, site = wire.decode(wire.encode(batch), wire.ScanBatch), self.site
        calendar = Calendar(tuple(day_starts(site.event.settings)))

        def step(db) -> wire.ScanAnswer:
            sender, _ = contact.sender(db, self.name, self.generation)
            contact.keep_health(db, sender.key, batch, site.now)
            db.execute("UPDATE kiosk SET seen_at = ? WHERE kiosk = ?", (site.now, self.name))
            taken = ingest.ingest(db, sender, batch, calendar=calendar, now=site.now)
            return wire.ScanAnswer(
                acked_seq=taken.acked_seq,
                incarnation=taken.incarnation,
                fenced=sender.state != "active",
                orders=site.voucher.orders(sender.key, taken.orders),
                received_at=site.now,
                answered_at=site.now,
                cursor=changes.cursor(db),
                checkpoint="",
                consistency=[],
                full=list(taken.full),
            )

        try:
            return wire.decode(wire.encode(site.database.write(step)), wire.ScanAnswer)
        except ingest.GapError as error:
            raise TransportError(ErrorCode.GAP, str(error)) from None

    def get(self, target: str, kind: type):
        self._needs_link()
        reader, key = self.site.database.reader, (self.name, self.generation)
        if target.startswith("/api/names"):
            return issuing.names_after(reader, int(target.partition("=")[2]), 1000)

        def step(db) -> wire.Snapshot:
            site = self.site
            return snapshot.snapshot(db, site.event, key, self._door(db), site.now, site.voucher)

        return wire.decode(wire.encode(self.site.database.write(step)), wire.Snapshot)

    @contextmanager
    def stream(self, target: str, silence_s: float) -> Iterator["Lines"]:
        self._needs_link()
        reader = self.site.database.reader
        door = self._door(reader)
        outer = nesting.outer_of(reader, door)
        hall = store.door(reader, door).hall_id
        listening = Subscription(hall, self.name, self.generation, outer)
        try:
            after, sign = int(target.partition("=")[2]), self.site.voucher.change
            events = changes.changes_after(reader, after, sign=sign)
        except CursorGoneError:
            raise TransportError(ErrorCode.CURSOR_GONE, "Take a snapshot.") from None
        yield Lines([event.sent for event in events if listening.concerns(event)])

    def _door(self, db) -> int:
        query = "SELECT door_id FROM kiosk WHERE kiosk = ? AND generation = ?"
        return int(db.execute(query, (self.name, self.generation)).fetchone()[0])

    def _needs_link(self) -> None:
        if not self.up:
            raise TransportError(ConnectionFault.UNREACHABLE, "The link is cut.")


class Lines:
    """The available lines of the feed, after which it ends."""

    def __init__(self, sent: list[bytes]) -> None:
        self._lines = b"".join([b": open\n\n", *sent]).decode().split("\n")

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def close(self) -> None:
        """Nothing to close."""
