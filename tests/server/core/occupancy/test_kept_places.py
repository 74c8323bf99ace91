"""Kept places on the server: shared, released before a session, and kept again after it."""

from collections import Counter

import pytest

from badges.places.account import Account, Order
from badges.places.pool import PoolKey
from badges.record import PlaceKind, StayRef
from badges.wire import wire
from server.core.occupancy import grants, pools
from server.core.venue import kept_places
from server.core.venue.kiosk_facts import hall_facts
from server.storage.database import Database
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.site import ANNA, BORIS, OTHER, SMALL, Site, clear_all, open_site

KEPT = PlaceKind.ACCESSIBLE
CAPACITY, PLACES = 6, 2
STARTS = NOW + HOUR
RELEASED, CLOSES = STARTS - 15 * MINUTE, STARTS + HOUR


class Doors:
    """SMALL's two doors, which obey the feed and report their places."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.doors = (site.west, site.east)
        self.accounts = {(d.kiosk, k): Account() for d in self.doors for k in PlaceKind}
        self.seen = 0
        self.wants: set[tuple[str, PlaceKind]] = set()
        self.full: set[str] = set()

    def settle(self, now: int, *, rounds: int = 6) -> None:
        """Exchange until all places are where they belong."""
        for number in range(rounds):
            self.obey()
            for door in self.doors:
                self.send(door, now + number * 1_100)
        self.obey()

    def send(self, door: FakeDoor, now: int) -> None:
        places = [
            wire.PlaceTotals(
                SMALL,
                account.granted,
                account.returned,
                account.free,
                wants=(kiosk, kind) in self.wants,
                override=kind is PlaceKind.OVERRIDE,
                **({"accessible": True} if kind is KEPT else {}),
            )
            for (kiosk, kind), account in self.accounts.items()
            if kiosk == door.kiosk and (kind is not KEPT or self.has_account(kiosk))
        ]
        self.site.database.write(
            lambda db: (
                db.execute("UPDATE kiosk SET seen_at = ? WHERE kiosk = ?", (now, door.kiosk))
                and None
            )
        )
        taken = self.site.send(door, now, places=places)
        self.full = {door.kiosk} if SMALL in taken.full else set()

    def has_account(self, kiosk: str) -> bool:
        return (kiosk, 1) in self.pool(KEPT).kiosks

    def obey(self) -> None:
        for cursor, kiosk, body in self.site.rows(
            f"SELECT cursor, kiosk, body FROM change WHERE cursor > {self.seen} ORDER BY cursor"
        ):
            self.seen = cursor
            change = wire.decode_change(body)
            if isinstance(change, wire.PlacesOrdered) and change.order.hall == SMALL:
                order, key = change.order, (kiosk, change.order.kind)
                totals = Order(order.granted, order.recall, order.incarnation)
                self.accounts[key] = self.accounts[key].obey(totals)

    def enter(self, door: FakeDoor, serial: int, kind: PlaceKind, now: int = NOW) -> StayRef:
        self.accounts[door.kiosk, kind] = self.accounts[door.kiosk, kind].enter()
        fields = {"accessible_place": True} if kind is KEPT else {}
        return door.ref(door.scan(now, serial, **fields))

    def pool(self, kind: PlaceKind):
        return pools.load(self.site.database.reader, PoolKey(SMALL, kind))

    def free(self, kind: PlaceKind) -> int:
        return sum(account.free for (_, of), account in self.accounts.items() if of is kind)

    def most(self) -> int:
        return self.pool(PlaceKind.ORDINARY).worst_case + self.pool(KEPT).worst_case


@pytest.fixture
def site(database: Database) -> Site:
    halls = open_site(database, fire_limit=9)

    def keep(db) -> None:
        db.execute(
            "UPDATE hall SET accessible_places = ?, accessible_until_min = 15 WHERE hall_id = ?",
            (PLACES, SMALL),
        )
        db.execute(
            "INSERT INTO session VALUES (1, 'S1', ?, '{}', ?, ?, ?, ?, NULL)",
            (SMALL, STARTS, STARTS + HOUR, STARTS - HOUR, CLOSES),
        )
        grants.share(db, SMALL, NOW)

    database.write(keep)
    return halls


@pytest.fixture
def doors(site: Site) -> Doors:
    pair = Doors(site)
    pair.settle(NOW)
    return pair


def test_what_is_kept_is_out_at_the_doors_and_inside_the_capacity(doors: Doors) -> None:
    assert doors.free(KEPT) == PLACES, "called back from the ordinary places first"
    assert doors.free(PlaceKind.ORDINARY) <= CAPACITY - PLACES
    assert {key for key, account in doors.accounts.items() if account.free and key[1] is KEPT} == {
        ("west", KEPT),
        ("east", KEPT),
    }, "each door has one, for it may go offline"
    assert doors.most() <= CAPACITY


def test_before_the_release_nobody_else_is_granted_one(doors: Doors) -> None:
    for serial in range(1, 5):
        door = doors.doors[serial % 2]
        doors.settle(NOW + serial * MINUTE)
        key = door.kiosk, PlaceKind.ORDINARY
        if not doors.accounts[key].free:
            doors.wants = {key}
            doors.settle(NOW + serial * MINUTE + 10_000)
            doors.wants = set()
        doors.enter(door, serial, PlaceKind.ORDINARY, NOW + serial * MINUTE)
    doors.wants = {("west", PlaceKind.ORDINARY)}
    doors.settle(RELEASED - MINUTE)
    assert doors.free(PlaceKind.ORDINARY) == 0
    doors.send(doors.doors[0], RELEASED - MINUTE + 10_000)
    assert doors.full == {"west"}, "it is told at once that none comes"
    assert doors.free(KEPT) == PLACES


def test_at_the_release_they_come_back_and_are_everybody_s(doors: Doors) -> None:
    doors.enter(doors.doors[0], ANNA, KEPT)
    doors.settle(RELEASED, rounds=1)
    assert doors.most() <= CAPACITY
    doors.settle(RELEASED + 10_000)
    assert (doors.pool(KEPT).worst_case, doors.pool(KEPT).open_stays) == (1, 1)
    assert doors.free(KEPT) == 0
    assert doors.pool(PlaceKind.ORDINARY).capacity == CAPACITY
    limited = pools.Pools(doors.site.database.reader).limited(SMALL, RELEASED + 20_000)
    assert limited.ordinary.capacity == CAPACITY - 1, "all but the one that is used"
    assert limited.accessible.free == 0
    assert doors.most() <= CAPACITY


def test_a_door_that_is_away_at_the_release_still_has_its_place(doors: Doors) -> None:
    """Its places are not granted to others, at any time."""
    doors.doors = (doors.site.east,)
    doors.settle(RELEASED + MINUTE)
    assert doors.accounts["west", KEPT].free == 1
    assert doors.pool(KEPT).worst_case == 1
    assert doors.most() <= CAPACITY


def test_after_admission_they_are_kept_again_as_places_come_free(doors: Doors) -> None:
    doors.settle(RELEASED + MINUTE)
    inside = []
    for serial in range(1, 1 + CAPACITY):
        door = max(doors.doors, key=lambda d: doors.accounts[d.kiosk, PlaceKind.ORDINARY].free)
        doors.wants = {(door.kiosk, PlaceKind.ORDINARY)}
        doors.settle(RELEASED + MINUTE + serial * 10_000)
        doors.wants = set()
        inside.append((doors.enter(door, serial, PlaceKind.ORDINARY, STARTS), serial, door))
    doors.settle(STARTS + MINUTE)
    assert doors.pool(PlaceKind.ORDINARY).open_stays == CAPACITY
    doors.settle(CLOSES)
    assert doors.free(KEPT) == 0
    for number, (stay, serial, door) in enumerate(inside[:3], 1):
        door.leave(CLOSES + number, serial, stay)
        doors.settle(CLOSES + number * MINUTE)
        assert doors.free(KEPT) == min(number, PLACES)
        assert doors.most() <= CAPACITY


def test_an_entry_on_one_is_a_stay_of_that_pool_until_it_ends(doors: Doors) -> None:
    stay = doors.enter(doors.doors[0], ANNA, KEPT)
    doors.settle(NOW + 10_000)
    figures = doors.site.figures(SMALL)
    assert (figures.inside, figures.accessible_inside) == (1, 1)
    assert doors.pool(KEPT).open_stays == 1
    assert doors.pool(PlaceKind.ORDINARY).open_stays == 0
    (opened,) = [
        change.stay
        for (body,) in doors.site.rows("SELECT body FROM change")
        if isinstance(change := wire.decode_change(body), wire.StayOpened)
    ]
    assert opened.kind is KEPT
    doors.doors[1].leave(NOW + MINUTE, ANNA, stay)
    doors.settle(NOW + MINUTE)
    assert doors.pool(KEPT).open_stays == 0
    assert doors.free(KEPT) == PLACES


def test_a_hall_without_such_places_tells_nobody_of_them(doors: Doors) -> None:
    rows = Counter(
        doors.site.rows("SELECT hall_id FROM place_account WHERE override = 2 GROUP BY 1")
    )
    assert rows == {(SMALL,): 1}
    reader = doors.site.database.reader
    assert hall_facts(reader, OTHER).released is wire.UNSET
    assert b"accessible" not in wire.encode(hall_facts(reader, OTHER))
    assert hall_facts(reader, SMALL).released == [(RELEASED, CLOSES)]


def test_a_kiosk_that_is_enrolled_later_has_an_account_at_once(doors: Doors) -> None:
    """An exit may give a kept place to it before it has been heard."""
    pool = doors.pool(KEPT)
    site = doors.site

    def enrol(db) -> None:
        db.execute(
            "INSERT INTO kiosk (kiosk, generation, door_id, state, public_key, head, created_at)"
            " VALUES ('new', 1, 1, 'active', x'00', x'00', 0)"
        )
        pools.enrol(db, SMALL, ("new", 1))

    site.database.write(enrol)
    assert doors.pool(KEPT).kiosks.keys() - pool.kiosks.keys() == {("new", 1)}


def test_a_hall_that_keeps_none_any_more_calls_them_back(doors: Doors) -> None:
    doors.site.database.write(
        lambda db: db.execute("UPDATE hall SET accessible_places = 0 WHERE hall_id = 1") and None
    )
    doors.settle(NOW + MINUTE)
    assert (doors.free(KEPT), doors.pool(KEPT).worst_case) == (0, 0)
    assert doors.most() <= CAPACITY


def test_staff_s_word_about_a_hall_or_a_lost_kiosk_is_for_kept_places_too(doors: Doors) -> None:
    doors.enter(doors.doors[0], ANNA, KEPT)
    doors.settle(NOW + 10_000)
    database = doors.site.database
    database.write(lambda db: pools.fence(db, ("east", 1)))
    assert doors.pool(KEPT).worst_case == 2
    database.write(lambda db: clear_all(db, SMALL, by="user:1", now=NOW + 20_000))
    pool = doors.pool(KEPT)
    assert pool.open_stays == 0
    assert pool.kiosks["east", 1].held == 0


def test_a_restored_server_waits_in_the_pool_of_kept_places_too(doors: Doors) -> None:
    doors.site.database.write(lambda db: pools.await_all(db, 2, was_put_back=False))
    assert doors.pool(KEPT).awaited == {("west", 1), ("east", 1)}


class TestWhoIsEntitled:
    def test_doors_of_halls_that_keep_places_are_told_and_the_log_has_no_names(
        self, doors: Doors
    ) -> None:
        database = doors.site.database

        def put(*kinds: tuple[int, kept_places.Kind | None]) -> int:
            return database.write(lambda db: kept_places.put(db, kinds, by="user:1", now=NOW))

        assert put((ANNA, "wheelchair"), (BORIS, "companion")) == 2
        assert kept_places.serials(database.reader) == [ANNA, BORIS]
        assert put((ANNA, "wheelchair"), (BORIS, None)) == 1
        assert put((ANNA, "wheelchair")) == 0
        assert kept_places.kind_of(database.reader, ANNA) == "wheelchair"
        assert kept_places.kind_of(database.reader, BORIS) is None
        venue_changes = doors.site.rows(
            'SELECT hall_id, COUNT(*) FROM change WHERE body = \'{"type":"venue"}\' GROUP BY 1'
        )
        assert venue_changes == [(SMALL, 2)]
        acts = doors.site.rows(
            "SELECT CAST(body AS TEXT) FROM leaf WHERE CAST(body AS TEXT) LIKE '%kept_places_set%'"
        )
        assert len(acts) == 2
        assert not any(str(ANNA) in body or str(BORIS) in body for (body,) in acts)


@pytest.mark.parametrize(
    ("at", "state"),
    [
        (NOW, (False, RELEASED)),
        (RELEASED - 1, (False, RELEASED)),
        (RELEASED, (True, CLOSES)),
        (CLOSES, (False, None)),
    ],
    ids=["long before", "just before", "released", "over"],
)
def test_when_they_are_everybody_s(site: Site, at: int, state: tuple) -> None:
    assert kept_places.now_kept(site.database.reader, SMALL, at) == state
