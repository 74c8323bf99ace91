"""A dishonest kiosk with a valid key, through the real ledger: its claims never make room at other
doors, fenced or not.

It reports any places, and sends entries and exits of absent people. False exits of other doors'
stays are left out: only a door can detect them.
"""

import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from badges.credential.badge_number import badge_number
from badges.places.pool import PoolKey
from badges.record import PlaceKind, StayRef
from badges.wire import wire
from server.core.event.directory import Event
from server.core.feed import changes
from server.core.kiosks import contact, registry, snapshot
from server.core.ledger.batch import AHEAD_MS
from server.core.ledger.ingest import IN_ORDER
from server.core.occupancy import hall_control
from server.storage import migrations
from server.storage.database import Database
from server.storage.opening import connect
from tests.server.conftest import NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages
from tests.server.support.site import SMALL, Site, open_site
from tests.tries import tries

CAPACITY, FIRE_LIMIT = 6, 8
HUGE = 2**40
ACTS = ("enter", "enter", "enter", "leave", "sync", "lie", "lie", "fake", "fence", "attest")


@pytest.fixture
def halls(tmp_path: Path) -> Iterator[Database]:
    connection = connect(tmp_path / "event.sqlite")
    migrations.migrate(connection)
    connection.execute("INSERT INTO category VALUES (1, 'd', '{}', 'D', '#000000')")
    connection.close()
    with Database(tmp_path / "event.sqlite") as opened:
        yield opened


def totals(granted: int, returned: int, *, override: bool = False) -> wire.PlaceTotals:
    return wire.PlaceTotals(SMALL, granted, returned, 0, override=override)


def most_inside(site: Site, *, override: bool = False) -> int:
    return site.pool(PoolKey(SMALL, PlaceKind(override))).worst_case


def test_more_cannot_come_back_than_was_given(halls: Database) -> None:
    site = open_site(halls)
    site.send(site.west, places=[totals(site.west.granted, HUGE)])
    site.send(site.east, places=[wire.PlaceTotals(SMALL, site.east.granted, 0, 0, wants=True)])
    site.send(site.east)
    assert site.east.granted <= CAPACITY
    assert most_inside(site) <= CAPACITY


def test_entries_without_places_and_their_exits_make_no_room(halls: Database) -> None:
    site = open_site(halls)
    before = most_inside(site)
    refs = [site.west.ref(site.west.scan(NOW, serial)) for serial in range(1, 21)]
    site.send(site.west, places=[totals(site.west.granted, 0)])
    assert most_inside(site) >= len(refs), "who is said to be inside counts"
    for serial, ref in enumerate(refs, 1):
        site.west.leave(NOW, serial, ref)
    site.send(site.west, places=[totals(site.west.granted, HUGE)])
    assert before - site.west.granted <= most_inside(site) <= before
    assert site.figures(SMALL).inside == 0


def test_a_fenced_one_that_was_attested_gives_nothing_back_twice(halls: Database) -> None:
    site = open_site(halls)
    lost = ("west", 1)
    halls.write(lambda db: registry.fence(db, *lost, by="user:1", now=NOW))
    staff = {"by": "user:1", "with_": "user:2", "now": NOW}
    halls.write(lambda db: hall_control.attest(db, SMALL, lost, 0, **staff))
    site.send(site.west, places=[totals(HUGE, HUGE)])
    site.send(site.west, places=[totals(HUGE, HUGE + 100)])
    site.send(site.east, places=[wire.PlaceTotals(SMALL, site.east.granted, 0, 0, wants=True)])
    assert site.east.granted <= CAPACITY
    assert most_inside(site) <= CAPACITY


def stop(halls: Database, state: str) -> None:
    if state == "fenced":
        halls.write(lambda db: registry.fence(db, "west", 1, by="user:1", now=NOW))
    else:
        halls.write(lambda db: registry.retire(db, "west", by="user:1", now=NOW))


STOPPED = pytest.mark.parametrize("state", ["fenced", "retired"])


@STOPPED
def test_a_stopped_one_s_false_returns_make_no_room(halls: Database, state: str) -> None:
    """People whom it admitted before the theft are inside, and the server knows of none."""
    site = open_site(halls)
    before = most_inside(site)
    stop(halls, state)
    site.send(site.west, places=[totals(site.west.granted, HUGE)])
    assert most_inside(site) == before
    site.attest("west", 2)
    site.send(site.west, places=[totals(site.west.granted, HUGE + 1)])
    assert site.pool(PoolKey(SMALL)).kiosks["west", 1].held == 2


