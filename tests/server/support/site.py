"""Two halls with their doors, for tests of the ledger, without a venue file."""

import copy
from dataclasses import dataclass

import pytest

from badges.admission.facts import Calendar
from badges.places.pool import Pool, PoolKey
from badges.record import ScanRecord, StayRef
from badges.transparency.chain import chain_start
from badges.wire import wire
from server.core.event.directory import Event
from server.core.kiosks import contact, registry
from server.core.ledger import ingest
from server.core.occupancy import clearing, hall_control, pools
from server.core.occupancy.figures import HallFigures, hall_figures
from server.storage.database import Database
from tests.server.conftest import HOUR, NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.templates import STARTS, Templates

CALENDAR = Calendar((NOW - 10 * HOUR, NOW + 14 * HOUR))
SMALL, OTHER, ROOM = 1, 2, 3  # ROOM is inside OTHER
ANNA, BORIS = 101, 102


@dataclass
class Site:
    """Two halls, a room in the second; a door or two each; two attendees with badges."""

    database: Database
    west: FakeDoor
    east: FakeDoor
    other: FakeDoor
    room: FakeDoor

    def send(self, door: FakeDoor, now: int = NOW, **changes) -> ingest.Ingested:
        batch = door.batch(now, **changes)
        taken = self.database.write(lambda db: take(db, door, batch, now))
        orders = pools.orders_for(self.database.reader, (door.kiosk, door.generation), now)
        assert taken.orders == orders, "the answer has what the database has"
        heed(door, taken)
        return taken

    def scan(
        self, door: FakeDoor, at: int, serial: int | None, *, now: int = NOW, **fields
    ) -> ScanRecord:
        """Scan a badge, and send the record."""
        record = door.scan(at, serial, **fields)
        self.send(door, now)
        return record

    def leave(
        self, door: FakeDoor, at: int, serial: int, closes: StayRef | None, *, now: int = NOW,
        **fields,
    ) -> ScanRecord:  # fmt: skip
        """Scan an exit, and send the record."""
        return self.scan(door, at, serial, now=now, direction="exit", closes=closes, **fields)

    def execute(self, sql: str, *values: object) -> None:
        self.database.write(lambda db: db.execute(sql, values) and None)

    def fence(self, kiosk: str) -> None:
        self.database.write(lambda db: registry.fence(db, kiosk, 1, by="user:1", now=NOW))

    def attest(self, kiosk: str, inside: int) -> None:
        """Two of staff count the people of a fenced kiosk in SMALL."""
        staff = {"by": "user:1", "with_": "user:2", "now": NOW}
        self.database.write(lambda db: hall_control.attest(db, SMALL, (kiosk, 1), inside, **staff))

    def clear(self, hall: int, *, now: int = NOW) -> int:
        """Count a hall as empty. Return the number of stays that this ends."""
        return self.database.write(lambda db: clear_all(db, hall, by="user:1", now=now))

    def pool(self, key: PoolKey) -> Pool:
        return pools.load(self.database.reader, key)

    def rows(self, sql: str) -> list[tuple]:
        return [tuple(row) for row in self.database.reader.execute(sql)]

    def figures(self, hall: int) -> HallFigures:
        return hall_figures(self.database.reader)[hall - 1]


def clear_all(db, hall: int, **staff) -> int:
    """Clear a hall as if by a page that was opened at this moment."""
    return hall_control.clear(db, hall, clearing.emptied(db, hall).keys(), **staff)


def take(db, door: FakeDoor, batch: wire.ScanBatch, now: int) -> ingest.Ingested:
    sender, _ = contact.sender(db, door.kiosk, door.generation)
    return ingest.ingest(db, sender, batch, calendar=CALENDAR, now=now)


def heed(door: FakeDoor, taken: ingest.Ingested) -> None:
    """Give the door the answer."""
    door.acked = max(door.acked, taken.acked_seq)
    for order in taken.orders:
        if order.hall == door.hall and not order.override:
            door.granted = max(door.granted, order.granted)


def build(db, doors: list[FakeDoor], capacity: int, fire_limit: int) -> None:
    for hall, parent in ((SMALL, None), (OTHER, None), (ROOM, OTHER)):
        db.execute(
            "INSERT INTO hall (hall_id, code, names, parent_id, fire_limit, capacity, zones,"
            " sessions_only, anti_passback, exits) VALUES (?, ?, '{}', ?, ?, ?, 1, 0, 'hard',"
            " 'strict')",
            (hall, f"H{hall}", parent, fire_limit, capacity),
        )
        db.execute("INSERT INTO hall_category VALUES (?, 1)", (hall,))
    for serial in (ANNA, BORIS, *range(1, 21)):
        db.execute(
            "INSERT INTO attendee (serial, given_name, family_name, organisation, country, email,"
            " category, valid_days, zones, flags, language, created_at)"
            " VALUES (?, 'A', 'B', '', '', '', 1, 1, 1, 0, 'en', 0)",
            (serial,),
        )
    for door in doors:
        db.execute(
            "INSERT INTO door VALUES (?, ?, ?, '{}', 'both')", (door.door, door.kiosk, door.hall)
        )
        # ROOM's door leads from OTHER by default.
        db.execute(
            "INSERT INTO door_from VALUES (?, 1, ?)",
            (door.door, OTHER if door.hall == ROOM else None),
        )
        db.execute(
            "INSERT INTO kiosk (kiosk, generation, door_id, state, public_key, head, created_at,"
            " seen_at) VALUES (?, 1, ?, 'active', ?, ?, 0, ?)",
            (door.kiosk, door.door, door.key.public.raw, chain_start(door.kiosk, 1), NOW),
        )
        pools.enrol(db, door.hall, (door.kiosk, 1))


def open_site(database: Database, fire_limit: int = 99) -> Site:
    """Capacity 6 in each hall, with places at every door."""
    doors = [FakeDoor("west", 1, SMALL), FakeDoor("east", 2, SMALL), FakeDoor("other", 3, OTHER)]
    doors.append(FakeDoor("room", 4, ROOM))

    def step(db) -> None:
        build(db, doors, 6, fire_limit)
        # Each asks for places, then reports them.
        for door in doors * 2:
            heed(door, take(db, door, door.batch(NOW), NOW))

    # In one transaction instead of nine, because hundreds of tests begin with it.
    database.write(step)
    return Site(database, *doors)


def open_two_halls(_: Event, database: Database) -> list[FakeDoor]:
    site = open_site(database)
    return [site.west, site.east, site.other, site.room]


STARTS["two_halls"] = open_two_halls


@pytest.fixture
def two_halls(templates: Templates) -> list[FakeDoor]:
    """The doors of `open_site`, whose halls are in the event's file from the beginning."""
    doors: list[FakeDoor] = copy.deepcopy(templates.get(open_two_halls).returned)
    return doors


@pytest.fixture
def site(database: Database, two_halls: list[FakeDoor]) -> Site:
    """For a test file that imports both fixtures."""
    return Site(database, *two_halls)
