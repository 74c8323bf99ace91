"""The board: alerts, halls by the state of their session, people on site, latest entries."""

import html
import re
from dataclasses import replace

import msgspec
import pytest

from badges.credential.badge_number import badge_number
from badges.wire import wire
from badges.wire.wire import CameraState
from server.core.event.clock import Epoch
from server.core.event.directory import Event
from server.storage.database import Database
from server.storage.disk import AwayError
from server.storage.tables import keep_setting
from tests.server.conftest import MINUTE
from tests.server.support.pages import Pages, Staff, acts, assert_only, words

prepare = Pages.issue  # for every attendee


def test_it_works(pages: Pages) -> None:
    main = pages.connected_kiosk("main-1", "main")
    main.scan(pages.now, pages.serial("A1"), category=1)
    main.scan(pages.now, pages.serial("A2"), decision="denied", reason="hall_full", category=2)
    pages.now += 1000
    pages.send(main)
    text = words(pages.staff("steward").get("/admin/").text)
    assert "Harbour Centre 1 of 500" in text
    assert "↗ +1 in 15 min" in text
    assert re.search(r'id="clock"[^>]*>10:00<', pages.staff("steward").get("/admin/").text)
    assert "1 denied" in text
    assert re.search(r"1 on site .*Delegate", text)
    assert "1 of 1 in contact" in text
    assert "✕ Hall full" in text
    assert "None: every door answered" in text


def test_names_of_people_are_not_shown(pages: Pages) -> None:
    main = pages.connected_kiosk("main-1", "main")
    main.scan(pages.now, pages.serial("A1"))
    pages.send(main)
    for role in ("steward", "admin"):
        assert "Keller" not in pages.staff(role).get("/admin/").text


def test_links_only_for_those_who_may_follow(pages: Pages) -> None:
    main = pages.connected_kiosk("main-1", "main")
    main.scan(pages.now, pages.serial("A1"))
    pages.send(main)
    steward, admin = (pages.staff(role).get("/admin/").text for role in ("steward", "admin"))
    for link in ("/admin/people/", "/admin/entries", "/admin/kiosks/"):
        assert link not in steward
        assert link in admin


def test_a_full_hall_and_a_closed_hall_are_said_inwords(pages: Pages) -> None:
    pages.database.write(
        lambda db: db.execute("UPDATE hall SET open_stays = capacity WHERE code = 'green'") and None
    )
    pages.database.write(
        lambda db: db.execute("UPDATE hall SET closed_at = 1 WHERE code = 'h1'") and None
    )
    text = words(pages.staff("steward").get("/admin/").text)
    assert "■ Full" in text
    assert "— Closed by staff" in text
    pages.database.write(
        lambda db: db.execute("UPDATE hall SET open_stays = 11 WHERE code = 'green'") and None
    )
    assert "▲ Over capacity" in words(pages.staff("steward").get("/admin/").text)


def _tile(pages: Pages, code: str) -> str:
    """Return the class of the hall's tile, and its words."""
    (hall,) = pages.database.reader.execute(
        "SELECT hall_id FROM hall WHERE code = ?", (code,)
    ).fetchone()
    html = pages.staff("steward").get("/admin/?view=tiles").text
    tile = html.split(f'<li id="hall-{hall}">')[1].split("</li>")[0]
    (kind,) = re.findall(r'class="(tile[^"]*)"', tile)
    return f"{kind.strip()}: {words(tile)}"


def _set(pages: Pages, code: str, sql: str) -> None:
    pages.database.write(
        lambda db: db.execute(f"UPDATE hall SET {sql} WHERE code = ?", (code,)) and None
    )


def test_a_full_hall_is_not_called_open(pages: Pages) -> None:
    _set(pages, "site", "open_stays = capacity")
    assert "No kiosk at its doors" in _tile(pages, "site")
    pages.send(pages.kiosk("main-1", "main"))
    tile = _tile(pages, "site")
    assert "■ Full" in tile
    assert "Admits as places come free" in tile
    assert "Open" not in tile
    _set(pages, "site", "open_stays = 0")
    assert "● Open" in _tile(pages, "site")


