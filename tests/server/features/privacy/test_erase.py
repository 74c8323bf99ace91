"""After an erasure no byte of the person is left, and all counts add up."""

import json
import logging
import sqlite3
from itertools import chain

import pytest

from badges.credential.badge_number import badge_number
from badges.wire import wire
from server.core.entry_log import entry_log
from server.core.occupancy.figures import hall_figures
from server.core.people import attendees, issuing
from server.core.second_disk.copy import make_backup
from server.features.evidence import check
from server.features.evidence.export import export
from server.features.evidence.selection import Selection
from server.features.evidence.verify import check as verified
from server.features.integrations import endpoints, outbox
from server.features.muster import lists
from server.features.privacy import erase
from server.features.privacy.columns import TABLES, Erasure, Table
from server.features.privacy.erase import PersonError
from server.storage.connection import Connection
from server.storage.disk import DatabaseError
from tests.server.conftest import HOUR, NOW
from tests.server.features.privacy.conftest import SECRETS, Known, stored
from tests.server.support.stores import changes, everything

LATER = NOW + 2 * HOUR


def do(known: Known) -> erase.Erased:
    done = known.database.write(
        lambda db: erase.erase(db, known.event, known.serial, by="user:1", now=LATER)
    )
    assert erase.settle(known.event) == ""
    return done


def standing(held: bytes) -> list[str]:
    return [text for text in SECRETS if text.encode() in held]