@STOPPED
def test_a_stopped_one_s_invented_exits_make_no_room(halls: Database, state: str) -> None:
    site = open_site(halls)
    known = site.west.ref(site.scan(site.west, NOW, 1))
    other = site.east.ref(site.scan(site.east, NOW, 2))
    before = most_inside(site)
    stop(halls, state)
    made_up = site.west.ref(site.scan(site.west, NOW, 3))
    for serial, ref in ((1, known), (2, other), (3, made_up)):
        site.leave(site.west, NOW, serial, ref)
    assert most_inside(site) == before


@STOPPED
def test_a_stopped_one_s_entries_count(halls: Database, state: str) -> None:
    """An honest kiosk that was offline when it was retired sends the rest of its journal."""
    site = open_site(halls)
    before = most_inside(site)
    stop(halls, state)
    for serial in (1, 2):
        site.scan(site.west, NOW, serial)
    assert site.figures(SMALL).inside == 2
    assert most_inside(site) == before


def test_a_backlog_gives_back_with_its_last_scan(halls: Database) -> None:
    """An honest kiosk of a trusting hall: its places came back by scans not yet sent."""
    site = open_site(halls)
    west = site.west
    place = site.scan(site.east, NOW, 20)
    given = west.granted
    for serial in range(1, given + 1):
        west.scan(NOW, serial)
    west.leave(NOW + 1, 20, site.east.ref(place), credited=True)
    places = [totals(given, 1)]
    site.send(west, places=places, **slice_of(west, 1, given))
    assert returned(site) == 0
    site.send(west, places=places)
    assert returned(site) == 1
    assert most_inside(site) == CAPACITY - 1


def test_a_disk_that_has_forgotten_what_it_returned_is_found_out(halls: Database) -> None:
    """Without scans since the copy, its journal shows nothing."""
    site = open_site(halls)
    given = site.west.granted
    site.send(site.west, places=[totals(given, 2)])
    site.send(site.west, places=[totals(given, 2)])
    with pytest.raises(contact.ForkError):
        site.send(site.west, places=[totals(given, 0)])


@pytest.mark.parametrize("scans", [1, IN_ORDER])
def test_it_is_found_out_with_new_scans_too(halls: Database, scans: int) -> None:
    """It scans before its first heartbeat, as a working door does."""
    site = open_site(halls)
    given = site.west.granted
    site.send(site.west, places=[totals(given, 2)])
    for serial in range(1, scans + 1):
        site.west.scan(NOW, serial, decision="denied", reason="hall_full")
    with pytest.raises(contact.ForkError):
        site.send(site.west, places=[totals(given, 0)])
    assert site.rows("SELECT * FROM scan") == []


def test_exits_of_people_still_to_come_close_nothing(halls: Database) -> None:
    site = open_site(halls)
    for seq in range(1, 10):
        site.west.leave(NOW, seq, StayRef("east", 1, seq))
    site.send(site.west)
    for serial in (1, 2):
        site.east.scan(NOW + 1, serial)
    site.send(site.east)
    assert site.figures(SMALL).inside == 2


@pytest.mark.parametrize(
    ("kiosk", "fenced", "after_ms", "direction"),
    [
        pytest.param("other", True, 9_000, "entry", id="entries elsewhere of a fenced kiosk"),
        pytest.param("other", False, 3_600_000, "entry", id="entries elsewhere in the future"),
        pytest.param("west", True, 9_000, "exit", id="exits of a fenced kiosk"),
    ],
)
def test_invented_scans_end_no_stay(
    halls: Database, kiosk: str, fenced: bool, after_ms: int, direction: str
) -> None:
    site = open_site(halls)
    site.scan(site.east, NOW, 1)
    if fenced:
        halls.write(lambda db: registry.fence(db, kiosk, 1, by="user:1", now=NOW))
    door = getattr(site, kiosk)
    for serial in (1, 2):
        door.scan(NOW + after_ms, serial, direction=direction)
    site.send(door, NOW + 9_000)
    site.scan(site.east, NOW + 2_000, 2, now=NOW + 9_000)
    assert site.figures(SMALL).inside == 2


def slice_of(door: FakeDoor, first: int, last: int) -> dict[str, object]:
    batch = door.batch(NOW, first, last)
    return {"records": batch.records, "head": batch.head, "signature": batch.signature}


def returned(site: Site) -> int:
    return site.pool(PoolKey(SMALL)).kiosks["west", 1].returned


