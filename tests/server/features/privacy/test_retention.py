"""Retention clocks: off until set, and then exactly the data due is deleted."""

from zoneinfo import ZoneInfo

import pytest

from server.core.edits import last_edit
from server.core.edits.things import Thing
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event import retention as clocks
from server.core.event.retention import CLOCKS, DAY_MS, ClockError
from server.core.occupancy.figures import hall_figures
from server.features.evidence import check
from server.features.privacy import running
from server.storage.connection import Connection
from tests.server.conftest import NOW
from tests.server.features.privacy.conftest import SECRETS, VALUES, Forum, stored

COUNTS = {
    "undo": "SELECT COUNT(*) FROM page_edit",
    "kept_places": "SELECT COUNT(*) FROM accessible_guest",
    "id_checks": "SELECT COUNT(*) FROM id_check",
    "protocol": "SELECT COUNT(*) FROM protocol_guest",
    "contact": "SELECT COUNT(*) FROM attendee WHERE email <> ''",
    "wallets": "SELECT COUNT(*) FROM wallet_pass",
    "invitations": "SELECT COUNT(*) FROM awaited_guest",
    "mails": "SELECT COUNT(*) FROM mail",
    "desk": "SELECT COUNT(*) FROM desk_submission",
    "movements": "SELECT COUNT(*) FROM scan WHERE serial IS NOT NULL",
    "people": "SELECT COUNT(*) FROM attendee",
}


def put(forum: Forum, **days: int | None) -> list[str]:
    return forum.database.write(lambda db: clocks.put(db, days, by="user:1", now=NOW))


def run(forum: Forum, now: int) -> dict[str, int]:
    done = running.run(forum.database, forum.event, by="server", now=now)
    return {result.kind: result.count for result in done}


def left(forum: Forum) -> dict[str, int]:
    return {kind: forum.rows(query)[0][0] for kind, query in COUNTS.items()}


@pytest.mark.sqlite_alone  # it looks into the file
def test_all_are_off_at_first(forum: Forum) -> None:
    before = stored(forum.event.path)
    assert clocks.settings(forum.database.reader) == {}
    assert run(forum, NOW + 5_000 * DAY_MS) == {}
    assert stored(forum.event.path) == before


@pytest.mark.parametrize("kind", COUNTS)
def test_each_takes_its_own_kind_and_nothing_before_its_time(forum: Forum, kind: str) -> None:
    before = left(forum)
    assert before[kind] > 0
    put(forum, **{kind: 20})
    since = clocks.ends_at(forum.event.settings) if CLOCKS[kind].since == "end" else NOW
    assert run(forum, since + 20 * DAY_MS - 1) == {}
    assert left(forum) == before
    assert run(forum, since + 20 * DAY_MS + 1)[kind] > 0
    after = left(forum)
    assert after[kind] == 0
    if kind == "contact":
        for addressed in ("undo", "invitations"):
            assert after.pop(addressed) == 0, "it had what she was reached by"
            before.pop(addressed)
    if kind != "people":
        assert {**after, kind: before[kind]} == before, "nothing else"
    assert list(check.problems(forum.database.reader, forum.event.log_name)) == []
    assert forum.broken_references() == []


def test_photos(forum: Forum) -> None:
    put(forum, photos=0)
    assert run(forum, clocks.ends_at(forum.event.settings)) == {"photos": 1}
    assert list((forum.event.path / "cards/photos").iterdir()) == []


def test_movements_leave_totals(forum: Forum) -> None:
    put(forum, movements=90)
    figures = hall_figures(forum.database.reader)
    query = "SELECT hall_id, decision, COUNT(*) FROM scan GROUP BY 1, 2 ORDER BY 1, 2"
    scans, stays = forum.rows(query), forum.rows("SELECT COUNT(*) FROM stay")
    assert run(forum, clocks.ends_at(forum.event.settings) + 90 * DAY_MS) == {"movements": 2}
    assert (forum.rows(query), forum.rows("SELECT COUNT(*) FROM stay")) == (scans, stays)
    assert hall_figures(forum.database.reader) == figures
    assert forum.rows("SELECT COUNT(*) FROM attendee WHERE email <> ''")[0][0] == 5


