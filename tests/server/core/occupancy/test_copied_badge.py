"""One badge for many people: a copy that alternates between two halls."""

import pytest

from badges.places.pool import PoolKey
from badges.record import StayRef
from badges.wire import wire
from server.core.occupancy import copies, stays
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.site import ANNA, OTHER, SMALL, Site
from tests.server.support.site import site as site
from tests.server.support.site import two_halls as two_halls
from tests.server.support.stores import changes

COPY = 1


def infer(site: Site, leaving: str = "inferred") -> None:
    """Let the halls infer leaving from moves."""
    site.execute("UPDATE hall SET leaving = ?", leaving)


def ask(site: Site, door: FakeDoor, now: int) -> None:
    """Let a person wait at the door without a free place."""
    site.execute("UPDATE kiosk SET seen_at = ?", now)
    wish = wire.PlaceTotals(door.hall, door.granted, door.returned, 0, wants=True)
    site.send(door, now=now, places=[wish])


def shuttle(site: Site, times: int, gap: int = 2 * MINUTE) -> dict[int, int]:
    """Show the badge in each hall in turn. Returns the admitted people of each hall."""
    people = {SMALL: 0, OTHER: 0}
    now = NOW
    for turn in range(times):
        door = site.other if turn % 2 else site.west
        now += gap
        if copies.is_likely(site.database.reader, COPY, 1):
            break  # every door refuses it from now on
        if door.free < 1:
            ask(site, door, now)
        if door.free >= 1:
            door.scan(now, COPY)
            people[door.hall] += 1
        site.send(door, now=now)
    return people


def test_a_copied_badge_overfills_no_hall(site: Site) -> None:
    """So slowly that no sign shows it."""
    people = shuttle(site, 120, gap=11 * MINUTE)
    for hall, number in people.items():
        assert number <= site.figures(hall).worst_case <= 6


def test_where_moves_count_a_copy_is_caught_and_the_bound_holds(site: Site) -> None:
    infer(site)
    people = shuttle(site, 120)
    assert people == {SMALL: 2, OTHER: 2}
    for hall, number in people.items():
        figures = site.figures(hall)
        assert number <= figures.worst_case + figures.unconfirmed_moves
    assert site.figures(SMALL).unconfirmed_moves == site.figures(OTHER).unconfirmed_moves == 1


def test_a_patient_copy_stays_within_the_bound_that_is_shown(site: Site) -> None:
    """Slower than any sign of a copy."""
    infer(site)
    people = shuttle(site, 40, gap=11 * MINUTE)
    for hall, number in people.items():
        figures = site.figures(hall)
        assert number == 20
        assert number <= figures.worst_case + figures.unconfirmed_moves


def enter(site: Site, door: FakeDoor, at: int, serial: int = ANNA) -> StayRef:
    record = site.scan(door, at, serial, now=at)
    return door.ref(record)


def leave(site: Site, door: FakeDoor, at: int, closes: StayRef | None, serial: int = ANNA) -> None:
    site.leave(door, at, serial, closes, now=at)


def moved(site: Site, hall: int) -> tuple[int, int, int]:
    """The counts inside, of people moved on, and of unconfirmed moves."""
    figures = site.figures(hall)
    assert figures.inside == site.pool(PoolKey(hall)).open_stays
    return figures.inside, figures.moved_on, figures.unconfirmed_moves


def test_a_move_ends_the_presence_and_keeps_the_place(site: Site) -> None:
    enter(site, site.west, NOW)
    enter(site, site.other, NOW + HOUR)
    assert moved(site, SMALL) == (1, 1, 0)
    assert [stay.hall_id for stay in stays.open_stays(site.database.reader, ANNA)] == [OTHER]
    (stay,) = stays.in_hall(site.database.reader, SMALL)
    assert stay.moved


@pytest.mark.parametrize("named", [True, False])
def test_a_scanned_exit_gives_the_place_back_once(site: Site, named: bool) -> None:
    ref = enter(site, site.west, NOW)
    enter(site, site.other, NOW + HOUR)
    before = site.figures(SMALL).worst_case
    for minute in (1, 2):
        leave(site, site.east, NOW + HOUR + minute * MINUTE, ref if named else None)
        assert moved(site, SMALL) == (0, 0, 0)
        assert site.figures(SMALL).worst_case == before - 1
    assert stays.in_hall(site.database.reader, SMALL) == []


def test_an_unnamed_exit_before_the_entry_gives_nothing_back(site: Site) -> None:
    enter(site, site.west, NOW)
    enter(site, site.other, NOW + HOUR)
    leave(site, site.east, NOW - MINUTE, None)
    assert moved(site, SMALL) == (1, 1, 0)


def test_each_of_several_people_by_one_badge_gives_one_place_back(site: Site) -> None:
    """Two of them moved on, a third is inside: the door names one after the other."""
    first = enter(site, site.west, NOW)
    enter(site, site.other, NOW + HOUR)
    second = enter(site, site.west, NOW + 2 * HOUR)
    enter(site, site.other, NOW + 3 * HOUR)
    third = enter(site, site.west, NOW + 4 * HOUR)
    assert moved(site, SMALL) == (3, 2, 0)
    for number, ref in enumerate((third, second, first)):
        leave(site, site.west, NOW + 5 * HOUR, ref)
        assert moved(site, SMALL) == (2 - number, max(0, 2 - number), 0)


def test_an_open_stay_is_meant_before_one_that_a_move_ended(site: Site) -> None:
    enter(site, site.west, NOW)
    enter(site, site.other, NOW + HOUR)
    enter(site, site.west, NOW + 2 * HOUR)
    leave(site, site.east, NOW + 3 * HOUR, None)
    assert moved(site, SMALL) == (1, 1, 0)
    assert stays.open_stays(site.database.reader, ANNA) == []


def test_a_cleared_hall_has_the_places_of_those_who_moved_on(site: Site) -> None:
    enter(site, site.west, NOW)
    enter(site, site.other, NOW + HOUR)
    assert site.clear(SMALL, now=NOW + HOUR) == 1
    assert moved(site, SMALL) == (0, 0, 0)
    counted = [
        change.counted for change in changes(site.database) if isinstance(change, wire.StayClosed)
    ]
    assert counted == [True, False]


def test_where_moves_count_each_is_counted_until_an_exit_confirms_it(site: Site) -> None:
    infer(site)
    ref = enter(site, site.west, NOW)
    enter(site, site.other, NOW + HOUR)
    assert moved(site, SMALL) == (0, 0, 1)
    worst = site.figures(SMALL).worst_case
    leave(site, site.west, NOW + 2 * HOUR, ref)
    assert moved(site, SMALL) == (0, 0, 0)
    assert site.figures(SMALL).worst_case == worst


def test_a_cleared_hall_confirms_every_move(site: Site) -> None:
    infer(site)
    enter(site, site.west, NOW)
    enter(site, site.other, NOW + HOUR)
    ended = site.clear(SMALL, now=NOW + HOUR)
    assert (ended, moved(site, SMALL)) == (0, (0, 0, 0))


def test_moves_that_counted_stay_unconfirmed_when_they_count_no_more(site: Site) -> None:
    infer(site)
    enter(site, site.west, NOW)
    enter(site, site.other, NOW + HOUR)
    infer(site, "scanned")
    assert moved(site, SMALL) == (0, 0, 1)
