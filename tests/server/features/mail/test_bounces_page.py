"""The page of mails that were not delivered: reports, pasted addresses, correction, mail again."""

import io
from collections.abc import Iterator

import pytest

from badges.credential.badge_number import badge_number
from server.core.event.directory import Event
from server.core.programme.guests import await_guests
from server.features.editing.guests import answers_of
from server.storage.database import Database
from tests.server.features.mail.conftest import write_settings
from tests.server.features.mail.test_bounces import report
from tests.server.features.mail.test_pages import send
from tests.server.support.pages import Pages, Staff, acts, assert_only, words
from tests.server.support.postbox import Office, Postbox

PAGE = "/admin/mail/bounces"


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


@pytest.fixture
def admin(pages: Pages) -> Staff:
    admin = pages.staff("admin")
    send(pages, admin)
    return admin


def upload(admin: Staff, *files: bytes) -> str:
    fields = {"reports": [(io.BytesIO(data), "report.eml") for data in files]}
    sent = admin.post(f"{PAGE}/reports", fields, content_type="multipart/form-data")
    assert sent.status_code == 303
    return words(admin.get(PAGE).text)


def correct(pages: Pages, admin: Staff, external_id: str, email: str, seen: str) -> str:
    number = badge_number(pages.serial(external_id))
    assert admin.post(f"{PAGE}/{number}", {"email": email, "seen": seen}).status_code == 303
    return words(admin.get(PAGE).text)


def own_id(box: Postbox, to: str) -> str:
    return next(mail.message["Message-ID"] for mail in box.taken if mail.to == to)


@pytest.mark.system
def test_a_report_then_another_address_then_the_mail(
    pages: Pages, admin: Staff, box: Postbox
) -> None:
    assert "No mail came back or was refused." in words(admin.get(PAGE).text)
    bounce = report(own_id(box, "anna@example.org")).encode()
    text = upload(admin, bounce, b"From: someone@example.org\n\nOn holiday.\n")
    assert "1 mail came back. Messages that report no failure: 1." in text
    assert "Anna Keller" in text
    assert "5.1.1 550 5.1.1 … no such user" in text
    assert "Known already, or of another event: 1." in upload(admin, bounce)
    text = correct(pages, admin, "A1", "keller@example.org", "anna@example.org")
    assert "Corrected, not sent yet" in text
    assert "Mail this person again" in text
    assert acts(pages)[-2:] == ["mail_bounces_read", "attendee_changed"]
    before = len(box.taken)
    send(pages, admin, at="/admin/mail/bounces/send")
    assert [mail.to for mail in box.taken[before:]] == ["keller@example.org"]
    assert "No mail came back or was refused." in words(admin.get(PAGE).text)
    assert admin.post(f"{PAGE}/send").status_code == 303
    assert "correct an address first" in admin.get(PAGE).text


def test_pasted_addresses(pages: Pages, admin: Staff) -> None:
    pasted = "ANNA@example.org, Boris <boris@example.org>;\nnobody@example.org"
    admin.post(f"{PAGE}/addresses", {"addresses": pasted})
    text = words(admin.get(PAGE).text)
    assert "2 mails came back." in text
    assert "No delivered mail went to nobody@example.org" in text
    assert "2 people have no mail." in text
    admin.post(f"{PAGE}/addresses", {"addresses": "no address"})
    assert "paste addresses" in admin.get(PAGE).text
    assert acts(pages).count("mail_bounces_read") == 1


@pytest.mark.parametrize(
    ("email", "seen", "message"),
    [
        ("keller", "anna@example.org", "Type an address such as"),
        ("anna@example.org", "anna@example.org", "the address as before"),
        ("boris@example.org", "anna@example.org", "Another attendee has this e-mail"),
        ("keller@example.org", "other@example.org", "Another user has changed this address"),
    ],
)
def test_a_wrong_address_changes_nothing(
    pages: Pages, admin: Staff, email: str, seen: str, message: str
) -> None:
    text = correct(pages, admin, "A1", email, seen)
    assert message in text
    assert f"Nothing was changed for badge {badge_number(pages.serial('A1'))}" in text
    assert "attendee_changed" not in acts(pages)


def test_a_correction_can_be_undone(pages: Pages, admin: Staff) -> None:
    admin.post(f"{PAGE}/addresses", {"addresses": "anna@example.org"})
    text = correct(pages, admin, "A1", "keller@example.org", "anna@example.org")
    assert "Anna Keller: another e-mail address" in text


def test_a_venue_file_that_names_the_corrected_address_applies(pages: Pages, admin: Staff) -> None:
    admin.post(f"{PAGE}/addresses", {"addresses": "anna@example.org"})
    pages.database.write(lambda db: await_guests(db, "press", ["keller@example.org"], invited=True))
    correct(pages, admin, "A1", "keller@example.org", "anna@example.org")
    assert answers_of(pages.database.reader, pages.serial("A1"))[0][1]


def test_without_a_file_nothing_is_read(admin: Staff) -> None:
    assert "choose a file" in upload(admin)


def test_admins_alone(pages: Pages) -> None:
    assert_only(pages, PAGE)
    for path in ("reports", "addresses", "send", "00001"):
        assert_only(pages, f"{PAGE}/{path}", method="POST")
