"""After an erasure no byte of the person is left, and all counts add up."""

import json
import logging
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest

from badges.credential.badge_number import badge_number
from badges.wire import wire
from server.core.entry_log import entry_log
from server.core.occupancy.figures import hall_figures
from server.core.people import attendees, issuing
from server.core.second_disk.copy import BackupError, make_backup
from server.features.evidence import check
from server.features.evidence.export import export
from server.features.evidence.selection import Selection
from server.features.evidence.verify import check as verified
from server.features.integrations import endpoints, outbox
from server.features.muster import lists
from server.features.privacy import erase, person
from server.features.privacy.columns import TABLES, Erasure, Table
from server.features.privacy.erase import PersonError
from server.storage.connection import Connection
from server.storage.disk import DatabaseError
from tests.server.conftest import HOUR, NOW
from tests.server.features.privacy.conftest import SECRETS, Forum, stored
from tests.server.support.disks.full_commit import full_at_commit
from tests.server.support.stores import changes, everything

LATER = NOW + 2 * HOUR


def do(forum: Forum) -> erase.Erased:
    done = forum.database.write(
        lambda db: erase.erase(db, forum.event, forum.serial, by="user:1", now=LATER)
    )
    assert erase.settle(forum.event, forum.database) == ""
    return done


def standing(held: bytes) -> list[str]:
    return [text for text in SECRETS if text.encode() in held]


