"""Nested halls: the halls behind a door, the counts in each, and older events."""

import sqlite3

import pytest
from msgspec import UNSET

from badges.places.pool import PoolKey
from badges.places.signed import verify_order
from badges.record import OuterHall, StayRef
from badges.wire import wire
from server.core.event.directory import Event
from server.core.kiosks import snapshot
from server.core.kiosks.vouching import Voucher
from server.core.occupancy import copies, pools
from server.core.venue import nesting
from server.features.imports.venue_plan import VenueError
from server.storage.database import Database
from tests.server.conftest import HOUR, MINUTE, NOW, VENUE
from tests.server.support.console import Console
from tests.server.support.site import ANNA, BORIS, OTHER, ROOM, SMALL, Site, open_site
from tests.server.support.stores import changes, load_venue

PARENTS = {1: None, 2: 1, 3: 2, 4: 3}


@pytest.mark.parametrize(
    ("hall", "come_from", "outer"),
    [
        (1, None, ()),
        (3, None, (2, 1)),
        (4, None, (3, 2, 1)),
        (4, 1, (3, 2)),
        (4, 2, (3,)),
        (4, 3, ()),
        (2, 4, (1,)),  # a hall that is not around it: outside, which at worst counts too much
        (3, 3, (2, 1)),
    ],
)
def test_a_door_enters_every_hall_up_to_the_one_that_it_comes_from(
    hall: int, come_from: int | None, outer: tuple[int, ...]
) -> None:
    assert nesting.outer_halls(hall, PARENTS, come_from) == outer


def test_halls_that_lie_in_each_other_end_somewhere() -> None:
    assert nesting.outer_halls(1, {1: 2, 2: 1}, None) == (2,)
    assert nesting.outer_halls(3, {1: 2, 2: 1, 3: 1}, None) == (1, 2)


@pytest.fixture
def site(database: Database) -> Site:
    """ROOM's door leads from outside OTHER."""
    halls = open_site(database)
    database.write(lambda db: db.execute("UPDATE door_from SET from_id = NULL") and None)
    database.write(lambda db: pools.enrol(db, OTHER, ("room", 1)))
    return halls


OUTER = (OuterHall(hall=OTHER),)


def counts(site: Site) -> tuple[int, int]:
    return site.figures(ROOM).inside, site.figures(OTHER).inside


def give(site: Site, kiosk: str, hall: int, count: int) -> None:
    """Give the kiosk places of the hall, regardless of the policy."""

    def step(db: sqlite3.Connection) -> None:
        db.execute("UPDATE hall SET capacity = capacity + ? WHERE hall_id = ?", (count, hall))
        key = PoolKey(hall)
        before = pools.load(db, key)
        pools.save(db, key, before, before.grant((kiosk, 1), count))

    site.database.write(step)


def test_one_entry_opens_a_stay_in_each_hall_and_one_exit_closes_both(site: Site) -> None:
    entry = site.scan(site.room, NOW, ANNA, outer=OUTER)
    assert counts(site) == (1, 1)
    opened = [c for c in changes(site.database) if isinstance(c, wire.StayOpened)]
    assert [(change.hall, change.stay.stay) for change in opened] == [
        (ROOM, site.room.ref(entry)),
        (OTHER, site.room.ref(entry)),
    ]
    ref = site.room.ref(entry)
    closes = (OuterHall(hall=OTHER, closes=ref),)
    site.leave(site.room, NOW + MINUTE, ANNA, ref, outer=closes)
    assert counts(site) == (0, 0)
    closed = [c for c in changes(site.database) if isinstance(c, wire.StayClosed)]
    assert [change.hall for change in closed] == [ROOM, OTHER]


def test_a_repeated_batch_counts_once(site: Site) -> None:
    site.scan(site.room, NOW, ANNA, outer=OUTER)
    site.room.acked = 0
    site.send(site.room)
    assert counts(site) == (1, 1)


def test_a_place_of_the_hall_around_is_handed_over(site: Site) -> None:
    give(site, "room", OTHER, 1)
    before = site.pool(PoolKey(OTHER)).worst_case
    site.scan(site.room, NOW, ANNA, outer=OUTER)
    pool = site.pool(PoolKey(OTHER))
    assert (pool.kiosks["room", 1].handed_over, pool.worst_case) == (1, before)


def test_an_exit_in_the_hall_around_alone_leaves_the_stay_in_the_room(site: Site) -> None:
    entry = site.scan(site.room, NOW, ANNA, outer=OUTER)
    site.leave(site.other, NOW + MINUTE, ANNA, site.room.ref(entry))
    assert counts(site) == (1, 0)


