"""Matters to check: each list, its states, roles that may see and mark it, and wrong input."""

import json
import re

import pytest

from badges.credential.badge_number import badge_number
from server.features.reports.attention import NOTE_CHARS_MAX
from tests.server.conftest import HOUR, NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages, Staff, acts, words

prepare = Pages.issue  # for every attendee

LIST = "/admin/attention/"


@pytest.fixture
def west(pages: Pages) -> FakeDoor:
    return pages.connected_kiosk("west-1", "h1-west")


def shown(staff: Staff, kind: str, **more: object) -> str:
    query = "&".join(f"{key}={value}" for key, value in {"kind": kind, **more}.items())
    answer = staff.get(f"{LIST}?{query}")
    assert answer.status_code == 200
    return words(answer.text)


def marks(page: str) -> dict[str, str]:
    """The hidden fields of the first form of the list."""
    form = page.partition('action="/admin/attention/mark"')[2].partition("</form>")[0]
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))


def mark(staff: Staff, listed: str, state: str, note: str = "", **more: object) -> str:
    fields = marks(staff.get(f"{LIST}?kind={listed}").text)
    fields.pop("csrf_token", None)
    given = {**fields, "state": state, "note": note, **more}
    return words(staff.post(f"{LIST}mark", given, follow_redirects=True).text)


def deny(pages: Pages, door: FakeDoor, serial: int, times: int, **changes) -> None:
    for number in range(times):
        door.scan(
            pages.now - 1000 + number,
            serial,
            **{"decision": "denied", "reason": "expired", **changes},
        )
    pages.send(door)


def test_an_override_with_its_supervisor_and_reason(pages: Pages, west: FakeDoor) -> None:
    admin, officer = pages.staff("admin"), pages.staff("supervisor")
    serial = pages.serial("A1")
    west.scan(NOW - 2000, serial, decision="denied", reason="not_entitled")
    west.scan(NOW - 1000, serial, act="override", by="user:1", note="on the board's list")
    pages.send(west)
    page = shown(admin, "override")
    assert "admin : on the board&#39;s list" in page
    assert "Anna Keller" in page
    without_names = shown(officer, "override")
    assert badge_number(serial) in without_names
    assert "Anna" not in without_names
    assert "The entry log has it." in mark(officer, "override", "settled", "asked, and right")
    assert "Nothing in this state" in shown(officer, "override")
    settled = shown(officer, "override", state="settled")
    assert re.search(r"Settled Mon 04 May 10:00:00 , supervisor-\w+ : asked, and right", settled)
    assert acts(pages)[-1] == "attention_marked"
    body = json.loads(
        pages.value("SELECT body FROM leaf WHERE kind = 'act' ORDER BY number DESC LIMIT 1")
    )
    assert body["subject"]["note"] == "asked, and right"
    assert body["subject"]["state"] == "settled"
    assert "Override, entry" in words(admin.get("/admin/acts").text)
    assert "(asked, and right)" in words(admin.get("/admin/acts").text)


def test_a_roll_call_is_no_denial(pages: Pages, west: FakeDoor) -> None:
    deny(pages, west, pages.serial("A3"), 6, reason="roll_call")
    assert "Nothing in this state" in shown(pages.staff("supervisor"), "denials")
    for table in ("door_quarter", "door_minute"):
        row = pages.database.reader.execute(f"SELECT COALESCE(SUM(denied), 0) FROM {table}")
        assert row.fetchone()[0] == 0, table


def test_denials_are_open_again_where_more_come(pages: Pages, west: FakeDoor) -> None:
    officer, serial = pages.staff("supervisor"), pages.serial("A3")
    deny(pages, west, serial, 2)
    assert "Nothing in this state" in shown(officer, "denials")
    deny(pages, west, serial, 1, reason="not_entitled")
    page = shown(officer, "denials")
    assert badge_number(serial) in page
    assert "2× Expired, Hall 1 west" in page
    assert "1× Not entitled, Hall 1 west" in page
    mark(officer, "denials", "settled", "wrong hall, shown the way")
    assert "Nothing in this state" in shown(officer, "denials")
    deny(pages, west, serial, 2)
    page = shown(officer, "denials")
    assert "wrong hall, shown the way" in page
    assert "Since then 2 more." in page
    yesterday = shown(officer, "denials", day="2026-05-03")
    assert "Nothing in this state" in yesterday


