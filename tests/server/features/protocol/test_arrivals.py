"""Protocol guests: flagging, notices of their arrival to the right staff in time, and secrecy."""

import html
import json
import re

import pytest

from badges.admission.facts import Calendar
from badges.credential.badge_number import badge_number
from badges.wire import wire
from server.core.feed import changes
from server.core.kiosks.snapshot import snapshot
from server.core.people import protocol_guests
from server.core.people.protocol_guests import Arrival, Entered
from server.core.staff import users
from server.web import live
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages, Staff, acts

prepare = Pages.issue  # for every attendee

DAY = 24 * HOUR


@pytest.fixture
def main(pages: Pages) -> FakeDoor:
    return pages.connected_kiosk("main-1", "main")


def newest_user(pages: Pages) -> int:
    return int(pages.value("SELECT MAX(user_id) FROM staff_user"))


def staff(pages: Pages, role: str) -> tuple[Staff, int]:
    someone = pages.staff(role)
    return someone, newest_user(pages)


def person(pages: Pages, external_id: str) -> str:
    return f"/admin/people/{badge_number(pages.serial(external_id))}"


def flag(pages: Pages, external_id: str, *watchers: int) -> None:
    serial = pages.serial(external_id)
    pages.database.write(
        lambda db: protocol_guests.set_protocol_guest(
            db, serial, watchers, by="user:1", now=pages.now
        )
    )


def arrivals_of(pages: Pages, user_id: int) -> list[Arrival]:
    return protocol_guests.arrivals(pages.database.reader, user_id, limit=99)


def header(page: str) -> str:
    match = re.search(r'<span id="arrivals"[^>]*>(.*?)</span>', page, re.S)
    return "" if match is None else " ".join(re.sub(r"<[^>]+>", "", match[1]).split())


def test_it_works(pages: Pages, main: FakeDoor) -> None:
    steward, user_id = staff(pages, "steward")
    admin = pages.staff("admin")
    answer = admin.post(f"{person(pages, 'A2')}/protocol", {"users": user_id})
    assert answer.location == person(pages, "A2")
    assert "notified when this guest arrives" in admin.get(answer.location).text
    assert header(steward.get("/admin/").text) == "Arrivals"

    main.scan(pages.now - MINUTE, pages.serial("A2"), skew_ms=1000)
    pages.send(main)
    (arrival,) = arrivals_of(pages, user_id)
    assert (arrival.name, arrival.organisation) == ("王小明", "海事大学")
    assert (arrival.hall_names["en"], arrival.at) == ("Harbour Centre", pages.now - MINUTE - 1000)
    assert header(steward.get("/admin/").text) == "Arrivals 1 new"
    page = steward.get("/admin/arrivals/").text
    for text in ("王小明", "海事大学", "Harbour Centre", "Main entrance", "Mon 04 May 09:58:59"):
        assert text in page
    newest = re.search(r'name="newest" value="(\d+)"', page)
    assert newest
    steward.post("/admin/arrivals/seen", {"newest": newest[1]})
    page = steward.get("/admin/arrivals/").text
    assert "Marked as seen: 1." in page
    assert "Seen 10:00" in page
    assert header(page) == "Arrivals"


def test_the_first_entry_of_each_day_is_told_and_no_other(pages: Pages, main: FakeDoor) -> None:
    user_id = staff(pages, "auditor")[1]
    flag(pages, "A2", user_id)
    guest, other = pages.serial("A2"), pages.serial("A1")
    main.scan(NOW, other)
    main.scan(NOW, guest, decision="denied", reason="hall_full")
    pages.send(main)
    assert arrivals_of(pages, user_id) == []
    entry = main.scan(NOW + MINUTE, guest)
    pages.send(main)
    main.leave(NOW + 2 * MINUTE, guest, main.ref(entry))
    main.scan(NOW + 3 * MINUTE, guest)
    pages.now = NOW + HOUR
    pages.send(main)
    assert len(arrivals_of(pages, user_id)) == 1
    pages.now = NOW + DAY
    main.scan(pages.now, guest)
    pages.send(main)
    assert [arrival.at for arrival in arrivals_of(pages, user_id)] == [NOW + DAY, NOW + MINUTE]


def test_any_hall_counts_once(pages: Pages, main: FakeDoor) -> None:
    user_id = staff(pages, "auditor")[1]
    flag(pages, "A2", user_id)
    green = pages.connected_kiosk("green-1", "green-door")
    green.scan(NOW, pages.serial("A2"))
    pages.send(green)
    main.scan(NOW + MINUTE, pages.serial("A2"))
    pages.now += HOUR
    pages.send(main)
    assert [arrival.hall_names["en"] for arrival in arrivals_of(pages, user_id)] == ["Green Room"]


