"""Discrepancies are found in any order of records, and name the later scan."""

import pytest

from tests.server.conftest import MINUTE, NOW
from tests.server.support.site import ANNA, Site
from tests.server.support.site import site as site
from tests.server.support.site import two_halls as two_halls

LISTED = (
    "SELECT d.reason, s.kiosk, o.kiosk FROM discrepancy d JOIN scan s ON s.number = d.number"
    " JOIN scan o ON o.number = d.other_number"
)


def test_an_entry_of_a_door_that_was_cut_off_comes_after_the_second_stay_is_over(
    site: Site,
) -> None:
    site.west.scan(NOW, ANNA)  # cut off
    second = site.east.scan(NOW + MINUTE, ANNA)
    site.leave(site.east, NOW + 2 * MINUTE, ANNA, site.east.ref(second))
    assert site.rows(LISTED) == []
    site.send(site.west)
    assert site.rows(LISTED) == [("already_inside", "east", "west")]


def test_the_later_scan_is_named_not_the_earlier(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    site.scan(site.east, NOW + MINUTE, ANNA)
    site.send(site.west)
    assert site.rows(LISTED) == [("already_inside", "east", "west")]


@pytest.mark.parametrize(
    ("minutes", "listed"), [(1, []), (3, [("already_inside", "east", "west")])]
)
def test_a_stay_that_was_over_when_offered_still_had_its_length(
    site: Site, minutes: int, listed: list
) -> None:
    first = site.west.scan(NOW, ANNA)
    site.west.leave(NOW + minutes * MINUTE, ANNA, site.west.ref(first), credited=True)
    site.west.entries -= 1
    site.scan(site.east, NOW + 2 * MINUTE, ANNA)
    site.send(site.west, gone=[1])
    assert site.rows(LISTED) == listed


def test_it_is_listed_once(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    site.east.scan(NOW + MINUTE, ANNA)
    for door in (site.west, site.east):
        site.send(door)
    site.send(site.west, first=1)
    assert len(site.rows(LISTED)) == 1


def test_a_clock_that_was_set_back_between_two_entries_of_one_batch(site: Site) -> None:
    site.west.scan(NOW + MINUTE, ANNA)
    site.scan(site.west, NOW, ANNA)
    listed = site.rows(
        "SELECT s.seq, o.seq FROM discrepancy d JOIN scan s ON s.number = d.number"
        " JOIN scan o ON o.number = d.other_number"
    )
    assert listed == [(1, 2)]


def test_a_stay_of_the_same_batch_whose_length_is_known_only_later(site: Site) -> None:
    first = site.west.scan(NOW, ANNA)
    site.west.scan(NOW + MINUTE, ANNA)
    site.west.leave(NOW + 2 * MINUTE, ANNA, site.west.ref(first), credited=True)
    site.west.entries -= 1
    site.send(site.west, gone=[1])
    assert site.rows("SELECT reason FROM discrepancy") == [("already_inside",)]


def test_a_stay_that_ends_before_it_begins_by_another_doors_clock_still_counts(site: Site) -> None:
    """Its door's clock was ahead; a later entry of the hall, by that clock, is listed."""
    ahead = site.scan(site.east, NOW + MINUTE, ANNA)
    site.leave(site.west, NOW - MINUTE, ANNA, site.east.ref(ahead))
    site.scan(site.west, NOW, ANNA)
    assert site.rows(LISTED) == [("already_inside", "east", "west")]
