"""A hall's page: closing, capacity, clearing, a lost kiosk's places; and the report of outages."""

import re

from badges.wire import wire
from server.core.kiosks import registry
from server.core.occupancy import figures
from server.core.staff import users
from server.web.services import services_of
from tests.server.conftest import MINUTE
from tests.server.support.pages import PASSWORD, Pages, acts, words


def hall_of(pages: Pages, code: str) -> int:
    query = "SELECT hall_id FROM hall WHERE code = ?"
    return pages.value(query, code)


def test_closing_names_the_doors_that_have_not_confirmed(pages: Pages) -> None:
    west = pages.connected_kiosk("west-1", "h1-west")
    hall = f"/admin/halls/{west.hall}"
    officer = pages.staff("supervisor")
    closed = officer.post(f"{hall}/close", follow_redirects=True).text
    assert "The hall is closed" in closed
    assert "Not yet confirmed the last change" in words(closed)
    assert re.search(r"west-1 \), last contact .* may still admit \d+", words(closed))
    cursor = pages.value("SELECT MAX(cursor) FROM change")
    west.returned += west.free
    pages.send(west, cursor=cursor)
    page = words(officer.get(hall).text)
    assert "Every door at work has confirmed" in page
    assert "Not yet confirmed" not in page
    assert "open again" in officer.post(f"{hall}/open", follow_redirects=True).text
    assert acts(pages)[-2:] == ["hall_closed", "hall_opened"]


def test_a_silent_kiosk_is_not_at_work(pages: Pages) -> None:
    west = pages.connected_kiosk("west-1", "h1-west")
    hall = f"/admin/halls/{west.hall}"
    officer = pages.staff("supervisor")
    assert "At work" in words(officer.get(hall).text)
    at = services_of(pages.app).venue_clock.minute(pages.now)
    pages.now += 6 * MINUTE
    page = words(officer.get(hall).text)
    assert f"Silent since {at}" in page
    assert "At work" not in page


def test_kept_places_and_until_when(pages: Pages) -> None:
    hall = hall_of(pages, "h1")
    officer = pages.staff("supervisor")
    assert "Kept places" not in officer.get(f"/admin/halls/{hall}").text

    def shown(until_min: int | None) -> str:
        pages.database.write(
            lambda db: (
                db.execute(
                    "UPDATE hall SET accessible_places = 6, accessible_until_min = ?"
                    " WHERE hall_id = ?",
                    (until_min, hall),
                )
                and None
            )
        )
        return words(officer.get(f"/admin/halls/{hall}").text)

    page = shown(None)
    assert "Kept places 6 of the capacity, for wheelchair users and companions; 0 in use" in page
    assert "Kept all the time" in page
    assert re.search(r"Kept until .*\d\d:\d\d , then open to all", shown(0))
    assert re.search(r"Everybody&#39;s until|Open to all until", shown(24 * 60))


def test_an_override_within_the_legal_limit_is_said_as_such(pages: Pages) -> None:
    hall = hall_of(pages, "h1")  # for 100 people, by law for 120
    officer = pages.staff("supervisor")

    def shown(stays: int, overrides: int) -> str:
        pages.database.write(
            lambda db: (
                db.execute(
                    "UPDATE hall SET open_stays = ?, open_overrides = ? WHERE hall_id = ?",
                    (stays, overrides, hall),
                )
                and None
            )
        )
        return words(officer.get(f"/admin/halls/{hall}").text)

    page = shown(100, 3)
    assert "■ Full, and 3 by supervisor" in page
    assert "supervisors may admit 17 more." in page
    assert "Legal limit 120; supervisors at the doors may admit 17 beyond the capacity" in page
    assert "The legal limit is reached" in shown(100, 20)
    page = shown(104, 3)
    assert "▲ Over capacity" in page
    assert "There may be more people inside than the capacity." in page


def test_the_capacity_up_to_the_limit(pages: Pages) -> None:
    pages.send(pages.kiosk("west-1", "h1-west"))
    hall = hall_of(pages, "h1")
    admin = pages.staff("admin")
    page = admin.post(f"/admin/halls/{hall}/capacity", {"capacity": 40}, follow_redirects=True)
    assert "The capacity is 40" in page.text
    for wrong in ("121", "-1", "x", ""):
        page = admin.post(
            f"/admin/halls/{hall}/capacity", {"capacity": wrong}, follow_redirects=True
        )
        assert "Nothing was changed" in page.text
    shown = next(f for f in figures.hall_figures(pages.database.reader) if f.hall_id == hall)
    assert shown.capacity == 40


