"""An attendee's programme as iCalendar, and later updates for a subscribed program."""

from datetime import UTC, datetime

import icalendar

from server.core.people import issuing
from server.core.people.phone_token import phone_token
from server.core.venue import store
from server.features.wallet.links import links_of
from tests.server.conftest import HOUR, NOW
from tests.server.support.pages import Pages

prepare = Pages.issue  # for every attendee


def link(pages: Pages, external_id: str) -> str:
    badge = issuing.current_badge(pages.database.reader, pages.serial(external_id))
    return f"/b/{phone_token(pages.event, badge.serial, badge.issue)}/programme.ics"


def read(pages: Pages, external_id: str) -> dict[str, icalendar.Event]:
    """The events of an attendee's calendar, by their session's code."""
    answer = pages.stranger().get(link(pages, external_id))
    assert answer.status_code == 200
    calendar = icalendar.Calendar.from_ical(answer.data)
    events = {}
    for event in calendar.walk("VEVENT"):
        name, _, where = str(event["uid"]).partition("@")
        assert where == pages.event.uuid
        events[name.removeprefix("session-")] = event
    return events


def change(pages: Pages, statement: str, *values: object) -> None:
    pages.database.write(lambda db: db.execute(statement, values) and None)


def session_id(pages: Pages, code: str) -> int:
    query = "SELECT session_id FROM session WHERE code = ?"
    return pages.value(query, code)


def test_it_works(pages: Pages) -> None:
    answer = pages.stranger().get(link(pages, "A2"))
    assert answer.mimetype == "text/calendar"
    assert answer.headers["Cache-Control"].startswith("private")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers
    assert all(len(line) <= 75 for line in answer.data.split(b"\r\n"))
    calendar = icalendar.Calendar.from_ical(answer.data)
    assert calendar["x-wr-calname"] == "海港论坛: 我的日程"
    assert calendar["method"] == "PUBLISH"
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT15M" in answer.data
    (zone,) = calendar.walk("VTIMEZONE")
    assert zone["tzid"] == "Asia/Shanghai"
    (opening,) = calendar.walk("VEVENT")
    assert opening["summary"] == "开幕式"
    assert opening["description"] == "Opening"
    assert opening["location"] == "一号厅"
    assert opening["status"] == "CONFIRMED"
    assert opening["sequence"] == 0
    assert opening["dtstart"].params["TZID"] == "Asia/Shanghai"
    assert opening.start.astimezone(UTC) == datetime(2026, 5, 4, 3, tzinfo=UTC)  # type: ignore[attr-defined]
    assert opening.end.astimezone(UTC) == datetime(2026, 5, 4, 4, tzinfo=UTC)  # type: ignore[attr-defined]
    assert opening["last-modified"].dt == datetime.fromtimestamp(NOW / 1000, UTC)


def test_titles_are_in_the_attendees_language(pages: Pages) -> None:
    assert read(pages, "A1")["opening"]["summary"] == "Opening"
    assert read(pages, "A2")["opening"]["summary"] == "开幕式"


def test_a_calendar_is_one_attendees(pages: Pages) -> None:
    assert read(pages, "A3").keys() == {"opening", "press"}
    assert read(pages, "A1").keys() == {"opening"}
    everything = pages.stranger().get(link(pages, "A1")).text
    assert "Keller" not in everything
    assert "/b/" not in everything


def test_what_has_not_changed_stays_as_it_was(pages: Pages) -> None:
    before = pages.stranger().get(link(pages, "A1"))
    pages.now += HOUR
    again = pages.stranger().get(link(pages, "A1"))
    assert again.data == before.data
    tag = {"If-None-Match": before.headers["ETag"]}
    assert pages.stranger().get(link(pages, "A1"), headers=tag).status_code == 304


def test_a_moved_session_has_a_higher_sequence_and_its_own_uid(pages: Pages) -> None:
    before = read(pages, "A1")["opening"]
    pages.now += HOUR
    moved = "starts_at = starts_at + ?, ends_at = ends_at + ?"
    change(pages, f"UPDATE session SET {moved} WHERE code = 'opening'", HOUR, HOUR)
    after = read(pages, "A1")["opening"]
    assert after["uid"] == before["uid"]
    assert after["sequence"] == 1
    assert after.start - before.start == after.end - before.end
    assert after["last-modified"].dt == datetime.fromtimestamp(pages.now / 1000, UTC)
    # A first-time reader gets the same.
    assert read(pages, "A2")["opening"]["sequence"] == 1


def test_a_hall_that_is_called_otherwise_is_told(pages: Pages) -> None:
    read(pages, "A1")
    change(pages, "UPDATE hall SET names = ? WHERE code = 'h1'", '{"en": "Great Hall"}')
    session = read(pages, "A1")["opening"]
    assert (session["location"], session["sequence"]) == ("Great Hall", 1)


def test_a_removed_session_is_cancelled_for_those_who_had_it(pages: Pages) -> None:
    read(pages, "A3")
    pages.now += HOUR
    number = session_id(pages, "press")
    pages.database.write(lambda db: store.remove_session(db, number, by="test", now=pages.now))
    session = read(pages, "A3")["press"]
    assert session["status"] == "CANCELLED"
    assert session["summary"] == "Cancelled: Press hour"
    assert session["sequence"] == 1
    assert session["last-modified"].dt == datetime.fromtimestamp(pages.now / 1000, UTC)
    assert "press" not in read(pages, "A1")
    assert "press" not in read(pages, "A4")  # A4 had not read it before


def test_an_invitation_that_is_taken_back_and_given_again(pages: Pages) -> None:
    number, serial = session_id(pages, "press"), pages.serial("A4")
    assert read(pages, "A4")["press"]["sequence"] == 0
    guest = "WHERE session_id = ? AND serial = ?"
    change(pages, f"UPDATE session_guest SET invited = 0 {guest}", number, serial)
    session = read(pages, "A4")["press"]
    assert (session["status"], session["sequence"]) == ("CANCELLED", 1)
    assert read(pages, "A3")["press"]["status"] == "CONFIRMED"
    change(pages, f"UPDATE session_guest SET invited = 1 {guest}", number, serial)
    session = read(pages, "A4")["press"]
    assert (session["status"], session["sequence"]) == ("CONFIRMED", 2)


def test_titles_end_no_line(pages: Pages) -> None:
    title = '{"en": "A\\r\\nATTENDEE:mailto:x@example.org\\r\\nX:;,\\\\"}'
    change(pages, "UPDATE session SET titles = ? WHERE code = 'opening'", title)
    answer = pages.stranger().get(link(pages, "A1"))
    assert not [line for line in answer.data.split(b"\r\n") if line.startswith(b"ATTENDEE")]


def test_a_link_that_is_none_and_one_that_was_replaced(pages: Pages) -> None:
    assert pages.stranger().get("/b/x/programme.ics").status_code == 404
    before, serial = link(pages, "A1"), pages.serial("A1")
    pages.reissue(serial)
    assert pages.stranger().get(before).status_code == 410


def test_a_subscription_is_the_same_address(pages: Pages) -> None:
    links = links_of(pages.event, phone_token(pages.event, pages.serial("A1"), 1))
    assert links.calendar == f"https://localhost:8443{link(pages, 'A1')}"
    assert links.subscription == f"webcal://localhost:8443{link(pages, 'A1')}"
