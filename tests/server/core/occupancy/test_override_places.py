"""Override places: a second pool, between a hall's capacity and its fire limit."""

import pytest

from badges.places.pool import PoolKey
from badges.record import PlaceKind, StayRef, decode_record
from badges.wire import wire
from server.core.occupancy import hall_control, pools
from server.storage.database import Database
from tests.server.conftest import MINUTE, NOW
from tests.server.support.site import ANNA, BORIS, SMALL, Site, clear_all, open_site

LIMIT = 9  # of SMALL, whose capacity is 6
BEYOND = PoolKey(SMALL, PlaceKind.OVERRIDE)


@pytest.fixture
def site(database: Database) -> Site:
    return open_site(database, fire_limit=LIMIT)


def granted(site: Site, kiosk: str) -> int:
    return site.pool(BEYOND).kiosks[kiosk, 1].granted


def totals(site: Site, kiosk: str, used: int = 0, **changes) -> list[wire.PlaceTotals]:
    """A door's report of both its accounts."""
    door = getattr(site, kiosk)
    total = granted(site, kiosk)
    beyond = wire.PlaceTotals(SMALL, total, 0, total - used, override=True)
    return [wire.PlaceTotals(SMALL, door.granted, door.returned, door.free), beyond]


def test_doors_hold_what_lies_between_capacity_and_limit(site: Site) -> None:
    pool = site.pool(BEYOND)
    assert pool.capacity == LIMIT - 6
    assert pool.worst_case <= 3
    assert granted(site, "west") >= 1
    assert granted(site, "east") >= 1


def test_an_override_uses_one_and_its_end_gives_it_back(site: Site) -> None:
    entry = site.west.scan(NOW, ANNA, act="override", override_place=True, by="user:1")
    site.west.entries -= 1  # of the ordinary account
    site.send(site.west, places=totals(site, "west", used=1))
    pool = site.pool(BEYOND)
    assert pool.open_stays == 1
    assert site.figures(SMALL).inside == 1
    assert site.rows("SELECT act, override_place, supervisor FROM scan") == [
        ("override", 1, "user:1")
    ]
    site.leave(site.east, NOW + 1, ANNA, site.west.ref(entry))
    assert site.pool(BEYOND).open_stays == 0
    assert site.pool(PoolKey(SMALL)).open_stays == 0


@pytest.fixture
def full(site: Site) -> Site:
    """Six are in a hall of six, three by each door, and a seventh by override."""
    for serial, door in enumerate((site.west, site.east) * 3, 1):
        door.scan(NOW, serial)
    site.send(site.east)
    site.west.scan(NOW, ANNA, act="override", override_place=True, by="user:1")
    site.west.entries -= 1  # of the ordinary account
    site.send(site.west, places=totals(site, "west", used=1))
    assert site.figures(SMALL).inside == 7
    return site


def asks(site: Site) -> int:
    """Let people wait at the west door while places come for them. Returns the total granted."""
    while True:
        before = site.west.granted
        wants = wire.PlaceTotals(SMALL, before, site.west.returned, 0, wants=True)
        site.send(site.west, places=[wants, *totals(site, "west")[1:]])
        if site.west.granted == before:
            return before


@pytest.mark.parametrize("first", ["a place of the capacity", "the place beyond"])
def test_a_place_that_comes_back_goes_first_to_who_is_beyond_the_capacity(
    full: Site, first: str
) -> None:
    by_override, usual = full.west.ref(decode_record(full.west.records[3])), StayRef("west", 1, 1)
    leaves = [(1, usual), (ANNA, by_override)]
    if first == "the place beyond":
        leaves.reverse()
    granted = full.west.granted
    for serial, stay in leaves:
        assert asks(full) == granted, f"{full.figures(SMALL).inside} are in a hall of six"
        full.east.leave(NOW, serial, stay)
        full.send(full.east)
    assert full.figures(SMALL).inside == 5
    assert asks(full) == granted + 1


@pytest.mark.parametrize("how", ["annulled", "cleared", "a larger hall"])
def test_so_does_one_that_comes_back_otherwise(full: Site, how: str) -> None:
    granted = full.west.granted
    if how == "annulled":
        full.west.leave(NOW, 1, StayRef("west", 1, 1), act="annul", by="user:1", note="left")
        full.send(full.west)
    elif how == "cleared":  # of those who came first
        staff = {"by": "user:1", "now": NOW, "before": 2}
        full.database.write(lambda db: clear_all(db, SMALL, **staff))
    else:
        staff = {"by": "user:1", "now": NOW}
        full.database.write(lambda db: hall_control.set_capacity(db, SMALL, 7, **staff))
    inside, capacity = full.figures(SMALL).inside, full.figures(SMALL).capacity
    assert asks(full) == granted + max(0, capacity - inside)


