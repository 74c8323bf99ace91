"""Moves: entering elsewhere ends a stay, but only where the order is certain."""

import pytest

from server.core.occupancy.stays import CLOCK_MARGIN_MS
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.support.site import ANNA, OTHER, ROOM, SMALL, Site, open_site


@pytest.fixture
def site(database: Database) -> Site:
    """In halls that infer leaving from moves, however near they are."""
    halls = open_site(database)
    database.write(
        lambda db: db.execute("UPDATE hall SET leaving = 'inferred', walk_s = 0") and None
    )
    return halls


def test_entering_elsewhere_ends_the_stay_and_is_marked_inferred(site: Site) -> None:
    site.scan(site.west, NOW, ANNA)
    site.scan(site.other, NOW + 1000, ANNA)
    assert site.figures(SMALL).inside == 0
    assert site.rows("SELECT kiosk, closed_by FROM stay ORDER BY opened_at") == [
        ("west", "move"),
        ("other", None),
    ]
    assert site.rows("SELECT kind FROM leaf WHERE kind = 'inferred_exit'") == [("inferred_exit",)]


def test_a_move_is_seen_whichever_record_arrives_first(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    site.scan(site.other, NOW + 1000, ANNA)
    site.send(site.west)
    assert site.figures(SMALL).inside == 0
    assert site.figures(OTHER).inside == 1


@pytest.mark.parametrize("ahead_ms", [120_000, 1_800_000])
def test_a_move_is_seen_by_a_door_whose_clock_is_ahead(site: Site, ahead_ms: int) -> None:
    """By its scan's time the stay elsewhere was over; by the server's it was not."""
    elsewhere = site.other.scan(NOW + 60_000, ANNA)
    site.leave(site.other, NOW + 90_000, ANNA, site.other.ref(elsewhere))
    site.scan(site.west, NOW + ahead_ms, ANNA, skew_ms=ahead_ms)
    assert site.rows("SELECT closed_by, closed_at FROM stay WHERE kiosk = 'west'") == [
        ("move", NOW + 60_000)
    ]


@pytest.mark.parametrize("named", [True, False])
def test_an_entry_whose_stay_is_over_when_it_arrives_was_a_move_all_the_same(
    site: Site, named: bool
) -> None:
    restored = "INSERT INTO setting VALUES ('incarnation', '2')"  # else no door could name it
    site.execute(restored)
    site.scan(site.west, NOW, ANNA)
    entry = site.other.scan(NOW + 60_000, ANNA)
    ref = site.other.ref(entry) if named else None
    site.leave(site.room, NOW + 120_000, ANNA, ref, hall=OTHER)
    site.send(site.other)
    assert (site.figures(SMALL).inside, site.figures(OTHER).inside) == (0, 0)
    assert site.rows("SELECT closed_by FROM stay ORDER BY opened_at") == [("move",), ("exit",)]


def test_a_room_inside_a_hall_does_not_end_the_stay_in_the_hall(site: Site) -> None:
    site.scan(site.other, NOW, ANNA)
    site.scan(site.room, NOW + 1000, ANNA)
    assert (site.figures(OTHER).inside, site.figures(ROOM).inside) == (1, 1)


@pytest.mark.parametrize("unmeasured", ["west", "other"])
@pytest.mark.parametrize("first", ["west", "other"])
def test_no_move_is_inferred_from_a_clock_that_nobody_measured(
    site: Site, unmeasured: str, first: str
) -> None:
    """A wrong order would name the stay that the holder is in, and free a taken place."""
    for door, at in ((site.west, NOW), (site.other, NOW + 60_000)):
        door.scan(at, ANNA, skew_ms=None if door.kiosk == unmeasured else 0)
    for door in (site.west, site.other) if first == "west" else (site.other, site.west):
        site.send(door)
    assert (site.figures(SMALL).inside, site.figures(OTHER).inside) == (1, 1)


def test_no_move_is_inferred_from_two_entries_at_about_the_same_time(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    site.other.scan(NOW + CLOCK_MARGIN_MS, ANNA)
    site.send(site.west)
    site.send(site.other)
    assert (site.figures(SMALL).inside, site.figures(OTHER).inside) == (1, 1)
