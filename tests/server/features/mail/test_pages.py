"""The page of mails to attendees: recipients, sending, stopping, and results."""

import csv
import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from server.core.event.directory import Event
from server.features.mail import outbox
from server.features.mail.pages import pages as mailing_pages
from server.features.mail.pages.pages import inner_host
from server.features.mail.settings import settings_path
from server.features.mail.templates import INVITE
from server.features.mail.worker import KIND
from server.storage.database import Database
from server.web.jobs import jobs_of
from server.web.services import services_of
from tests.server.features.mail.conftest import write_settings
from tests.server.support.pages import Pages, Staff, acts, words
from tests.server.support.postbox import Office, Postbox
from tests.waiting import LONGEST_S, until

START = "/admin/mail/start"


@pytest.fixture
def box() -> Postbox:
    return Postbox()


@pytest.fixture
def pages(event: Event, site: Database, box: Postbox) -> Iterator[Pages]:
    office = Office(box)
    office.start()
    write_settings(event, office.port)
    with Pages(event, site) as opened:
        opened.issue()
        yield opened
    office.stop()


def previewed(admin: Staff, **asked: str) -> dict[str, object]:
    """The form of a preview, confirmed."""
    preview = f"/admin/mail/?{urlencode({'who': 'due', **asked})}"
    return {**admin.fields_shown(preview, START), "confirm": "yes"}


def send(pages: Pages, admin: Staff, **asked: str) -> None:
    assert admin.post(START, previewed(admin, **asked)).status_code == 303
    ended(pages)


def ended(pages: Pages) -> None:
    job = jobs_of(services_of(pages.app)).own(KIND)
    assert job is not None
    assert job.ended.wait(LONGEST_S)


def test_what_would_be_sent(pages: Pages, box: Postbox) -> None:
    shown = words(pages.staff("admin").get("/admin/mail/?who=due").text)
    assert "4 mails are due. 0 already sent, 0 without an address, 0 without a badge." in shown
    assert "Subject: Your badge for Harbour Forum" in shown
    assert "Dear Anna Keller" in shown
    press = words(pages.staff("admin").get("/admin/mail/?who=due&category=press").text)
    assert "1 mail is due." in press
    assert box.taken == []


def test_they_are_sent_once(pages: Pages, box: Postbox) -> None:
    admin = pages.staff("admin")
    box.on_recipient = lambda to: "550 no such user" if to == "boris@example.org" else None
    form = previewed(admin)
    admin.post(START, form)
    ended(pages)
    shown = words(admin.get("/admin/mail/").text)
    assert "4 of 4: 3 sent, 0 delayed, 1 refused, 0 possibly sent." in shown
    assert "550 no such user" in shown
    assert "boris@example.org" not in shown
    admin.post(START, form)
    again = words(admin.get("/admin/mail/?who=due").text)
    assert "it had 4 entries when the page was opened, and has 0 now" in again
    assert "0 mails are due." in again
    assert max(box.times().values()) == 1
    assert [act for act in acts(pages) if act.startswith("mailing")] == [
        "mailing_begun", "mailing_ended",
    ]  # fmt: skip


def test_only_those_whom_the_preview_named_are_mailed(pages: Pages, box: Postbox) -> None:
    admin = pages.staff("admin")
    form = previewed(admin, category="press")
    pages.database.write(
        lambda db: db.execute("UPDATE attendee SET category = 1 WHERE category <> 1") and None
    )
    admin.post(START, form)
    text = words(admin.get("/admin/mail/").text)
    assert "Nothing was sent: meanwhile the list has changed: it had 1 entries" in text
    assert box.taken == []
    send(pages, admin)
    assert len(box.taken) == 4


def test_whoever_becomes_due_after_the_confirmation_is_not_mailed(
    pages: Pages, box: Postbox
) -> None:
    with pages.database.reading() as db:
        planned = outbox.plan(db, outbox.Choice(INVITE))
    assert outbox.only(planned, planned.due[:1]).due == planned.due[:1]


def test_a_few_of_them(pages: Pages, box: Postbox) -> None:
    send(pages, pages.staff("admin"), limit="2")
    assert len(box.taken) == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"category": "presse"}, "There is no category presse any more"),
        ({"who": "changes"}, "Choose the recipients from the list"),
        ({"limit": "1,000"}, "&#34;At most&#34; is a whole number from 1, or empty for all."),
        ({"limit": "0"}, "&#34;At most&#34; is a whole number from 1, or empty for all."),
    ],
)
def test_a_choice_that_is_unclear_sends_to_no_one(
    pages: Pages, box: Postbox, fields: dict[str, str], message: str
) -> None:
    admin = pages.staff("admin")
    asked = {"who": "due", **fields}
    preview = admin.get("/admin/mail/", query_string=asked).text
    assert message in preview
    assert "mails are due" not in preview
    admin.post(START, {"confirm": "yes", **asked})
    assert f"Nothing was sent: {message}" in admin.get("/admin/mail/").text
    assert jobs_of(services_of(pages.app)).find(KIND) is None
    assert box.taken == []


def test_without_the_tick_nothing_is_sent(pages: Pages, box: Postbox) -> None:
    admin = pages.staff("admin")
    admin.post(START)
    assert "Nothing was sent: tick the box." in admin.get("/admin/mail/").text
    assert jobs_of(services_of(pages.app)).find(KIND) is None
    assert box.taken == []