@pytest.mark.sqlite_alone  # it looks into the file
def test_no_byte_of_her_is_left(forum: Forum, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    uploads = forum.event.path / "uploads"
    uploads.mkdir(exist_ok=True)
    (uploads / "roster").write_text("Wilhelmina,Quartermaine", "utf-8")
    before = stored(forum.event.path)
    assert standing(before) == list(SECRETS), "all of it was there"
    photo = forum.event.path / "cards/photos/REG-ZQ-90417.jpg"
    picture = photo.read_bytes()
    sealed = [bytes(row[0]) for row in forum.rows(
        "SELECT sealed FROM badge WHERE serial = ? UNION ALL SELECT lookup FROM badge"
        " WHERE serial = ? UNION ALL SELECT sealed FROM day_credential WHERE serial = ?",
        forum.serial, forum.serial, forum.serial,
    )]  # fmt: skip
    credentials = [row[0].encode() for row in forum.rows(
        "SELECT credential FROM badge WHERE serial = ?", forum.serial)]  # fmt: skip
    assert len(sealed) == 5
    done = do(forum)
    assert not photo.exists()
    backup = make_backup(forum.event, forum.backups, LATER)
    held = stored(forum.event.path) + stored(backup.path) + caplog.text.encode()
    assert standing(held) == []
    assert picture not in held
    assert [secret for secret in chain(sealed[:2], credentials) if secret in held] == []
    assert [text for text in done.needles if text.encode() in held] == []


@pytest.mark.parametrize(
    "error", [sqlite3.OperationalError("database or disk is full"), DatabaseError("away")]
)
def test_an_erasure_stands_where_the_file_can_not_be_written_anew(
    forum: Forum, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(_: object) -> None:
        raise error

    monkeypatch.setattr(erase.database_file, "written_anew", full)
    assert erase.settle(forum.event, forum.database) == erase.NOT_WRITTEN_ANEW


def test_musters_and_lists_know_her_no_more_and_musters_add_up(forum: Forum) -> None:
    before = lists.counts(forum.database.reader, 1)
    assert before.total("seen") == 1
    do(forum)
    after = lists.counts(forum.database.reader, 1)
    for name in ("listed", "missing", "doubtful", "out", "seen", "help_missing"):
        assert after.total(name) == before.total(name), name
    assert (after.extra, after.void_badges) == (before.extra, before.void_badges)
    (line,) = lists.lines(forum.database.reader, 1, lists.Wanted())
    assert (line.name, line.organisation) == ("", "")
    for table in ("muster_person", "muster_seen"):
        (serial,) = forum.rows(f"SELECT serial FROM {table}")[0]
        assert serial < 0, table
    assert forum.rows("SELECT kind, note FROM attention") == [("door", "")]
    assert forum.rows("SELECT note FROM taken_alert") == [("",)]
    assert forum.rows("SELECT name FROM roster_mapping") == [("Shop",)]
    for table in ("saved_filter", "act_change", "page_edit"):
        assert forum.rows(f"SELECT COUNT(*) FROM {table}") == [(0,)], table


def test_the_log_still_verifies_and_halls_add_up(forum: Forum, tmp_path) -> None:
    log = entry_log.Log(forum.database, forum.event.log_name, forum.event.log_key)
    size, note = log.size(), log.note(log.size())
    figures = hall_figures(forum.database.reader)
    counts = "SELECT COUNT(*), COUNT(DISTINCT hall_id), SUM(closed_at - opened_at) FROM stay"
    decided = "SELECT decision, hall_id, COUNT(*) FROM scan GROUP BY 1, 2 ORDER BY 1, 2"
    stays, scans = forum.rows(counts), forum.rows(decided)
    ours = forum.rows("SELECT COUNT(*) FROM stay WHERE serial = ?", forum.serial)
    assert ours[0][0] >= 1
    done = do(forum)
    assert done.entries >= 3
    assert hall_figures(forum.database.reader) == figures
    assert forum.rows(counts) == stays
    assert forum.rows(decided) == scans
    assert list(check.problems(forum.database.reader, forum.event.log_name)) == []
    assert log.size() == size + 1
    out = tmp_path / "export"
    with forum.database.reading() as db:
        export(db, forum.event, out, Selection(), now=LATER, progress=lambda at, of: None)
    assert verified(out, checkpoints=[note.encode()], key=None)[0] == []
    nobody = forum.rows("SELECT serial FROM stay WHERE serial < 0")
    assert len(nobody) == ours[0][0]
    assert forum.rows("SELECT COUNT(*) FROM stay WHERE serial = ?", forum.serial) == [(0,)]
    assert forum.rows("SELECT COUNT(*) FROM scan WHERE serial = ?", forum.serial) == [(0,)]
    assert forum.broken_references() == []


def test_no_row_has_her(forum: Forum) -> None:
    assert {"Wilhelmina", "Quartermaine"} <= set(standing(everything(forum.database).encode()))
    do(forum)
    assert standing(everything(forum.database).encode()) == []


def test_her_badges_are_void_and_doors_hear_of_it(forum: Forum) -> None:
    before = forum.database.reader.execute("SELECT MAX(cursor) FROM change").fetchone()[0]
    lookups = {row[0] for row in forum.rows(
        "SELECT lookup FROM badge WHERE serial = ? UNION SELECT lookup FROM day_credential"
        " WHERE serial = ? UNION SELECT lookup FROM withdrawn_badge WHERE serial = ?",
        *[forum.serial] * 3)}  # fmt: skip
    do(forum)
    sent = changes(forum.database, before)
    (holder,) = [change.holder for change in sent if isinstance(change, wire.HolderChanged)]
    assert (holder.serial, holder.highest_issue, holder.revoked) == (forum.serial, 3, True)
    (names,) = [change for change in sent if isinstance(change, wire.NamesChanged)]
    assert set(names.erased) == lookups
    assert any(isinstance(change, wire.VenueChanged) for change in sent), "her talk"
    with pytest.raises(attendees.UnknownAttendeeError):
        attendees.attendee(forum.database.reader, forum.serial)


def test_who_is_inside_is_not_erased(forum: Forum) -> None:
    forum.door.scan(forum.pages.now, forum.serial)
    forum.pages.send(forum.door)
    before = forum.rows("SELECT COUNT(*) FROM leaf")
    with pytest.raises(PersonError, match="counted in a hall. Wait until they left"):
        do(forum)
    assert forum.rows("SELECT COUNT(*) FROM leaf") == before
    assert attendees.attendee(forum.database.reader, forum.serial)
    plan = erase.plan(forum.database.reader, forum.event, forum.serial)
    assert "counted in a hall" in plan.refusal


def test_photos_of_people_whom_a_restored_database_does_not_know_stay(forum: Forum) -> None:
    photos = forum.event.path / "cards/photos"
    for serial, revoked_at in ((77, None), (78, NOW)):
        forum.database.write(
            lambda db, values=(serial, 1, revoked_at): (
                db.execute("INSERT INTO unknown_holder VALUES (?, ?, ?)", values) and None
            )
        )
        (photos / f"{badge_number(serial)}.jpg").write_bytes(b"a picture")
    (gone,) = person.photos_of_erased(forum.database.reader, forum.event)
    assert gone.stem == badge_number(78)


def test_others_are_as_they_were(forum: Forum) -> None:
    query = "SELECT * FROM attendee WHERE serial <> ? ORDER BY serial"
    search = "SELECT serial FROM attendee_search WHERE serial <> ? ORDER BY serial"
    before = forum.rows(query, forum.serial), forum.rows(search, forum.serial)
    do(forum)
    assert (forum.rows(query, 0), forum.rows(search, 0)) == before
    _people, total = attendees.find_attendees(forum.database.reader, "Keller", 10, 0)
    assert total == 1
    assert attendees.find_attendees(forum.database.reader, "Wilhelmina", 10, 0)[1] == 0


def test_numbered_rows_stay_separate(forum: Forum, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        TABLES, "roll", Table(pseudonymous="serial", none="seen", erasure=Erasure.NUMBERED)
    )
    forum.database.write(
        lambda db: db.execute("CREATE TABLE roll (serial INTEGER, seen TEXT) STRICT")
    )
    for seen in "ab":
        forum.database.write(
            lambda db, seen=seen: db.execute("INSERT INTO roll VALUES (?, ?)", (forum.serial, seen))
        )
    do(forum)
    rows = forum.rows("SELECT serial, seen FROM roll ORDER BY seen")
    assert [seen for _, seen in rows] == ["a", "b"]
    assert all(serial < 0 for serial, _ in rows)
    assert rows[0][0] != rows[1][0]


@pytest.mark.sqlite_alone  # it makes backups itself
def test_backups_are_named_and_deleted_if_asked(forum: Forum) -> None:
    backup = make_backup(forum.event, forum.backups, NOW)
    plan = erase.plan(forum.database.reader, forum.event, forum.serial)
    assert [item.path for item in plan.backups] == [backup.path]
    do(forum)
    assert b"Quartermaine" in stored(forum.backups)
    count = erase.delete_backups(forum.database, forum.event, by="user:1", now=LATER)
    assert count == 1
    assert standing(stored(forum.backups)) == []


@pytest.mark.sqlite_alone
def test_backups_whose_deletion_cannot_be_logged_stay(forum: Forum) -> None:
    backup = make_backup(forum.event, forum.backups, NOW)
    with full_at_commit(forum.database), pytest.raises(DatabaseError):
        erase.delete_backups(forum.database, forum.event, by="user:1", now=LATER)
    assert backup.path.is_dir()


@pytest.mark.sqlite_alone  # it makes backups itself
@pytest.mark.parametrize("named", [False, True])
def test_a_backup_that_is_made_meanwhile_is_deleted_too(forum: Forum, *, named: bool) -> None:
    """It has the state from before the erasure, and would get its name afterwards."""
    copied, go_on = threading.Event(), threading.Event()

    def progress(done: int, of: int) -> None:
        if of and done == of:
            copied.set()
            go_on.wait()

    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(make_backup, forum.event, forum.backups, NOW, progress=progress)
        copied.wait()
        forum.database.write(
            lambda db: erase.erase(db, forum.event, forum.serial, by="user:1", now=LATER)
        )
        if named:
            go_on.set()
            made.result()
        deleted = erase.delete_backups(forum.database, forum.event, by="user:1", now=LATER)
        go_on.set()
        if not named:
            with pytest.raises(BackupError):
                made.result()
    assert deleted == int(named)
    assert list(forum.backups.glob("*Z*")) == []
    make_backup(forum.event, forum.backups, LATER)
    assert standing(stored(forum.backups)) == []


def test_a_message_that_waits_for_a_webhook_has_her_number_no_more(forum: Forum) -> None:
    url, topics = "https://receiver.example/", ("entries", "badges")

    def add(db: Connection) -> list[int]:
        added = [endpoints.add(db, url, (topic,), by="test", now=NOW, http_allowed=False)
                for topic in topics]  # fmt: skip
        return [endpoint.endpoint_id for endpoint in added]

    def make(db: Connection) -> None:
        for endpoint_id in ids:
            outbox.make_next(db, endpoints.endpoint(db, endpoint_id), NOW)

    ids = forum.database.write(add)
    forum.door.scan(NOW, forum.serial, decision="denied", reason="already_inside")
    forum.pages.send(forum.door)
    forum.database.write(
        lambda db: issuing.reissue(
            db, forum.event, forum.serial, reason="lost", by="user:1", now=NOW
        )
    )
    forum.database.write(make)
    number = badge_number(forum.serial)
    before = waiting(forum)
    assert [number in text for text in before] == [True, True]
    do(forum)
    after = waiting(forum)
    assert [number in text for text in after] == [False, False]
    assert [kind(text) for text in after] == [kind(text) for text in before]


def kind(message: str) -> str:
    return str(json.loads(message)["type"])


def waiting(forum: Forum) -> list[str]:
    """Bodies of waiting webhook messages."""
    rows = forum.rows("SELECT body FROM webhook_message WHERE delivered_at IS NULL")
    return [bytes(row[0]).decode() for row in rows]