def test_each_of_several_users_has_a_notice_of_their_own(pages: Pages, main: FakeDoor) -> None:
    first, second, third = (staff(pages, role)[1] for role in ("steward", "steward", "auditor"))
    flag(pages, "A2", first, second)
    main.scan(NOW, pages.serial("A2"))
    pages.send(main)
    assert [protocol_guests.unseen(pages.database.reader, user) for user in (first, second)] == [
        1,
        1,
    ]
    assert arrivals_of(pages, third) == []
    pages.database.write(lambda db: protocol_guests.mark_seen(db, first, 99, NOW))
    assert [protocol_guests.unseen(pages.database.reader, user) for user in (first, second)] == [
        0,
        1,
    ]


def test_what_came_since_the_page_was_made_stays_new(pages: Pages, main: FakeDoor) -> None:
    steward, user_id = staff(pages, "steward")
    flag(pages, "A1", user_id)
    flag(pages, "A2", user_id)
    main.scan(NOW, pages.serial("A1"))
    pages.send(main)
    shown = arrivals_of(pages, user_id)[0].arrival_id
    main.scan(NOW, pages.serial("A2"))
    pages.send(main)
    steward.post("/admin/arrivals/seen", {"newest": shown})
    assert [arrival.seen_at for arrival in arrivals_of(pages, user_id)] == [None, NOW]
    steward.post("/admin/arrivals/seen", {"newest": "x"})
    steward.post("/admin/arrivals/seen", {})
    assert protocol_guests.unseen(pages.database.reader, user_id) == 1


def test_a_kiosk_that_was_fenced_makes_no_arrival(pages: Pages, main: FakeDoor) -> None:
    user_id = staff(pages, "steward")[1]
    flag(pages, "A2", user_id)
    pages.database.write(
        lambda db: db.execute("UPDATE kiosk SET state = 'fenced' WHERE kiosk = 'main-1'")
    )
    main.scan(NOW, pages.serial("A2"))
    pages.send(main)
    assert arrivals_of(pages, user_id) == []


@pytest.mark.parametrize("together", [True, False])
def test_an_annulled_entry_is_no_arrival(pages: Pages, main: FakeDoor, together: bool) -> None:
    """The next one is, also if all came in one batch."""
    user_id = staff(pages, "steward")[1]
    flag(pages, "A2", user_id)
    guest = pages.serial("A2")

    def sent() -> None:
        if not together:
            pages.send(main)

    entry = main.scan(NOW, guest)
    sent()
    main.leave(NOW + 1, guest, main.ref(entry), act="annul")
    pages.now += HOUR
    if not together:
        pages.send(main)
        assert arrivals_of(pages, user_id) == []
    main.scan(NOW + MINUTE, guest)
    pages.send(main)
    assert [arrival.at for arrival in arrivals_of(pages, user_id)] == [NOW + MINUTE]


@pytest.mark.parametrize("together", [True, False])
def test_the_second_entry_is_the_arrival_once_the_first_is_annulled(
    pages: Pages, main: FakeDoor, together: bool
) -> None:
    user_id = staff(pages, "steward")[1]
    flag(pages, "A2", user_id)
    guest = pages.serial("A2")
    wrong = main.scan(NOW, guest)
    void = main.scan(NOW + MINUTE, guest)
    main.leave(NOW + MINUTE + 1, guest, main.ref(void), act="annul")
    main.scan(NOW + 2 * MINUTE, guest)
    main.scan(NOW + 3 * MINUTE, guest)
    pages.now += HOUR
    if not together:
        pages.send(main)
        assert [arrival.at for arrival in arrivals_of(pages, user_id)] == [NOW]
    main.leave(NOW + 4 * MINUTE, guest, main.ref(wrong), act="annul")
    pages.send(main)
    assert [arrival.at for arrival in arrivals_of(pages, user_id)] == [NOW + 2 * MINUTE]


