"""The page for the mail server, with a test mail."""

import re
import socket
from collections.abc import Iterator

import pytest
from werkzeug.test import TestResponse

from server.core.event.directory import Event
from server.features.mail.settings import read_mail_settings
from tests.server.conftest import MINUTE
from tests.server.support.disks.full_commit import full_at_commit
from tests.server.support.pages import Pages, Staff, acts, assert_only
from tests.server.support.postbox import Office, Postbox

# The test's mail server is on this computer.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

PAGE = "/admin/mail/settings"
SECRET = "calm-water-77"


@pytest.fixture
def box() -> Postbox:
    return Postbox()


@pytest.fixture
def office(box: Postbox) -> Iterator[Office]:
    office = Office(box, password=SECRET)
    office.start()
    yield office
    office.stop()


def fields(office: Office, **more: object) -> dict[str, object]:
    return {
        "host": "127.0.0.1", "port": office.port, "security": "none", "user": "forum",
        "password": SECRET, "sender": "forum@example.org", "rate_per_min": "60", **more,
    }  # fmt: skip


def mark(admin: Staff) -> str:
    return re.search(r'name="seen" value="(\w+)"', admin.get(PAGE).text)[1]


def save(admin: Staff, office: Office, **more: object) -> TestResponse:
    return admin.post(f"{PAGE}/save", {"seen": mark(admin), **fields(office, **more)})


@pytest.mark.sqlite_alone
def test_a_commit_that_fails_leaves_settings_and_password(
    pages: Pages, event: Event, office: Office
) -> None:
    admin = pages.known("admin")
    save(admin, office)
    before = {path.name: path.read_bytes() for path in (event.path / "mail").iterdir()}
    with full_at_commit(pages.database):
        answer = save(admin, office, password="another", sender="other@example.org")
    assert answer.status_code in (503, 507)
    assert "Nothing was changed" in answer.text
    assert {path.name: path.read_bytes() for path in (event.path / "mail").iterdir()} == before


def test_save_then_a_test_mail(pages: Pages, event: Event, office: Office, box: Postbox) -> None:
    admin = pages.known("admin")
    assert "Save the mail server first" in admin.get(PAGE).text
    assert save(admin, office).status_code == 303
    stored = event.path / "mail/password"
    assert stored.read_text() == f"{SECRET}\n"
    assert stored.stat().st_mode & 0o077 == 0
    admin.post(f"{PAGE}/test", {"to": "anna@example.org"})
    text = admin.get(PAGE).text
    assert "The mail server took the mail" in text
    assert SECRET not in text
    assert [taken.to for taken in box.taken] == ["anna@example.org"]
    assert box.signed_in == ["forum"]
    assert acts(pages).count("mail_set") == 1


def test_the_password_stays_but_not_for_another_server(
    pages: Pages, event: Event, office: Office
) -> None:
    admin = pages.known("admin")
    save(admin, office)
    save(admin, office, password="", sender_name="Forum")
    assert read_mail_settings(event.path).sender_name == "Forum"
    answer = save(admin, office, password="", host="localhost")
    assert "Type the password too" in answer.text
    assert read_mail_settings(event.path).host == "127.0.0.1"


def test_why_the_server_is_not_reached_is_in_the_language_of_the_page(
    pages: Pages, office: Office
) -> None:
    admin = pages.known("admin")
    admin.get(f"{PAGE}?lang=zh")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    save(admin, office, port=port)
    admin.post(f"{PAGE}/test", {"to": "anna@example.org"})
    assert f"连不上 127.0.0.1 端口 {port}：连接被拒绝" in admin.get(PAGE).text


def test_a_form_from_before_another_admins_change_is_refused(
    pages: Pages, event: Event, office: Office
) -> None:
    admin, other = pages.staff("admin"), pages.staff("admin")
    save(admin, office)
    seen = mark(admin)
    save(other, office, sender_name="Forum")
    for _ in range(2):  # The refused form is refused again.
        answer = save(admin, office, seen=seen, rate_per_min="30")
        assert answer.status_code == 400
        assert "mail.toml has changed since you opened this page" in answer.text
        seen = re.search(r'name="seen" value="(\w+)"', answer.text)[1]
    assert read_mail_settings(event.path).sender_name == "Forum"


