"""What came and went by the minute: counts that the database keeps agree with scans and stays."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.core.event.directory import Event
from server.core.occupancy import minutes
from server.storage import migrations
from server.storage.database import Database, connect
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
    return pages.database.reader.execute(sql, (code,)).fetchone()[0]


def test_entries_exits_and_denials_count_in_their_minute(pages: Pages) -> None:
    west = pages.kiosk("west-1", "h1-west")
    pages.send(west)
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
    assert [(one.minute - start, one.came, one.went, one.inside) for one in curve] == [
        (0, 1, 0, 1),
        (1, 1, 0, 2),
        (3, 0, 1, 1),
    ]
    assert minutes.door_day(db, hall(pages, "h1"), *DAY) == {west.door: {start: 1, start + 1: 1}}
    assert minutes.door_hours(db, pages.now)[west.door][-5:] == [1, 2, 0, 1, 0]
    (one,) = [count for count in minutes.on_site(db)[0].values() if count]
    assert one == 1
    # What happened a quarter of an hour ago is no trend.
    assert minutes.trends(db, pages.now + 20 * MINUTE) == {}


def test_who_moves_to_another_hall_leaves_the_first(pages: Pages) -> None:
    west, green = pages.kiosk("west-1", "h1-west"), pages.kiosk("green-1", "green-door")
    for door in (west, green):
        pages.send(door)
    west.scan(pages.now, pages.serial("A1"), category=1)
    pages.send(west)
    pages.now += 5 * MINUTE
    green.scan(pages.now, pages.serial("A1"), category=1)
    pages.send(green)
    curve = minutes.hall_day(pages.database.reader, hall(pages, "h1"), *DAY)
    open_stays = "SELECT COUNT(*) FROM stay WHERE closed_at IS NULL AND hall_id = ?"
    (inside,) = pages.database.reader.execute(open_stays, (hall(pages, "h1"),)).fetchone()
    assert curve[-1].inside == inside


def test_a_scan_that_came_late_counts_when_it_was_made(pages: Pages) -> None:
    west = pages.kiosk("west-1", "h1-west")
    pages.send(west)
    west.scan(pages.now + 30_000, pages.serial("A1"), skew_ms=30_000, category=1)
    west.scan(pages.now + 90 * MINUTE, pages.serial("A2"), category=2)  # a clock that is wrong
    pages.now += HOUR
    pages.send(west)
    found = minutes.door_day(pages.database.reader, hall(pages, "h1"), *DAY)
    assert found == {west.door: {NOW // MINUTE: 1, NOW // MINUTE + 60: 1}}


def test_when_a_hall_is_full() -> None:
    assert minutes.Trend(came=40, went=10).full_in_ms(60) == 30 * MINUTE
    assert minutes.Trend(came=10, went=10).full_in_ms(60) is None
    assert minutes.Trend(came=10, went=0).full_in_ms(0) is None


def test_an_event_of_before_gets_its_minutes(tmp_path: Path) -> None:
    path = tmp_path / "event.db"
    made = connect(path)
    migrations.run_before(made, "m040_board")
    made.execute("PRAGMA foreign_keys = OFF")
    scan = (
        "INSERT INTO scan (number, kiosk, generation, seq, act, direction, door_id, hall_id,"
        " decision, flags, scanned_at, received_at) VALUES (?, 'k', 1, ?, 'scan', ?, 1, 1, ?, '',"
        " ?, ?)"
    )
    made.execute(scan, (0, 1, "entry", "admitted", NOW, NOW))
    made.execute(scan, (1, 2, "exit", "admitted", NOW + MINUTE, NOW + MINUTE))
    made.execute(
        "INSERT INTO stay (kiosk, generation, seq, hall_id, door_id, serial, opened_at, closed_at,"
        " closed_by) VALUES ('k', 1, 1, 1, 1, 5, ?, ?, 'exit')",
        (NOW, NOW + MINUTE),
    )
    migrations.migrate(made)
    made.row_factory = sqlite3.Row
    assert minutes.door_day(made, 1, *DAY) == {1: {NOW // MINUTE: 1}}
    assert [one.inside for one in minutes.hall_day(made, 1, *DAY)] == [1, 0]
    made.close()