def test_a_late_entry_of_the_annulled_one_s_day_is_the_arrival(
    pages: Pages, main: FakeDoor
) -> None:
    user_id = staff(pages, "steward")[1]
    flag(pages, "A2", user_id)
    guest, green = pages.serial("A2"), pages.connected_kiosk("green-1", "green-door")
    wrong = main.scan(NOW, guest)
    main.scan(NOW + DAY, guest)
    pages.now += DAY
    pages.send(main)
    green.scan(NOW + MINUTE, guest)
    pages.send(green)
    main.leave(NOW + DAY + 1, guest, main.ref(wrong), act="annul")
    pages.send(main)
    assert [arrival.at for arrival in arrivals_of(pages, user_id)] == [NOW + MINUTE, NOW + DAY]


def test_another_kiosk_annuls_no_arrival(pages: Pages, main: FakeDoor) -> None:
    user_id = staff(pages, "steward")[1]
    flag(pages, "A2", user_id)
    entry = main.scan(NOW, pages.serial("A2"))
    pages.send(main)
    green = pages.connected_kiosk("green-1", "green-door")
    green.leave(NOW + 1, pages.serial("A2"), main.ref(entry), act="annul")
    pages.send(green)
    assert len(arrivals_of(pages, user_id)) == 1


def test_nobody_is_told_any_more(pages: Pages, main: FakeDoor) -> None:
    user_id = staff(pages, "steward")[1]
    flag(pages, "A2", user_id)
    main.scan(NOW, pages.serial("A2"))
    pages.send(main)
    admin = pages.staff("admin")
    admin.post(f"{person(pages, 'A2')}/no-protocol")
    assert "No one is notified" in admin.get(person(pages, "A2")).text
    admin.post(f"{person(pages, 'A2')}/no-protocol")
    assert "is no protocol guest" in html.unescape(admin.get(person(pages, "A2")).text)
    pages.now += DAY
    main.scan(pages.now, pages.serial("A2"))
    pages.send(main)
    assert len(arrivals_of(pages, user_id)) == 1  # the notice stays


def test_a_door_learns_nothing_of_it(pages: Pages, main: FakeDoor) -> None:
    """Neither that a person is a guest, nor that anything changed."""
    user_id = staff(pages, "steward")[1]

    def facts(db) -> bytes:
        copy = snapshot(db, pages.event, ("main-1", 1), main.door, NOW, programme=True)
        return wire.encode(copy)

    before = pages.database.write(facts), changes.cursor(pages.database.reader)
    flag(pages, "A2", user_id)
    assert (pages.database.write(facts), changes.cursor(pages.database.reader)) == before


def test_a_user_sees_their_own_notices_and_no_list_of_guests(pages: Pages, main: FakeDoor) -> None:
    told_of, user_id = staff(pages, "steward")
    flag(pages, "A2", user_id)
    main.scan(NOW, pages.serial("A2"))
    pages.send(main)
    other = pages.staff("auditor")
    assert "王小明" not in other.get("/admin/arrivals/").text
    assert header(other.get("/admin/").text) == ""
    assert "Protocol guest" not in other.get(person(pages, "A2")).text
    assert "Notified users" not in told_of.get("/admin/arrivals/").text
    page = pages.staff("admin").get("/admin/arrivals/").text
    assert "Notified users" in page
    assert "王小明" in page


def test_what_was_chosen_badly_changes_nothing(pages: Pages) -> None:
    admin, admin_id = staff(pages, "admin")
    gone = staff(pages, "steward")[1]
    pages.database.write(lambda db: users.disable_user(db, gone, by="test", now=NOW))
    page = person(pages, "A2")
    for fields, why in (
        ({}, "choose at least one user"),
        ({"users": ["x"]}, "choose at least one user"),
        ({"users": [admin_id, gone]}, "is disabled or no longer exists"),
        ({"users": [admin_id, 999]}, "is disabled or no longer exists"),
        ({"users": list(range(1, 52))}, "at most 50 users"),
    ):
        admin.post(f"{page}/protocol", fields)
        assert why in admin.get(page).text
    assert protocol_guests.protocol_guests(pages.database.reader) == []
    assert admin.post("/admin/people/ZZZZZ/protocol", {"users": admin_id}).status_code == 404
    with pytest.raises(ValueError, match="no attendee"):
        pages.database.write(
            lambda db: protocol_guests.set_protocol_guest(db, 1, [admin_id], by="t", now=NOW)
        )


def test_a_shut_out_user_is_no_choice_and_what_they_knew_is_kept(pages: Pages) -> None:
    gone = staff(pages, "steward")[1]
    flag(pages, "A2", gone)
    pages.database.write(lambda db: users.disable_user(db, gone, by="test", now=NOW))
    page = pages.staff("admin").get(person(pages, "A2")).text
    assert f'name="users" value="{gone}"' not in page
    (guest,) = protocol_guests.protocol_guests(pages.database.reader)
    assert guest.watchers == (gone,)