@pytest.mark.sqlite_alone  # it looks into the file
def test_no_byte_of_her_is_left(known: Known, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    uploads = known.event.path / "uploads"
    uploads.mkdir(exist_ok=True)
    (uploads / "roster").write_text("Wilhelmina,Quartermaine", "utf-8")
    before = stored(known.event.path)
    assert standing(before) == list(SECRETS), "all of it was there"
    photo = known.event.path / "cards/photos/REG-ZQ-90417.jpg"
    picture = photo.read_bytes()
    sealed = [bytes(row[0]) for row in known.rows(
        "SELECT sealed FROM badge WHERE serial = ? UNION ALL SELECT lookup FROM badge"
        " WHERE serial = ? UNION ALL SELECT sealed FROM day_credential WHERE serial = ?",
        known.serial, known.serial, known.serial,
    )]  # fmt: skip
    credentials = [row[0].encode() for row in known.rows(
        "SELECT credential FROM badge WHERE serial = ?", known.serial)]  # fmt: skip
    assert len(sealed) == 5
    done = do(known)
    assert not photo.exists()
    backup = make_backup(known.event, known.backups, LATER)
    held = stored(known.event.path) + stored(backup.path) + caplog.text.encode()
    assert standing(held) == []
    assert picture not in held
    assert [one for one in chain(sealed[:2], credentials) if one in held] == []
    assert [text for text in done.needles if text.encode() in held] == []


@pytest.mark.parametrize(
    "error", [sqlite3.OperationalError("database or disk is full"), DatabaseError("away")]
)
def test_an_erasure_stands_where_the_file_can_not_be_written_anew(
    known: Known, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(_: object) -> None:
        raise error

    monkeypatch.setattr(erase.database_file, "written_anew", full)
    assert erase.settle(known.event) == erase.NOT_WRITTEN_ANEW


def test_musters_and_lists_know_her_no_more_and_musters_add_up(known: Known) -> None:
    before = lists.counts(known.database.reader, 1)
    assert before.total("seen") == 1
    do(known)
    after = lists.counts(known.database.reader, 1)
    for name in ("listed", "missing", "out", "seen", "help_missing"):
        assert after.total(name) == before.total(name), name
    assert (after.extra, after.doubtful) == (before.extra, before.doubtful)
    (line,) = lists.lines(known.database.reader, 1, lists.Wanted())
    assert (line.name, line.organisation) == ("", "")
    for table in ("muster_person", "muster_seen"):
        (serial,) = known.rows(f"SELECT serial FROM {table}")[0]
        assert serial < 0, table
    for table in ("attention", "saved_filter", "act_change", "page_edit"):
        assert known.rows(f"SELECT COUNT(*) FROM {table}") == [(0,)], table


def test_the_log_still_verifies_and_halls_add_up(known: Known, tmp_path) -> None:
    log = entry_log.Log(known.database, known.event.log_name, known.event.log_key)
    size, note = log.size(), log.note(log.size())
    figures = hall_figures(known.database.reader)
    counts = "SELECT COUNT(*), COUNT(DISTINCT hall_id), SUM(closed_at - opened_at) FROM stay"
    decided = "SELECT decision, hall_id, COUNT(*) FROM scan GROUP BY 1, 2 ORDER BY 1, 2"
    stays, scans = known.rows(counts), known.rows(decided)
    ours = known.rows("SELECT COUNT(*) FROM stay WHERE serial = ?", known.serial)
    assert ours[0][0] >= 1
    done = do(known)
    assert done.entries >= 3
    assert hall_figures(known.database.reader) == figures
    assert known.rows(counts) == stays
    assert known.rows(decided) == scans
    assert list(check.problems(known.database.reader, known.event.log_name)) == []
    assert log.size() == size + 1
    out = tmp_path / "export"
    with known.database.reading() as db:
        export(db, known.event, out, Selection(), now=LATER, progress=lambda at, of: None)
    assert verified(out, checkpoints=[note.encode()], key=None)[0] == []
    nobody = known.rows("SELECT serial FROM stay WHERE serial < 0")
    assert len(nobody) == ours[0][0]
    assert known.rows("SELECT COUNT(*) FROM stay WHERE serial = ?", known.serial) == [(0,)]
    assert known.rows("SELECT COUNT(*) FROM scan WHERE serial = ?", known.serial) == [(0,)]
    assert known.broken_references() == []


def test_no_row_has_her(known: Known) -> None:
    assert {"Wilhelmina", "Quartermaine"} <= set(standing(everything(known.database).encode()))
    do(known)
    assert standing(everything(known.database).encode()) == []


def test_her_badges_are_void_and_doors_hear_of_it(known: Known) -> None:
    before = known.database.reader.execute("SELECT MAX(cursor) FROM change").fetchone()[0]
    lookups = {row[0] for row in known.rows(
        "SELECT lookup FROM badge WHERE serial = ? UNION SELECT lookup FROM day_credential"
        " WHERE serial = ? UNION SELECT lookup FROM withdrawn_badge WHERE serial = ?",
        *[known.serial] * 3)}  # fmt: skip
    do(known)
    told = changes(known.database, before)
    (holder,) = [one.holder for one in told if isinstance(one, wire.HolderChanged)]
    assert (holder.serial, holder.highest_issue, holder.revoked) == (known.serial, 3, True)
    (names,) = [one for one in told if isinstance(one, wire.NamesChanged)]
    assert set(names.erased) == lookups
    assert any(isinstance(one, wire.VenueChanged) for one in told), "her talk"
    with pytest.raises(attendees.UnknownAttendeeError):
        attendees.attendee(known.database.reader, known.serial)


def test_who_is_inside_is_not_erased(known: Known) -> None:
    known.door.scan(known.pages.now, known.serial)
    known.pages.send(known.door)
    before = known.rows("SELECT COUNT(*) FROM leaf")
    with pytest.raises(PersonError, match="counted in a hall. Wait until they left"):
        do(known)
    assert known.rows("SELECT COUNT(*) FROM leaf") == before
    assert attendees.attendee(known.database.reader, known.serial)
    plan = erase.plan(known.database.reader, known.event, known.serial)
    assert "counted in a hall" in plan.refusal


def test_others_are_as_they_were(known: Known) -> None:
    query = "SELECT * FROM attendee WHERE serial <> ? ORDER BY serial"
    found = "SELECT serial FROM attendee_search WHERE serial <> ? ORDER BY serial"
    before = known.rows(query, known.serial), known.rows(found, known.serial)
    do(known)
    assert (known.rows(query, 0), known.rows(found, 0)) == before
    _people, total = attendees.find_attendees(known.database.reader, "Keller", 10, 0)
    assert total == 1
    assert attendees.find_attendees(known.database.reader, "Wilhelmina", 10, 0)[1] == 0


def test_numbered_rows_stay_separate(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        TABLES, "roll", Table(pseudonymous="serial", none="seen", erasure=Erasure.NUMBERED)
    )
    known.database.write(
        lambda db: db.execute("CREATE TABLE roll (serial INTEGER, seen TEXT) STRICT")
    )
    for seen in "ab":
        known.database.write(
            lambda db, seen=seen: db.execute("INSERT INTO roll VALUES (?, ?)", (known.serial, seen))
        )
    do(known)
    rows = known.rows("SELECT serial, seen FROM roll ORDER BY seen")
    assert [seen for _, seen in rows] == ["a", "b"]
    assert all(serial < 0 for serial, _ in rows)
    assert rows[0][0] != rows[1][0]


@pytest.mark.sqlite_alone  # it makes backups itself
def test_backups_are_named_and_deleted_if_asked(known: Known) -> None:
    made = make_backup(known.event, known.backups, NOW)
    plan = erase.plan(known.database.reader, known.event, known.serial)
    assert [one.path for one in plan.backups] == [made.path]
    do(known)
    assert b"Quartermaine" in stored(known.backups)
    count = known.database.write(
        lambda db: erase.delete_backups(db, erase.old_backups(known.event), by="user:1", now=LATER)
    )
    assert count == 1
    assert standing(stored(known.backups)) == []


def test_a_message_that_waits_for_a_webhook_has_her_number_no_more(known: Known) -> None:
    url, topics = "https://receiver.example/", ("entries", "badges")

    def add(db: Connection) -> list[int]:
        made = [endpoints.add(db, url, (one,), by="test", now=NOW, http_allowed=False)
                for one in topics]  # fmt: skip
        return [one.endpoint_id for one in made]

    def make(db: Connection) -> None:
        for endpoint_id in ids:
            outbox.make_next(db, endpoints.endpoint(db, endpoint_id), NOW)

    ids = known.database.write(add)
    known.door.scan(NOW, known.serial, decision="denied", reason="already_inside")
    known.pages.send(known.door)
    known.database.write(
        lambda db: issuing.reissue(
            db, known.event, known.serial, reason="lost", by="user:1", now=NOW
        )
    )
    known.database.write(make)
    number = badge_number(known.serial)
    before = waiting(known)
    assert [number in text for text in before] == [True, True]
    do(known)
    after = waiting(known)
    assert [number in text for text in after] == [False, False]
    assert [kind(text) for text in after] == [kind(text) for text in before]


def kind(message: str) -> str:
    return str(json.loads(message)["type"])


def waiting(known: Known) -> list[str]:
    """Bodies of waiting webhook messages."""
    rows = known.rows("SELECT body FROM webhook_message WHERE delivered_at IS NULL")
    return [bytes(row[0]).decode() for row in rows]
