"""A person's whole story in one timeline, and undone invitations and revocations."""

import re

import pytest

from badges.credential.badge_number import badge_number
from server.core.people import attendees
from server.features.attendees import story
from server.features.editing import guests
from tests.server.conftest import MINUTE, NOW
from tests.server.support.pages import Pages, Staff, acts

prepare = Pages.issue  # for every attendee


def address(pages: Pages, external_id: str, rest: str = "") -> str:
    return f"/admin/people/{badge_number(pages.serial(external_id))}{rest}"


def rows(page: str) -> list[str]:
    table = page.partition('id="h-story"')[2].partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        " ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.split("<tr[^>]*>", table)[1:]
    ]


def undo(staff: Staff, target: str) -> str:
    page = staff.get(target).text
    mark = re.search(r'name="mark" value="(\w+)"', page)
    assert mark, "nothing to undo"
    fields = {"mark": mark[1], "page": target}
    return staff.post("/admin/edits/undo", fields, follow_redirects=True).text


def test_everything_stands_in_one_line_of_time(pages: Pages) -> None:
    admin, serial = pages.staff("admin"), pages.serial("A1")
    west = pages.connected_kiosk("west-1", "h1-west")
    pages.now += MINUTE
    west.scan(pages.now, serial, decision="denied", reason="not_entitled")
    pages.now += MINUTE
    west.scan(pages.now, serial, act="override", by="user:1", note="on the list", flags=("escort",))
    pages.send(west)
    pages.now += MINUTE
    fields = {"reason": "lost", "confirm": "yes", "issue": 1}
    admin.post(address(pages, "A1", "/reissue"), fields)
    pages.now += MINUTE
    assert admin.get(address(pages, "A1", "/card.pdf")).status_code == 200
    pages.now += MINUTE
    admin.post(address(pages, "A1", "/revoke"), {"reason": "conduct", "confirm": "yes"})
    pages.database.write(
        lambda db: db.execute(
            "INSERT INTO mail VALUES (?, 2, 'badge', 'm1', x'00', 'sent', 1, ?, '')",
            (serial, pages.now + 1),
        )
    )
    lines = rows(admin.get(address(pages, "A1")).text)
    patterns = [
        r"10:05:00 A mail was sent badge, issue 2",
        r"10:05:00 Revoked a badge Badge \w+ \(Conduct\) admin-",
        r"10:04:00 Printed badges Badge \w+ admin-",
        r"10:03:00 Replaced a badge Badge \w+, issue 2 \(Lost\) admin-",
        r"10:02:00 ✓ Admitted Override Hall 1 west, Hall 1 west-1 .*escort.* admin : on the list",
        r"10:01:00 ✕ Not entitled Hall 1 west, Hall 1 west-1",
        r"10:00:00 Issue 1 of the badge was issued",
        r"Put on the roster",
    ]
    assert len(lines) == len(patterns), lines
    for pattern, row in zip(patterns, lines, strict=True):
        assert re.search(pattern, row), (pattern, row)


def test_a_discrepancy_stands_beside_its_scan(pages: Pages) -> None:
    west, serial = pages.connected_kiosk("west-1", "h1-west"), pages.serial("A3")
    west.scan(NOW, serial)
    pages.send(west)
    (row,) = [
        line
        for line in rows(pages.staff("auditor").get(address(pages, "A3")).text)
        if "Admitted" in line
    ]
    assert "The server would have answered:" in row


def test_each_moment_is_on_one_page_alone(pages: Pages) -> None:
    """Also if several tables have moments of the same millisecond."""
    west, serial = pages.connected_kiosk("west-1", "h1-west"), pages.serial("A1")
    for number in range(9):
        west.scan(NOW + number // 3, serial, decision="denied", reason="expired")
    pages.send(west)
    for at in (NOW, NOW + 1, NOW + 1):
        pages.database.write(
            lambda db, at=at: attendees.change_attendee(
                db, serial, {"phone": f"+49 {at}{len(acts(pages))}"}, by="user:1", now=at
            )
        )
    db = pages.database.reader
    whole = story.page(db, serial, rows=99)
    assert whole.older is None
    assert len(whole.moments) == 14
    for rows_each in (1, 2, 3, 5):
        moments, edge = [], None
        while True:
            part = story.page(db, serial, before=edge, rows=rows_each)
            moments += part.moments
            if part.older is None:
                break
            edge = part.older
        assert moments == whole.moments


def test_older_pages(shown: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story.page, "__kwdefaults__", {"before": None, "rows": 1})
    auditor = shown.staff("auditor")
    target = address(shown, "A1")
    page = auditor.get(target).text
    assert len(rows(page)) == 1
    older = re.search(r'href="([^"]*before=[^"]*)#h-story"', page)
    assert older
    page = auditor.get(older[1]).text
    assert "Put on the roster" in rows(page)[0]
    for wrong in ("x", "1-2", "1-2-x", "-1-2-3", "9" * 30 + "-1-1"):
        assert auditor.get(f"{target}?before={wrong}").status_code == 200


def test_an_invitation_and_a_refusal_are_undone(pages: Pages) -> None:
    admin, serial = pages.staff("admin"), pages.serial("A1")
    opening = pages.value("SELECT session_id FROM session WHERE code = 'opening'")
    target = address(pages, "A1")

    def say(answer: str) -> str:
        fields = {"answer": answer, "session": opening}
        return admin.post(f"{target}/answer", fields, follow_redirects=True).text

    assert "is invited, regardless of category" in say("invite")
    assert guests.answer(pages.database.reader, opening, serial) is True
    assert "is refused, regardless of category" in say("refuse")
    assert guests.answer(pages.database.reader, opening, serial) is False
    undo(admin, target)
    assert guests.answer(pages.database.reader, opening, serial) is True
    say("neither")
    assert guests.answer(pages.database.reader, opening, serial) is None
    assert "Invited a person to a session, or refused one" in admin.get(target).text


@pytest.mark.parametrize(
    "fields",
    [
        {"answer": "invite"},
        {"answer": "perhaps", "session": "1"},
        {"answer": "invite", "session": "9999"},
        {"answer": "invite", "session": "x"},
        {"session": "1"},
    ],
)
def test_a_wrong_answer_changes_nothing(shown: Pages, fields: dict[str, object]) -> None:
    admin = shown.staff("admin")
    before = acts(shown)
    page = admin.post(address(shown, "A1", "/answer"), fields, follow_redirects=True).text
    assert "Nothing was changed" in page
    assert acts(shown) == before


def test_a_revocation_is_undone(pages: Pages) -> None:
    admin, serial, target = pages.staff("admin"), pages.serial("A1"), address(pages, "A1")

    def revoked() -> bool:
        return attendees.attendee(pages.database.reader, serial).revoked_at is not None

    admin.post(f"{target}/revoke", {"reason": "mistake", "confirm": "yes"})
    assert revoked()
    undo(admin, target)
    assert not revoked()
    assert acts(pages)[-3:] == ["badge_revoked", "badge_reinstated", "edit_undone"]


def test_in_chinese(shown: Pages) -> None:
    page = shown.staff("admin").get(address(shown, "A1", "?lang=zh")).text
    assert "全部经过" in page
    assert "列入名单" in page
