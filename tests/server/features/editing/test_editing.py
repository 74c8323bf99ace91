"""Editing the venue on pages: one rule with the venue file, the banner, undo, guests."""

import json
import re

import pytest

from badges.credential.badge_number import badge_number
from server.core.edits import last_edit
from server.core.edits.things import Thing
from server.core.event.directory import Event
from server.core.feed.changes import cursor
from server.features.editing import venue_edit
from server.features.rehearsal.would_enter import would_enter
from server.storage.database import Database
from tests.server.conftest import HOUR, MINUTE
from tests.server.support.pages import Pages, Staff, acts, words
from tests.server.support.stores import changes, dump

GUEST = {"name": "Guest", "letter": "G", "colour": "#8a5b00"}


def number(pages: Pages, kind: str, code: str) -> int:
    column = "category" if kind == "category" else f"{kind}_id"
    query = f"SELECT {column} FROM {kind} WHERE code = ?"
    return pages.value(query, code)


def address(pages: Pages, kind: str, code: str, rest: str = "") -> str:
    return f"/admin/venue/{kind}/{number(pages, kind, code)}{rest}"


def row(pages: Pages, kind: str, code: str) -> dict:
    query = f"SELECT * FROM {kind} WHERE code = ?"
    return dict(pages.database.reader.execute(query, (code,)).fetchone())


def fields(page: str) -> dict[str, object]:
    """The fields that a browser would send of the page's first form, unchanged."""
    form = page.partition('<form class="panel narrow"')[2].partition("</form>")[0]
    values: dict[str, object] = {}
    for tag in re.findall(r"<input[^>]+>", form):
        name = re.search(r'name="([^"]+)"', tag)[1]
        value = re.search(r'value="([^"]*)"', tag)
        text = value[1] if value else ""
        if 'type="checkbox"' in tag:
            if " checked" in tag:
                values[name] = [*values.get(name, []), text]
        elif name != "csrf_token":
            values[name] = text
    for name, options in re.findall(
        r'<select id="[^"]+" name="([^"]+)".*?>(.*?)</select>', form, re.S
    ):
        chosen = re.search(r'value="([^"]*)" selected', options)
        values[name] = chosen[1] if chosen else ""
    return values


def edit(admin: Staff, target: str, **changed: object):
    form = {**fields(admin.get(target).text), **changed}
    return admin.post(target, form, follow_redirects=True)


def removed(admin: Staff, target: str, removal: str = ""):
    """Remove a thing by the form of its page."""
    removal = removal or f"{target}/remove"
    form = {**admin.fields_shown(target, removal), "confirm": "yes"}
    return admin.post(removal, form, follow_redirects=True)


def removed_category(pages: Pages, admin: Staff, code: str):
    """Remove a category by its address: its page has no form for that."""
    thing = Thing("category", code)
    keys = venue_edit.named_to_remove(pages.database.reader, pages.event.settings, thing)
    form = {"confirm": "yes", "shown": keys}
    return admin.post(address(pages, "category", code, "/remove"), form, follow_redirects=True)


def test_a_form_that_is_sent_as_it_is_changes_nothing(pages: Pages, admin: Staff) -> None:
    things = [("hall", "site"), ("hall", "h1"), ("hall", "green"), ("door", "h1-west"),
              ("door", "green-door"), ("session", "press"), ("session", "opening"),
              ("category", "press")]  # fmt: skip
    targets = [address(pages, *thing) for thing in things]
    for target in targets:
        admin.get(target)
    before = sorted(line for line in dump(pages.database) if "web_session" not in line)
    for target in targets:
        answer = edit(admin, target)
        assert answer.status_code == 200, answer.text
        assert "there was no difference" in answer.text, target
    after = sorted(line for line in dump(pages.database) if "web_session" not in line)
    assert after == before


