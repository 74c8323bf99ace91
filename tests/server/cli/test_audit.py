"""`hallkeeper audit`, as an admin and as an auditor type it."""

import json
import shutil
from pathlib import Path

import pytest

from badges.credential.badge_number import badge_number
from server.storage.database import Database
from server.storage.tables import keep_setting
from server.web.jobs import Job, State
from tests.server.conftest import NOW, serial_of
from tests.server.support.console import Console
from tests.server.support.pages import Pages


@pytest.fixture
def held(filled: Console) -> Console:
    """Two people at two doors."""
    with Database(filled.event.database_path) as database, Pages(filled.event, database) as pages:
        main, west = pages.connected_kiosk("main-1", "main"), pages.kiosk("west-1", "h1-west")
        for name in ("A1", "A2"):
            main.scan(NOW, serial_of(database, name), decision="denied", reason="revoked")
        west.scan(NOW, serial_of(database, "A1"), decision="denied", reason="hall_closed")
        pages.send(main)
        pages.send(west)
    return filled


def badge(console: Console, external_id: str) -> str:
    ((serial,),) = console.rows(f"SELECT serial FROM attendee WHERE external_id = '{external_id}'")
    return badge_number(serial)


def test_it_works(held: Console) -> None:
    out = held.path / "export"
    output = held("audit", "export", "--out", str(out)).output
    key = held("audit", "key").output.strip()
    assert key in output
    verified = held("audit", "verify", str(out), "--key", key).output
    assert verified.endswith("VERIFIED\n")
    ((act,),) = held.rows("SELECT body FROM leaf ORDER BY number DESC LIMIT 1")
    assert json.loads(act)["act"] == "log_exported"
    assert json.loads(act)["subject"] == {"selection": "all"}
    assert b"log_exported" in (out / "records.txt").read_bytes(), "the export is in the log too"


def test_verifying_needs_no_event(held: Console, tmp_path: Path) -> None:
    out = held.path / "export.zip"
    held("audit", "export", "--out", str(out))
    shutil.rmtree(held.event.path)
    assert held("audit", "verify", str(out)).output.endswith("VERIFIED\n")
    raw = bytearray(out.read_bytes())
    raw[len(raw) // 2] ^= 1
    out.write_bytes(raw)
    assert held("audit", "verify", str(out), status=1).output.endswith("REFUSED\n")
    assert "WRONG: " in held("audit", "verify", "nothing", status=1).output


def test_a_part(held: Console) -> None:
    for number, (option, value, shown) in enumerate(
        (("--hall", "venue", 0), ("--day", "2026-05-04", 3), ("--person", badge(held, "A1"), 2))
    ):
        out = held.path / f"part-{number}"
        if option == "--hall":
            ((value,),) = held.rows("SELECT h.code FROM hall h JOIN scan s USING (hall_id) LIMIT 1")
        held("audit", "export", "--out", str(out), option, value)
        assert held("audit", "verify", str(out)).output.endswith("VERIFIED\n")
        ((act,),) = held.rows("SELECT body FROM leaf ORDER BY number DESC LIMIT 1")
        subject = json.loads(act)["subject"]
        assert len(subject) == 2
        assert value not in subject.values(), "ids alone"
        scans = (out / "records.txt").read_bytes().count(b'"type":"scan"}')
        assert scans == shown or not shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--hall", "nowhere"), "there is no hall 'nowhere'; there are "),
        (("--day", "4 May"), "'4 May' is not a date such as 2026-05-26."),
        (("--day", "2026-05-09"), "2026-05-09 is not a day of the event."),
        (("--person", "xx"), "'xx' is not a badge number such as"),
        (("--day", "2026-05-04", "--hall", "h1"), "choose one of --hall, --day and --person."),
    ],
)
def test_what_is_not_understood(held: Console, options: tuple[str, ...], message: str) -> None:
    entries = held.rows("SELECT COUNT(*) FROM leaf")
    out = held.path / "export"
    output = held("audit", "export", "--out", str(out), *options, status=2).output
    assert message.lower() in output.lower()
    assert not out.exists()
    assert held.rows("SELECT COUNT(*) FROM leaf") == entries


def test_an_altered_database_is_told_at_once(held: Console) -> None:
    out = held.path / "export"
    with Database(held.event.database_path) as database:
        database.write(lambda db: db.execute("UPDATE leaf SET body = x'7b7d' WHERE number = 5"))
    output = held("audit", "export", "--out", str(out), status=2).output
    assert "entry 5 differs from its hash" in output
    assert "WRONG: entry 5 is not" in held("audit", "verify", str(out), status=1).output