@pytest.mark.sqlite_alone  # it looks into the file
def test_people_leave_no_byte(forum: Forum) -> None:
    put(forum, people=365)
    now = clocks.ends_at(forum.event.settings) + 365 * DAY_MS
    assert run(forum, now) == {"people": 5}
    held = stored(forum.event.path)
    assert [text for text in (*SECRETS, "Keller", "xiaoming") if text.encode() in held] == []


def test_who_is_still_counted_is_left_over_and_told(forum: Forum) -> None:
    forum.door.scan(forum.pages.now, forum.serial)
    forum.pages.send(forum.door)
    put(forum, people=0)
    now = clocks.ends_at(forum.event.settings)
    (done,) = running.run(forum.database, forum.event, by="server", now=now)
    assert (done.count, done.left_over) == (4, 1)
    assert clocks.last_runs(forum.database.reader, 5) == [done]


@pytest.mark.sqlite_alone  # it looks into the file
def test_contact_is_not_found_any_more(forum: Forum) -> None:
    put(forum, contact=0)
    forum.database.write(lambda db: speaks_by_address(db, forum.serial))
    run(forum, clocks.ends_at(forum.event.settings))
    held = stored(forum.event.path)
    assert b"+64215550199" not in held
    assert b"QX-77120" not in held
    assert b"wilma.q" not in held.lower()
    assert b"guest@harbour.example" not in held
    assert forum.rows("SELECT label, name FROM session_speaker ORDER BY position") == [
        (VALUES["external_id"], "Wilhelmina Quartermaine-Ōkubo"), ("", "Wilhelmina Quartermaine"),
        ("", "Guest of the Harbour"),
    ]  # fmt: skip


def speaks_by_address(db: Connection, serial: int) -> None:
    """An edit of a session's speakers, whom a programme file names by their addresses."""
    (session, code) = db.execute("SELECT session_id, code FROM session ORDER BY 1").fetchone()
    things = [Thing("speakers", code)]
    with last_edit.kept(db, ZoneInfo("UTC"), things, by="user:1", now=NOW) as note:
        db.executemany(
            "INSERT INTO session_speaker VALUES (?, ?, ?, ?, ?, 'speaker', NULL)",
            [
                (session, 2, serial, VALUES["email"], "Wilhelmina Quartermaine"),
                (session, 3, None, "guest@harbour.example", "Guest of the Harbour"),
            ],
        )
        entry_log.act(db, "user:1", Act.VENUE_EDITED, {"session": session}, NOW)
        note.what = "Speakers"


def test_contact_in_lists_alone_is_due_too(forum: Forum) -> None:
    put(forum, contact=0)
    run(forum, clocks.ends_at(forum.event.settings))
    forum.database.write(lambda db: speaks_by_address(db, forum.serial))
    assert run(forum, clocks.ends_at(forum.event.settings)) == {"contact": 2}


def test_the_log_has_counts_alone(forum: Forum) -> None:
    put(forum, id_checks=1)
    run(forum, clocks.ends_at(forum.event.settings) + DAY_MS)
    bodies = [bytes(row[0]) for row in forum.rows(
        "SELECT body FROM leaf ORDER BY number DESC LIMIT 2")]  # fmt: skip
    assert b'"subject":{"clock":"id_checks","count":1}' in bodies[0]
    assert b'"subject":{"clock":"id_checks","days":1}' in bodies[1]


def test_a_clock_that_can_t_be(forum: Forum) -> None:
    with pytest.raises(ClockError, match="no kind of record 'cats'"):
        put(forum, cats=1)
    for days in (-1, 3_651):
        with pytest.raises(ClockError, match="from 0 to 3,650"):
            put(forum, contact=5, people=days)
    assert clocks.settings(forum.database.reader) == {}
    assert put(forum, contact=5) == ["contact"]
    assert put(forum, contact=5) == [], "it is so already"
    assert put(forum, contact=None) == ["contact"]
    assert clocks.settings(forum.database.reader) == {}


def test_a_dry_run_says_and_does_nothing(forum: Forum) -> None:
    put(forum, mails=0, people=365)
    before = left(forum)
    due = running.due(forum.database.reader, forum.event, now=NOW + DAY_MS)
    assert [(item.clock.kind, item.count) for item in due] == [("mails", 1), ("people", 0)]
    assert left(forum) == before