def test_clearing_needs_the_box(pages: Pages) -> None:
    west = pages.connected_kiosk("west-1", "h1-west")
    west.scan(pages.now, pages.serial("A1"), category=1)
    pages.send(west)
    admin, target = pages.staff("admin"), f"/admin/halls/{west.hall}/clear"
    assert "tick the box" in admin.post(target, follow_redirects=True).text
    asked = admin.fields_shown(f"/admin/halls/{west.hall}", target)
    page = admin.post(target, {"confirm": "yes", **asked}, follow_redirects=True).text
    assert "counts as empty" in page
    assert "Inside, as scanned 0" in words(page)


def test_who_came_in_after_somebody_looked_stays_counted(pages: Pages) -> None:
    west = pages.connected_kiosk("west-1", "h1-west")
    west.scan(pages.now, pages.serial("A1"), category=1)
    pages.send(west)
    admin, target = pages.staff("admin"), f"/admin/halls/{west.hall}"
    asked = admin.fields_shown(target, f"{target}/clear")
    west.scan(pages.now, pages.serial("A2"), category=2)
    pages.send(west)
    fields = {"confirm": "yes", **asked}
    page = admin.post(f"{target}/clear", fields, follow_redirects=True).text
    assert "Inside, as scanned 1" in words(page)


def test_a_lost_kiosk_is_attested_by_two_people(pages: Pages) -> None:
    west = pages.connected_kiosk("west-1", "h1-west")
    pages.database.write(lambda db: registry.fence(db, "west-1", 1, by="test", now=pages.now))
    hashed = users.hash_password(PASSWORD)
    pages.database.write(
        lambda db: users.add_user(db, "Second", "supervisor", hashed, by="test", now=pages.now)
    )
    admin, target = pages.staff("admin"), f"/admin/halls/{west.hall}/attest"
    hidden = admin.fields_shown(f"/admin/halls/{west.hall}", target)
    fields = {**hidden, "inside": 3, "name": "Second"}
    at_work = admin.post(target, {**fields, "password": PASSWORD}, follow_redirects=True).text
    assert "anyone any more" in at_work
    fields["stopped"] = "yes"
    wrong = admin.post(target, {**fields, "password": "no"}, follow_redirects=True).text
    assert "second person" in wrong
    alone = {**fields, "name": admin_name(pages), "password": PASSWORD}
    assert "another supervisor" in admin.post(target, alone, follow_redirects=True).text
    unsaid = {**fields, "password": PASSWORD, "inside": ""}
    assert "as a number" in admin.post(target, unsaid, follow_redirects=True).text
    page = admin.post(target, {**fields, "password": PASSWORD}, follow_redirects=True).text
    assert "at most 3 counted as inside" in page
    assert acts(pages)[-1] == "kiosk_attested"
    shown = next(f for f in figures.hall_figures(pages.database.reader) if f.hall_id == west.hall)
    assert shown.unspent == 3


def test_a_second_password_is_not_guessed(pages: Pages) -> None:
    west = pages.kiosk("west-1", "h1-west")
    admin, target = pages.staff("admin"), f"/admin/halls/{west.hall}/attest"
    codes = [admin.post(target, {"inside": 0}).status_code for _ in range(11)]
    assert codes == [303] * 10 + [429]


def test_a_lost_kiosk_that_a_restored_server_waits_for_can_be_attested(pages: Pages) -> None:
    west = pages.kiosk("west-1", "h1-west")
    forget = "UPDATE place_account SET granted = 0, returned = 0, awaited = 1"
    pages.database.write(lambda db: db.execute(forget) and None)
    pages.database.write(lambda db: registry.fence(db, "west-1", 1, by="test", now=pages.now))
    page = pages.staff("admin").get(f"/admin/halls/{west.hall}").text
    assert f'action="/admin/halls/{west.hall}/attest"' in page
    assert 'name="inside" type="number" min="0" required' in page


def admin_name(pages: Pages) -> str:
    query = "SELECT name FROM staff_user WHERE role = 'admin' ORDER BY user_id DESC LIMIT 1"
    return pages.value(query)


