"""A hall's day as plots, each with its figures in a table."""

import re

from server.core.occupancy.minutes import runs
from server.web.sparkline import sparkline
from tests.server.conftest import MINUTE
from tests.server.support.pages import Pages

prepare = Pages.issue  # for every attendee


def hall(pages: Pages) -> int:
    sql = "SELECT hall_id FROM hall WHERE code = 'h1'"
    return pages.value(sql)


def test_it_works(pages: Pages) -> None:
    west = pages.connected_kiosk("west-1", "h1-west")
    first = west.scan(pages.now, pages.serial("A1"), category=1)
    west.scan(pages.now, pages.serial("A2"), category=2)
    west.leave(pages.now + 20 * MINUTE, pages.serial("A1"), west.ref(first))
    pages.now += 21 * MINUTE
    pages.send(west)
    text = pages.staff("steward").get(f"/admin/halls/{hall(pages)}/day").text
    rows = re.findall(r'<th scope="row" class="number">(.*?)</th>(.*?)</tr>', text)
    cells = [(at, re.findall(r'class="number">(.*?)</td>', row)) for at, row in rows]
    assert cells == [("10:00", ["2", "0", "2"]), ("10:15", ["0", "1", "1"])]
    # The hall has room for 100, and the plot is 260 high and 120 minutes wide.
    line = re.search(r'<polyline class="inside" points="([^"]*)"', text)[1].split()
    assert line[-1] == "175.0,257.4"
    assert "166.7,254.8" in line
    assert "2 <span" in text.split('class="spark"')[1], "the most in a minute"


def test_a_day_without_anybody_and_days_that_are_none(pages: Pages) -> None:
    someone = pages.staff("steward")
    for day in ("2026-05-05", "2026-05-06", "1999-01-01", "x"):
        text = someone.get(f"/admin/halls/{hall(pages)}/day?day={day}").text
        assert "No one came or went." in text
    assert someone.get("/admin/halls/99/day").status_code == 404


def test_a_sparkline_touches_the_top_where_it_is_highest() -> None:
    assert sparkline([0, 4, 2], 100, 20) == "0.0,20.0 50.0,0.0 100.0,10.0"
    assert sparkline([0], 100, 20) == "0.0,20.0"


def queue_at(pages: Pages) -> str:
    text = pages.staff("steward").get(f"/admin/halls/{hall(pages)}/day").text
    cell = re.search(r'data-label="A queue stood" class="number"><span>(.*?)</span></td>', text)[1]
    return " ".join(re.sub(r"<[^>]+>", " ", cell).split())


def test_a_queue_is_told_from_scans_without_a_pause(pages: Pages) -> None:
    west = pages.connected_kiosk("west-1", "h1-west")
    start = pages.now - pages.now % MINUTE
    # One in six seconds for three minutes, and later one in ten.
    times = [start + step for step in range(0, 3 * MINUTE, 6_000)]
    times += [start + 10 * MINUTE + step for step in range(0, 3 * MINUTE, 10_000)]
    for number, at in enumerate(times):
        west.scan(at, 500 + number, category=1)
    pages.now = times[-1] + MINUTE
    pages.send(west)
    assert queue_at(pages) == "3 min longest 3 min from 10:00"
    text = pages.staff("steward").get(f"/admin/halls/{hall(pages)}/day").text
    assert text.count('<rect class="queue"') == 1
    assert "Kiosks don't count waiting people." in text


def test_scans_of_two_kiosks_and_of_a_roll_call_are_no_queue(pages: Pages) -> None:
    west = pages.connected_kiosk("west-1", "h1-west")
    east = pages.connected_kiosk("west-2", "h1-west")
    start = pages.now - pages.now % MINUTE
    for number in range(12):
        # Each kiosk has a pause of ten seconds between two people.
        (west, east)[number % 2].scan(start + number * 5_000, 500 + number, category=1)
    for number in range(20):
        seen = {"decision": "denied", "reason": "roll_call"}
        west.scan(start + 5 * MINUTE + number * 1_000, 600 + number, category=1, **seen)
    pages.now = start + 7 * MINUTE
    for kiosk in (west, east):
        pages.send(kiosk)
    assert queue_at(pages) == "not seen"


def test_a_run_is_not_broken_by_a_single_minute() -> None:
    assert runs([5, 6, 8, 9, 12, 20]) == [(5, 5), (12, 1), (20, 1)]
    assert runs([]) == []
