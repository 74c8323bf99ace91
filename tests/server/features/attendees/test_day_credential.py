"""An attendee's page gives out day credentials, and prints them."""

import pypdfium2
import pytest

from badges.credential.badge_number import badge_number
from server.core.event.directory import Event
from server.core.people import day_credentials
from server.core.people.phone_token import phone_token
from server.storage.database import Database
from tests.server.conftest import HOUR, NOW
from tests.server.support.pages import Pages, acts, assert_only

prepare = Pages.issue  # for every attendee

DAY_MS = 24 * HOUR


def address(pages: Pages, rest: str = "", external_id: str = "A1") -> str:
    return f"/admin/people/{badge_number(pages.serial(external_id))}{rest}"


def give(pages: Pages, desk, day: object = 0, confirm: str = "yes") -> str:
    form = {"day": day, "confirm": confirm}
    return desk.post(address(pages, "/day-credential"), form, follow_redirects=True).text


def given(pages: Pages) -> list[int]:
    credentials = day_credentials.of_attendee(pages.database.reader, pages.serial("A1"))
    return [credential.day for credential in credentials]


def test_it_works(pages: Pages) -> None:
    desk = pages.staff("badge_desk")
    before = desk.get(address(pages)).text
    assert "Give out a day credential" in before
    assert '<option value="2">Wed 06 May</option>' in before
    page = give(pages, desk, 1)
    assert "The day credential for Tue 05 May is valid: print it now." in page
    assert "not printed yet" in page
    answer = desk.get(address(pages, "/day-1.pdf"))
    assert answer.mimetype == "application/pdf"
    document = pypdfium2.PdfDocument(answer.data)
    try:
        text = document[0].get_textpage().get_text_bounded()
    finally:
        document.close()
    assert "Tue 5 May" in text
    assert "DAY CREDENTIAL" in text
    assert "printed 1 time" in desk.get(address(pages)).text
    assert acts(pages)[-2:] == ["day_credential_issued", "day_credential_printed"]


def test_who_may_print_one(pages: Pages) -> None:
    give(pages, pages.staff("badge_desk"))
    assert_only(pages, address(pages, "/day-0.pdf"), "badge_desk")


@pytest.mark.parametrize(
    ("day", "confirm", "message"),
    [
        (0, "", "choose a day and tick the box"),
        ("", "yes", "choose a day and tick the box"),
        ("x", "yes", "choose a day and tick the box"),
        (-1, "yes", "choose a day and tick the box"),
        (9, "yes", "The event has no such day: choose one of its 3 days."),
    ],
)
def test_what_can_t_be_is_refused(shown: Pages, day: object, confirm: str, message: str) -> None:
    assert message in give(shown, shown.staff("badge_desk"), day, confirm)
    assert given(shown) == []


def test_a_third_one_is_not_offered_and_refused(pages: Pages) -> None:
    desk = pages.staff("badge_desk")
    give(pages, desk, 0)
    page = give(pages, desk, 1)
    assert "has already had 2 day credentials, which is the limit" in page
    assert "Give out a day credential</button>" not in page
    assert "which is the limit" in give(pages, desk, 2)
    assert given(pages) == [0, 1]


def test_one_that_a_new_badge_voided_is_not_printed(pages: Pages) -> None:
    desk = pages.staff("badge_desk")
    give(pages, desk)
    serial = pages.serial("A1")
    pages.reissue(serial)
    assert "void with issue 1" in desk.get(address(pages)).text
    assert desk.get(address(pages, "/day-0.pdf")).status_code == 404


def test_nothing_is_given_to_or_printed_for_whoever_is_revoked(pages: Pages) -> None:
    desk = pages.staff("badge_desk")
    give(pages, desk)
    serial = pages.serial("A1")
    pages.revoke(serial)
    page = desk.get(address(pages)).text
    assert "Give out a day credential</button>" not in page
    refusal = desk.get(address(pages, "/day-0.pdf"), follow_redirects=True).text
    assert "reinstate the attendee first" in refusal
    assert "reinstate the attendee first" in give(pages, desk, 1)
    assert given(pages) == [0]


def test_no_days_are_left(pages: Pages) -> None:
    pages.now = NOW + 4 * DAY_MS
    page = pages.staff("badge_desk").get(address(pages)).text
    assert "valid on no day that is still to come" in page


def test_whoever_has_no_badge_is_offered_the_badge_alone(event: Event, site: Database) -> None:
    with Pages(event, site) as pages:
        desk = pages.staff("badge_desk")
        page = desk.get(address(pages)).text
        assert "Issue the badge" in page
        assert "day credential" not in page
        assert "issue the badge instead" in give(pages, desk)


def test_the_phone_shows_it_on_its_day_alone(pages: Pages) -> None:
    serial = pages.serial("A1")
    link = f"/b/{phone_token(pages.event, serial, 1)}"
    badge = pages.stranger().get(link).text
    assert "Day credential" not in badge
    give(pages, pages.staff("badge_desk"), 0)
    of_day = pages.stranger().get(link).text
    assert "Day credential Mon, May 4" in of_day

    def symbol(page: str) -> str:
        return page[page.index("<svg") : page.index("</svg>")]

    assert symbol(of_day) != symbol(badge)
    pages.now = NOW + DAY_MS
    assert symbol(pages.stranger().get(link).text) == symbol(badge)