def test_a_hall_that_is_not_there(pages: Pages) -> None:
    admin = pages.staff("admin")
    assert admin.get("/admin/halls/999").status_code == 404
    assert admin.post("/admin/halls/999/close").status_code == 404


def test_outages_are_told(pages: Pages) -> None:
    supervisor = pages.staff("supervisor")
    assert "None: every scan arrived at once" in supervisor.get("/admin/outages/").text
    west = pages.connected_kiosk("west-1", "h1-west")
    west.scan(pages.now + MINUTE, pages.serial("A1"), category=1, facts_age_ms=MINUTE)
    pages.now += 5 * MINUTE
    pages.send(west, health=wire.Health())
    page = words(supervisor.get("/admin/outages/").text)
    assert "1: 1 admitted, 0 denied, 0 exits" in page
    assert "the oldest that a decision rested on was 1 min old" in page


def test_who_moved_on_is_shown_and_the_hall_offered_to_be_cleared(pages: Pages) -> None:
    west = pages.connected_kiosk("west-1", "h1-west")
    west.scan(pages.now, pages.serial("A1"), category=1)
    pages.send(west)
    admin, target = pages.staff("admin"), f"/admin/halls/{west.hall}"
    page = words(admin.get(target).text)
    assert "only when people scan out" in page
    assert "entered another hall" not in page.replace("counted by", "")
    pages.database.write(
        lambda db: db.execute("UPDATE stay SET closed_at = 1, after_move = 'counted'") and None
    )
    page = admin.get(target).text
    assert "Inside, as scanned 1; 1 of them has entered another hall since" in words(page)
    assert "1 place is kept for people who entered another hall" in words(page)
    assert "<details open>" in page
    asked = {"confirm": "yes", **admin.fields_shown(target, f"{target}/clear")}
    cleared = admin.post(f"{target}/clear", asked, follow_redirects=True).text
    assert "Inside, as scanned 0 At most" in words(cleared)


def test_moves_that_nobody_confirmed_are_shown(pages: Pages) -> None:
    pages.send(pages.kiosk("west-1", "h1-west"))
    hall = hall_of(pages, "h1")
    pages.database.write(
        lambda db: (
            db.execute("UPDATE hall SET unconfirmed_moves = 3, leaving = 'inferred'") and None
        )
    )
    admin = pages.staff("admin")
    page = words(admin.get(f"/admin/halls/{hall}").text)
    assert "and 3 more if those who entered another hall are still here" in page
    assert "or enter another hall" in page


def test_a_hall_is_cleared_with_the_halls_inside_it(pages: Pages) -> None:
    pages.kiosk("west-1", "h1-west")
    outer, inner = hall_of(pages, "site"), hall_of(pages, "h1")
    admin = pages.staff("admin")
    asked = "Nor is there anybody in the halls inside it, which count as empty too: Hall 1."
    assert asked in words(admin.get(f"/admin/halls/{outer}").text)
    assert "halls inside it" not in admin.get(f"/admin/halls/{inner}").text
    hidden = admin.fields_shown(f"/admin/halls/{outer}", f"/admin/halls/{outer}/clear")
    admin.post(f"/admin/halls/{outer}/clear", {"confirm": "yes", **hidden})
    assert acts(pages)[-2:] == ["hall_cleared", "hall_cleared"]


def test_a_capacity_is_shown_with_its_reasons(pages: Pages) -> None:
    hall = hall_of(pages, "h1")
    admin = pages.staff("admin")
    assert "capacity is above" not in words(admin.get(f"/admin/halls/{hall}").text)
    pages.database.write(
        lambda db: db.execute(
            "UPDATE hall SET seats = 90, exit_width_m = 1.2, entry_lanes = 1 WHERE hall_id = ?",
            (hall,),
        )
    )
    page = words(admin.get(f"/admin/halls/{hall}").text)
    assert "Holding capacity 90 90 seats" in page
    assert "Entry capacity 660 1 × 660 an hour × 60 min (assumed)" in page
    assert "Emergency capacity 787 1.2 m level × 82 a minute × 8 min (assumed)" in page
    assert "The capacity 100 is above the limits from its measures: holding 90 (90 seats)." in page
    admin.post(f"/admin/halls/{hall}/capacity", {"capacity": 90})
    page = words(admin.get(f"/admin/halls/{hall}").text)
    assert "is above what" not in page
    assert re.search(r"Capacity 90; set by admin-\w+ Mon 04 May 10:00:00", page)
