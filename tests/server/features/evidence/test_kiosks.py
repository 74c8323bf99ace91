"""Real kiosks and the real server: their records verify, and a kiosk's own copy exposes a lie."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.core.entry_log import erasure
from server.core.event.directory import Event
from server.features.evidence.export import export
from server.features.evidence.selection import Selection
from server.features.evidence.verify import check
from tests.server.conftest import MINUTE
from tests.server.support.in_process import Forum, InProcessKiosk


@pytest.fixture
def forum(event: Event, tmp_path: Path) -> Iterator[Forum]:
    opened = Forum(event, tmp_path)
    yield opened
    opened.close()


def exported(forum: Forum, name: str = "export") -> Path:
    out = forum.path / name
    with forum.database.reading() as db:
        export(db, forum.event, out, Selection(), now=forum.now, progress=lambda at, of: None)
    return out


def people_come(forum: Forum, *kiosks: InProcessKiosk, minutes: int = 15) -> None:
    for minute in range(minutes):
        forum.now += MINUTE
        for number, kiosk in enumerate(kiosks):
            kiosk.present(100 + 20 * minute + number)
            kiosk.exchange()


def test_what_kiosks_write_verifies(forum: Forum) -> None:
    west, east = forum.enrol("west"), forum.enrol("east")
    people_come(forum, west, east)
    path = exported(forum)
    findings, notes = check(path, checkpoints=[], key=None)
    assert findings == []
    assert any(line.startswith("cosigned by 2 kiosks; ") for line in notes)
    lines = [line for line in (path / "records.txt").read_text().splitlines() if '"v":' in line]
    records = [json.loads(line.split(" ", 2)[2])["record"] for line in lines]
    assert len(records) == 30
    assert {record["v"] for record in records} == {2}
    assert len({record["salt"] for record in records}) == 30
    for kiosk in (west, east):
        newest = kiosk.journal.witness.newest()
        assert newest is not None
        assert check(path, checkpoints=[newest.note.encode()], key=None)[0] == []


@pytest.mark.sqlite_alone
def test_a_kiosk_keeps_what_shows_that_the_database_was_put_back(forum: Forum) -> None:
    west, east = forum.enrol("west"), forum.enrol("east")
    people_come(forum, west, east, minutes=3)
    kept = forum.copy()
    people_come(forum, west, east)
    west.sync._watch.save()
    newest = west.journal.witness.newest()
    assert newest is not None
    forum.put_back(kept)
    path = exported(forum)
    assert check(path, checkpoints=[], key=None)[0] == [], "by itself it is whole"
    findings, _ = check(path, checkpoints=[newest.note.encode()], key=None)
    assert len(findings) == 1
    assert findings[0].startswith("the log's end is missing: checkpoint 1 that was given has")


def test_kiosks_that_are_away_are_not_missed_for_it(forum: Forum) -> None:
    """A kiosk sends all records at once after an hour offline. It has not been online since, so its
    cosignature is not awaited.
    """
    west, east = forum.enrol("west"), forum.enrol("east")
    east.transport.wire_cut = True
    for minute in range(60):
        forum.now += MINUTE
        west.present(100 + minute)
        if minute % 4 == 3:
            west.exchange()
        east.present(300 + minute)
    east.transport.wire_cut = False
    east.sync.exchange()
    findings, notes = check(exported(forum), checkpoints=[], key=None)
    assert findings == []
    assert any("they came at once" in line for line in notes)


def test_a_kiosks_key_is_the_one_that_it_was_confirmed_with(forum: Forum) -> None:
    """The server makes up a key of its own, and all scans and cosignatures by it."""
    west = forum.enrol("west")
    people_come(forum, west, minutes=2)
    ((number,),) = forum.rows(
        "SELECT number FROM leaf WHERE CAST(body AS TEXT) LIKE '%kiosk_confirmed%'"
    )
    forum.database.write(
        lambda db: db.execute("UPDATE kiosk SET public_key = ?", (bytes(range(32)),))
    )
    findings = check(exported(forum), checkpoints=[], key=None)[0]
    # Cosignatures by the kiosk's own key do not verify with this one.
    assert findings == [
        "the checkpoint that kiosk west (generation 1) cosigned: its signature is wrong"
    ]
    forum.database.write(lambda db: db.execute("DELETE FROM cosignature"))
    assert check(exported(forum, "forged"))[0] == [
        f"entry {number}: kiosk west was confirmed with another key than keys.json has"
    ]


def test_a_kiosk_that_held_an_older_checkpoint_agrees_after_an_erasure(forum: Forum) -> None:
    """It verifies that the log only grew, cosigns more of it, and keeps no evidence against it."""
    west, east = forum.enrol("west"), forum.enrol("east")
    people_come(forum, west, east, minutes=3)
    before = west.journal.witness.newest()
    assert before is not None
    ((serial,),) = forum.rows("SELECT serial FROM scan ORDER BY number LIMIT 1")
    forum.database.write(
        lambda db: db.execute("UPDATE stay SET closed_at = 1, closed_by = 'exit'") and None
    )
    erased = forum.database.write(lambda db: erasure.erase(db, serial, by="user:1", now=forum.now))
    assert erased > 0
    people_come(forum, west, east, minutes=3)
    after = west.journal.witness.newest()
    assert after is not None
    assert after.size > before.size
    assert west.journal.witness.evidence() == []
    path = exported(forum)
    assert check(path, checkpoints=[before.note.encode(), after.note.encode()], key=None)[0] == []
