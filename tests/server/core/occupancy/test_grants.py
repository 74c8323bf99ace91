"""Grants and recalls on the database: a door's places between its messages."""

import json

import pytest

from badges.wire import wire
from server.core.occupancy import grants
from server.core.occupancy.grants import SHARED_MS
from server.core.occupancy.sharing_policy import MEMORY_MIN
from tests.server.conftest import NOW
from tests.server.support.site import ANNA, SMALL, Site, heed, take
from tests.server.support.site import site as site
from tests.server.support.site import two_halls as two_halls
from tests.tries import tries


def want(site: Site, door) -> None:
    totals = wire.PlaceTotals(SMALL, door.granted, door.returned, door.free, wants=door.free == 0)
    site.send(door, places=[totals])


def orders(site: Site, kiosk: str) -> list[dict]:
    rows = site.rows(f"SELECT body FROM change WHERE kiosk = '{kiosk}' ORDER BY cursor")
    return [json.loads(row[0])["order"] for row in rows if '"order"' in row[0]]


def test_a_place_that_was_just_given_is_called_back_for_a_door_that_asks(site: Site) -> None:
    """An exit frees one place, and it goes to a door that asked a while ago."""
    entries = [
        door.scan(NOW, serial)
        for serial, door in enumerate([site.west] * site.west.free + [site.east] * site.east.free)
    ]
    assert len(entries) == 6, "the hall is full"
    site.send(site.east)
    first = entries[0]
    site.west.leave(NOW, first.serial, site.west.ref(first))
    want(site, site.west)
    before = orders(site, "west")
    assert site.west.free == 1
    want(site, site.east)
    recalled = orders(site, "west")[len(before) :]
    assert [order["recall"] for order in recalled] == [site.west.returned + 1]


def test_what_was_granted_counts_as_free_until_the_door_says_otherwise(site: Site) -> None:
    site.database.write(lambda db: db.execute("UPDATE hall SET capacity = 20, fire_limit = 200"))
    site.database.write(lambda db: grants.share(db, SMALL, NOW))
    rows = site.rows(
        "SELECT kiosk, granted - returned - handed_over, free FROM place_account"
        f" WHERE hall_id = {SMALL} AND override = 0"
    )
    assert all(held == free and held > 3 for _, held, free in rows), rows
    site.west.scan(NOW, ANNA)
    want(site, site.west)
    ((free,),) = site.rows("SELECT free FROM place_account WHERE kiosk = 'west' AND override = 0")
    assert free == 2, "it had not heard of the rest when it spoke"


def rates_moved(site: Site) -> None:
    """Many arrived at the west door, so the next share recalls places of the east door."""
    sql = "UPDATE place_account SET rate = 50, rate_at = ? WHERE kiosk = 'west'"
    site.database.write(lambda db: db.execute(sql, (NOW,)))


@pytest.fixture
def large(site: Site) -> Site:
    """With places enough for a share to move."""
    site.database.write(lambda db: db.execute("UPDATE hall SET capacity = 60, fire_limit = 200"))
    site.database.write(lambda db: grants.share(db, SMALL, NOW))
    for door in (site.west, site.east):
        site.send(door)
    return site


def recalled(site: Site, now: int) -> bool:
    """Whether a heartbeat makes a new share."""
    before = len(orders(site, "east"))
    site.send(site.west, now)
    return len(orders(site, "east")) > before


def test_a_share_stands_for_a_second_where_nobody_asks(large: Site) -> None:
    rates_moved(large)
    assert not recalled(large, NOW + SHARED_MS - 1)
    assert recalled(large, NOW + SHARED_MS)


def test_a_clock_that_was_set_back_does_not_stop_sharing(large: Site) -> None:
    rates_moved(large)
    assert recalled(large, NOW - 60_000)


def test_who_asks_is_not_kept_waiting(site: Site) -> None:
    """They get a place that another door returns within the same second."""
    entries = [
        door.scan(NOW, serial)
        for serial, door in enumerate([site.west] * site.west.free + [site.east] * site.east.free)
    ]
    site.send(site.west)
    site.send(site.east)
    assert site.rows(f"SELECT shared_until FROM hall WHERE hall_id = {SMALL}") == [
        (NOW + SHARED_MS,)
    ], "nobody waits, so the share stands"
    before = site.east.granted
    totals = wire.PlaceTotals(SMALL, site.east.granted, site.east.returned, free=0, wants=True)
    assert site.send(site.east, NOW + 10, places=[totals]).full == (SMALL,)
    first = entries[0]
    site.west.leave(NOW + 15, first.serial, site.west.ref(first))
    totals = wire.PlaceTotals(SMALL, site.west.granted, site.west.returned, free=1)
    site.send(site.west, NOW + 20, places=[totals])
    assert orders(site, "east")[-1]["granted"] == before + 1


def test_one_person_after_a_quiet_hour_counts_as_one_who_came_now(site: Site) -> None:
    def rate() -> float:
        ((found,),) = site.rows(
            "SELECT rate FROM place_account WHERE kiosk = 'west' AND override = 0"
        )
        return found

    def hour(db) -> None:
        """In one transaction, because eighteen hundred take seconds."""
        for second in range(0, 3_600, 3_600 // tries(1_800)):
            now = NOW + second * 1_000
            heed(site.west, take(db, site.west, site.west.batch(now), now))

    site.database.write(hour)
    site.west.scan(NOW + 3_600_000, ANNA)
    site.send(site.west, NOW + 3_600_000)
    assert rate() == pytest.approx(1 / MEMORY_MIN, rel=0.02)


def test_a_door_without_places_gets_what_came_back_by_another(large: Site) -> None:
    entries = []
    while large.east.free:
        entries += [large.east.scan(NOW, len(entries) + n) for n in range(large.east.free)]
        large.send(large.east)
    given = large.east.granted
    for entry in entries:
        large.west.leave(NOW + 5, entry.serial, large.east.ref(entry))
    large.send(large.west, NOW + 10)
    told = [order for order in orders(large, "east") if not order["override"]]
    assert told[-1]["granted"] > given
