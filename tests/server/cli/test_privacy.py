"""`hallkeeper person` and `hallkeeper retention`."""

import json
import zipfile

from badges.credential.badge_number import badge_number
from server.core.event.retention import CLOCKS
from server.storage.database import Database
from tests.server.conftest import NOW, serial_of
from tests.server.support.console import Console
from tests.server.support.pages import Pages
from tests.server.support.stores import dump


def has(console: Console, text: str) -> bool:
    """Whether SQLite's file contains it anywhere, or a row of PostgreSQL's tables."""
    path = console.event.database_path
    if path.exists():
        return text.encode() in path.read_bytes()
    with Database(path) as database:
        return any(text in line for line in dump(database))


def test_export(filled: Console) -> None:
    out = filled.path / "anna.zip"
    output = filled("person", "export", "--attendee", "A1", "--out", str(out)).output
    assert "Wrote" in output
    assert out.stat().st_mode & 0o077 == 0
    whole = json.loads(zipfile.ZipFile(out).read("person.json"))
    assert whole["tables"]["attendee"][0]["given_name"] == "Anna"


def test_erasing_says_first_what_it_would_do(filled: Console) -> None:
    output = filled("person", "erase", "--attendee", "A1").output
    for text in ("Registration", "Badges", "Nothing was erased. To do it, say --yes."):
        assert text in output
    assert has(filled, "anna@example.org")
    output = filled("person", "erase", "--attendee", "A1", "--yes").output
    assert "Erased " in output
    assert "Warning" not in output
    assert not has(filled, "anna@example.org")
    assert "as the entry log has it" in filled("audit", "check").output


def test_erasing_says_that_copies_elsewhere_still_have_the_person(filled: Console) -> None:
    ask, words = ("person", "erase", "--attendee", "A1"), "repository of backups still has"
    assert words not in filled(*ask).output
    file = filled.event.path / "event.toml"
    lines = f'backup_dir = "{filled.path}"\nbackup_repository = "{filled.path / "copies"}"\n'
    file.write_text(lines + file.read_text("utf-8"), "utf-8")
    assert words in filled(*ask).output


def test_scans_that_come_after_the_erasure(filled: Console) -> None:
    """A door was offline meanwhile, and its supervisor had typed a name."""
    with Database(filled.event.database_path) as database, Pages(filled.event, database) as pages:
        serial, door = serial_of(database, "A1"), pages.connected_kiosk("main-1", "main")
    number = badge_number(serial)
    filled("person", "erase", "--attendee", number, "--yes")
    with Database(filled.event.database_path) as database, Pages(filled.event, database) as pages:
        door.scan(
            NOW, serial, decision="denied", reason="revoked", act="override", by="user:1",
            note="Anna Keller again", v=2, salt="ab" * 16,
        )  # fmt: skip
        pages.send(door)
    assert has(filled, "Anna Keller again")
    output = filled("person", "erase", "--attendee", number, "--yes", status=2).output
    assert f"the void badge {number} has no attendee any more." in output
    assert f"`hallkeeper audit erase {number} --yes`" in output
    assert "Erased 1 entries." in filled("audit", "erase", number, "--yes").output
    assert not has(filled, "Anna Keller again")
    assert filled.rows(f"SELECT COUNT(*) FROM scan WHERE serial = {serial}") == [(0,)]
    assert "as the entry log has it" in filled("audit", "check").output


def test_nobody(filled: Console) -> None:
    output = filled("person", "erase", "--attendee", "A9", "--yes", status=1).output
    assert "There is no attendee with the badge number or external id 'A9'" in output


def test_clocks(filled: Console) -> None:
    output = filled("retention", "show").output
    assert output.count("off (proposed:") == len(CLOCKS)
    assert "No retention period is set" in filled("retention", "run", "--dry-run").output
    filled("retention", "set", "contact", "0")
    assert "0 days after the event's end, on 2026-05-07" in filled("retention", "show").output
    assert "contact: 0 already" in filled("retention", "set", "contact", "0").output
    output = filled("retention", "run", "--dry-run").output
    assert "4 due" in output
    assert has(filled, "anna@example.org")
    assert "4 erased" in filled("retention", "run").output
    assert not has(filled, "anna@example.org")
    assert "Nothing is due" in filled("retention", "run").output
    filled("retention", "set", "contact", "off")


def test_clocks_that_can_t_be(filled: Console) -> None:
    assert "not a number of days" in filled("retention", "set", "contact", "soon", status=2).output
    assert "no kind of record 'cats'" in filled("retention", "set", "cats", "3", status=2).output
