"""The page that asks beforehand: one person at one door, and a whole day."""

import re
import time
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from server.features.rehearsal import report
from server.features.rehearsal.pages import pages as rehearsal_pages
from server.web.apart import ApartError
from tests.server.support.pages import Pages, Staff, acts, words

prepare = Pages.issue  # for every attendee


def asking(**fields: str) -> str:
    return f"/admin/rehearsal/?{urlencode(fields)}"


def test_it_works(pages: Pages) -> None:
    desk = pages.staff("badge_desk")
    page = words(desk.get("/admin/rehearsal/").text)
    assert "Would this person be let in?" in page
    assert "Play a day through" not in page, "that is not for the badge desk"
    page = words(desk.get(asking(person="A1", place="h1", at="2026-05-04T13:00")).text)
    assert "✕ Would be denied Anna Keller at Hall 1 一号厅 , Mon 04 May 13:00:00" in page
    assert "DENIED · Press hour admits press" in page
    assert "仅允许" in page or "Press hour" in page
    assert "Category Delegate" in page
    assert "A place is free." in page
    page = words(desk.get(asking(person="A3", place="door:h1-west", at="2026-05-04T13:00")).text)
    assert "✓ Would be admitted" in page


def test_presence_as_it_is_now(pages: Pages) -> None:
    main_door = pages.connected_kiosk("main-1", "main")
    pages.send(main_door)
    main_door.scan(pages.now, pages.serial("A1"))
    pages.send(main_door)
    desk = pages.staff("auditor")
    asked = {"person": "A1", "place": "main", "at": "2026-05-04T10:05"}
    assert "✓ Would be admitted" in words(desk.get(asking(**asked)).text)
    page = words(desk.get(asking(**asked, as_now="yes")).text)
    assert "Already inside since 10:00, by Main entrance" in page


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"person": "", "place": "h1", "at": "2026-05-04T13:00"}, "Enter a person."),
        ({"person": "A1", "place": "", "at": "2026-05-04T13:00"}, "Enter a hall or door."),
        ({"person": "A1", "place": "h1", "at": "soon"}, "A date and time, such as"),
        ({"person": "A1", "place": "h1", "at": "9999999-01-01"}, "A date and time, such as"),
        ({"person": "A7", "place": "h1", "at": "2026-05-04T13:00"}, "No attendee has"),
        ({"person": "A1", "place": "h7", "at": "2026-05-04T13:00"}, "There is no hall or door"),
        ({"person": "example.org", "place": "h1", "at": "2026-05-04T13:00"}, "may be any of 4"),
    ],
)
def test_what_can_not_be_asked(pages: Pages, fields: dict[str, str], message: str) -> None:
    answer = pages.staff("admin").get(asking(**fields))
    assert answer.status_code == 400
    assert message in words(answer.text)


def test_a_person_s_page_leads_here(pages: Pages) -> None:
    admin = pages.staff("admin")
    number = re.search(r"/admin/people/([0-9A-Z-]+)", admin.get("/admin/people/?q=Anna").text)[1]
    link = re.search(r'href="(/admin/rehearsal/[^"]+)"', admin.get(f"/admin/people/{number}").text)
    page = admin.get(link[1])
    assert page.status_code == 200
    assert f'value="{number}"' in page.text


def test_a_day(pages: Pages) -> None:
    admin = pages.staff("admin")
    before = acts(pages)
    page = words(admin.get("/admin/rehearsal/day?day=2026-05-04").text)
    assert "Mon 04 May, played through" in page
    assert "4 on the roster, 4 badges valid on that day, 2 sessions." in page
    assert "No kiosk is at work yet at a door of hall h1 that lets in." in page
    assert re.search(r"13:00–14:00 Press hour press Hall 1 一号厅 2 1 2 100", page)
    page = words(admin.get("/admin/rehearsal/day?day=2026-05-05").text)
    assert "Nothing odd was found." in page
    assert acts(pages) == before, "nothing was done"


def test_a_long_list_is_cut(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal_pages, "FINDINGS_MAX", 1)
    pages.database.write(lambda db: db.execute("UPDATE hall SET seats = 1, closed_at = 1"))
    page = words(pages.staff("admin").get("/admin/rehearsal/day?day=2026-05-04").text)
    assert "3 found No kiosk is at work" in page
    assert "Only the first 1 are shown. hallkeeper rehearse --day 2026-05-04 prints all." in page
    assert "closed by staff" not in page


@pytest.mark.parametrize("day", ["2026-05-09", "tomorrow", ""])
def test_a_day_that_is_none(pages: Pages, day: str) -> None:
    answer = pages.staff("admin").get(f"/admin/rehearsal/day?day={day}")
    assert answer.status_code == 400
    assert "2026-05-04 to 2026-05-06" in words(answer.text)


def awaited(staff: Staff, day: str) -> TestResponse:
    """The finished page, as a browser that reloads it sees it."""
    deadline = time.monotonic() + 240
    while True:
        answer = staff.get(f"/admin/rehearsal/day?day={day}")
        if "data-again" not in answer.text:
            return answer
        assert answer.status_code == 200
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.system
@pytest.mark.system
def test_a_large_day_is_played_apart(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    auditor = pages.staff("auditor")
    here = auditor.get("/admin/rehearsal/day?day=2026-05-04").text
    monkeypatch.setattr(rehearsal_pages, "PEOPLE_HERE_MAX", 1)
    monkeypatch.setattr(report, "rehearse", lambda *_: pytest.fail("played in this process"))
    first = auditor.get("/admin/rehearsal/day?day=2026-05-04").text
    assert "The result appears here automatically." in words(first)
    assert "again.js" in first
    then = awaited(auditor, "2026-05-04").text
    assert words(then) == words(here)
    assert "again.js" not in then
    answer = auditor.get("/admin/rehearsal/day?day=2027-01-01")
    assert answer.status_code == 400
    assert "is not a day of the event" in answer.text


def test_a_day_that_cannot_be_played_now(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise ApartError("The server is busy with other such work. Try again in a minute.")

    monkeypatch.setattr(rehearsal_pages, "PEOPLE_HERE_MAX", 1)
    monkeypatch.setattr(rehearsal_pages, "read_apart", busy)
    answer = awaited(pages.staff("auditor"), "2026-05-04")
    assert answer.status_code == 503
    assert "Try again in a minute" in answer.text