def test_a_hall_is_changed_and_the_doors_hear_of_it(pages: Pages, admin: Staff) -> None:
    since = cursor(pages.database.reader)
    answer = edit(admin, address(pages, "hall", "h1"), capacity=90, name_zh="一号大厅")
    assert "Hall Hall 1: name in Chinese 一号厅 → 一号大厅, capacity 100 → 90" in words(answer.text)
    hall = row(pages, "hall", "h1")
    assert hall["capacity"] == 90
    assert json.loads(hall["names"]) == {"en": "Hall 1", "zh": "一号大厅"}
    assert [type(change).__name__ for change in changes(pages.database, since)][:1] == [
        "VenueChanged"
    ]
    assert acts(pages)[-1] == "venue_edited"
    text = admin.get("/admin/acts").text
    assert "Edited the venue" in text
    assert "Hall 1 (name in Chinese, capacity)" in words(text)


@pytest.mark.parametrize(
    ("kind", "code", "changed", "problem"),
    [
        ("hall", "h1", {"capacity": "x"}, "is a whole number from 0 to 1000000"),
        ("hall", "h1", {"capacity": ""}, "Capacity is missing"),
        ("hall", "h1", {"capacity": "130"}, "Capacity 130 is above Legal limit 120"),
        ("hall", "h1", {"capacity": "600", "fire_limit": "600"}, "above that of its parent"),
        ("hall", "h1", {"name": "", "name_zh": ""}, "Name in English is missing"),
        ("hall", "h1", {"parent": "nowhere"}, "its parent, hall nowhere, does not exist"),
        ("hall", "site", {"parent": "h1"}, "is inside itself"),
        ("door", "main", {"hall": "nowhere"}, "there is no hall nowhere"),
        ("door", "green-door", {"from": "site"}, "does not lie in site"),
        ("session", "press", {"ends": "2026-05-04T12:00"}, "Ends is not after Starts"),
        ("session", "press", {"starts": "2027-01-01T12:00", "ends": "2027-01-01T13:00"},
         "Starts outside the event"),
        ("session", "press", {"starts": "soon"}, "is a local time such as"),
        ("session", "press", {"hall": "site"}, "limiting this session has no effect"),
        ("category", "press", {"letter": "D"}, "letter D is category 1"),
        ("category", "press", {"colour": "#ff0000"}, "is red, which means no at a door"),
    ],
)  # fmt: skip
def test_what_a_file_would_be_refused_for_a_page_is_too(
    shown: Pages, kind: str, code: str, changed: dict, problem: str
) -> None:
    admin = shown.staff("admin")
    target = address(shown, kind, code)
    before = row(shown, kind, code)
    form = {**fields(admin.get(target).text), **changed}
    answer = admin.post(target, form)
    assert answer.status_code == 400
    assert problem in words(answer.text)
    assert row(shown, kind, code) == before
    for value in changed.values():  # typed values are not lost
        assert not value or value == "nowhere" or f'"{value}"' in answer.text


def test_a_venue_is_made_from_nothing(event: Event, database: Database) -> None:
    with Pages(event, database) as pages:
        admin = pages.staff("admin")
        new = "/admin/venue/{}/new"
        form = {**fields(admin.get(new.format("hall")).text), "name": "Main Hall", "capacity": 50}
        answer = admin.post(new.format("hall"), form, follow_redirects=True)
        assert "Hall Main Hall: added" in words(answer.text)
        assert row(pages, "hall", "main-hall")["fire_limit"] == 50
        form = {**form, "code": ""}
        admin.post(new.format("hall"), form)
        assert row(pages, "hall", "main-hall-2")["names"] == '{"en": "Main Hall"}'
        again = {**form, "code": "main-hall"}
        assert "This code is already used" in admin.post(new.format("hall"), again).text
        door = {"name": "Ost", "name_zh": "东门", "hall": "main-hall", "mode": "both", "seen": "x"}
        assert "added" in admin.post(new.format("door"), door, follow_redirects=True).text
        session = {
            "title": "开幕", "hall": "main-hall", "starts": "2026-05-05T09:00",
            "ends": "2026-05-05T10:00", "categories": ["press", "staff"],
        }  # fmt: skip
        answer = admin.post(new.format("session"), session, follow_redirects=True)
        assert "limiting this session has no effect" in words(answer.text)
        hall = address(pages, "hall", "main-hall")
        edit(admin, hall, sessions_only="yes")
        answer = admin.post(new.format("session"), session, follow_redirects=True)
        assert "Session 开幕: added" in words(answer.text)
        assert "Press, Staff" in words(answer.text)
        answer = admin.post(new.format("category"), GUEST, follow_redirects=True)
        assert "look alike" in words(answer.text)
        assert "Guest" in words(answer.text)
        assert row(pages, "category", "guest")["category"] == 0


