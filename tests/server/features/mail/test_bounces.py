"""Returned mails, from delivery reports as mail servers write them."""

from pathlib import Path

import pytest

from server.features.mail import bounces
from server.features.mail.outbox import State
from server.features.mail.settings import MailError
from tests.server.conftest import NOW
from tests.server.features.mail.conftest import Mailing

REPORT = """\
From: MAILER-DAEMON@mail.example.org
To: forum@example.org
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="x"

--x
Content-Type: text/plain

I'm sorry.

--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.org

Final-Recipient: rfc822; anna@example.org
Action: {action}
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <anna@example.org>:
    no such user

--x
Content-Type: {kind}

From: Harbour Forum <forum@example.org>
To: Anna Keller <anna@example.org>
Message-ID: {own}
Subject: Your badge

--x--
"""


def own_id(mailing: Mailing, to: str = "anna@example.org") -> str:
    return next(mail.message["Message-ID"] for mail in mailing.box.taken if mail.to == to)


def report(own: str, action: str = "failed", kind: str = "text/rfc822-headers") -> str:
    return REPORT.format(own=own, action=action, kind=kind)


def noted(mailing: Mailing, path: Path) -> bounces.Found:
    reports = list(bounces.reports_in(path))
    return mailing.database.write(lambda db: bounces.note_bounces(db, reports, by="test", now=NOW))


@pytest.mark.parametrize("kind", ["text/rfc822-headers", "message/rfc822"])
def test_a_mail_that_came_back(mailing: Mailing, tmp_path: Path, kind: str) -> None:
    mailing.send()
    (tmp_path / "one.eml").write_text(report(own_id(mailing), kind=kind))
    counts = noted(mailing, tmp_path / "one.eml")
    assert (counts.bounced, counts.earlier, counts.others) == (1, 0, 0)
    assert mailing.states()["anna@example.org"] == "bounced"
    assert mailing.answers()["anna@example.org"] == "5.1.1 550 5.1.1 … no such user"
    assert noted(mailing, tmp_path / "one.eml").earlier == 1
    assert mailing.send().due == 0
    mailing.change("A1", email="keller@example.org")
    assert mailing.send().sent == 1


def test_an_earlier_addresss_report_says_nothing_of_the_mail_to_the_next(
    mailing: Mailing, tmp_path: Path
) -> None:
    """The same mailbox is read again, or the report comes late."""
    mailing.send()
    (tmp_path / "one.eml").write_text(report(own_id(mailing)))
    noted(mailing, tmp_path / "one.eml")
    mailing.change("A1", email="keller@example.org")
    assert mailing.send().sent == 1
    assert noted(mailing, tmp_path / "one.eml").earlier == 1
    assert mailing.states()["keller@example.org"] == "sent"
    (tmp_path / "two.eml").write_text(report(own_id(mailing, "keller@example.org")))
    assert noted(mailing, tmp_path / "two.eml").bounced == 1


def test_a_mailbox_with_answers_of_people(mailing: Mailing, tmp_path: Path) -> None:
    mailing.send()
    own = own_id(mailing)
    answer = f"From: anna@example.org\nSubject: Re: Your badge\nIn-Reply-To: {own}\n\nThanks\n"
    texts = [
        answer,
        report(own_id(mailing, "boris@example.org"), action="delayed"),
        report("<somebody-else@example.org>"),
        report(f"<hk-{'0' * 32}@example.org>"),
        report(own),
    ]
    box = "".join(f"From x Mon May  4 10:00:00 2026\n{text}\n" for text in texts)
    (tmp_path / "mbox").write_text(box)
    counts = noted(mailing, tmp_path / "mbox")
    assert (counts.bounced, counts.earlier, counts.others) == (1, 1, 3)
    assert mailing.count(State.BOUNCED) == 1
    assert mailing.states()["boris@example.org"] == "sent"


@pytest.mark.parametrize(
    "text",
    [b"", b"\x00\xff" * 500, b"Content-Type: message/delivery-status\n\nAction: failed\n",
     b"Content-Type: multipart/report; boundary=x\n\n--x\nContent-Type: message/rfc822\n\n",
     b"Content-Type: text/plain; charset=nonsense\n\nx",
     b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n" * 2000],
)  # fmt: skip
def test_whatever_else_is_there_is_no_report(text: bytes) -> None:
    assert bounces.report_of(text) is None


def test_files_of_a_mail_program(mailing: Mailing) -> None:
    mailing.send()
    both = [report(own_id(mailing, f"{name}@example.org")) for name in ("anna", "boris")]
    single = both[0].replace("I'm sorry.", "From here on\nI'm sorry.").encode()
    box = "".join(f"From x Mon May  4 10:00:00 2026\n{text}\n" for text in both).encode()
    assert len(bounces.reports_of([single])) == 1
    assert bounces.reports_of([single, box]) == [
        bounces.Report(own_id(mailing, f"{name}@example.org")[1:].partition("@")[0], answer)
        for name in ("anna", "anna", "boris")
        for answer in ["5.1.1 550 5.1.1 … no such user"]
    ]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MailError, match="can't be read"):
        list(bounces.reports_in(tmp_path / "none"))
