"""A mail's text and language, and valid templates."""

import email
import io
import re
from dataclasses import replace
from email import policy

import pytest
import zxingcpp
from PIL import Image

from badges.credential.credential import open_credential
from server.core.people import attendees, issuing, phone_links
from server.core.venue import store
from server.features.mail.addresses import AddressError, plain_address
from server.features.mail.message import Mail, make_mail, message_id
from server.features.mail.settings import MailError, read_mail_settings
from server.features.wallet.links import links_of
from tests.server.conftest import NOW, serial_of
from tests.server.features.mail.conftest import Mailing, write_settings


def composed(mailing: Mailing, external_id: str, template: str = "invite") -> Mail:
    db = mailing.database.reader
    holder = attendees.attendee(db, serial_of(mailing.database, external_id))
    badge = issuing.current_badge(db, holder.serial)
    (category,) = (row for row in store.categories(db) if row.code == holder.category)
    settings = read_mail_settings(mailing.event.path)
    token = token_of(mailing, external_id)
    return make_mail(mailing.event, settings, template, holder, badge, token, category, NOW)


def token_of(mailing: Mailing, external_id: str) -> str:
    db = mailing.database.reader
    badge = issuing.current_badge(db, serial_of(mailing.database, external_id))
    token = phone_links.token(db, mailing.event, badge)
    assert token is not None
    return token


def read(mail: Mail) -> email.message.EmailMessage:
    message = email.message_from_bytes(mail.data(), policy=policy.default)
    assert isinstance(message, email.message.EmailMessage)
    return message


def part(message: email.message.EmailMessage, kind: str) -> email.message.EmailMessage:
    (body,) = (item for item in message.walk() if item.get_content_type() == kind)
    assert isinstance(body, email.message.EmailMessage)
    return body


def test_it_has_the_code_the_link_and_the_name(mailing: Mailing) -> None:
    message = read(composed(mailing, "A1"))
    link = links_of(mailing.event, token_of(mailing, "A1")).badge
    assert message["Subject"] == "Your badge for Harbour Forum"
    assert message["To"] == "Anna Keller <anna@example.org>"
    assert message["From"] == "Harbour Forum <forum@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime.timestamp() * 1000 == NOW
    assert [item.get_content_type() for item in message.walk()] == [
        "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
    ]  # fmt: skip
    text, html = (part(message, kind).get_content() for kind in ("text/plain", "text/html"))
    for shown in (text, html):
        assert link in shown
        assert "Harbour Forum" in shown
        assert "4–6 May 2026" in shown
        assert f"{link}/programme.ics" in shown
    picture = part(message, "image/png")
    assert picture["Content-ID"] == "<badge>"
    assert picture.get_content_disposition() == "inline"
    assert 'src="cid:badge"' in html
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.get_content())).convert("L"))
    credential = open_credential(mailing.event.ring, code.text)
    assert credential.serial == serial_of(mailing.database, "A1")


def test_it_needs_nothing_from_elsewhere(mailing: Mailing) -> None:
    html = part(read(composed(mailing, "A1")), "text/html").get_content()
    assert set(re.findall(r'src="([^"]+)"', html)) == {"cid:badge"}
    assert "<script" not in html
    assert "url(" not in html


def test_it_is_in_the_attendees_language(mailing: Mailing) -> None:
    message = read(composed(mailing, "A2"))
    assert message["Subject"] == "您的海港论坛电子证件"
    assert message["Content-Language"] == "zh"
    text = part(message, "text/plain").get_content()
    assert "王小明，您好" in text
    assert "2026年5月4–6日" in text
    assert "演讲嘉宾" in text


@pytest.mark.parametrize("language", ["fr", "de-AT", "", "x/../y"])
def test_other_languages_get_english(mailing: Mailing, language: str) -> None:
    mailing.change("A1", language=language)
    assert read(composed(mailing, "A1"))["Subject"] == "Your badge for Harbour Forum"


def test_any_line_is_short_and_any_byte_is_ascii(mailing: Mailing) -> None:
    data = composed(mailing, "A2").data()
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert data.isascii()
    assert b"\n" not in data.replace(b"\r\n", b"")