def test_two_who_edit_at_the_same_time(pages: Pages, admin: Staff) -> None:
    target = address(pages, "hall", "h1")
    other = pages.staff("admin")
    form = fields(other.get(target).text)
    edit(admin, target, capacity=80)
    answer = other.post(target, {**form, "capacity": 70})
    assert answer.status_code == 400
    assert "Someone else has changed this" in answer.text
    assert row(pages, "hall", "h1")["capacity"] == 80


# The doors' cursor, the time of the next sharing of places, and the capacity's author and time.
NOT_OF_AN_EDIT = ("change_cursor", "shared_until", "capacity_by", "capacity_at")


def undo_form(page: str) -> dict[str, str]:
    return {
        "mark": re.search(r'name="mark" value="([^"]+)"', page)[1],
        "page": re.search(r'name="page" value="([^"]+)"', page)[1],
    }


def test_undo_puts_back_what_was(pages: Pages, admin: Staff) -> None:
    before = row(pages, "hall", "h1")
    answer = edit(
        admin, address(pages, "hall", "h1"), capacity=80, name_zh="", anti_passback="soft"
    )
    assert row(pages, "hall", "h1")["names"] == '{"en": "Hall 1"}'
    assert "Undo" not in pages.staff("admin").get("/admin/venue/").text
    undone = admin.post("/admin/edits/undo", undo_form(answer.text), follow_redirects=True)
    assert "Undone:" in undone.text
    after = row(pages, "hall", "h1")
    ours = [key for key in before if key not in NOT_OF_AN_EDIT]
    assert {key: after[key] for key in ours} == {key: before[key] for key in ours}
    assert ">Undo<" not in undone.text
    again = admin.post("/admin/edits/undo", undo_form(answer.text), follow_redirects=True)
    assert "not your last change any more" in again.text
    assert acts(pages)[-1] == "edit_undone"


SESSION_FORM = "/admin/venue/session/new"


def test_a_new_session_begins_after_the_last_one_of_the_hall(pages: Pages, admin: Staff) -> None:
    form = fields(admin.get(SESSION_FORM).text)
    assert (form["hall"], form["starts"], form["ends"]) == (
        "h1", "2026-05-04T14:00", "2026-05-04T15:00",
    )  # fmt: skip
    form = fields(admin.get(f"{SESSION_FORM}?hall=green").text)
    assert (form["hall"], form["starts"]) == ("green", "2026-05-04T13:00")
    assert "/admin/venue/session/new?hall=h1" in admin.get(
        f"/admin/halls/{number(pages, 'hall', 'h1')}"
    ).text  # fmt: skip


def proposed(admin: Staff, query: str = "") -> tuple[object, object]:
    form = fields(admin.get(f"{SESSION_FORM}{query}").text)
    return form["starts"], form["ends"]


def test_a_new_session_is_not_in_the_past_while_the_event_runs(pages: Pages) -> None:
    for later_ms, times in (
        (4 * HOUR + 10 * MINUTE, ("2026-05-04T14:30", "2026-05-04T15:30")),
        (24 * HOUR, ("2026-05-05T14:30", "2026-05-05T15:30")),
        (10 * 24 * HOUR, ("2026-05-04T14:00", "2026-05-04T15:00")),  # The event is over.
    ):
        pages.now += later_ms
        assert proposed(pages.staff("admin"), "?hall=h1") == times


def test_a_new_session_is_on_the_day_that_is_looked_at(pages: Pages, admin: Staff) -> None:
    link = f"{SESSION_FORM}?day=2026-05-05"
    assert link in admin.get("/admin/venue/?day=2026-05-05").text
    assert proposed(admin, "?day=2026-05-05") == ("2026-05-05T13:00", "2026-05-05T14:00")
    later = {**fields(admin.get(SESSION_FORM).text), "title": "Evening",
             "starts": "2026-05-04T18:00", "ends": "2026-05-04T19:30"}  # fmt: skip
    admin.post(SESSION_FORM, later)
    earlier = {**later, "title": "Lunch", "starts": "2026-05-04T12:00", "ends": "2026-05-04T12:45"}
    admin.post(SESSION_FORM, earlier)
    assert proposed(admin) == ("2026-05-04T19:30", "2026-05-04T20:15")
    assert proposed(admin, "?day=nonsense") == proposed(admin)


