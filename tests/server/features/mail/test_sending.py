"""Mails against a real SMTP server: each is sent once, and its result recorded."""

import socket
import ssl
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from badges.categories import CategoryPlan
from server.core.event.certificate import make_certificate
from server.core.event.directory import Event
from server.core.event.lock import held
from server.core.people import issuing, phone_links
from server.core.venue.categories import add_category
from server.features.mail import sending
from server.features.mail.outbox import State
from server.features.mail.settings import MailError
from server.features.privacy import erase
from server.storage.database import Database
from tests.server.conftest import NOW, serial_of
from tests.server.features.mail.conftest import Mailing, write_settings
from tests.server.support.postbox import Office, Postbox

EVERYBODY = {
    "anna@example.org", "xiaoming@example.org", "boris@example.org", "chen@example.org",
}  # fmt: skip


def test_everybody_gets_one(mailing: Mailing) -> None:
    done = mailing.send()
    assert (done.sent, done.due) == (4, 4)
    assert mailing.box.times() == dict.fromkeys(EVERYBODY, 1)
    assert {mail.sender for mail in mailing.box.taken} == {"forum@example.org"}
    assert mailing.box.greetings == 1
    assert set(mailing.states().values()) == {"sent"}


def test_nobody_gets_it_again(mailing: Mailing) -> None:
    mailing.send()
    assert mailing.send().due == 0
    assert mailing.send(resend_uncertain=True).due == 0
    assert len(mailing.box.taken) == 4


def test_who_is_chosen(mailing: Mailing) -> None:
    assert mailing.send(categories=[9999]).due == 0
    assert mailing.send(organisations=[" harbour  PILOTS "]).sent == 1
    assert mailing.box.times() == {"anna@example.org": 1}
    assert mailing.send(limit=1).due == 1
    assert mailing.send(not_mailed=True).due == 2


def test_a_new_badge_and_a_new_address_are_changes(mailing: Mailing) -> None:
    mailing.send()
    assert mailing.send(changed=True).due == 0
    mailing.reissue("A1")
    mailing.change("A3", email="novak@example.org")
    mailing.change("A4", email="")
    assert mailing.send(not_mailed=True).due == 0
    assert mailing.send(changed=True).sent == 2
    assert [mail.to for mail in mailing.box.taken[4:]] == ["anna@example.org", "novak@example.org"]
    assert mailing.send().due == 0


def test_whoever_is_revoked_gets_none(mailing: Mailing) -> None:
    mailing.change("A1", revoked_at=NOW)
    assert mailing.send().sent == 3
    assert "anna@example.org" not in mailing.box.times()


def test_a_renewed_link_is_sent_and_a_revoked_one_is_not(mailing: Mailing) -> None:
    mailing.send()
    serial, other = (serial_of(mailing.database, external_id) for external_id in ("A1", "A2"))
    mailing.database.write(lambda db: phone_links.renew(db, serial, by="test", now=NOW))
    mailing.database.write(lambda db: phone_links.revoke(db, other, by="test", now=NOW))
    mailing.reissue("A2")
    assert mailing.send(changed=True).sent == 1
    first, second = (mail for mail in mailing.box.taken if mail.to == "anna@example.org")
    assert first.message["Message-ID"] != second.message["Message-ID"]
    badge = issuing.current_badge(mailing.database.reader, serial)
    token = phone_links.token(mailing.database.reader, mailing.event, badge)
    assert token
    (text, _) = second.message.iter_parts()
    assert token in text.get_content()
    assert mailing.box.times()["xiaoming@example.org"] == 1


