"""`hallkeeper mail` and `hallkeeper links` as an organiser types them."""

import csv
from pathlib import Path

import pytest

from server.core.people import issuing
from server.core.people.phone_token import phone_token
from server.features.mail import links_csv
from server.features.wallet.links import links_of
from tests.server.conftest import serial_of
from tests.server.features.mail.conftest import write_settings
from tests.server.support.console import Console
from tests.server.support.postbox import Office, Postbox


@pytest.fixture
def ready(filled: Console, office: Office) -> Console:
    write_settings(filled.event, office.port)
    return filled


def test_a_dry_run_sends_nothing_and_shows_the_first(ready: Console, box: Postbox) -> None:
    output = ready("mail", "invite", "--dry-run").output
    assert "4 mails to send. 0 already sent, 0 people have no address, 0 no badge," in output
    assert "Nothing was sent. The first mail is:" in output
    assert "Subject: Your badge for Harbour Forum" in output
    assert "To: Anna Keller <anna@example.org>" in output
    assert "https://localhost:8443/b/" in output
    assert "text/plain, text/html, image/png" in output
    assert box.taken == []
    assert ready.rows("SELECT COUNT(*) FROM mail") == [(0,)]


def test_it_sends_and_says_what_became_of_it(ready: Console, box: Postbox) -> None:
    box.on_recipient = lambda to: "550 unknown" if to == "boris@example.org" else None
    output = ready("mail", "invite").output
    assert "Sent 3 mails. 0 delayed, 1 refused, 0 perhaps sent." in output
    number = ready.rows("SELECT serial FROM attendee WHERE external_id = 'A3'")[0][0]
    shown = ready("mail", "status").output
    assert "3 sent, 0 delayed, 1 refused, 0 came back, 0 perhaps sent" in shown
    assert "refused: 550 unknown" in shown
    assert "boris" not in shown
    assert number
    assert "0 mails to send. 4 already sent" in ready("mail", "invite").output


def test_whom_it_is_for(ready: Console, box: Postbox) -> None:
    assert "1 mail to send." in ready("mail", "invite", "--category", "press", "--dry-run").output
    assert "1 mail to send of 4 that are due" in ready("mail", "invite", "--limit", "1").output
    ready("mail", "invite", "--attendee", "A2")
    assert {mail.to for mail in box.taken} == {"anna@example.org", "xiaoming@example.org"}
    refused = ready("mail", "invite", "--category", "guests", status=2).output
    assert "there is no category 'guests'; there are" in refused
    assert (
        "exclude each other"
        in ready("mail", "invite", "--changed", "--not-mailed", status=2).output
    )
    assert "no attendee" in ready("mail", "invite", "--attendee", "zzz", status=1).output


def test_once_more_for_whoever_lost_it(ready: Console, box: Postbox) -> None:
    ready("mail", "invite")
    assert "Sent 1 mail." in ready("mail", "invite", "--attendee", "A1", "--again").output
    assert box.times()["anna@example.org"] == 2
    assert "goes with --attendee" in ready("mail", "invite", "--again", status=2).output
    assert "0 mails to send." in ready("mail", "invite").output


def test_without_settings(filled: Console) -> None:
    output = filled("mail", "invite", "--dry-run", status=1).output
    assert "Mails can't be sent yet: set the mail server" in output


def test_bounces_by_the_command(ready: Console) -> None:
    file = ready.file("mbox", "From x Mon May  4 10:00:00 2026\nSubject: hello\n\nhello\n")
    assert "0 mails came back." in ready("mail", "bounces", file).output


def test_links(filled: Console, tmp_path: Path) -> None:
    out = tmp_path / "links.csv"
    output = filled("links", "--out", str(out)).output
    assert "4 links in" in output
    assert "each link gives access to a badge" in output
    assert out.stat().st_mode & 0o077 == 0
    rows = list(csv.DictReader(out.read_text("utf-8-sig").splitlines()))
    assert len(rows) == 4
    by_id = {row["id"]: row for row in rows}
    assert by_id["A2"]["name"] == "王小明"
    assert by_id["A2"]["language"] == "zh"
    assert by_id["A2"]["e-mail"] == "xiaoming@example.org"
    (serial,) = filled.rows("SELECT serial FROM attendee WHERE external_id = 'A2'")[0]
    assert by_id["A2"]["link"] == links_of(filled.event, phone_token(filled.event, serial, 1)).badge


def test_cells_of_links_run_nothing(site, event) -> None:
    site.write(lambda db: issuing.issue_missing(db, event, now=1, by="test"))
    serial = serial_of(site, "A1")
    values = ("=HYPERLINK(1)", "+49", "@x", "-1@example.org", serial)
    site.write(
        lambda db: (
            db.execute(
                "UPDATE attendee SET given_name = ?, family_name = ?, organisation = ?, email = ?"
                " WHERE serial = ?",
                values,
            )
            and None
        )
    )
    lines = "".join(links_csv.csv_lines(links_csv.links(site.reader, event)))
    (row,) = (line for line in csv.reader(lines.splitlines()) if line[1] == "A1")
    assert all(not cell.startswith(("=", "+", "@", "-")) for cell in row)
    assert row[3] == "'=HYPERLINK(1)"
