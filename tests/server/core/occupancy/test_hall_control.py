"""The safety officer's acts: closing, capacity, clearing, and the doors' confirmations."""

import pytest

from badges.places.account import PlacesError
from badges.places.pool import PoolKey
from badges.record import PlaceKind
from server.core.occupancy import hall_control, stays
from tests.server.conftest import NOW
from tests.server.support.site import ANNA, BORIS, OTHER, SMALL, Site
from tests.server.support.site import site as site
from tests.server.support.site import two_halls as two_halls


def by_kiosk(site: Site) -> dict[str, hall_control.KioskHolding]:
    return {
        holding.kiosk: holding for holding in hall_control.holdings(site.database.reader, SMALL)
    }


def test_closing_calls_every_place_back_and_opening_gives_them_again(site: Site) -> None:
    site.database.write(lambda db: hall_control.set_closed(db, SMALL, True, by="user:1", now=NOW))
    recalls = [body for (body,) in site.rows("SELECT body FROM change") if '"places"' in body]
    assert len(recalls) >= 2
    for door in (site.west, site.east):
        door.returned += door.free
        site.send(door)
    assert site.pool(PoolKey(SMALL)).worst_case == 0
    site.database.write(lambda db: hall_control.set_closed(db, SMALL, False, by="user:1", now=NOW))
    assert site.pool(PoolKey(SMALL)).worst_case > 0


def test_a_door_has_confirmed_once_it_has_applied_the_change(site: Site) -> None:
    site.database.write(lambda db: hall_control.set_capacity(db, SMALL, 3, by="user:1", now=NOW))
    assert not by_kiosk(site)["west"].confirmed
    (cursor,) = site.rows("SELECT change_cursor FROM hall WHERE hall_id = 1")[0]

    def applied(db):
        db.execute("UPDATE kiosk SET cursor = ? WHERE kiosk = 'west'", (cursor,))

    site.database.write(applied)
    assert by_kiosk(site)["west"].confirmed
    assert not by_kiosk(site)["east"].confirmed


def test_a_lower_capacity_is_a_debt_that_exits_repay(site: Site) -> None:
    entries = [site.west.scan(NOW, serial) for serial in (1, 2, 3)]
    site.send(site.west)
    site.database.write(lambda db: hall_control.set_capacity(db, SMALL, 2, by="user:1", now=NOW))
    for door in (site.west, site.east):
        door.returned += max(0, door.free)
        site.send(door)
    assert site.pool(PoolKey(SMALL)).free == -1
    site.leave(site.east, NOW + 1, 1, site.west.ref(entries[0]))
    assert site.pool(PoolKey(SMALL)).free == 0
    site.leave(site.east, NOW + 2, 2, site.west.ref(entries[1]))
    assert site.pool(PoolKey(SMALL)).free >= 0


def test_clearing_ends_every_stay_and_what_fenced_kiosks_hold(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    site.other.scan(NOW, BORIS)
    for door in (site.west, site.other):
        site.send(door)
    site.fence("west")
    assert site.clear(SMALL) == 1
    assert stays.in_hall(site.database.reader, SMALL) == []
    assert len(stays.in_hall(site.database.reader, OTHER)) == 1
    assert site.pool(PoolKey(SMALL)).kiosks["west", 1].held == 0
    assert site.rows("SELECT closed_by FROM stay WHERE hall_id = 1") == [("cleared",)]
    assert site.rows(
        "SELECT COUNT(*) FROM leaf WHERE CAST(body AS TEXT) LIKE '%hall_cleared%'"
    ) == [(1,)]


def test_a_hall_that_is_cleared_gives_no_attested_place_back_twice(site: Site) -> None:
    site.fence("west")
    site.attest("west", 0)
    for serial in (1, 2):  # its journal turns up: they count by the attestation
        site.west.scan(NOW, serial)
    site.west.returned += site.west.free
    site.send(site.west)
    site.clear(SMALL)
    pool = site.pool(PoolKey(SMALL))
    assert (pool.kiosks["west", 1].held, pool.open_stays) == (0, 0)
    assert pool.worst_case == sum(max(0, held.held) for held in pool.kiosks.values())


def test_after_a_restore_the_word_stands_though_the_places_are_unknown(site: Site) -> None:
    def forgotten(db) -> None:
        """As restored from a backup that lacks the kiosk's places."""
        db.execute(
            "UPDATE place_account SET granted = 0, returned = 0, awaited = 1 WHERE kiosk = 'west'"
        )

    site.database.write(forgotten)
    site.fence("west")
    site.attest("west", 2)
    pool = site.pool(PoolKey(SMALL))
    assert (pool.kiosks["west", 1].held, pool.awaited) == (2, frozenset())


def test_the_word_bounds_both_pools(site: Site) -> None:
    site.fence("west")
    site.attest("west", 1)
    for override in (False, True):
        pool = site.pool(PoolKey(SMALL, PlaceKind(override)))
        assert pool.kiosks["west", 1].held == 1


def test_a_kiosk_at_work_can_not_be_attested(site: Site) -> None:
    with pytest.raises(PlacesError, match="fenced"):
        site.attest("west", 0)
    with pytest.raises(PlacesError, match="never had places"):
        site.attest("other", 0)
    with pytest.raises(PlacesError, match="0 or more"):
        site.attest("west", -1)
