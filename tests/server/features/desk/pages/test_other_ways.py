"""A day credential for an attendee who forgot the badge, and the badge by mail."""

from collections.abc import Iterator
from typing import Any

import pytest

from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.core.people import attendees, day_credentials
from server.features.mail import outbox, worker
from server.features.mail.outbox import Choice
from server.features.mail.settings import settings_path
from server.storage.database import Database
from server.web.services import services_of
from tests.server.features.desk.pages.support import DeskClerk
from tests.server.features.mail.conftest import write_settings
from tests.server.support.pages import Pages, acts, words
from tests.server.support.postbox import Office, Postbox
from tests.waiting import until


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
    for message in ("The day credential is valid.", "was given out already"):
        assert clerk.send(f"{page}/day", {"day": "0"}).status_code == 303
        result = clerk.get(f"{page}/day").text
        assert message in result
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


@pytest.fixture
def box() -> Postbox:
    return Postbox()


@pytest.fixture
def port(box: Postbox) -> Iterator[int]:
    office = Office(box)
    office.start()
    yield office.port
    office.stop()


def state(clerk: DeskClerk, name: str) -> tuple[str, str] | None:
    """The state of a person's mail, with the mail server's answer."""
    row = clerk.pages.database.reader.execute(
        "SELECT state, answer FROM mail WHERE serial = ?", (clerk.pages.serial(name),)
    ).fetchone()
    return row and (row["state"], row["answer"])


def test_a_badge_is_mailed_with_settings(clerk: DeskClerk, box: Postbox, port: int) -> None:
    page, serial = clerk.page("A1"), clerk.pages.serial("A1")
    address = attendees.attendee(clerk.pages.database.reader, serial).email
    assert address
    assert "Mail the badge" not in clerk.get(page).text
    clerk.send(f"{page}/mail", {})
    assert "Mails can&#39;t be sent yet" in clerk.get(page).text
    write_settings(clerk.pages.event, port)
    assert f"Mail the badge to {address}" in clerk.get(page).text
    for times in (1, 2):
        clerk.send(f"{page}/mail", {})
        assert f"is on its way to {address}" in clerk.get(page).text
        until(lambda times=times: acts(clerk.pages).count("mailing_ended") == times)
        assert box.times() == {address: times}
        assert state(clerk, "A1") == ("sent", "taken")


def test_a_badge_is_mailed_again_as_soon_as_its_mail_is_in_the_log(
    clerk: DeskClerk, box: Postbox, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second request arrives before the first one's thread has gone on."""
    write_settings(clerk.pages.event, port)
    pressed: list[int] = []

    def write(*args: Any) -> None:
        log_act(*args)
        if args[2] is Act.MAILING_ENDED and not pressed:
            pressed.append(1)
            worker.mail_now(services_of(clerk.pages.app), clerk.pages.serial("A1"), by="clerk")

    log_act = entry_log.act
    monkeypatch.setattr(entry_log, "act", write)
    clerk.send(f"{clerk.page('A1')}/mail", {})
    until(lambda: acts(clerk.pages).count("mailing_ended") == 2)
    assert set(box.times().values()) == {2}


def test_a_badge_is_mailed_at_once_while_a_large_mailing_runs(
    clerk: DeskClerk, box: Postbox, port: int
) -> None:
    """One mail a minute: the mailing would take three minutes more."""
    write_settings(clerk.pages.event, port)
    path = settings_path(clerk.pages.event.path)
    path.write_text(path.read_text().replace("6000", "1"))
    admin = clerk.pages.staff("admin")
    form = admin.fields_shown("/admin/mail/?who=due", "/admin/mail/start")
    admin.post("/admin/mail/start", {**form, "confirm": "yes"})
    until(lambda: len(box.taken) == 1)
    (first,) = box.times()
    waiting = next(name for name in ("A1", "A2") if state(clerk, name) is None)
    clerk.send(f"{clerk.page(waiting)}/mail", {})
    assert "is on its way to" in clerk.get(clerk.page(waiting)).text
    until(lambda: state(clerk, waiting) == ("sent", "taken"))
    assert box.times()[first] == 1
    assert len(box.taken) == 2


def test_a_mail_that_the_mail_server_does_not_take_is_due_in_the_next_run(
    clerk: DeskClerk, box: Postbox, port: int
) -> None:
    write_settings(clerk.pages.event, port)
    due = outbox.plan(clerk.pages.database.reader, Choice("invite")).due
    box.on_mail = lambda sender: "550 not you"
    clerk.send(f"{clerk.page('A1')}/mail", {})
    until(lambda: "mailing_ended" in acts(clerk.pages))
    stored = state(clerk, "A1")
    assert stored is not None
    assert stored[0] == "delayed"
    admin = clerk.pages.staff("admin")
    shown = words(admin.get("/admin/mail/?who=due").text)
    assert "The mail server takes no mail from forum@example.org: 550 not you" in shown
    assert f"{len(due)} mails are due." in shown
    assert "邮件服务器不接受来自 forum@example.org 的邮件" in admin.get("/admin/mail/?lang=zh").text
