"""Likely copies: their signs, innocent patterns, and the consequences."""

import pytest

from badges.wire import wire
from server.core.kiosks import snapshot
from server.core.occupancy import copies
from server.storage.database import Database
from tests.server.conftest import MINUTE, NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.site import ANNA, BORIS, OTHER, ROOM, SMALL, Site, open_site
from tests.server.support.stores import changes

S = 1000
REASONS = "SELECT reason FROM discrepancy ORDER BY discrepancy_id"


@pytest.fixture
def site(database: Database) -> Site:
    halls = open_site(database)
    set_halls(halls, "leaving = 'inferred'")
    return halls


def set_halls(site: Site, assignment: str) -> None:
    site.execute(f"UPDATE hall SET {assignment}")


def enter(site: Site, door: FakeDoor, at: int, serial: int = ANNA, **fields) -> None:
    site.scan(door, at, serial, **fields, now=at)


def issue(site: Site, serial: int = ANNA) -> int:
    return copies.holder_facts(site.database.reader, serial).copied_issue


def figures(site: Site, hall: int = SMALL) -> tuple[int, int]:
    """Holders counted though they moved on, and moves that freed a place."""
    hall_figures = site.figures(hall)
    return hall_figures.moved_on, hall_figures.unconfirmed_moves


def test_whoever_runs_to_and_fro_by_staff_s_word_is_not_listed(site: Site) -> None:
    for turn in range(4):
        enter(site, (site.west, site.other)[turn % 2], NOW + turn * 2 * MINUTE)
    clear(site)
    listed = site.rows(REASONS)
    for turn in range(4, 8):
        enter(site, (site.west, site.other)[turn % 2], NOW + turn * 2 * MINUTE)
    assert issue(site) == 0
    assert site.rows(REASONS) == listed == [("likely_copy",)]


def test_people_who_walk_are_no_copies(site: Site) -> None:
    for turn in range(10):
        door = (site.west, site.other)[turn % 2]
        enter(site, door, NOW + turn * 6 * MINUTE)
    assert issue(site) == 0
    assert site.rows(REASONS) == []
    assert figures(site) == (0, 5)


def test_whoever_scans_out_may_be_next_door_at_once(site: Site) -> None:
    """Left the first hall by a scan, and entered the next 40 s after the first."""
    record = site.west.scan(NOW, ANNA)
    site.leave(site.west, NOW + 20 * S, ANNA, site.west.ref(record))
    enter(site, site.other, NOW + 40 * S)
    assert issue(site) == 0
    assert site.rows(REASONS) == []


def test_one_wrong_door_locks_nobody_out_and_frees_nothing(site: Site) -> None:
    enter(site, site.west, NOW)
    enter(site, site.other, NOW + 40 * S)
    assert issue(site) == 0
    assert site.rows(REASONS) == [("fast_move",)]
    assert figures(site) == (1, 0)


def test_a_second_hasty_walk_within_ten_minutes_is_a_likely_copy(site: Site) -> None:
    enter(site, site.west, NOW)
    enter(site, site.other, NOW + 40 * S)
    enter(site, site.west, NOW + 80 * S)
    assert issue(site) == 1
    assert site.rows(REASONS) == [("fast_move",), ("likely_copy",)]
    assert figures(site) == (1, 0)


def test_an_hour_later_it_is_the_first_again(site: Site) -> None:
    enter(site, site.west, NOW)
    enter(site, site.other, NOW + 40 * S)
    enter(site, site.west, NOW + 60 * MINUTE)
    enter(site, site.other, NOW + 60 * MINUTE + 40 * S)
    assert issue(site) == 0


def test_where_the_venue_says_how_long_the_way_is_one_is_enough(site: Site) -> None:
    site.execute("UPDATE hall SET walk_s = 300 WHERE hall_id = 2")
    enter(site, site.west, NOW)
    enter(site, site.other, NOW + 299 * S)
    assert issue(site) == 1


def test_to_and_fro(site: Site) -> None:
    """At walking pace: the third move in a row between the same two halls."""
    doors = (site.west, site.other)
    for turn in range(3):
        enter(site, doors[turn % 2], NOW + turn * 2 * MINUTE)
    assert issue(site) == 0
    enter(site, site.other, NOW + 6 * MINUTE)
    assert issue(site) == 1
    assert figures(site) == (1, 1)
    assert figures(site, OTHER) == (0, 1)