def test_an_exit_names_a_stay_in_its_own_hall_alone(site: Site) -> None:
    """A kiosk of another hall can't end it."""
    entry = site.scan(site.room, NOW, ANNA, outer=OUTER)
    site.leave(site.west, NOW + MINUTE, ANNA, site.room.ref(entry))
    assert counts(site) == (1, 1)


def test_an_exit_that_knows_no_stay_means_the_one_in_each_hall(site: Site) -> None:
    site.scan(site.other, NOW, ANNA)
    site.scan(site.room, NOW + MINUTE, BORIS, outer=OUTER)
    site.leave(site.room, NOW + 2 * MINUTE, ANNA, None, outer=OUTER)
    assert counts(site) == (1, 1)  # she had no stay in the room
    bodies = [b for (b,) in site.rows("SELECT body FROM leaf WHERE kind = 'inferred_exit'")]
    assert len(bodies) == 1
    site.leave(site.room, NOW + 3 * MINUTE, BORIS, None, outer=OUTER)
    assert counts(site) == (0, 0)
    bodies = [b for (b,) in site.rows("SELECT body FROM leaf WHERE kind = 'inferred_exit'")]
    assert [b'"hall":2' in body for body in bodies] == [False, False, True]


def infer(site: Site) -> None:
    """From now on the halls count a move as leaving, however near they are."""
    query = "UPDATE hall SET leaving = 'inferred', walk_s = 0"
    site.execute(query)


@pytest.mark.parametrize("first", ["room", "west"])
def test_both_stays_end_by_a_move(site: Site, first: str) -> None:
    infer(site)
    site.room.scan(NOW, ANNA, outer=OUTER)
    site.west.scan(NOW + MINUTE, ANNA)
    for door in (site.room, site.west) if first == "room" else (site.west, site.room):
        site.send(door)
    assert counts(site) == (0, 0)


def test_what_is_gone_is_so_by_hall(site: Site) -> None:
    """The kiosk had the room's place back before it sent anything, not the other's."""
    give(site, "room", OTHER, 1)
    entry = site.room.scan(NOW, ANNA, outer=OUTER)
    site.room.leave(NOW + MINUTE, ANNA, site.room.ref(entry), credited=True)
    site.send(site.room, gone=[entry.seq])
    assert counts(site) == (0, 1)
    again = site.room.scan(NOW + 2 * MINUTE, BORIS, outer=OUTER)
    ref = site.room.ref(again)
    back = (OuterHall(hall=OTHER, closes=ref, credited=True),)
    site.room.leave(NOW + 3 * MINUTE, BORIS, ref, credited=True, outer=back)
    gone = [wire.GoneOuter(again.seq, OTHER)]
    site.send(site.room, gone=[again.seq], gone_outer=gone)
    assert counts(site) == (0, 1)


def test_an_override_place_of_the_hall_around(site: Site) -> None:
    site.scan(site.room, NOW, ANNA, outer=(OuterHall(hall=OTHER, override_place=True),))
    columns = "hall_id, open_stays, open_overrides"
    query = f"SELECT {columns} FROM hall WHERE hall_id > 1 ORDER BY hall_id"
    assert site.rows(query) == [(OTHER, 0, 1), (ROOM, 1, 0)]


def test_an_entry_that_does_not_say_it_counts_in_the_hall_around_all_the_same(site: Site) -> None:
    """The kiosk has not heard that its hall is nested."""
    site.scan(site.room, NOW, ANNA)
    assert counts(site) == (1, 1)
    pool = site.pool(PoolKey(OTHER))
    assert pool.kiosks["room", 1].handed_over == 0


def test_those_counted_in_can_be_a_debt(site: Site) -> None:
    for serial in range(1, 7):
        site.other.scan(NOW, serial)
    site.send(site.other)
    site.scan(site.room, NOW, 7)
    assert site.pool(PoolKey(OTHER)).free == -1
    other = site.pool(PoolKey(OTHER)).kiosks["other", 1]
    assert other.held == 0


def test_a_restored_server_awaits_the_exit_of_each_hall(site: Site) -> None:
    restored = "INSERT INTO setting VALUES ('incarnation', '2')"
    site.execute(restored)
    entry = site.room.scan(NOW, ANNA, outer=OUTER)
    site.leave(site.other, NOW + MINUTE, ANNA, site.room.ref(entry))
    assert site.rows("SELECT hall_id FROM early_exit") == [(OTHER,)]
    site.send(site.room)
    assert counts(site) == (1, 0)
    assert site.rows("SELECT * FROM early_exit") == []