def test_a_session_in_the_past_is_confirmed(pages: Pages, admin: Staff) -> None:
    form = {**fields(admin.get(SESSION_FORM).text), "title": "Breakfast",
            "starts": "2026-05-04T08:00", "ends": "2026-05-04T09:00"}  # fmt: skip
    asked = admin.post(SESSION_FORM, form)
    assert asked.status_code == 400
    assert "This session would be over already" in words(asked.text)
    assert 'value="Breakfast"' in asked.text
    assert pages.value("SELECT COUNT(*) FROM session") == 2
    admin.post(SESSION_FORM, {**fields(asked.text), "is_over": "yes"})
    assert pages.value("SELECT COUNT(*) FROM session") == 3
    its_page = address(pages, "session", "breakfast")
    assert edit(admin, its_page, title="Early breakfast").status_code == 200


def test_only_a_part_with_an_error_is_unfolded(pages: Pages, admin: Staff) -> None:
    hall = address(pages, "hall", "h1")
    common = edit(admin, hall, capacity="many")
    assert "check the marked fields" in common.text
    assert "<details><summary>More rules" in common.text
    rare = edit(admin, hall, seats="-1")
    assert "<details open><summary>More rules" in rare.text


def test_another_session_is_added_at_once(pages: Pages, admin: Staff) -> None:
    form = {**fields(admin.get(SESSION_FORM).text), "title": "Third hour", "another": "yes"}
    again = admin.post(SESSION_FORM, form, follow_redirects=True)
    assert "Session Third hour: added" in words(again.text)
    form = fields(again.text)
    assert (form["title"], form["hall"], form["starts"]) == ("", "h1", "2026-05-04T15:00")


def test_two_sessions_at_once_in_a_hall_are_confirmed(pages: Pages, admin: Staff) -> None:
    form = {**fields(admin.get(SESSION_FORM).text), "title": "Double",
            "starts": "2026-05-04T13:30", "ends": "2026-05-04T14:30"}  # fmt: skip
    asked = admin.post(SESSION_FORM, form)
    assert "Another session is in this hall at that time" in words(asked.text)
    assert "Press hour, from 2026-05-04 13:00 to 2026-05-04 14:00" in words(asked.text)
    assert 'value="Double"' in asked.text
    assert pages.value("SELECT COUNT(*) FROM session") == 2
    admin.post(SESSION_FORM, {**fields(asked.text), "at_once": "yes"})
    assert pages.value("SELECT COUNT(*) FROM session") == 3
    double = address(pages, "session", "double")
    assert edit(admin, double, title="Double hour").status_code == 200  # the times are as before
    moved = edit(admin, double, starts="2026-05-04T13:15")
    assert "Another session is in this hall at that time" in words(moved.text)


def test_a_session_for_some_leads_to_its_hall(pages: Pages, admin: Staff) -> None:
    form = {**fields(admin.get(f"{SESSION_FORM}?hall=site").text), "title": "VIP dinner",
            "categories": ["vip"]}  # fmt: skip
    refused = admin.post(SESSION_FORM, form)
    assert "Tick “Open only while a session is on” for the hall" in words(refused.text)
    hall = address(pages, "hall", "site")
    assert f'href="{hall}" target="_blank"' in refused.text
    edit(admin, hall, sessions_only="yes")
    added = admin.post(SESSION_FORM, form, follow_redirects=True)
    assert "Session VIP dinner: added" in words(added.text)