def test_comments_and_other_settings_stay(pages: Pages, event: Event, office: Office) -> None:
    path = event.path / "mail/mail.toml"
    path.parent.mkdir(exist_ok=True)
    text = '# ours\nhost = "old.example.org"\nsender = "a@example.org"\nca_file = "ca.pem"\n'
    path.write_text(text)
    save(pages.known("admin"), office, user="", password="")
    assert "# ours" in path.read_text()
    settings = read_mail_settings(event.path)
    assert (settings.ca_file, settings.host, settings.user) == ("ca.pem", "127.0.0.1", "")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"sender": "nobody"}, "“Sender&#39;s address” must be"),
        ({"host": "mail example"}, "“Mail server” must be"),
        ({"host": ""}, "“Mail server” must be"),
        ({"reply_to": "x"}, "“Answers go to” must be"),
        ({"port": "0"}, "“Port” must be a port from 1 to 65535"),
        ({"port": "mail"}, "whole numbers"),
        ({"host": "mail.example.org"}, "would be readable"),
    ],
)
def test_wrong_input_changes_nothing(
    pages: Pages, event: Event, office: Office, wrong: dict[str, object], words: str
) -> None:
    answer = save(pages.known("admin"), office, **wrong)
    assert answer.status_code == 400
    assert words in answer.text
    assert SECRET not in answer.text
    assert "mail.toml" not in answer.text, "the page has no file"
    assert f'href="{PAGE}"' in answer.text, "a reload would send the form again"
    assert not (event.path / "mail").exists()
    assert "mail_set" not in acts(pages)


def test_a_refused_form_keeps_its_numbers(pages: Pages, event: Event, office: Office) -> None:
    """Each was shown as the usual one, which the next try then saved."""
    admin = pages.known("admin")
    save(admin, office)
    for wrong in ({"rate_per_min": "6o"}, {"port": "0"}, {"sender": "nobody"}):
        given = fields(office, password="", **wrong)
        answer = save(admin, office, **given)
        assert answer.status_code == 400
        for key in ("port", "rate_per_min"):
            assert re.search(rf'name="{key}"[^>]* value="{given[key]}"', answer.text), wrong
        assert "One is stored, and is never shown." in answer.text
    page = admin.post(f"{PAGE}/save?lang=zh", {"seen": mark(admin), **fields(office, host="")})
    assert "“邮件服务器”须为邮件服务器的名称或地址。" in page.text


def test_a_refusal_is_shown(pages: Pages, office: Office) -> None:
    admin = pages.known("admin")
    save(admin, office, password="wrong")
    admin.post(f"{PAGE}/test", {"to": "anna@example.org"})
    assert "rejects the user name and password" in admin.get(PAGE).text


@pytest.mark.parametrize("without", [(), ("PLAIN",)])
def test_a_password_in_any_letters(pages: Pages, box: Postbox, without: tuple[str, ...]) -> None:
    admin, password = pages.known("admin"), "grüße-海港"
    office = Office(box, password=password, without=without)
    office.start()
    try:
        save(admin, office, user="forum-ü", password=password)
        answer = admin.post(f"{PAGE}/test", {"to": "anna@example.org"})
    finally:
        office.stop()
    assert answer.status_code == 303
    told = "takes user names and passwords in ASCII" in admin.get(PAGE).text
    assert told == bool(without)
    assert box.signed_in == ([] if without else ["forum-ü"])


def test_roles_and_the_password_before_saving(pages: Pages, office: Office) -> None:
    assert_only(pages, PAGE)
    admin = pages.known("admin")
    pages.now += 16 * MINUTE
    assert "/admin/account/confirm" in save(admin, office).location