def test_an_override_shares_the_hall_at_once_though_its_door_has_places(site: Site) -> None:
    """The hall is shared anew at once, and not seconds later as usual."""
    site.west.scan(NOW, 1)
    site.send(site.west)
    site.send(site.east)
    assert site.west.free > 0
    (before,) = site.rows("SELECT MAX(cursor) FROM change")[0]
    for serial in range(3):
        site.west.scan(NOW, ANNA + serial, act="override", override_place=True, by="user:1")
        site.west.entries -= 1
    site.send(site.west, places=totals(site, "west", used=3))
    recalls = site.rows(f"SELECT body FROM change WHERE kiosk = 'east' AND cursor > {before}")
    assert any('"recall":' in body and '"override":false' in body for (body,) in recalls)


def test_an_override_calls_back_what_other_doors_have(site: Site) -> None:
    """East has unused places of the capacity, and none once it has heard. Until then the hall's
    page states how many it may let in too many.
    """
    for serial in range(1, site.west.granted + 1):
        site.west.scan(NOW, serial)
    site.send(site.west)
    assert site.east.free > 1
    (before,) = site.rows("SELECT MAX(cursor) FROM change")[0]
    site.west.scan(NOW, ANNA, act="override", override_place=True, by="user:1")
    site.west.entries -= 1
    site.send(site.west, places=totals(site, "west", used=1))
    orders = [
        body
        for (body,) in site.rows(
            f"SELECT body FROM change WHERE kiosk = 'east' AND cursor > {before}"
        )
        if '"override":false' in body
    ]
    assert '"recall":3' in orders[-1], "few places are given to whoever asks"
    figures = site.figures(SMALL)
    assert (figures.worst_case, figures.beyond) == (7, 1)
    site.east.returned += 3
    site.send(site.east)
    assert site.figures(SMALL).beyond == 0
    assert asks(site) == 3 + 2, "four are in a hall of six"


def test_a_lower_capacity_never_lets_both_pools_pass_the_limit(site: Site) -> None:
    """All six ordinary places are out: the override pool must wait till they are back."""
    site.database.write(lambda db: hall_control.set_capacity(db, SMALL, 2, by="user:1", now=NOW))
    for _ in range(3):
        for door in ("west", "east"):
            site.send(getattr(site, door), places=totals(site, door))
    ordinary = site.pool(PoolKey(SMALL))
    beyond = site.pool(BEYOND)
    assert ordinary.worst_case + beyond.worst_case <= LIMIT


def test_a_raised_capacity_waits_for_the_override_places(site: Site) -> None:
    site.database.write(
        lambda db: hall_control.set_capacity(db, SMALL, LIMIT, by="user:1", now=NOW)
    )
    for _ in range(3):
        for door in (site.west, site.east):
            site.send(door)
    ordinary = site.pool(PoolKey(SMALL))
    beyond = site.pool(BEYOND)
    assert beyond.worst_case > 0
    assert ordinary.worst_case + beyond.worst_case <= LIMIT


@pytest.mark.parametrize(("leaving", "kept"), [("scanned", 1), ("inferred", 0)])
def test_an_override_place_after_a_move_elsewhere(site: Site, leaving: str, kept: int) -> None:
    site.execute("UPDATE hall SET leaving = ?", leaving)
    site.west.scan(NOW, BORIS, act="override", override_place=True, by="user:1")
    site.west.entries -= 1
    site.send(site.west, places=totals(site, "west", used=1))
    site.scan(site.other, NOW + 2 * MINUTE, BORIS)
    assert site.pool(BEYOND).open_stays == kept
    figures = site.figures(SMALL)
    assert (figures.moved_on, figures.unconfirmed_moves) == (kept, 1 - kept)


def test_closing_the_hall_calls_override_places_back_too(site: Site) -> None:
    site.database.write(lambda db: hall_control.set_closed(db, SMALL, True, by="user:1", now=NOW))
    recalls = [
        body for (body,) in site.rows("SELECT body FROM change") if '"override":true' in body
    ]
    assert any('"recall":1' in body or '"recall":2' in body for body in recalls)
    for door in (site.west, site.east):
        given = granted(site, door.kiosk)
        back = wire.PlaceTotals(SMALL, given, given, 0, override=True)
        site.send(door, places=[*totals(site, door.kiosk)[:1], back])
    assert site.pool(BEYOND).worst_case == 0


def test_what_doors_hear_is_left_in_the_hall_is_what_they_can_give(site: Site) -> None:
    for serial in (ANNA, BORIS):
        site.west.scan(NOW, serial, act="override", override_place=True, by="user:1")
        site.west.entries -= 1  # of the ordinary account
    site.send(site.west, places=totals(site, "west", used=2))
    site.database.write(lambda db: hall_control.set_capacity(db, SMALL, LIMIT, by="test", now=NOW))
    taken = site.send(site.east)
    (left,) = [order.left for order in taken.orders if order.hall == SMALL and not order.override]
    both = pools.Pools(site.database.reader)
    held = both.limited(SMALL, NOW).override.worst_case
    assert 2 <= held, "two went in by override, and a place beyond may still be at a door"
    assert left == LIMIT - held, "so many more may enter before the limit"