def test_a_second_entry_is_a_discrepancy_in_the_hall_around(site: Site) -> None:
    site.scan(site.other, NOW, ANNA)
    site.scan(site.room, NOW + MINUTE, ANNA, outer=OUTER)
    assert site.rows("SELECT reason FROM discrepancy") == [("already_inside",)]


def test_who_comes_to_the_room_counts_as_demand_in_both(site: Site) -> None:
    full = {"decision": "denied", "reason": "hall_full", "outer": (OuterHall(hall=OTHER),)}
    here = [
        wire.PlaceTotals(hall, site.room.granted if hall == ROOM else 0, 0, 0)
        for hall in (OTHER, ROOM)
    ]
    site.send(site.room, places=here)
    for serial in range(1, 6):
        site.room.scan(NOW, serial, **full)
    site.send(site.room, places=here)
    rates = site.rows(
        "SELECT hall_id, rate FROM place_account WHERE kiosk = 'room' AND override = 0"
        " ORDER BY hall_id"
    )
    assert [hall for hall, _ in rates] == [OTHER, ROOM]
    assert rates[0][1] == rates[1][1] > 0


class TestVenue:
    def test_where_a_door_leads_from(self, event: Event, database: Database) -> None:
        load_venue(event, database, VENUE.replace('from = "site"', 'from = "Outside"'))
        door = "SELECT door_id FROM door WHERE code = 'h1-west'"
        (west,) = database.reader.execute(door).fetchone()
        assert len(nesting.outer_of(database.reader, west)) == 1
        again = load_venue(event, database, VENUE)
        assert again.updated == {"doors": 1}
        assert nesting.outer_of(database.reader, west) == ()
        assert not load_venue(event, database, VENUE).changed

    @pytest.mark.parametrize(
        ("come_from", "problem"),
        [
            ("green", "door h1-west: hall h1 does not lie in green: from is site or outside"),
            ("nowhere", "door h1-west: hall h1 does not lie in nowhere: from is site or outside"),
        ],
    )
    def test_a_door_from_a_hall_that_is_not_around(
        self, event: Event, database: Database, come_from: str, problem: str
    ) -> None:
        with pytest.raises(VenueError) as caught:
            load_venue(event, database, VENUE.replace('from = "site"', f'from = "{come_from}"'))
        assert caught.value.problems == (problem,)

    def test_a_hall_that_is_taken_out_of_the_one_that_its_door_comes_from(
        self, event: Event, database: Database
    ) -> None:
        load_venue(event, database, VENUE)
        apart = '[[hall]]\ncode = "h1"\nname = "Hall 1"\ncapacity = 100\n'
        with pytest.raises(VenueError, match="hall h1 does not lie in site: leave from out"):
            load_venue(event, database, apart)

    def test_import_says_which_doors_say_nothing(self, console: Console) -> None:
        text = VENUE.replace('from = "site"\n', "")
        warned = console("import-venue", console.file("venue.toml", text))
        assert "door h1-west does not state where it leads from" in warned.output
        assert "people entering there are also counted in site" in warned.output
        assert "people who entered by a door of site are counted twice there" in warned.output
        assert 'Write from = "outside", or from = "site"' in warned.output
        complete = console("import-venue", console.file("venue.toml", VENUE))
        assert "where it leads from" not in complete.output


def test_moves_between_rooms_of_one_hall_stay_in_it(site: Site) -> None:
    infer(site)
    site.scan(site.room, NOW, ANNA, outer=OUTER)
    site.west.scan(NOW + MINUTE, ANNA, hall=SMALL)
    lies_in = f"UPDATE hall SET parent_id = {OTHER} WHERE hall_id = {SMALL}"
    site.execute(lies_in)
    site.execute(f"UPDATE door_from SET from_id = {OTHER} WHERE door_id = 1")
    site.send(site.west)
    assert (site.figures(SMALL).inside, *counts(site)) == (1, 0, 1)


def moved(site: Site, hall: int) -> tuple[int, int, int]:
    """The counts inside, of people moved on, and of unconfirmed moves."""
    figures = site.figures(hall)
    assert figures.inside == site.pool(PoolKey(hall)).open_stays
    return figures.inside, figures.moved_on, figures.unconfirmed_moves


def move(site: Site) -> StayRef:
    """Let a person enter the room from outside, and then be seen at a hall elsewhere."""
    entry = site.scan(site.room, NOW, ANNA, outer=OUTER)
    site.scan(site.west, NOW + HOUR, ANNA, now=NOW + HOUR)
    return site.room.ref(entry)


