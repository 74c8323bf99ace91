"""People inside a hall: the list, its pages, print, and names only for permitted roles."""

import re

import pytest

from badges.credential.badge_number import badge_number
from tests.server.conftest import MINUTE, NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages, acts

prepare = Pages.issue  # for every attendee


@pytest.fixture
def west(pages: Pages) -> FakeDoor:
    """Three people are inside; another has left again."""
    door = pages.connected_kiosk("west-1", "h1-west")
    pages.send(door)
    came = [
        door.scan(NOW - MINUTE, pages.serial(external_id))
        for external_id in ("A1", "A2", "A3", "A4")
    ]
    door.leave(NOW, pages.serial("A3"), door.ref(came[2]))
    pages.send(door)
    return door


def list_of(hall: int, rest: str = "") -> str:
    return f"/admin/halls/{hall}/inside/{rest}"


def rows(page: str) -> list[str]:
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        " ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.split("<tr[^>]*>", body)[1:]
    ]


@pytest.mark.parametrize("rest", ["", "print"])
def test_a_list_with_names_is_an_act(pages: Pages, west: FakeDoor, rest: str) -> None:
    auditor = pages.staff("auditor")
    page = auditor.get(list_of(west.hall, rest)).text
    lines = rows(page)
    assert len(lines) == 3
    assert ["Anna Keller" in lines[0], "Chen Lee" in lines[1], "王小明" in lines[2]] == [True] * 3
    assert "Hall 1 west" in lines[0]
    assert "Boris" not in page
    assert "3 people" in page
    assert acts(pages)[-1] == "inside_listed"
    assert "Listed the people inside, by name" in auditor.get("/admin/acts").text


@pytest.mark.parametrize("rest", ["", "print"])
def test_a_supervisor_sees_badge_numbers_alone(pages: Pages, west: FakeDoor, rest: str) -> None:
    before = acts(pages)
    page = pages.staff("supervisor").get(list_of(west.hall, rest)).text
    lines = rows(page)
    assert len(lines) == 3
    assert "Anna" not in page
    assert "Harbour Pilots" not in page
    numbers = sorted(badge_number(pages.serial(external_id)) for external_id in ("A1", "A2", "A4"))
    assert sorted(number for number in numbers if any(number in row for row in lines)) == numbers
    assert acts(pages)[len(before) :] == ["user_added", "signed_in"]


def test_whoever_goes_on_into_a_hall_within_is_in_both(pages: Pages, west: FakeDoor) -> None:
    main = pages.connected_kiosk("main-1", "main")
    main.scan(NOW - 2 * MINUTE, pages.serial("A1"))
    pages.send(main)
    auditor = pages.staff("auditor")
    (row,) = rows(auditor.get(list_of(main.hall)).text)
    assert "Anna Keller" in row
    assert "Main entrance" in row
    assert "Anna Keller" in auditor.get(list_of(west.hall)).text


def test_pages_of_the_list(pages: Pages, west: FakeDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.features.reports.pages.inside.PAGE_ROWS", 2)
    auditor = pages.staff("auditor")
    first, second, beyond = (
        rows(auditor.get(list_of(west.hall, f"?page={number}")).text) for number in (1, 2, 99)
    )
    assert [row.split()[0] for row in first + second] == ["1", "2", "3"]
    assert beyond == second
    assert auditor.get(list_of(west.hall, "?page=x")).status_code == 200
    assert len(rows(auditor.get(list_of(west.hall, "print")).text)) == 3


def test_nobody_and_no_such_hall(pages: Pages) -> None:
    auditor = pages.staff("auditor")
    green = pages.value("SELECT hall_id FROM hall WHERE code = 'green'")
    assert "No one, by the records." in auditor.get(list_of(green)).text
    assert auditor.get(list_of(9999)).status_code == 404
    assert auditor.get(list_of(9999, "print")).status_code == 404


def test_the_halls_page_has_arrivals_entries_and_programme(pages: Pages, west: FakeDoor) -> None:
    target = f"/admin/halls/{west.hall}"
    west.scan(NOW, pages.serial("A3"), act="override", by="user:1", note="speaker's aide")
    pages.send(west)
    page = pages.staff("auditor").get(target).text
    shown = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "Boris Novak" in page
    assert "speaker&#39;s aide" in page
    assert re.search(r"Hall 1 west 一号厅西门 \S+ \S+ 0 \(4\)", shown) or "(4)" in shown
    assert "11:00–12:00 Opening" in shown
    seen = pages.staff("supervisor").get(target).text
    assert "Boris" not in seen
    assert "speaker&#39;s aide" in seen
    pages.now = NOW - 24 * 60 * MINUTE
    assert "No session is planned here today." in pages.staff("supervisor").get(target).text