def test_several_changes_are_undone_one_after_the_other(pages: Pages, admin: Staff) -> None:
    before = row(pages, "hall", "h1")["capacity"]
    for capacity in (90, 80, 70):
        answer = edit(admin, address(pages, "hall", "h1"), capacity=capacity)
    for capacity in (80, 90, before):
        answer = admin.post("/admin/edits/undo", undo_form(answer.text), follow_redirects=True)
        assert row(pages, "hall", "h1")["capacity"] == capacity
        assert ("Undo the change before" in answer.text) == (capacity != before)
    assert f"capacity {before} → 90" in words(answer.text)


def test_an_earlier_change_is_not_undone_before_a_later_one(pages: Pages, admin: Staff) -> None:
    first = edit(admin, address(pages, "hall", "h1"), capacity=90)
    edit(admin, address(pages, "hall", "green"), capacity=9)
    undone = admin.post("/admin/edits/undo", undo_form(first.text), follow_redirects=True)
    assert "not your last change any more" in undone.text
    assert row(pages, "hall", "h1")["capacity"] == 90


def test_twenty_changes_of_each_user_are_kept(pages: Pages, admin: Staff) -> None:
    edit(pages.staff("admin"), address(pages, "hall", "green"), capacity=9)
    for capacity in range(60, 82):
        edit(admin, address(pages, "hall", "h1"), capacity=capacity)
    query = "SELECT COUNT(*) FROM page_edit GROUP BY made_by ORDER BY 1"
    assert [row[0] for row in pages.database.reader.execute(query)] == [1, 20]


def test_the_banner_is_dismissed_until_the_next_change(pages: Pages, admin: Staff) -> None:
    answer = edit(admin, address(pages, "hall", "h1"), capacity=90)
    form = undo_form(answer.text)
    page = admin.post("/admin/edits/dismiss", {"page": form["page"]}, follow_redirects=True)
    assert 'id="last-edit"' not in page.text
    refused = admin.post("/admin/edits/undo", form, follow_redirects=True)
    assert "not your last change any more" in refused.text
    answer = edit(admin, address(pages, "hall", "h1"), capacity=80)
    assert "capacity 90 → 80" in words(answer.text)
    undone = admin.post("/admin/edits/undo", undo_form(answer.text), follow_redirects=True)
    assert "Undo the change before" not in undone.text
    assert row(pages, "hall", "h1")["capacity"] == 90


def test_the_banner_goes_after_a_while_and_undo_stays_on_the_page_of_changes(
    pages: Pages, admin: Staff
) -> None:
    for hall, capacity in (("h1", 90), ("green", 9), ("h1", 80)):
        edit(admin, address(pages, "hall", hall), capacity=capacity)
    shown = admin.get("/admin/venue/").text
    assert "capacity 90 → 80" in words(shown)
    assert 'href="/admin/edits/"' in shown

    pages.now += 11 * MINUTE
    assert 'id="last-edit"' not in admin.get("/admin/venue/").text
    listed = admin.get("/admin/edits/").text
    told = words(listed)
    assert told.index("capacity 90 → 80") < told.index("capacity 10 → 9") < told.index("→ 90")
    assert listed.count('action="/admin/edits/undo"') == 1  # of the newest one alone
    undone = admin.post("/admin/edits/undo", undo_form(listed), follow_redirects=True)
    assert undone.request.path == "/admin/edits/"
    assert row(pages, "hall", "h1")["capacity"] == 90
    assert undone.text.count('action="/admin/edits/undo"') == 1
    assert 'href="/admin/edits/"' in admin.get("/admin/account/").text


def test_the_page_of_changes_names_what_cannot_be_undone(pages: Pages, admin: Staff) -> None:
    assert "You have changed nothing yet." in words(admin.get("/admin/edits/").text)
    edit(admin, address(pages, "hall", "h1"), capacity=90)
    by = pages.value("SELECT made_by FROM page_edit")
    pages.database.write(
        lambda db: last_edit.keep_words(db, "A list was imported", 0, by=by, now=pages.now)
    )
    listed = admin.get("/admin/edits/").text
    assert 'action="/admin/edits/undo"' not in listed
    assert "can't be undone" in words(listed)
    assert "capacity" in words(listed)
    stranger = pages.staff("admin").get("/admin/edits/").text
    assert "capacity" not in words(stranger)