def test_it_can_be_watched_and_stopped(pages: Pages, box: Postbox) -> None:
    admin = pages.staff("admin")
    write_settings(pages.event, port_of(pages), "")
    path = pages.event.path / "mail" / "mail.toml"
    path.write_text(path.read_text().replace("6000", "1"))  # one a minute
    form = previewed(admin)
    admin.post(START, form)
    until(lambda: len(box.taken) == 1)
    running = admin.get("/admin/mail/").text
    assert 'http-equiv="refresh"' in running
    assert "Being sent" in running
    admin.post(START, form)
    assert "Mails are being sent already." in admin.get("/admin/mail/").text
    admin.post("/admin/mail/stop")
    ended(pages)
    assert len(box.taken) == 1
    shown = words(admin.get("/admin/mail/").text)
    assert "1 of 4: 1 sent" in shown
    assert 'http-equiv="refresh"' not in admin.get("/admin/mail/").text


def port_of(pages: Pages) -> int:
    text = (pages.event.path / "mail" / "mail.toml").read_text()
    match = re.search(r"port = (\d+)", text)
    assert match
    return int(match[1])


def test_what_is_in_the_way_is_said(pages: Pages) -> None:
    admin = pages.staff("admin")
    (pages.event.path / "mail" / "mail.toml").unlink()
    page = admin.get("/admin/mail/").text
    assert "Mails can&#39;t be sent yet: set the mail server" in page
    assert "Preview" not in page
    admin.post(START, {"confirm": "yes"})
    assert "Nothing was sent: Mails can&#39;t be sent yet" in admin.get("/admin/mail/").text


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (None, "尚无法发送邮件："),
        ("host =", "不是 TOML"),
        ('host = "localhost"\n', "缺少 sender："),
        ('host = "localhost"\nsender = "a@example.org"\nport = 0\n', "1 至 65535 的端口"),
        ('host = "localhost"\nsender = "a@example.org"\nprot = 25\n', "未知的键 &#39;prot&#39;"),
        ('host = "a.example"\nsender = "a@example.org"\nuser = "u"\n', "password_file"),
    ],
)
def test_errors_of_settings_are_in_chinese(pages: Pages, written: str | None, message: str) -> None:
    path = pages.event.path / "mail" / "mail.toml"
    path.unlink()
    if written is not None:
        path.write_text(written)
    page = words(pages.staff("admin").get("/admin/mail/?lang=zh").text)
    assert message in page
    problem = page[page.index("邮件服务器") :][:300]
    assert not re.search(r"\b(is|must|lacks|needs|the|write)\b", problem), problem


def test_what_broke_off_is_told(pages: Pages, box: Postbox) -> None:
    box.on_mail = lambda sender: "550 not you"
    admin = pages.staff("admin")
    send(pages, admin)
    assert "The mail server takes no mail from forum@example.org" in admin.get("/admin/mail/").text


def test_whom_one_was_perhaps_sent(pages: Pages, box: Postbox) -> None:
    admin = pages.staff("admin")
    box.drops = lambda to: to == "boris@example.org"
    send(pages, admin)
    box.drops = lambda to: False
    shown = words(admin.get("/admin/mail/?who=due").text)
    assert "Sending broke off while 1 mail was on the way." in shown
    assert "0 mails are due." in shown
    assert "Possibly sent already: 1." in shown
    assert box.times()["boris@example.org"] == 0
    send(pages, admin, resend="yes")
    assert box.times()["boris@example.org"] == 1


@pytest.mark.system
def test_of_many_people_it_is_read_beside_the_server(
    pages: Pages, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailing_pages, "PEOPLE_HERE", 1)
    admin = pages.staff("admin")
    assert "4 mails are due." in words(admin.get("/admin/mail/?who=due").text)
    send(pages, admin)
    assert len(box.taken) == 4


def test_links_for_another_program(pages: Pages) -> None:
    admin = pages.staff("admin")
    answer = admin.post("/admin/mail/links.csv", {"confirm": "yes"})
    if answer.status_code == 303:  # the password is asked for first
        assert "/admin/account" in answer.location or "confirm" in answer.location
        query = "UPDATE web_session SET confirmed_at = ?"
        pages.database.write(lambda db: db.execute(query, (pages.now,)) and None)
        assert admin.post("/admin/mail/links.csv").status_code == 303
        answer = admin.post("/admin/mail/links.csv", {"confirm": "yes"})
    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(answer.data.decode("utf-8-sig").splitlines()))
    assert {row["e-mail"] for row in rows} >= {"anna@example.org", "xiaoming@example.org"}
    assert all(row["link"].startswith("https://localhost:8443/b/") for row in rows)
    assert acts(pages)[-1] == "links_exported"


@pytest.mark.parametrize(
    "address",
    ["https://127.0.0.1:8443", "https://10.0.0.5", "https://192.168.1.2:8443", "https://[fe80::1]",
     "https://server", "https://forum.local:8443"],
)  # fmt: skip
def test_an_address_of_one_network(address: str) -> None:
    assert inner_host(address) in address
    assert inner_host(address)


@pytest.mark.parametrize("address", ["https://badges.example.org", "https://8.8.8.8:8443"])
def test_an_address_that_opens_everywhere(address: str) -> None:
    assert inner_host(address) == ""


def test_the_page_warns_of_links_that_open_in_one_network_only(pages: Pages) -> None:
    shown = words(pages.staff("admin").get("/admin/mail/").text)
    assert "The links in the mails lead to localhost , which opens only in its own network" in shown


def test_without_a_mail_server_the_page_leads_to_its_settings(pages: Pages) -> None:
    settings_path(pages.event.path).unlink()
    problem = pages.staff("admin").get("/admin/mail/").text.partition('role="alert"')[2]
    assert "/admin/mail/settings" in problem.partition("</p>")[0]