@pytest.mark.parametrize("moment", ["on_recipient", "on_text"])
@pytest.mark.parametrize("whose", ["anna@example.org", "chen@example.org"])
def test_a_person_who_is_erased_meanwhile_ends_nothing(
    mailing: Mailing, moment: str, whose: str
) -> None:
    """Anna's mail is on its way then, and Chen's is due."""
    serial = mailing.database.reader.execute(
        "SELECT serial FROM attendee WHERE email = ?", (whose,)
    ).fetchone()[0]

    def erased(to: str) -> None:
        if to == "anna@example.org":
            mailing.database.write(
                lambda db: erase.erase(db, mailing.event, serial, by="test", now=NOW)
            )

    setattr(mailing.box, moment, erased)
    done = mailing.send()
    is_out = (moment, whose) == ("on_text", "anna@example.org")
    assert (done.due, done.sent, done.skipped) == (4, 4 if is_out else 3, 0 if is_out else 1)
    assert mailing.states().keys() == EVERYBODY - {whose}


def test_a_category_that_is_added_meanwhile_ends_nothing(mailing: Mailing) -> None:
    plan = CategoryPlan(code=77, key="crew", names={"en": "Crew"}, letter="C", colour="#112233")

    def added(to: str) -> None:
        if to == "anna@example.org":
            mailing.database.write(lambda db: add_category(db, plan))
            mailing.change("A4", category=77)

    mailing.box.on_recipient = added
    assert mailing.send().sent == 4


def test_what_the_server_says_is_kept_without_the_address(mailing: Mailing) -> None:
    answers = {
        "anna@example.org": "550 5.1.1 <anna@example.org>: no such user",
        "boris@example.org": "451 4.7.1 boris@example.org: come back later",
    }
    mailing.box.on_recipient = answers.get
    done = mailing.send()
    assert (done.sent, done.refused, done.delayed) == (2, 1, 1)
    assert mailing.states() == {
        "anna@example.org": "refused", "boris@example.org": "delayed",
        "chen@example.org": "sent", "xiaoming@example.org": "sent",
    }  # fmt: skip
    assert mailing.answers()["anna@example.org"] == "550 5.1.1 <…>: no such user"
    mailing.box.on_recipient = lambda to: None
    assert mailing.send().sent == 1  # the delayed mail
    assert mailing.box.times()["anna@example.org"] == 0
    mailing.change("A1", email="keller@example.org")
    assert mailing.send().sent == 1


@pytest.mark.parametrize(("answer", "state"), [("554 spam", "refused"), ("452 full", "delayed")])
def test_a_text_that_is_not_taken(mailing: Mailing, answer: str, state: str) -> None:
    mailing.box.on_text = lambda to: answer if to == "anna@example.org" else None
    assert mailing.send().sent == 3
    assert mailing.states()["anna@example.org"] == state


def test_a_sender_that_is_not_taken_ends_the_run(mailing: Mailing) -> None:
    mailing.box.on_mail = lambda sender: "550 who are you?"
    with pytest.raises(MailError, match=r"takes no mail from forum@example.org: 550 who are you"):
        mailing.send()
    assert mailing.states() == {}
    rows = mailing.database.reader.execute(
        "SELECT json_extract(CAST(body AS TEXT), '$.act') FROM leaf ORDER BY number DESC LIMIT 2"
    )
    assert [row[0] for row in rows.fetchall()] == ["mailing_ended", "mailing_begun"]