def test_another_role_undoes_no_change_of_the_former_one(pages: Pages, admin: Staff) -> None:
    former = pages.staff("admin")
    user_id = pages.value("SELECT MAX(user_id) FROM staff_user")
    form = undo_form(edit(former, address(pages, "hall", "h1"), capacity=90).text)
    admin.post(f"/admin/users/{user_id}/role", {"role": "badge_desk"})
    assert 'id="last-edit"' not in former.get("/admin/people/").text
    former.post("/admin/edits/undo", form)
    assert row(pages, "hall", "h1")["capacity"] == 90


def test_a_capacity_that_was_set_on_the_halls_page_is_undone(pages: Pages, admin: Staff) -> None:
    hall = f"/admin/halls/{number(pages, 'hall', 'h1')}"
    answer = admin.post(f"{hall}/capacity", {"capacity": 40}, follow_redirects=True)
    assert "Hall Hall 1: capacity 100 → 40" in words(answer.text)
    admin.post("/admin/edits/undo", undo_form(answer.text))
    assert row(pages, "hall", "h1")["capacity"] == 100


def test_a_hall_a_door_and_a_session_with_chinese_names_alone(pages: Pages, admin: Staff) -> None:
    hall = {**fields(admin.get("/admin/venue/hall/new").text), "name_zh": "五号厅", "code": "h5",
            "capacity": 80}  # fmt: skip
    assert "Hall 五号厅: added" in words(
        admin.post("/admin/venue/hall/new", hall, follow_redirects=True).text
    )
    form = fields(admin.get(address(pages, "hall", "h5")).text)
    assert (form["name"], form["name_zh"]) == ("", "五号厅")
    edited = {**form, "capacity": 70}
    answer = admin.post(address(pages, "hall", "h5"), edited, follow_redirects=True)
    assert "Hall 五号厅: capacity 80 → 70" in words(answer.text)
    assert "五号厅" in admin.get("/admin/venue/").text
    door = {**fields(admin.get("/admin/venue/door/new").text), "name_zh": "东门", "hall": "h5"}
    admin.post("/admin/venue/door/new", door)
    session = {**fields(admin.get(f"{SESSION_FORM}?hall=h5").text), "title_zh": "闭幕式"}
    answer = admin.post(SESSION_FORM, session, follow_redirects=True)
    assert "Session 闭幕式: added" in words(answer.text)
    assert row(pages, "hall", "h5")["names"] == '{"zh": "五号厅"}'


def test_a_hall_needs_one_of_its_names(pages: Pages, admin: Staff) -> None:
    form = {**fields(admin.get("/admin/venue/hall/new").text), "capacity": 80}
    answer = admin.post("/admin/venue/hall/new", form)
    assert answer.status_code == 400
    assert "Name in English is missing: write it, or Name in Chinese" in words(answer.text)


def test_nothing_is_changed_without_a_forms_token(shown: Pages) -> None:
    admin = shown.staff("admin")
    session = number(shown, "session", "opening")
    for target in (
        f"/admin/venue/session/{session}", f"/admin/venue/session/{session}/remove",
        f"/admin/venue/session/{session}/guests/", "/admin/venue/hall/new", "/admin/edits/undo",
        "/admin/imports/people/", "/admin/imports/venue/", "/admin/badges/issue",
        "/admin/badges/reissue", "/admin/people/new",
    ):  # fmt: skip
        answer = admin.post(target, {"csrf_token": "made up"})
        assert answer.status_code == 400, target
        assert "too old" in answer.text


def test_undo_is_refused_where_somebody_changed_the_same_since(pages: Pages, admin: Staff) -> None:
    answer = edit(admin, address(pages, "hall", "h1"), capacity=80)
    edit(pages.staff("admin"), address(pages, "hall", "h1"), name="Hall One")
    undone = admin.post("/admin/edits/undo", undo_form(answer.text), follow_redirects=True)
    assert "another user has changed Hall Hall 1 since" in undone.text
    assert row(pages, "hall", "h1")["capacity"] == 80