def test_a_conflict_is_told_from_other_discrepancies(pages: Pages, west: FakeDoor) -> None:
    serial, officer = pages.serial("A1"), pages.staff("supervisor")
    # No one is entitled outside sessions. One door reports it late, and one at once.
    west.scan(NOW - 5 * HOUR, serial, facts_age_ms=HOUR)
    pages.send(west)
    west.scan(NOW - 1000, pages.serial("A3"))
    pages.send(west)
    conflicts, others = shown(officer, "conflict"), shown(officer, "discrepancy")
    assert badge_number(serial) in conflicts
    assert badge_number(pages.serial("A3")) not in conflicts
    assert badge_number(pages.serial("A3")) in others
    assert "Conflicts after reconnecting 1 open" in others
    mark(officer, "conflict", "seen")
    assert "Conflicts after reconnecting 0 open" in shown(officer, "conflict")
    assert badge_number(serial) in shown(officer, "conflict", state="any")


def test_a_door_out_of_the_ordinary_with_its_figures(pages: Pages, west: FakeDoor) -> None:
    hour = NOW // HOUR
    doors = dict(pages.database.reader.execute("SELECT code, door_id FROM door").fetchall())
    rows = [(4 * hour, doors["h1-west"], 46, 14), (4 * hour, doors["main"], 960, 40)]
    pages.database.write(
        lambda db: db.executemany("INSERT INTO door_quarter VALUES (?, ?, ?, ?)", rows)
    )
    officer = pages.staff("supervisor")
    page = shown(officer, "door")
    assert "10:00–11:00" in page
    assert "Hall 1 west, Hall 1" in page
    assert re.search(r"▲ 23\.3% 14 of 60", page)
    assert re.search(r"4\.0% 40 of 1,000 ?, 1 door", page)
    assert re.search(r"1 in [\d,]+|less than 1 in 1,000,000", page)
    mark(officer, "door", "seen", "a new steward")
    assert "Nothing in this state" in shown(officer, "door")
    pages.database.write(lambda db: db.execute("UPDATE door_quarter SET denied = denied + 1"))
    assert "Since then 1 more." in shown(officer, "door")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"state": "done"}, "choose a state"),
        ({"state": "settled", "note": "  "}, "describe in the note how it was settled"),
        ({"state": "seen", "note": "x" * (NOTE_CHARS_MAX + 1)}, "longer than 200"),
        ({"state": "seen", "subject": "99999"}, "it no longer exists"),
        ({"state": "seen", "subject": "x"}, "load the page again"),
        ({"state": "seen", "subject": "-1"}, "load the page again"),
        ({"state": "seen", "kind": "weather"}, "load the page again"),
        ({"state": "seen", "count": ""}, "load the page again"),
    ],
)
def test_a_wrong_mark(pages: Pages, west: FakeDoor, given: dict[str, object], message: str) -> None:
    deny(pages, west, pages.serial("A3"), 3)
    officer = pages.staff("supervisor")
    before = acts(pages)
    assert message in mark(officer, "denials", **{"state": "seen", **given})
    assert pages.value("SELECT COUNT(*) FROM attention") == 0
    assert acts(pages) == before


@pytest.mark.parametrize("query", ["kind=weather", "state=gone", "day=tomorrow", "day=9999-01-01"])
def test_a_wrong_filter_is_told(shown: Pages, query: str) -> None:
    answer = shown.staff("auditor").get(f"{LIST}?{query}")
    assert answer.status_code == 400
    assert 'aria-invalid="true"' in answer.text or "kind=weather" in query
    assert "Correct the fields in red first" in answer.text


def test_pages_of_long_lists(pages: Pages, west: FakeDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.features.reports.attention.PAGE_ROWS", 2)
    for number, person in enumerate(("A1", "A3", "A4")):
        west.scan(NOW - 3000 + number, pages.serial(person), act="override", by="user:1")
    pages.send(west)
    auditor = pages.staff("auditor")
    first, second = (auditor.get(f"{LIST}?kind=override&page={number}").text for number in (1, 2))
    assert first.count('rel="next"') == 1
    assert second.count('rel="next"') == 0
    assert "Anna Keller" in second
    assert "Anna Keller" not in first
    assert auditor.get(f"{LIST}?kind=override&page=99").status_code == 200
    assert auditor.get(f"{LIST}?kind=override&page=-1").status_code == 200


def test_a_note_is_shown_as_text(pages: Pages, west: FakeDoor) -> None:
    deny(pages, west, pages.serial("A3"), 3)
    officer = pages.staff("supervisor")
    mark(officer, "denials", "seen", "<script>x</script>")
    page = officer.get(f"{LIST}?kind=denials&state=any").text
    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page


def test_in_chinese(shown: Pages) -> None:
    page = shown.staff("auditor").get(f"{LIST}?lang=zh&kind=door").text
    assert "费希尔精确检验" in page
