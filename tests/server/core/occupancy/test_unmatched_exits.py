"""Exits that name no stay: each ends the only stay it can mean, and no other."""

import pytest

from badges.places.pool import PoolKey
from server.core.occupancy import pools, stays
from tests.server.conftest import MINUTE, NOW
from tests.server.support.site import ANNA, BORIS, SMALL, Site
from tests.server.support.site import site as site
from tests.server.support.site import two_halls as two_halls


def inside(site: Site) -> list[int]:
    return [stay.serial for stay in stays.in_hall(site.database.reader, SMALL)]


@pytest.mark.parametrize("first", ["entry", "exit"])
def test_an_exit_at_a_door_that_did_not_know_ends_the_stay(site: Site, first: str) -> None:
    site.west.scan(NOW, ANNA)
    site.east.leave(NOW + MINUTE, ANNA, None)
    for door in (site.west, site.east) if first == "entry" else (site.east, site.west):
        site.send(door)
    assert inside(site) == []
    assert pools.load(site.database.reader, PoolKey(SMALL)).open_stays == 0
    assert site.rows("SELECT closed_by, closed_at FROM stay") == [("exit", NOW + MINUTE)]
    assert site.rows("SELECT kind FROM leaf WHERE kind = 'inferred_exit'") == [("inferred_exit",)]
    assert site.rows("SELECT * FROM unnamed_exit") == []


def test_one_exit_ends_one_stay(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    site.send(site.west)
    site.east.leave(NOW + MINUTE, ANNA, None)
    site.send(site.east)
    site.west.scan(NOW + 2 * MINUTE, ANNA)
    site.send(site.west)
    assert inside(site) == [ANNA]


def test_an_earlier_exit_means_no_later_stay(site: Site) -> None:
    site.east.leave(NOW, ANNA, None)
    site.send(site.east)
    site.west.scan(NOW + MINUTE, ANNA)
    site.send(site.west)
    assert inside(site) == [ANNA]


def test_another_s_exit_means_nothing(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    site.east.leave(NOW + MINUTE, BORIS, None)
    for door in (site.west, site.east):
        site.send(door)
    assert inside(site) == [ANNA]


@pytest.mark.parametrize("unmeasured", ["west", "east"])
def test_nothing_is_inferred_from_a_clock_that_nobody_measured(site: Site, unmeasured: str) -> None:
    skew = {unmeasured: None}
    site.west.scan(NOW, ANNA, skew_ms=skew.get("west", 0))
    site.east.leave(NOW + MINUTE, ANNA, None, skew_ms=skew.get("east", 0))
    for door in (site.west, site.east):
        site.send(door)
    assert inside(site) == [ANNA]


def test_of_two_copies_inside_neither_is_put_out(site: Site) -> None:
    """One copy has left, it is unknown which, so both stay counted."""
    site.west.scan(NOW, ANNA)
    site.east.scan(NOW + MINUTE, ANNA)
    site.west.leave(NOW + 2 * MINUTE, ANNA, None)
    for door in (site.east, site.west):
        site.send(door)
    assert inside(site) == [ANNA, ANNA]


def test_a_second_scan_of_one_s_exit_puts_no_copy_out(site: Site) -> None:
    """A named exit, the same person's scan at another door, and a copy that turns up late."""
    entry = site.west.scan(NOW, ANNA)
    site.send(site.west)
    site.west.leave(NOW + 5 * MINUTE, ANNA, site.west.ref(entry))
    site.send(site.west)
    site.west.leave(NOW + 6 * MINUTE, ANNA, None)
    site.send(site.west)
    site.east.scan(NOW + MINUTE, ANNA)  # while the first was still inside
    site.send(site.east)
    assert inside(site) == [ANNA]


def test_the_clocks_margin(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    site.east.leave(NOW + stays.CLOCK_MARGIN_MS, ANNA, None)
    for door in (site.west, site.east):
        site.send(door)
    assert inside(site) == [ANNA]