def test_undo_keeps_a_colleagues_change_of_another_thing(pages: Pages, admin: Staff) -> None:
    answer = edit(admin, address(pages, "hall", "h1"), capacity=80)
    edit(pages.staff("admin"), address(pages, "hall", "green"), capacity=9)
    undone = admin.post("/admin/edits/undo", undo_form(answer.text), follow_redirects=True)
    assert "Undone:" in undone.text
    assert row(pages, "hall", "h1")["capacity"] == 100
    assert row(pages, "hall", "green")["capacity"] == 9


def test_undo_is_refused_where_it_no_longer_fits(pages: Pages, admin: Staff) -> None:
    answer = edit(admin, address(pages, "hall", "h1"), capacity=80)
    edit(pages.staff("admin"), address(pages, "hall", "site"), capacity=90, fire_limit=90)
    undone = admin.post("/admin/edits/undo", undo_form(answer.text), follow_redirects=True)
    assert "above that of its parent" in undone.text
    assert row(pages, "hall", "h1")["capacity"] == 80


def test_undo_of_an_addition_takes_it_away(pages: Pages, admin: Staff) -> None:
    new = "/admin/venue/door/new"
    answer = admin.post(new, {"name": "Back", "hall": "h1", "mode": "exit"}, follow_redirects=True)
    assert row(pages, "door", "back")["mode"] == "exit"
    admin.post("/admin/edits/undo", undo_form(answer.text))
    query = "SELECT COUNT(*) FROM door WHERE code = 'back'"
    assert pages.value(query) == 0


def test_a_removed_session_comes_back_with_its_guests(pages: Pages, admin: Staff) -> None:
    guests = "SELECT serial, invited FROM session_guest JOIN session USING (session_id)"
    before = [tuple(row) for row in pages.database.reader.execute(guests)]
    assert before
    target = address(pages, "session", "press")
    assert "tick the box" in admin.post(f"{target}/remove", follow_redirects=True).text
    answer = removed(admin, target)
    assert "Session Press hour: removed" in words(answer.text)
    assert not list(pages.database.reader.execute(guests))
    assert admin.get(target).status_code == 404
    admin.post("/admin/edits/undo", undo_form(answer.text))
    assert [tuple(row) for row in pages.database.reader.execute(guests)] == before


def test_a_removal_takes_out_only_what_its_page_named(pages: Pages, admin: Staff) -> None:
    target = address(pages, "session", "press")
    opened = {**admin.fields_shown(target, f"{target}/remove"), "confirm": "yes"}
    guest = {"number": badge_number(pages.serial("A1")), "answer": "refuse"}
    assert admin.post(f"{target}/guests/", guest).status_code == 303
    answer = admin.post(f"{target}/remove", opened, follow_redirects=True)
    assert "Nothing was changed: meanwhile this has changed" in words(answer.text)
    edit(admin, target, title="Press hour, later")
    answer = admin.post(f"{target}/remove", opened, follow_redirects=True)
    assert "Nothing was changed: meanwhile this has changed" in words(answer.text)
    assert row(pages, "session", "press")
    assert "removed" in words(removed(admin, target).text)


def test_what_is_in_use_is_not_removed(pages: Pages, admin: Staff) -> None:
    hall = removed(admin, address(pages, "hall", "h1"))
    assert "still has a door, a session" in hall.text
    west = pages.connected_kiosk("west-1", "h1-west")
    door = address(pages, "door", "h1-west")
    assert "a kiosk is or was at work there" in removed(admin, door).text
    west.scan(pages.now, pages.serial("A1"), category=1)
    pages.send(west)
    assert "has scans, so it stays" in removed(admin, door).text
    assert row(pages, "door", "h1-west")


def test_the_page_says_how_many_doors_have_it(pages: Pages, admin: Staff) -> None:
    west, main = pages.connected_kiosk("west-1", "h1-west"), pages.connected_kiosk("main-1", "main")
    edit(admin, address(pages, "category", "press"), name="Journalists")
    reach = words(admin.get("/admin/edits/reach").text)
    assert "0 of 2 doors have it" in reach
    newest = cursor(pages.database.reader)
    pages.now += 3 * MINUTE
    pages.send(west, cursor=newest)
    reach = words(admin.get("/admin/edits/reach").text)
    assert "1 of 2 doors have it. Main entrance (main-1) was last seen 10:00:00" in reach
    pages.send(main, cursor=newest)
    assert "All 2 doors have it" in admin.get("/admin/edits/reach").text
    pages.now += 60 * MINUTE
    assert "Your last change" not in admin.get("/admin/venue/").text


