"""Retention clocks: off until set, and then exactly the data due is deleted."""

import pytest

from server.core.event import retention as clocks
from server.core.event.retention import CLOCKS, DAY_MS, ClockError
from server.core.occupancy.figures import hall_figures
from server.features.evidence import check
from server.features.privacy import running
from tests.server.conftest import NOW
from tests.server.features.privacy.conftest import SECRETS, Known, stored

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


def put(known: Known, **days: int | None) -> list[str]:
    return known.database.write(lambda db: clocks.put(db, days, by="user:1", now=NOW))


def run(known: Known, now: int) -> dict[str, int]:
    done = running.run(known.database, known.event, by="server", now=now)
    return {one.kind: one.count for one in done}


def left(known: Known) -> dict[str, int]:
    return {kind: known.rows(query)[0][0] for kind, query in COUNTS.items()}


@pytest.mark.sqlite_alone  # it looks into the file
def test_all_are_off_at_first(known: Known) -> None:
    before = stored(known.event.path)
    assert clocks.settings(known.database.reader) == {}
    assert run(known, NOW + 5_000 * DAY_MS) == {}
    assert stored(known.event.path) == before


@pytest.mark.parametrize("kind", COUNTS)
def test_each_takes_its_own_kind_and_nothing_before_its_time(known: Known, kind: str) -> None:
    before = left(known)
    assert before[kind] > 0
    put(known, **{kind: 20})
    since = clocks.ends_at(known.event.settings) if CLOCKS[kind].since == "end" else NOW
    assert run(known, since + 20 * DAY_MS - 1) == {}
    assert left(known) == before
    assert run(known, since + 20 * DAY_MS + 1)[kind] > 0
    after = left(known)
    assert after[kind] == 0
    if kind == "contact":
        assert after.pop("undo") == 0, "it had what she was reached by"
        before.pop("undo")
    if kind != "people":
        assert {**after, kind: before[kind]} == before, "nothing else"
    assert list(check.problems(known.database.reader, known.event.log_name)) == []
    assert known.broken_references() == []


def test_photos(known: Known) -> None:
    put(known, photos=0)
    assert run(known, clocks.ends_at(known.event.settings)) == {"photos": 1}
    assert list((known.event.path / "cards/photos").iterdir()) == []


def test_movements_leave_totals(known: Known) -> None:
    put(known, movements=90)
    figures = hall_figures(known.database.reader)
    query = "SELECT hall_id, decision, COUNT(*) FROM scan GROUP BY 1, 2 ORDER BY 1, 2"
    scans, stays = known.rows(query), known.rows("SELECT COUNT(*) FROM stay")
    assert run(known, clocks.ends_at(known.event.settings) + 90 * DAY_MS) == {"movements": 2}
    assert (known.rows(query), known.rows("SELECT COUNT(*) FROM stay")) == (scans, stays)
    assert hall_figures(known.database.reader) == figures
    assert known.rows("SELECT COUNT(*) FROM attendee WHERE email <> ''")[0][0] == 5


@pytest.mark.sqlite_alone  # it looks into the file
def test_people_leave_no_byte(known: Known) -> None:
    put(known, people=365)
    now = clocks.ends_at(known.event.settings) + 365 * DAY_MS
    assert run(known, now) == {"people": 5}
    held = stored(known.event.path)
    assert [text for text in (*SECRETS, "Keller", "xiaoming") if text.encode() in held] == []


def test_who_is_still_counted_is_left_over_and_told(known: Known) -> None:
    known.door.scan(known.pages.now, known.serial)
    known.pages.send(known.door)
    put(known, people=0)
    now = clocks.ends_at(known.event.settings)
    (done,) = running.run(known.database, known.event, by="server", now=now)
    assert (done.count, done.left_over) == (4, 1)
    assert clocks.last_runs(known.database.reader, 5) == [done]


@pytest.mark.sqlite_alone  # it looks into the file
def test_contact_is_not_found_any_more(known: Known) -> None:
    put(known, contact=0)
    run(known, clocks.ends_at(known.event.settings))
    held = stored(known.event.path)
    assert b"+64215550199" not in held
    assert b"QX-77120" not in held
    assert b"wilma.q" not in held


def test_the_log_has_counts_alone(known: Known) -> None:
    put(known, id_checks=1)
    run(known, clocks.ends_at(known.event.settings) + DAY_MS)
    bodies = [bytes(row[0]) for row in known.rows(
        "SELECT body FROM leaf ORDER BY number DESC LIMIT 2")]  # fmt: skip
    assert b'"subject":{"clock":"id_checks","count":1}' in bodies[0]
    assert b'"subject":{"clock":"id_checks","days":1}' in bodies[1]


def test_a_clock_that_can_t_be(known: Known) -> None:
    with pytest.raises(ClockError, match="no kind of record 'cats'"):
        put(known, cats=1)
    for days in (-1, 3_651):
        with pytest.raises(ClockError, match="from 0 to 3,650"):
            put(known, contact=5, people=days)
    assert clocks.settings(known.database.reader) == {}
    assert put(known, contact=5) == ["contact"]
    assert put(known, contact=5) == [], "it is so already"
    assert put(known, contact=None) == ["contact"]
    assert clocks.settings(known.database.reader) == {}


def test_a_dry_run_says_and_does_nothing(known: Known) -> None:
    put(known, mails=0, people=365)
    before = left(known)
    found = running.due(known.database.reader, known.event, now=NOW + DAY_MS)
    assert [(one.clock.kind, one.count) for one in found] == [("mails", 1), ("people", 0)]
    assert left(known) == before
