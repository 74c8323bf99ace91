"""People who have not come yet: speakers, invitations, protocol guests; and each role's view."""

import re

import pytest

from badges.credential.badge_number import badge_number
from server.core.people import protocol_guests
from server.core.programme.speakers import Speaker, put_speakers
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages, Staff, words

PAGE, PART = "/admin/not-come/", "/admin/not-come/list"


def prepare(pages: Pages) -> None:
    """The opening is in an hour, with a guest and two speakers. Dora Quist is in no roster."""
    pages.issue()
    session = number(pages, "session", "opening")
    speakers = [
        Speaker(pages.serial("A2"), "A2", "", "keynote", None),
        Speaker(None, "", "Dora Quist", "panellist", None),
    ]

    def step(db) -> None:
        put_speakers(db, session, speakers)
        db.execute("INSERT INTO session_guest VALUES (?, ?, 1)", (session, pages.serial("A1")))
        db.execute("INSERT INTO session_guest VALUES (?, ?, 0)", (session, pages.serial("A3")))

    pages.database.write(step)


def number(pages: Pages, kind: str, code: str) -> int:
    query = f"SELECT {kind}_id FROM {kind} WHERE code = ?"
    return pages.value(query, code)


def listed(staff: Staff, query: str = "") -> str:
    answer = staff.get(f"{PART}{query}")
    assert answer.status_code == 200
    return words(answer.text)


def door(pages: Pages, name: str = "west-1", at: str = "h1-west") -> FakeDoor:
    return pages.connected_kiosk(name, at)


def test_who_is_expected_and_what_is_known_of_them(shown: Pages) -> None:
    page = listed(shown.staff("auditor"))
    assert "Speakers and invitations (3)" in page
    assert re.search(r"11:00 王小明 .* Keynote Opening 开幕式 Hall 1 Never seen at a door", page)
    assert "Dora Quist not on the roster, so no door can know" in page
    assert re.search(r"Anna Keller .* Invited by name", page)
    assert "Boris" not in page, "who is refused is not awaited"


def test_supervisors_see_invitations_without_names(shown: Pages) -> None:
    page = listed(shown.staff("supervisor"))
    assert "王小明" in page
    assert "Anna" not in page
    assert badge_number(shown.serial("A1")) in page


def test_whoever_is_inside_is_not_awaited_any_more(pages: Pages) -> None:
    west, desk, speaker = door(pages), pages.staff("badge_desk"), pages.serial("A2")
    came = west.scan(NOW, speaker)
    pages.send(west)
    assert "王小明" not in listed(desk)
    pages.now = NOW + MINUTE
    west.leave(pages.now, speaker, west.ref(came))
    pages.send(west)
    assert re.search(r"王小明 .* 10:01:00 .* Hall 1 west, Hall 1: went out", listed(desk))


def test_where_somebody_was_denied_or_is_now(pages: Pages) -> None:
    main, west, desk = door(pages, "main-1", "main"), door(pages), pages.staff("badge_desk")
    main.scan(NOW - MINUTE, pages.serial("A2"))
    pages.send(main)
    page = listed(desk)
    assert "Now in Harbour Centre" in page
    assert "Main entrance, Harbour Centre: went in" in page
    west.scan(NOW, pages.serial("A2"), decision="denied", reason="not_entitled")
    pages.send(west)
    assert "Hall 1 west, Hall 1: denied (Not entitled)" in listed(desk)


def test_only_the_next_two_hours(pages: Pages) -> None:
    desk = pages.staff("badge_desk")
    pages.now = NOW - 61 * MINUTE
    assert "(0)" in listed(desk)
    pages.now = NOW - 59 * MINUTE
    assert "(3)" in listed(desk)
    pages.now = NOW + 90 * MINUTE
    page = listed(desk)
    assert "11:00 Due" in page, "the session runs"
    pages.now = NOW + 2 * HOUR
    assert "王小明" not in listed(desk), "it is over"


def test_by_hall_and_session(shown: Pages) -> None:
    desk = shown.staff("badge_desk")
    h1, green = number(shown, "hall", "h1"), number(shown, "hall", "green")
    assert "(3)" in listed(desk, f"?hall={h1}")
    assert "(0)" in listed(desk, f"?hall={green}")
    opening, press = number(shown, "session", "opening"), number(shown, "session", "press")
    assert "(3)" in listed(desk, f"?session={opening}")
    assert "(0)" in listed(desk, f"?session={press}")
    assert "Protocol guests" not in listed(desk, f"?hall={h1}")
    page = desk.get(f"{PAGE}?hall={h1}").text
    assert f'data-refresh="{PART}?hall={h1}"' in page
    assert f'value="{h1}" selected' in page


def test_a_protocol_guest_is_known_to_admins_and_watchers_alone(pages: Pages) -> None:
    guest = pages.serial("A4")
    admin, watcher, other = (pages.staff(role) for role in ("admin", "supervisor", "auditor"))
    user_id = pages.value("SELECT user_id FROM staff_user WHERE name LIKE 'supervisor-%'")
    pages.database.write(
        lambda db: protocol_guests.set_protocol_guest(db, guest, [user_id], by="user:1", now=NOW)
    )
    assert "Chen Lee" in listed(admin)
    assert "Chen Lee" in listed(watcher)
    assert "Chen Lee" not in listed(other)
    main = door(pages, "main-1", "main")
    main.scan(NOW, guest)
    pages.send(main)
    assert "Chen Lee" not in listed(watcher)


def test_whoever_is_revoked_is_not_awaited(pages: Pages) -> None:
    pages.database.write(
        lambda db: db.execute(
            "UPDATE attendee SET revoked_at = 1 WHERE serial = ?", (pages.serial("A2"),)
        )
    )
    assert "王小明" not in listed(pages.staff("admin"))


@pytest.mark.parametrize("query", ["?hall=x", "?session=-1", "?hall=1&session=" + "9" * 40])
def test_a_wrong_filter_is_told(shown: Pages, query: str) -> None:
    desk = shown.staff("badge_desk")
    answer = desk.get(f"{PAGE}{query}")
    assert answer.status_code == 400
    assert 'aria-invalid="true"' in answer.text
    assert desk.get(f"{PART}{query}").status_code == 400
    assert "(0)" in listed(desk, "?hall=99999")


def test_in_chinese(shown: Pages) -> None:
    page = shown.staff("auditor").get(f"{PAGE}?lang=zh").text
    assert "尚未到场" in page
    assert "不在名单上，各门无从知晓" in page
