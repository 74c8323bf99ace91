"""A day credential for an attendee who forgot the badge, and the badge by mail."""

from collections.abc import Iterator

import pytest

from server.core.event.directory import Event
from server.core.people import attendees, day_credentials
from server.features.mail import worker
from server.features.mail.outbox import Choice
from server.features.mail.settings import settings_path
from server.storage.database import Database
from tests.server.features.desk.pages.support import DeskClerk
from tests.server.support.pages import Pages


@pytest.fixture
def clerk(event: Event, site: Database) -> Iterator[DeskClerk]:
    with Pages(event, site) as pages:
        pages.issue()
        yield DeskClerk(pages, pages.staff("badge_desk"))


def test_a_day_credential_is_given_once_and_printed(clerk: DeskClerk) -> None:
    page, serial = clerk.page("A1"), clerk.pages.serial("A1")
    assert f"/desk{page}/day" in clerk.get(page).text
    form = clerk.get(f"{page}/day").text
    assert 'name="day" value="0"' in form
    assert "was given out already" not in form
    for words in ("The day credential is valid.", "was given out already"):
        assert clerk.send(f"{page}/day", {"day": "0"}).status_code == 303
        result = clerk.get(f"{page}/day").text
        assert words in result
        assert 'name="day" value="0"' not in result
    (given,) = day_credentials.of_attendee(clerk.pages.database.reader, serial)
    assert given.day == 0
    card = clerk.staff.get(f"/admin/people/{clerk.number('A1')}/day-0.pdf")
    assert card.mimetype == "application/pdf"
    clerk.send(f"{page}/day", {"day": "1"})
    assert "which is the limit" in clerk.get(f"{page}/day").text


def test_what_is_no_day(clerk: DeskClerk) -> None:
    page, serial = clerk.page("A1"), clerk.pages.serial("A1")
    for day, why in (("", "Choose a day."), ("x", "Choose a day."), ("9", "has no such day")):
        clerk.send(f"{page}/day", {"day": day})
        assert why in clerk.get(f"{page}/day").text
    assert day_credentials.of_attendee(clerk.pages.database.reader, serial) == []


def test_who_has_no_badge_gets_none(clerk: DeskClerk) -> None:
    page, serial = clerk.page("A2"), clerk.pages.serial("A2")
    clerk.pages.revoke(serial)
    assert clerk.get(f"{page}/day").status_code == 404
    assert clerk.send(f"{page}/day", {"day": "0"}).status_code == 303
    assert "is revoked" in clerk.get(page).text


def test_a_badge_is_mailed_with_settings(clerk: DeskClerk, monkeypatch: pytest.MonkeyPatch) -> None:
    page, serial = clerk.page("A1"), clerk.pages.serial("A1")
    address = attendees.attendee(clerk.pages.database.reader, serial).email
    assert address
    assert "Mail the badge" not in clerk.get(page).text
    clerk.send(f"{page}/mail", {})
    assert "Mails can&#39;t be sent yet" in clerk.get(page).text
    path = settings_path(clerk.pages.event.path)
    path.parent.mkdir()
    path.write_text("")
    asked: list[Choice] = []
    monkeypatch.setattr(worker, "start", lambda here, choice, **_: asked.append(choice))
    assert f"Mail the badge to {address}" in clerk.get(page).text
    clerk.send(f"{page}/mail", {})
    assert asked == [Choice("invite", serials=[serial], again=True)]
    assert f"is on its way to {address}" in clerk.get(page).text