def test_a_lost_connection_is_reopened(mailing: Mailing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PAUSE_S", 0.01)
    recipients: list[str] = []

    def closing(to: str) -> str | None:
        recipients.append(to)
        return "421 enough for one connection" if len(recipients) in (2, 4) else None

    mailing.box.on_recipient = closing
    assert mailing.send().sent == 4
    assert mailing.box.times() == dict.fromkeys(EVERYBODY, 1)
    assert mailing.box.greetings == 3


def test_absent_server(mailing: Mailing, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "PAUSE_S", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as free:
        write_settings(mailing.event, free.getsockname()[1])
    with pytest.raises(MailError, match=r"can't be used, after 5 tries: .* can't be reached"):
        mailing.send()
    assert mailing.states() == {}
    write_settings(mailing.event, office.port)
    assert mailing.send().sent == 4


def test_a_full_server_is_left_alone(mailing: Mailing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "DELAYS_MAX", 3)
    mailing.box.on_recipient = lambda to: "450 slow down"
    with pytest.raises(MailError, match="has delayed 3 mails in a row"):
        mailing.send()
    assert list(mailing.states().values()) == ["delayed"] * 3


@pytest.mark.parametrize("taken", [True, False], ids=["after the text", "in the text"])
def test_a_connection_lost_at_the_text_is_perhaps_sent(mailing: Mailing, taken: bool) -> None:
    """The mailer can't know whether it was sent, and sends it again only on request."""
    if taken:
        mailing.box.on_text = lambda to: "drop" if to == "boris@example.org" else None
    else:
        mailing.box.drops = lambda to: to == "boris@example.org"
    done = mailing.send()
    assert (done.sent, done.uncertain) == (3, 1)
    assert mailing.states()["boris@example.org"] == "sending"
    mailing.box.on_text, mailing.box.drops = lambda to: None, lambda to: False
    assert mailing.send().due == 0
    assert mailing.box.times()["boris@example.org"] == int(taken)
    assert mailing.send(resend_uncertain=True).sent == 1
    assert mailing.box.times()["boris@example.org"] == int(taken) + 1
    own = {o.message["Message-ID"] for o in mailing.box.taken if o.to == "boris@example.org"}
    assert len(own) == 1
    assert mailing.count(State.SENT) == 4


def test_a_badge_replaced_on_the_way_is_not_sent(mailing: Mailing) -> None:
    """The mail with the earlier badge must not be sent any more."""

    def replaced(to: str) -> None:
        if to == "anna@example.org" and len(mailing.states()) >= 0 and not done:
            done.append(to)
            mailing.reissue("A1")

    done: list[str] = []
    mailing.box.on_recipient = replaced
    assert mailing.send().skipped == 1
    assert mailing.box.times()["anna@example.org"] == 0
    assert mailing.send().sent == 1


def test_it_stops_between_two_mails(mailing: Mailing) -> None:
    mailing.box.on_text = lambda to: mailing.stop.set()
    assert mailing.send().sent == 1
    assert list(mailing.states().values()) == ["sent"]
    mailing.stop.clear()
    mailing.box.on_text = lambda to: None
    assert mailing.send().sent == 3
    assert mailing.box.times() == dict.fromkeys(EVERYBODY, 1)


def test_the_rate_is_kept(mailing: Mailing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pause ends 60 s after the mail before, by a clock that does not advance."""
    pauses: list[float] = []
    monkeypatch.setattr(sending, "time", SimpleNamespace(monotonic=lambda: 0.0))
    monkeypatch.setattr(mailing.stop, "wait", lambda s: bool(pauses.append(s)))
    mailing.send(rate=1)
    assert pauses == [0.0, 60.0, 120.0, 180.0]


def test_only_one_sends_at_a_time(mailing: Mailing) -> None:
    with held(mailing.event.path / sending.LOCK_NAME, lambda _: MailError(), MailError):
        with pytest.raises(MailError, match="being sent already"):
            mailing.send()
    assert mailing.send().sent == 4


def test_acts_have_counts_alone(mailing: Mailing) -> None:
    mailing.send()
    rows = mailing.database.reader.execute(
        "SELECT CAST(body AS TEXT) FROM leaf WHERE kind = 'act' ORDER BY number DESC LIMIT 2"
    ).fetchall()
    ended, begun = (row[0] for row in rows)
    assert '"subject":{"count":4}' in begun
    assert '"subject":{"delayed":0,"refused":0,"sent":4,"uncertain":0}' in ended


def test_addresses_with_other_letters(mailing: Mailing) -> None:
    mailing.change("A1", email="anna@bücher.example")
    mailing.change("A2", email="小明@海港.example")
    mailing.send()
    sent = {mail.to: mail for mail in mailing.box.taken}
    assert "SMTPUTF8" not in sent["anna@xn--bcher-kva.example"].options
    assert "SMTPUTF8" in sent["小明@xn--90w6o.example"].options
    assert "王小明" in sent["小明@xn--90w6o.example"].message["To"]


@pytest.fixture
def old_office(box: Postbox):
    office = Office(box, smtputf8=False)
    office.start()
    yield office
    office.stop()


def test_a_server_that_takes_no_such_address(mailing: Mailing, old_office: Office) -> None:
    write_settings(mailing.event, old_office.port)
    mailing.change("A2", email="小明@海港.example")
    done = mailing.send()
    assert (done.sent, done.refused) == (3, 1)
    assert "no addresses with such letters" in mailing.answers()["小明@海港.example"]


def test_a_name_or_address_adds_no_header(mailing: Mailing, engine: str) -> None:
    nul = "" if engine == "postgresql" else "\0"  # PostgreSQL refuses it (docs/scale.md)
    evil = "Anna\r\nBcc: victim@example.org\r\n\r\nHello"
    mailing.change("A1", given_name=evil, organisation="X\r\n.\r\nMAIL FROM:<x@example.org>")
    mailing.change("A3", email="boris@example.org>\r\nRCPT TO:<victim@example.org")
    mailing.change("A4", given_name='"<victim@example.org>, ', family_name=f"x\u202e{nul}")
    done = mailing.send()
    assert (done.sent, done.refused) == (3, 1)
    assert "boris" not in str(mailing.box.times())
    for mail in mailing.box.taken:
        assert mail.message["Bcc"] is None
        assert mail.message.get_all("To") is not None
        assert len(mail.message["To"].addresses) == 1
        assert mail.message["To"].addresses[0].addr_spec == mail.to
    assert not mailing.box.times()["victim@example.org"]


def encrypted(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A certificate of the test's own, for a server on this machine."""
    certificate, key = make_certificate("127.0.0.1", int(time.time() * 1000))
    (tmp_path / "own.pem").write_bytes(certificate)
    (tmp_path / "own.key").write_bytes(key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "own.pem", tmp_path / "own.key")
    return context, tmp_path / "own.pem"


@pytest.fixture
def safe(event: Event, site: Database, box: Postbox, tmp_path: Path):
    """A server that requires encryption and a password."""
    context, authority = encrypted(tmp_path)
    office = Office(box, tls=context, password="open sesame")
    office.start()
    site.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
    more = f'security = "starttls"\nca_file = "{authority}"\nuser = "forum"\n'
    write_settings(event, office.port, f'{more}password_file = "password"\n')
    (event.path / "mail" / "password").write_text("open sesame\n")
    (event.path / "mail" / "password").chmod(0o600)
    yield Mailing(event, site, box, office.port)
    office.stop()


def test_starttls_and_a_password(safe: Mailing) -> None:
    assert safe.send().sent == 4
    assert safe.box.signed_in == ["forum"]


def test_a_wrong_password_ends_the_run(safe: Mailing) -> None:
    (safe.event.path / "mail" / "password").write_text("x")
    with pytest.raises(MailError, match="rejects the user name and password: 5.7.8"):
        safe.send()


def test_a_server_that_nobody_vouches_for_gets_no_password(safe: Mailing) -> None:
    text = (safe.event.path / "mail" / "mail.toml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("ca_file")]
    (safe.event.path / "mail" / "mail.toml").write_text("\n".join(lines))
    with pytest.raises(MailError, match="can't be trusted"):
        safe.send()
    assert safe.box.signed_in == []


def test_starttls_is_never_left_out(mailing: Mailing, office: Office) -> None:
    write_settings(mailing.event, office.port, 'security = "starttls"\n')
    with pytest.raises(MailError, match="STARTTLS extension not supported"):
        mailing.send()
    assert mailing.box.taken == []