def test_a_session_s_title_is_for_the_doors_of_its_hall_alone(pages: Pages, admin: Staff) -> None:
    pages.connected_kiosk("west-1", "h1-west")
    pages.connected_kiosk("main-1", "main")
    edit(admin, address(pages, "session", "press"), title="Press")
    reach = words(admin.get("/admin/edits/reach").text)
    assert "0 of 1 door has it. Hall 1 west (west-1)" in reach


def test_a_door_does_not_move_under_a_kiosk(pages: Pages, admin: Staff) -> None:
    pages.send(pages.kiosk("west-1", "h1-west"))
    form = {**fields(admin.get(address(pages, "door", "h1-west")).text), "hall": "site", "from": ""}
    answer = admin.post(address(pages, "door", "h1-west"), form)
    assert "retire it before the door moves" in words(answer.text)


def test_guests_by_name(pages: Pages, admin: Staff) -> None:
    target = address(pages, "session", "opening", "/guests/")
    results = admin.get(f"{target}?q=keller")
    assert "Anna Keller" in results.text
    (badge,) = set(
        re.findall(r'name="number" value="([^"]+)"', results.text.partition("h-guests")[0])
    )
    since = cursor(pages.database.reader)
    answer = admin.post(target, {"number": badge, "answer": "refuse"}, follow_redirects=True)
    assert "Opening: Anna Keller is refused" in words(answer.text)
    assert [type(change).__name__ for change in changes(pages.database, since)] == ["VenueChanged"]
    query = "SELECT invited FROM session_guest WHERE serial = ?"
    serial = pages.serial("A1")

    def invited() -> list[int]:
        return [row[0] for row in pages.database.reader.execute(query, (serial,))]

    assert invited() == [0]
    answer = admin.post(target, {"number": badge, "answer": "invite"}, follow_redirects=True)
    assert invited() == [1]
    admin.post("/admin/edits/undo", undo_form(answer.text))
    assert invited() == [0]
    admin.post(target, {"number": badge, "answer": "neither"})
    assert invited() == []
    assert acts(pages)[-1] == "guest_set"
    assert admin.post(target, {"number": badge, "answer": "x"}).status_code == 400
    assert admin.post(target, {"number": "x", "answer": "invite"}).status_code == 404


def test_what_is_not_there(shown: Pages) -> None:
    admin = shown.staff("admin")
    for target in ("hall/99", "door/99", "session/99", "category/99", "zone/1", "hall/x",
                   "session/99/guests/"):  # fmt: skip
        assert admin.get(f"/admin/venue/{target}").status_code == 404


def test_undo_goes_back_to_no_page_but_ours(shown: Pages) -> None:
    admin = shown.staff("admin")
    for page in ("https://example.org/", "//example.org", "/admin/\\example.org", "/b/x"):
        answer = admin.post("/admin/edits/undo", {"mark": "x", "page": page})
        assert answer.location == "/admin/venue/"


def test_a_new_category_enters_where_every_category_may(pages: Pages, admin: Staff) -> None:
    admin.post("/admin/venue/category/new", GUEST)
    pages.change_attendee(pages.serial("A1"), category=number(pages, "category", "guest"))
    pages.issue()
    for hall, at in (("site", pages.now), ("h1", pages.now + HOUR)):  # "opening" is in h1 then
        answer = would_enter(pages.database.reader, pages.event, "A1", hall, at)
        assert answer.admitted, hall


def test_a_category_that_all_open_halls_admit_is_undone_or_removed(
    pages: Pages, admin: Staff
) -> None:
    answer = admin.post("/admin/venue/category/new", GUEST, follow_redirects=True)
    admin.post("/admin/edits/undo", undo_form(answer.text))
    assert pages.value("SELECT COUNT(*) FROM category WHERE code = 'guest'") == 0
    admin.post("/admin/venue/category/new", GUEST)
    removed_category(pages, admin, "guest")
    assert pages.value("SELECT COUNT(*) FROM category WHERE code = 'guest'") == 0