def test_a_move_keeps_the_places_of_both_where_scans_alone_count(site: Site) -> None:
    ref = move(site)
    assert (moved(site, ROOM), moved(site, OTHER)) == ((1, 1, 0), (1, 1, 0))
    closed = [c for c in changes(site.database) if isinstance(c, wire.StayClosed)]
    assert [(change.hall, change.stay, change.counted) for change in closed] == [
        (ROOM, ref, True),
        (OTHER, ref, True),
    ]
    site.leave(site.other, NOW + 2 * HOUR, ANNA, ref, now=NOW + 2 * HOUR)
    assert (moved(site, ROOM), moved(site, OTHER)) == ((1, 1, 0), (0, 0, 0))
    site.leave(
        site.room,
        NOW + 2 * HOUR,
        ANNA,
        ref,
        outer=(OuterHall(hall=OTHER, closes=ref),),
        now=NOW + 2 * HOUR,
    )
    assert (moved(site, ROOM), moved(site, OTHER)) == ((0, 0, 0), (0, 0, 0))


def test_each_hall_has_its_own_way_with_moves(site: Site) -> None:
    query = f"UPDATE hall SET leaving = 'inferred' WHERE hall_id = {OTHER}"
    site.execute(query)
    ref = move(site)
    assert (moved(site, ROOM), moved(site, OTHER)) == ((1, 1, 0), (0, 0, 1))
    site.leave(site.other, NOW + 2 * HOUR, ANNA, ref, now=NOW + 2 * HOUR)
    assert (moved(site, ROOM), moved(site, OTHER)) == ((1, 1, 0), (0, 0, 0))


def test_counting_the_hall_around_as_empty_ends_moves_of_both(site: Site) -> None:
    move(site)
    assert site.clear(OTHER, now=NOW + 2 * HOUR) == 1
    assert (moved(site, ROOM), moved(site, OTHER)) == ((0, 0, 0), (0, 0, 0))


def test_an_entry_by_an_inner_door_is_no_move_out_of_the_hall_around(site: Site) -> None:
    infer(site)
    query = f"UPDATE door_from SET from_id = {OTHER} WHERE door_id = 4"
    site.execute(query)
    site.scan(site.other, NOW, ANNA)
    site.scan(site.room, NOW + HOUR, ANNA, now=NOW + HOUR)
    assert (moved(site, ROOM), moved(site, OTHER)) == ((1, 0, 0), (1, 0, 0))


def test_an_exit_without_a_name_confirms_the_move_of_each_hall(site: Site) -> None:
    move(site)
    site.leave(site.room, NOW + 2 * HOUR, ANNA, None, outer=OUTER, now=NOW + 2 * HOUR)
    assert (moved(site, ROOM), moved(site, OTHER)) == ((0, 0, 0), (0, 0, 0))


def test_a_copy_that_goes_to_and_fro_is_noticed_though_the_hall_around_counts_it_too(
    site: Site,
) -> None:
    for turn in range(4):
        door, now = (site.west, site.room)[turn % 2], NOW + turn * 10_000
        site.scan(door, now, ANNA, outer=OUTER if door is site.room else UNSET, now=now)
    assert copies.is_likely(site.database.reader, ANNA, 1)
    reasons = {reason for (reason,) in site.rows("SELECT reason FROM discrepancy")}
    assert {copies.FAST_MOVE, copies.LIKELY_COPY} <= reasons


def test_two_rooms_of_one_hall_tell_a_copy_too(site: Site) -> None:
    """The hall around counts both entries, which hides nothing."""
    lies_in = f"UPDATE hall SET parent_id = {OTHER} WHERE hall_id = {SMALL}"
    site.execute(lies_in)
    site.database.write(lambda db: pools.enrol(db, OTHER, ("west", 1)))
    for turn in range(4):
        door, now = (site.west, site.room)[turn % 2], NOW + turn * 10_000
        site.scan(door, now, ANNA, outer=OUTER, now=now)
    assert copies.is_likely(site.database.reader, ANNA, 1)
    assert site.figures(OTHER).inside == 4


def test_orders_of_the_hall_around_are_signed(site: Site, event: Event) -> None:
    voucher = Voucher(event.root_key, event.event_id)
    give(site, "room", OTHER, 2)
    kiosk = ("room", 1)
    facts = site.database.write(lambda db: snapshot.snapshot(db, event, kiosk, 4, NOW, voucher))
    assert {order.hall for order in facts.orders} == {ROOM, OTHER}
    for order in facts.orders:
        verify_order(
            event.root_key.public, event.event_id, kiosk, PoolKey(order.hall, order.kind),
            order.signature, granted=order.granted, incarnation=order.incarnation,
        )  # fmt: skip