def test_times_that_no_clock_shows_stay_its_own_affair(event: Event, site: Database) -> None:
    """Neither the other doors nor staff's pages fail because of them."""
    with Pages(event, site) as pages:
        west = pages.connected_kiosk("west-1", "h1-west")
        far, serial = 2**53, pages.serial("A1")
        west.scan(far, serial, category=1, skew_ms=-far)
        west.scan(0, serial, category=1, skew_ms=far, facts_age_ms=far)
        west.leave(far, serial, None, skew_ms=-far)
        pages.send(west, sent_at=far)
        facts = wire.encode(snapshot.snapshot(site.reader, event, ("west-1", 1), west.door, NOW))
        stays = wire.decode(facts, wire.Snapshot).stays
        assert max(stay.since for stay in stays) <= NOW + AHEAD_MS
        for change in changes.changes_after(site.reader, 0):
            wire.decode_change(change.body)
        admin = pages.staff("admin")
        for page in ("", "entries", "entries.csv", "outages/", f"people/{badge_number(serial)}"):
            assert admin.get(f"/admin/{page}").status_code == 200


class World:
    """East is honest, and `inside` are its people. West is dishonest."""

    def __init__(self, database: Database, seed: int) -> None:
        self.site = open_site(database, FIRE_LIMIT)
        self.random = random.Random(seed)
        self.now = NOW
        self.inside: dict[int, StayRef] = {}
        self.fakes: list[tuple[int, StayRef]] = []
        self.fenced = False

    def enter(self) -> None:
        east = self.site.east
        outside = [serial for serial in range(1, 11) if serial not in self.inside]
        if east.free > 0 and outside:
            serial = self.random.choice(outside)
            self.inside[serial] = east.ref(east.scan(self.now, serial))

    def leave(self) -> None:
        if self.inside:
            serial = self.random.choice(list(self.inside))
            self.site.east.leave(self.now, serial, self.inside.pop(serial))

    def sync(self) -> None:
        east = self.site.east
        east.returned += self.random.randint(0, east.free) if self.random.random() < 0.3 else 0
        wants = wire.PlaceTotals(SMALL, east.granted, east.returned, east.free, wants=not east.free)
        self.site.send(east, self.now, places=[wants])

    def lie(self) -> None:
        places = [
            totals(self._number(), self._number(), override=override)
            for override in (False, True)
            if self.random.random() < 0.7
        ]
        gone = self.random.sample(range(1, 60), 5)
        incarnation = self.random.choice((1, 1, 2))
        more = {"gone": gone, "incarnation": incarnation}
        with suppress(contact.ForkError):  # fewer returned than before: that lie is detected
            self.site.send(self.site.west, self.now, places=places, **more)

    def _number(self) -> int:
        return self.random.choice((0, 1, 2, 3, 5, 8, 30, 500))

    def fake(self) -> None:
        """Entries, and exits of its own or of invented entries."""
        west, draw = self.site.west, self.random.random
        pool = {"override_place": draw() < 0.3}
        for _ in range(self.random.randint(1, 6)):
            serial = self.random.randint(11, 20)
            if draw() < 0.5:
                self.fakes.append((serial, west.ref(west.scan(self.now, serial, **pool))))
            elif self.fakes and draw() < 0.8:
                of, ref = self.random.choice(self.fakes)
                west.leave(self.now, of, ref, credited=draw() < 0.3, **pool)
            else:
                ref = StayRef("west", 1, self.random.randint(1, 500))
                west.leave(self.now, serial, ref, credited=draw() < 0.3, **pool)

    def fence(self) -> None:
        if not self.fenced:
            self.fenced = True
            self._write(lambda db: registry.fence(db, "west", 1, by="user:1", now=self.now))

    def attest(self) -> None:
        if self.fenced:
            staff = {"by": "user:1", "with_": "user:2", "now": self.now}
            self._write(lambda db: hall_control.attest(db, SMALL, ("west", 1), 0, **staff))

    def _write(self, step) -> None:
        self.site.database.write(step)

    def check(self) -> None:
        """Each person inside by the honest door, or free to enter, is counted and has room."""
        most = len(self.inside) + self.site.east.free
        assert most <= CAPACITY
        assert most <= most_inside(self.site)


@pytest.mark.parametrize("seed", tries.seeds(20))
def test_its_lies_make_no_room(halls: Database, seed: int) -> None:
    world = World(halls, seed)
    for _ in range(60):
        world.now += 1000
        getattr(world, world.random.choice(ACTS))()
        world.check()