@pytest.mark.parametrize("order", ["as it was", "other way round"])
def test_at_two_doors_at_once(site: Site, order: str) -> None:
    site.west.scan(NOW, ANNA)
    site.other.scan(NOW + 2 * S, ANNA)
    doors = (site.west, site.other)
    for door in doors if order == "as it was" else reversed(doors):
        site.send(door)
    assert issue(site) == 1
    assert figures(site) == (1, 0)
    holders = [
        change.holder for change in changes(site.database) if isinstance(change, wire.HolderChanged)
    ]
    assert holders == [wire.HolderFacts(ANNA, 0, False, 1)]
    assert snapshot._exceptions(site.database.reader) == holders


def test_a_room_s_door_may_be_a_step_behind_the_hall_s(site: Site) -> None:
    enter(site, site.other, NOW)
    enter(site, site.room, NOW + S)
    assert issue(site) == 0
    assert site.rows(REASONS) == []
    assert ROOM != OTHER


@pytest.mark.parametrize(
    ("kiosk", "fields", "copied_issue"),
    [
        pytest.param("east", {}, 1, id="two doors of one hall"),
        pytest.param("other", {"skew_ms": None}, 0, id="a clock that nobody measured"),
        pytest.param("other", {"issue": 2}, 0, id="a lost badge and the new one"),
    ],
)
def test_a_second_scan_a_second_later(
    site: Site, kiosk: str, fields: dict, copied_issue: int
) -> None:
    enter(site, site.west, NOW)
    enter(site, getattr(site, kiosk), NOW + S, **fields)
    assert issue(site) == copied_issue


def test_two_people_are_no_copy(site: Site) -> None:
    enter(site, site.west, NOW, ANNA)
    enter(site, site.other, NOW + S, BORIS)
    assert issue(site) == issue(site, BORIS) == 0


def test_its_moves_free_nothing_from_then_on(site: Site) -> None:
    enter(site, site.west, NOW)
    enter(site, site.other, NOW + S)
    enter(site, site.west, NOW + 60 * MINUTE)
    enter(site, site.other, NOW + 120 * MINUTE)
    assert figures(site) == (2, 0)
    assert figures(site, OTHER) == (1, 0)


def test_a_door_that_had_not_heard_is_listed(site: Site) -> None:
    enter(site, site.west, NOW)
    enter(site, site.other, NOW + S)
    enter(site, site.west, NOW + 60 * MINUTE)
    assert site.rows(REASONS) == [("likely_copy",), ("likely_copy",)]
    site.scan(site.west, NOW + 61 * MINUTE, ANNA, decision="denied", reason="likely_copy")
    assert len(site.rows(REASONS)) == 2


def clear(site: Site) -> None:
    site.database.write(lambda db: copies.clear(db, ANNA, by="desk", now=NOW + MINUTE))


def test_staff_say_that_it_is_no_copy(site: Site) -> None:
    enter(site, site.west, NOW)
    enter(site, site.other, NOW + S)
    clear(site)
    assert issue(site) == 0
    (holder,) = [c.holder for c in changes(site.database)[-1:] if isinstance(c, wire.HolderChanged)]
    assert holder == wire.HolderFacts(ANNA, 0, False, 0)
    with pytest.raises(copies.NoSuspicionError):
        clear(site)
    with pytest.raises(copies.NoSuspicionError):
        site.database.write(lambda db: copies.clear(db, BORIS, by="desk", now=NOW))


def test_its_moves_free_places_again_by_staff_s_word(site: Site) -> None:
    enter(site, site.west, NOW)
    enter(site, site.other, NOW + S)
    clear(site)
    enter(site, site.west, NOW + 60 * MINUTE)
    before = figures(site)
    enter(site, site.other, NOW + 120 * MINUTE)
    assert (before, figures(site)) == ((1, 0), (1, 1))


def test_who_walks_fast_by_staff_s_word_is_not_accused_of_it_again(site: Site) -> None:
    for turn in range(3):
        enter(site, (site.west, site.other)[turn % 2], NOW + turn * 40 * S)
    clear(site)
    for turn in range(3, 6):
        enter(site, (site.west, site.other)[turn % 2], NOW + turn * 40 * S)
    assert issue(site) == 0
    assert figures(site) == (3, 0)
    enter(site, site.west, NOW + 201 * S)  # a second after the last
    assert issue(site) == 1


def test_a_new_issue_is_another_badge(site: Site) -> None:
    enter(site, site.west, NOW)
    enter(site, site.other, NOW + S)
    enter(site, site.west, NOW + 10 * MINUTE, issue=2)
    enter(site, site.other, NOW + 20 * MINUTE, issue=2)
    assert copies.is_likely(site.database.reader, ANNA, 1)
    assert not copies.is_likely(site.database.reader, ANNA, 2)
    assert figures(site)[1] == 1