def test_an_organisers_template_stands_above_ours(mailing: Mailing) -> None:
    folder = mailing.event.path / "mail"
    (folder / "invite.fr.txt").write_text("Subject: Bonjour {{ name }}\n\nVoici: {{ link }}\n")
    mailing.change("A1", language="fr-CA")
    message = read(composed(mailing, "A1"))
    assert message["Subject"] == "Bonjour Anna Keller"
    assert message["Content-Language"] == "fr"
    assert part(message, "image/png").get_filename() == "badge.png"  # no HTML: attached
    (folder / "invite.fr.html").write_text("<p>{{ name }}</p><img src='cid:badge'>")
    mailing.change("A1", given_name="<b>Anna</b>")
    html = part(read(composed(mailing, "A1")), "text/html").get_content()
    assert "&lt;b&gt;Anna&lt;/b&gt;" in html


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello {{ name }}\n\nText", "first line must be `Subject"),
        ("Subject:\n\nText", "the subject or the text below it is empty"),
        ("Subject: x\n\n", "the subject or the text below it is empty"),
        ("Subject: x\n\n{{ nme }}", "'nme' is undefined. Known are event, dates, name"),
        ("Subject: x\n\n{% if name %}", "line 3: Unexpected end of template"),
        ("Subject: x\n\n{{ name.__class__.__mro__ }}", "invite.en.txt"),
        ("Subject: x\n\n{{ 1 / 0 }}", "ZeroDivisionError"),
        (b"Subject: \xff\n\nx", "is not text in UTF-8"),
    ],
)
def test_a_bad_template_sends_nothing(mailing: Mailing, text: str | bytes, words: str) -> None:
    data = text if isinstance(text, bytes) else text.encode()
    (mailing.event.path / "mail" / "invite.en.txt").write_bytes(data)
    with pytest.raises(MailError, match=re.escape(words)):
        mailing.send()
    assert mailing.box.taken == []
    assert mailing.states() == {}


def test_an_unknown_template_is_named(mailing: Mailing) -> None:
    with pytest.raises(MailError, match="There is no template 'reminder'"):
        composed(mailing, "A1", "reminder")


def test_the_message_id_stands_for_person_issue_template_and_address(mailing: Mailing) -> None:
    event, db = mailing.event, mailing.database.reader
    badge = issuing.current_badge(db, serial_of(mailing.database, "A1"))
    badges = [badge, replace(badge, issue=2), replace(badge, serial=badge.serial ^ 1)]
    ids = {
        message_id(event, template, badge, token, email)
        for template in ("a", "b")
        for badge in badges
        for token in ("x", "y")
        for email in ("a@example.org", "A@example.org", "b@example.org")
    }
    assert len(ids) == 24
    assert (
        read(composed(mailing, "A1"))["Message-ID"] == read(composed(mailing, "A1"))["Message-ID"]
    )


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("anna@example.org", "anna@example.org"),
        ("anna@faß.example", "anna@xn--fa-hia.example"),  # and not fass.example
        ("o'neil+x@EXAMPLE.org", "o'neil+x@example.org"),
        ("小明@例子.example", "小明@xn--fsqu00a.example"),
    ],
)
def test_addresses(text: str, sent: str) -> None:
    assert plain_address(text).text == sent


@pytest.mark.parametrize(
    "text",
    ["", "x", "@example.org", "x@", "x@localhost", "a b@example.org", "a..b@example.org",
     ".a@example.org", "a@ex ample.org", "a\r\n@example.org", "a@example.org\r\nRCPT TO:<b@c.org>",
     "a@b@example.org", "<a@example.org>", "a\u202e@example.org", "a,b@example.org",
     f"{'a' * 65}@example.org", f"a@{'b' * 64}.org", "a@-x-.org", f"{'王' * 22}@example.org"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(AddressError):
        plain_address(text)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("rate_per_min = 0\n", "rate_per_min must be how many mails"),
        ('reply_to = "x"\n', "reply_to must be an address"),
        ('securty = "tls"\n', "unknown key 'securty'; did you mean 'security'?"),
        ('security = "ssl"\n', "security must be one of starttls, tls, none"),
        ('user = "x"\n', "user needs password_file or password_env"),
        ('user = "x"\npassword_file = "a"\npassword_env = "B"\n', "one of them"),
        ('sender_name = "a\\nb"\n', "sender_name must be a text"),
        ("=\n", "is not TOML"),
    ],
)
def test_bad_settings_are_named(mailing: Mailing, more: str, words: str) -> None:
    folder = mailing.event.path / "mail"
    base = 'host = "mail.example.org"\nsender = "forum@example.org"\n'
    (folder / "mail.toml").write_text(base + more)
    with pytest.raises(MailError, match=re.escape(words)):
        read_mail_settings(mailing.event.path)


def test_a_password_is_never_sent_in_the_open(mailing: Mailing) -> None:
    (mailing.event.path / "mail" / "mail.toml").write_text(
        'host = "mail.example.org"\nsender = "f@example.org"\nsecurity = "none"\nuser = "x"\n'
        'password_env = "X"\n'
    )
    with pytest.raises(MailError, match="the password would be readable on the way"):
        read_mail_settings(mailing.event.path)


def test_a_password_that_others_can_read_is_refused(mailing: Mailing) -> None:
    write_settings(mailing.event, mailing.port, 'user = "x"\npassword_file = "password"\n')
    path = mailing.event.path / "mail" / "password"
    with pytest.raises(MailError, match="can't be read"):
        mailing.send()
    path.write_text("x")
    path.chmod(0o644)
    with pytest.raises(MailError, match="can be read by others: run `chmod 600`"):
        mailing.send()


def test_without_settings_it_says_what_to_write(mailing: Mailing) -> None:
    (mailing.event.path / "mail" / "mail.toml").unlink()
    with pytest.raises(MailError, match="set the mail server on its page"):
        mailing.send()