def test_a_hall_without_a_kiosk_is_not_called_open(pages: Pages) -> None:
    tile = _tile(pages, "site")
    assert "No kiosk at its doors" in tile
    assert "Open" not in tile
    assert not tile.startswith("tile good")
    steward = pages.staff("steward")
    name = "Harbour Centre"
    admitting = steward.get("/admin/?show=admitting").text
    assert name not in admitting.partition('id="h-halls"')[2]
    pages.send(pages.kiosk("main-1", "main"))
    assert name in steward.get("/admin/?show=admitting").text.partition('id="h-halls"')[2]


def test_an_override_within_the_legal_limit_is_no_alarm(pages: Pages) -> None:
    _set(pages, "green", "capacity = 3, fire_limit = 5, open_stays = 3, open_overrides = 1")
    tile = _tile(pages, "green")
    assert tile.startswith("tile warn: ")
    assert "3 + 1 by supervisor ■ Full" in tile
    text = alerts(pages.staff("steward"))[0]
    assert "◆ Full with 3 + 1 by supervisor" in text
    assert "supervisors may admit 1 more." in text
    _set(pages, "green", "open_overrides = 2")
    assert "The legal limit is reached" in alerts(pages.staff("steward"))[0]
    _set(pages, "green", "open_stays = 4")
    tile = _tile(pages, "green")
    assert tile.startswith("tile bad: ")
    assert "6 of 3 ▲ Over capacity" in tile


def test_a_hall_with_a_silent_door_is_not_green(pages: Pages) -> None:
    main = pages.kiosk("main-1", "main")
    pages.send(main)
    assert _tile(pages, "site").startswith("tile good: ")
    pages.now += 5 * MINUTE
    tile = _tile(pages, "site")
    assert tile.startswith("tile warn: ")
    assert "◆ 1 door silent" in tile
    take(pages.staff("supervisor"), "silent:main-1", "On my way")
    assert "◆ 1 door silent" in _tile(pages, "site"), "it is silent all the same"


