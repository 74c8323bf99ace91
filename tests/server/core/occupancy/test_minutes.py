"""Entries and exits by the minute: the database's counts agree with scans and stays."""

from collections.abc import Iterator

import pytest

from server.core.event.directory import Event
from server.core.occupancy import minutes
from server.storage.database import Database
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.support.pages import Pages

DAY = (NOW - 10 * HOUR, NOW + 14 * HOUR)


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        opened.issue()
        yield opened


def hall(pages: Pages, code: str) -> int:
    sql = "SELECT hall_id FROM hall WHERE code = ?"
    return pages.value(sql, code)


def test_entries_exits_and_denials_count_in_their_minute(pages: Pages) -> None:
    west = pages.connected_kiosk("west-1", "h1-west")
    first = west.scan(pages.now, pages.serial("A1"), category=1)
    west.scan(pages.now + MINUTE, pages.serial("A2"), category=2)
    west.scan(pages.now + MINUTE, None, decision="denied", reason="not_a_badge")
    west.leave(pages.now + 3 * MINUTE, pages.serial("A1"), west.ref(first))
    pages.now += 4 * MINUTE
    pages.send(west)
    db = pages.database.reader
    assert minutes.trends(db, pages.now)[hall(pages, "h1")] == minutes.Trend(2, 1, 2, 1)
    start = NOW // MINUTE
    curve = minutes.hall_day(db, hall(pages, "h1"), *DAY)
    assert [(row.minute - start, row.came, row.went, row.inside) for row in curve] == [
        (0, 1, 0, 1),
        (1, 1, 0, 2),
        (3, 0, 1, 1),
    ]
    assert minutes.door_day(db, hall(pages, "h1"), *DAY) == {west.door: {start: 1, start + 1: 1}}
    assert minutes.door_hours(db, pages.now)[west.door][-5:] == [1, 2, 0, 1, 0]
    assert [count for count in minutes.on_site(db)[0].values() if count] == [1]
    # Scans of a quarter of an hour ago are no trend.
    assert minutes.trends(db, pages.now + 20 * MINUTE) == {}


def test_who_moves_to_another_hall_leaves_the_first(pages: Pages) -> None:
    west, green = (
        pages.connected_kiosk("west-1", "h1-west"),
        pages.connected_kiosk("green-1", "green-door"),
    )
    west.scan(pages.now, pages.serial("A1"), category=1)
    pages.send(west)
    pages.now += 5 * MINUTE
    green.scan(pages.now, pages.serial("A1"), category=1)
    pages.send(green)
    curve = minutes.hall_day(pages.database.reader, hall(pages, "h1"), *DAY)
    open_stays = "SELECT COUNT(*) FROM stay WHERE closed_at IS NULL AND hall_id = ?"
    inside = pages.value(open_stays, hall(pages, "h1"))
    assert curve[-1].inside == inside


def test_a_scan_that_came_late_counts_when_it_was_made(pages: Pages) -> None:
    west = pages.connected_kiosk("west-1", "h1-west")
    west.scan(pages.now + 30_000, pages.serial("A1"), skew_ms=30_000, category=1)
    west.scan(pages.now + 90 * MINUTE, pages.serial("A2"), category=2)  # a wrong clock
    pages.now += HOUR
    pages.send(west)
    scans = minutes.door_day(pages.database.reader, hall(pages, "h1"), *DAY)
    assert scans == {west.door: {NOW // MINUTE: 1, NOW // MINUTE + 60: 1}}


def test_when_a_hall_is_full() -> None:
    assert minutes.Trend(came=40, went=10).full_in_ms(60) == 30 * MINUTE
    assert minutes.Trend(came=10, went=10).full_in_ms(60) is None
    assert minutes.Trend(came=10, went=0).full_in_ms(0) is None