def test_acts_have_ids_alone(pages: Pages) -> None:
    first, second = staff(pages, "steward")[1], staff(pages, "auditor")[1]
    flag(pages, "A2", second, first)
    admin = pages.staff("admin")
    admin.post(f"{person(pages, 'A2')}/no-protocol")
    assert acts(pages)[-1] == "protocol_guest_cleared"
    bodies = [
        json.loads(row[0])
        for row in pages.database.reader.execute(
            "SELECT body FROM leaf WHERE kind = 'act' ORDER BY number"
        )
    ]
    subjects = [body["subject"] for body in bodies if body["act"].startswith("protocol_")]
    serial = pages.serial("A2")
    assert subjects == [{"serial": serial, "users": f"{first} {second}"}, {"serial": serial}]
    page = admin.get("/admin/acts").text
    assert "Set the users to notify of a guest" in page


def test_headers_are_live(pages: Pages, main: FakeDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_S", 3600.0)  # It is notified, and does not just look again.
    desk, user_id = staff(pages, "badge_desk")
    flag(pages, "A2", user_id)
    page = desk.get("/admin/people/").text
    assert 'data-live="/admin/arrivals/live"' in page
    assert page.count("live.js") == 1
    answer = desk.get("/admin/arrivals/live?list=1")
    stream = answer.iter_encoded()
    try:
        assert next(stream) == b"retry: 1000\n\n"
        first = json.loads(next(stream).removeprefix(b"data: "))
        assert set(first) == {"arrivals", "arrival-list"}
        main.scan(NOW, pages.serial("A2"))
        pages.send(main)
        changed = json.loads(next(stream).removeprefix(b"data: "))
        assert "1 new" in changed["arrivals"]
        assert "王小明" in changed["arrival-list"]
    finally:
        answer.close()


def test_the_overviews_own_feed_brings_it_too(pages: Pages, main: FakeDoor) -> None:
    steward, user_id = staff(pages, "steward")
    flag(pages, "A2", user_id)
    page = steward.get("/admin/").text
    assert page.count("live.js") == 1
    answer = steward.get("/admin/live")
    stream = answer.iter_encoded()
    try:
        next(stream)
        assert "arrivals" in json.loads(next(stream).removeprefix(b"data: "))
    finally:
        answer.close()


def test_a_feed_ends_with_its_session(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_S", 0.05)
    steward, user_id = staff(pages, "steward")
    flag(pages, "A2", user_id)
    answer = steward.get("/admin/arrivals/live")
    stream = answer.iter_encoded()
    try:
        next(stream)
        next(stream)
        pages.database.write(lambda db: users.disable_user(db, user_id, by="test", now=NOW))
        assert list(stream) == []
    finally:
        answer.close()


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (0, 0), (DAY - 1, 0), (DAY, 1), (2 * DAY - 1, 1), (2 * DAY, 2), (3 * DAY, 3), (-1, -1),
        (-DAY, -1), (-DAY - 1, -2),
    ],
)  # fmt: skip
def test_days_before_and_after_the_event_are_days_too(at: int, day: int) -> None:
    midnight = NOW - 10 * HOUR
    calendar = Calendar((midnight, midnight + DAY, midnight + 2 * DAY))
    assert protocol_guests.day_of(calendar, midnight + at) == day


def test_the_same_entry_twice_is_one_arrival(pages: Pages, main: FakeDoor) -> None:
    user_id = staff(pages, "steward")[1]
    flag(pages, "A2", user_id)
    main.scan(NOW, pages.serial("A2"))
    pages.send(main)
    number = pages.value("SELECT number FROM arrival")
    again = [Entered(pages.serial("A2"), number, NOW)] * 2
    calendar = Calendar((NOW - 10 * HOUR, NOW + 14 * HOUR))
    pages.database.write(lambda db: protocol_guests.note_arrivals(db, again, calendar))
    assert len(arrivals_of(pages, user_id)) == 1


def test_names_are_set_as_text(pages: Pages, main: FakeDoor) -> None:
    steward, user_id = staff(pages, "steward")
    flag(pages, "A1", user_id)
    pages.database.write(
        lambda db: db.execute(
            "UPDATE attendee SET given_name = '<img src=x>' WHERE external_id = 'A1'"
        )
    )
    main.scan(NOW, pages.serial("A1"))
    pages.send(main)
    assert "<img" not in steward.get("/admin/arrivals/").text