def test_halls_with_nothing_today_are_one_line(pages: Pages) -> None:
    pages.database.write(
        lambda db: (
            db.execute("UPDATE session SET opens_at = 0, closes_at = 1, starts_at = 0, ends_at = 1")
            and None
        )
    )
    _set(pages, "h1", "sessions_only = 1, open_stays = 2")
    steward = pages.staff("steward")
    html = steward.get("/admin/").text
    work, rest = html.split('id="halls-at-rest"')
    assert "1 hall has nothing today; 2 people inside" in html
    assert 'id="hall-2"' in rest
    assert 'id="hall-1"' in work
    page = steward.get("/admin/?q=hall").text
    assert 'id="halls-at-rest"' not in page
    assert 'id="hall-2"' in page
    sql = "INSERT INTO hall_minute (hall_id, minute, came, went) VALUES (2, ?, 1, 0)"
    pages.database.write(lambda db: db.execute(sql, (pages.now // MINUTE,)) and None)
    assert '<li id="hall-2"' in steward.get("/admin/").text.split('id="halls-at-rest"')[0]


def test_a_discrepancy_names_both_doors_and_both_times(pages: Pages) -> None:
    main, other = pages.connected_kiosk("main-1", "main"), pages.connected_kiosk("main-2", "main")
    main.scan(pages.now, pages.serial("A1"))
    other.scan(pages.now + 2 * MINUTE, pages.serial("A1"))
    pages.now += 3 * MINUTE
    pages.send(main)
    pages.send(other)
    text = words(pages.staff("steward").get("/admin/").text)
    assert "Already inside" in text
    assert "Admitted at Main entrance, Harbour Centre, Mon 04 May 10:02:00" in text
    assert "Inside since Main entrance, Harbour Centre, Mon 04 May 10:00:00" in text


def test_a_door_that_denied_in_vain_is_named(pages: Pages) -> None:
    main = pages.connected_kiosk("main-1", "main")
    main.scan(pages.now, pages.serial("A2"), decision="denied", reason="revoked")
    pages.send(main)
    text = words(pages.staff("steward").get("/admin/").text)
    assert "Would have been admitted" in text
    assert "Denied (Revoked) at Main entrance" in text


def test_a_silent_or_sick_kiosk_is_named_with_what_to_do(pages: Pages) -> None:
    main, west = pages.kiosk("main-1", "main"), pages.kiosk("west-1", "h1-west")
    sick = wire.Health(camera=CameraState.LOST, camera_fault="no camera found", battery_percent=9)
    pages.send(main, health=sick)
    pages.send(west)
    text = words(pages.staff("steward").get("/admin/").text)
    assert "Camera: no camera found main-1 · Main entrance" in text
    assert "Battery at 9 %" in text
    assert "Plug it in." in text
    pages.now += 5 * MINUTE
    pages.send(west)
    text = words(pages.staff("steward").get("/admin/").text)
    assert "1 of 2 in contact" in text
    assert "Silent for 5 min" in text
    assert "If it is lost or stolen, call an admin" in text
    # Its last report is old.
    assert "Camera" not in text
    assert "west-1" not in text


def test_a_door_without_a_camera_is_no_alert(pages: Pages) -> None:
    main = pages.kiosk("main-1", "main")
    pages.send(main, health=wire.Health(camera=CameraState.NONE))
    assert "main-1" not in pages.staff("steward").get("/admin/").text
    assert "hand scanner only" in pages.staff("admin").get("/admin/kiosks/").text


@pytest.mark.parametrize("state", ["live", "starting", "of a later version"])
def test_a_camera_that_is_not_broken_is_no_alert(pages: Pages, state: str) -> None:
    main = pages.kiosk("main-1", "main")
    # As a phone's page reports it to the phone's door.
    fields = {"camera": state, "frames_per_second": 15.0, "storage": "persistent"}
    pages.send(main, health=msgspec.convert(fields, wire.Health))
    assert "main-1" not in pages.staff("steward").get("/admin/").text
    text = pages.staff("admin").get("/admin/kiosks/").text
    assert "15 a second" in text
    assert "none that works" not in text


def test_a_broken_camera_without_a_word_is_an_alert(pages: Pages) -> None:
    main = pages.kiosk("main-1", "main")
    pages.send(main, health=wire.Health(camera=CameraState.ENDED))
    assert "The camera gives no picture" in pages.staff("steward").get("/admin/").text


def test_what_to_do_is_said_once_for_alerts_of_one_kind(pages: Pages) -> None:
    main, west = pages.kiosk("main-1", "main"), pages.kiosk("west-1", "h1-west")
    for door in (main, west):
        pages.send(door, health=wire.Health(camera=CameraState.LOST))
    text = words(pages.staff("steward").get("/admin/").text)
    assert "main-1" in text
    assert "west-1" in text
    assert text.count("The camera gives no picture") == 2
    assert text.count("Plug the camera in again") == 1


def test_thresholds_are_the_events(event: Event, site: Database) -> None:
    settings = replace(event.settings, alert_battery_percent=5, alert_hall_percent=50)
    with Pages(replace(event, settings=settings), site) as pages:
        main = pages.kiosk("main-1", "main")
        pages.send(main, health=wire.Health(battery_percent=9))
        inside(pages, "green", 6)
        text = words(pages.staff("steward").get("/admin/").text)
        assert "Battery" not in text
        assert "60 % full" in text


def inside(pages: Pages, hall: str, people: int) -> None:
    sql = "UPDATE hall SET open_stays = ? WHERE code = ?"
    pages.database.write(lambda db: db.execute(sql, (people, hall)) and None)


def take(someone: Staff, key: str, note: str):
    return someone.post(f"/admin/alerts/{key}", {"note": note})


def alerts(someone: Staff) -> tuple[str, str]:
    """New alerts, and alerts taken on."""
    page = someone.get("/admin/").text
    new = page.split('<div id="alerts"')[1].split("<details>")[0]
    taken = page.split('<div id="taken">')[1].split("</section>")[0]
    return words(new), words(taken)


def test_an_alert_is_taken_on_with_a_note_that_stands_in_the_entry_log(pages: Pages) -> None:
    inside(pages, "green", 9)
    hall = pages.database.reader.execute("SELECT hall_id FROM hall WHERE code='green'").fetchone()
    key, steward = f"fill:{hall[0]}", pages.staff("steward")
    assert "90 % full" in alerts(steward)[0]
    assert "90 % full: Green Room" in words(steward.get(f"/admin/alerts/{key}").text)
    for note, why in (("  ", "State briefly"), ("x" * 301, "more than 300 characters")):
        answer = take(steward, key, note)
        assert answer.status_code == 400
        assert why in answer.text
    assert "90 % full" in alerts(steward)[0]
    assert take(steward, key, "Queue sent to <h1>\n now").status_code == 303
    new, taken = alerts(steward)
    assert "90 % full" not in new
    assert "90 % full" in taken
    assert "Queue sent to &lt;h1&gt; now" in taken
    assert "steward-" in taken
    assert acts(pages)[-1] == "trouble_taken"
    sql = "SELECT body FROM leaf WHERE kind = 'act' ORDER BY number DESC LIMIT 1"
    body = pages.value(sql)
    subject = {"trouble": key, "level": 0, "note": "Queue sent to <h1> now"}
    assert msgspec.json.decode(body)["subject"] == subject
    # It became worse.
    inside(pages, "green", 10)
    assert "Full with 10" in alerts(steward)[0]
    # It is as before.
    inside(pages, "green", 9)
    assert "90 % full" in alerts(steward)[1]


def test_an_alert_that_occurs_anew_comes_back(pages: Pages) -> None:
    inside(pages, "green", 9)
    hall = pages.database.reader.execute("SELECT hall_id FROM hall WHERE code='green'").fetchone()
    key, steward = f"fill:{hall[0]}", pages.staff("steward")
    alerts(steward)
    take(steward, key, "seen")
    # The value wavers.
    inside(pages, "green", 8)
    alerts(steward)
    inside(pages, "green", 9)
    pages.now += MINUTE
    assert "90 % full" in alerts(steward)[1]
    # Now it was away for some time.
    inside(pages, "green", 1)
    for _minute in range(5):
        pages.now += MINUTE
        assert "90 % full" not in "".join(alerts(steward))
    inside(pages, "green", 9)
    assert "90 % full" in alerts(steward)[0]


def test_a_kiosk_that_was_back_meanwhile_is_a_new_alert(pages: Pages) -> None:
    main, steward = pages.connected_kiosk("main-1", "main"), pages.staff("supervisor")
    pages.now += 2 * MINUTE
    assert take(steward, "silent:main-1", "Looking").status_code == 303
    assert "Silent" in alerts(steward)[1]
    pages.send(main)
    pages.now += 2 * MINUTE
    assert "Silent" in alerts(steward)[0]


def test_what_was_taken_on_survives_a_restart(event: Event, site: Database) -> None:
    with Pages(event, site) as pages:
        inside(pages, "h1", 100)
        hall = pages.database.reader.execute("SELECT hall_id FROM hall WHERE code='h1'").fetchone()
        someone = pages.staff("steward")
        alerts(someone)
        pages.now += MINUTE
        take(someone, f"fill:{hall[0]}", "seen")
        assert "Full with" in alerts(someone)[1]
    with Pages(event, site, now=pages.now + MINUTE) as again:
        assert "Full with" in alerts(again.staff("steward"))[1]


def test_writes_that_fail_are_an_alert(pages: Pages) -> None:
    staff = pages.staff("supervisor")
    assert "Some writes to the database fail" not in staff.get("/admin/").text
    pages.database.failures.note(AwayError("the database can't be reached"))
    pages.now += 60_000
    assert "Some writes to the database fail" in staff.get("/admin/").text


def test_who_may_take_an_alert_on(shown: Pages) -> None:
    assert_only(shown, "/admin/alerts/server:no_second_disk", "steward", "supervisor")
    auditor = shown.staff("auditor")
    assert take(auditor, "server:no_second_disk", "x").status_code == 403
    assert "Handle it" not in auditor.get("/admin/").text
    admin = shown.staff("admin")
    assert admin.get("/admin/alerts/nothing").status_code == 404
    assert "This alert is over" in admin.get("/admin/alerts/silent:main-1").text


def test_forged_and_copied_badges_are_alerts_for_an_hour(pages: Pages) -> None:
    main = pages.connected_kiosk("main-1", "main")
    main.scan(pages.now, None, decision="denied", reason="forged")
    main.scan(pages.now, pages.serial("A2"), decision="denied", reason="likely_copy")
    pages.send(main)
    text = alerts(pages.staff("steward"))[0]
    assert "1 forged badge in an hour" in text
    assert "Main entrance" in text
    assert "Likely a copied badge, seen 1 time" in text
    entries = f"/admin/entries?badge={badge_number(pages.serial('A2'))}"
    shown = pages.staff("auditor").get("/admin/").text
    assert f'<a href="{entries}">Entries of this badge</a>' in shown
    assert pages.staff("auditor").get(entries).text.count("Likely a copied badge") >= 1
    assert "Entries of this badge" not in pages.staff("steward").get("/admin/").text
    pages.now += 61 * MINUTE
    text = alerts(pages.staff("steward"))[0]
    assert "forged" not in text
    assert "copied" not in text


def test_a_hall_that_fills_too_fast_is_an_alert_before_it_is_full(pages: Pages) -> None:
    west = pages.connected_kiosk("west-1", "h1-west")
    for number in range(40):
        west.scan(pages.now - 9 * MINUTE + number, 500 + number, category=1)
    pages.send(west)
    text = alerts(pages.staff("steward"))[0]
    assert re.search(r"Full at 10:\d\d at this rate, 40 more in 15 min", text), text


def test_halls_say_the_state_of_their_session(shown: Pages) -> None:
    text = words(shown.staff("steward").get("/admin/").text)
    assert re.search(r"Hall 1 .*?Admitting until \d\d:\d\d|Hall 1 .*?Opens", text)


def test_the_choice_of_halls_is_kept(pages: Pages) -> None:
    inside(pages, "green", 9)
    someone = pages.staff("steward")
    page = someone.get("/admin/?view=table&show=full&sort=fill").text
    assert page.count('role="rowheader"') == 1
    assert '<tr role="row" id="hall-' in page
    assert someone.get("/admin/").text.count('role="rowheader"') == 1
    assert someone.get("/admin/?show=all").text.count('role="rowheader"') == 3
    assert someone.get("/admin/?q=harbour").text.count('role="rowheader"') == 1
    assert someone.get("/admin/?view=sky&sort=<&show=%00").status_code == 200


def test_the_board_in_chinese(shown: Pages) -> None:
    page = shown.staff("steward").get("/admin/?lang=zh").text
    assert "海港中心" in page
    assert "跳到会场" in page


def test_an_event_without_a_venue_says_what_to_do(event: Event, site: Database) -> None:
    site.write(lambda db: [db.execute(f"DELETE FROM {table}") for table in _VENUE] and None)
    with Pages(event, site) as pages:
        text = pages.staff("admin").get("/admin/").text
        assert "Add the first one" in text
        assert "/admin/venue/hall/new" in text


_VENUE = (
    "session_guest",
    "session_category",
    "session",
    "door_from",
    "door",
    "hall_category",
    "hall",
)


@pytest.mark.parametrize(
    ("by_ms", "change"), [(3_600_000, "forward by 1 h"), (-300_000, "back by")]
)
def test_a_clock_that_was_set_is_told(pages: Pages, by_ms: int, change: str) -> None:
    admin = pages.staff("admin")
    assert "clock was set" not in admin.get("/admin/").text
    kept = Epoch(7, 0, "boot", pages.now - MINUTE, by_ms)
    text = msgspec.json.encode(kept).decode()
    pages.database.write(lambda db: keep_setting(db, "clock", text))
    page = html.unescape(" ".join(admin.get("/admin/").text.split()))
    assert f"The server's clock was set {change}" in page