def test_the_ledger_against_the_log(held: Console) -> None:
    assert held("audit", "check").output == "The ledger is as the entry log has it.\n"
    ((number,),) = held.rows("SELECT MIN(number) FROM scan")
    with Database(held.event.database_path) as database:
        database.write(
            lambda db: db.execute("UPDATE scan SET scanned_at = 5 WHERE number = ?", (number,))
        )
    assert held("audit", "check", status=1).output == (
        f"WRONG: scan {number}: the ledger has another scanned_at than the log.\n"
    )


def test_a_receipt(held: Console) -> None:
    ((number,),) = held.rows("SELECT MIN(number) FROM scan")
    file = held.path / "entry.tlog-proof"
    held("audit", "receipt", str(number), "--out", str(file))
    assert held("audit", "receipt", str(number)).output == file.read_text(encoding="utf-8")
    key = held("audit", "key").output.strip()
    output = held("audit", "verify-receipt", str(file), "--key", key).output
    assert f"entry {number} of " in output
    assert '"decision":"denied"' in output
    assert output.endswith("VERIFIED\n")
    other = key[:-6] + "AAAAA="
    assert held("audit", "verify-receipt", str(file), "--key", other, status=1).output == (
        f"WRONG: the key {other} is malformed, or of another kind.\nREFUSED\n"
    )
    assert held("audit", "verify-receipt", str(file), "--key", key[:-1], status=1).output == (
        f"WRONG: the key {key[:-1]} is malformed, or of another kind.\nREFUSED\n"
    )
    lost = str(held.path / "no-such-folder" / "entry.tlog-proof")
    output = held("audit", "receipt", str(number), "--out", lost, status=2).output
    assert f"{lost} can't be written: No such file or directory." in output
    assert "there is no entry 9999" in held("audit", "receipt", "9999", status=2).output
    too_large = held("audit", "receipt", "9" * 20, status=2).output  # more than 64 bits
    assert "is not in the range" in too_large


def test_a_person_is_erased(held: Console) -> None:
    number = badge(held, "A1")
    output = held("audit", "erase", number).output
    assert output.startswith("3 entries are of") or "entries are of" in output
    assert held.rows("SELECT COUNT(*) FROM leaf WHERE kind = 'erased'") == [(0,)]
    output = held("audit", "erase", number, "--yes").output
    assert output.endswith("Delete backups from before, which still have them.\n")
    assert held.rows("SELECT COUNT(*) FROM leaf WHERE kind = 'erased'")[0][0] >= 2
    out = held.path / "export"
    held("audit", "export", "--out", str(out))
    assert held("audit", "verify", str(out)).output.endswith("VERIFIED\n")


def test_erasing_drops_a_backup_that_waits_for_its_download(held: Console) -> None:
    """Its server ended by force."""
    job = Job("backup to download", "user:1", "a", NOW, state=State.READY, name="backup.tar")
    with Database(held.event.database_path) as database:
        database.write(lambda db: keep_setting(db, f"job {job.kind}", json.dumps(vars(job))))
    file = held.event.path / "downloads" / job.token
    file.parent.mkdir()
    file.write_bytes(b"tar")
    held("audit", "erase", badge(held, "A1"), "--yes")
    assert not file.exists()


def test_two_exports_are_compared(held: Console) -> None:
    first, second, third = (str(held.path / name) for name in ("one.zip", "two", "three"))
    held("audit", "export", "--out", first, "--court")
    held("audit", "export", "--out", second)
    output = held("audit", "compare", first, second).output
    assert "The same log. One begins the other" in output
    assert "The same log, with the same" in held("audit", "compare", second).output
    with Database(held.event.database_path) as database:
        database.write(
            lambda db: db.execute("UPDATE leaf SET hash = ? WHERE number = 4", (bytes(32),))
        )
    held("audit", "export", "--out", third, status=2)
    output = held("audit", "compare", first, third, status=1).output
    assert "WRONG: a fork. They agree up to entry 3, and differ in entry 4." in output
    assert output.count("\nentry 4 of ") == 2
    broken = held.file("broken.zip", b"PK")
    assert "can't be read as an export" in held("audit", "compare", first, broken, status=2).output


def test_an_export_for_a_court_has_its_pages(held: Console) -> None:
    out = held.path / "export"
    held("audit", "export", "--out", str(out), "--court")
    assert {file.name for file in (out / "court").iterdir()} == {
        "EVIDENCE.en.txt", "EVIDENCE.zh.txt", "SHA256SUMS",
    }  # fmt: skip
    assert held("audit", "verify", str(out)).output.endswith("VERIFIED\n")
