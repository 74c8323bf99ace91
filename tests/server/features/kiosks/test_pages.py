"""Kiosks: the list, adding one, the six words, retiring, fencing."""

import html
import re
from dataclasses import replace

import pytest

from badges.credential.keys import PrivateKey
from badges.wire import wire
from badges.wire.enrolment import parse_code, proof
from server.core.event.directory import Event
from server.core.kiosks import registry
from server.features.kiosks.commands import _places, _waiting
from server.storage.database import Database
from server.web.services import services_of
from tests.server.conftest import MINUTE
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages, Staff, acts, assert_only


def state_of(pages: Pages, kiosk: str, generation: int = 1) -> str:
    rows = registry.kiosks(pages.database.reader)
    return next(row.state for row in rows if (row.kiosk, row.generation) == (kiosk, generation))


def shown_words(page: str) -> dict[str, object]:
    """The hidden fields of the confirmation's form."""
    words = re.search(r'name="words" value="([^"]+)"', page)
    generation = re.search(r'name="generation" value="(\d+)"', page)
    assert words
    assert generation
    return {"words": words[1], "generation": generation[1]}


def add(someone: Staff, kiosk: str = "west-1", door: str = "h1-west"):
    return someone.post("/admin/kiosks/add", {"kiosk": kiosk, "door": door})


def listed(pages: Pages, kiosk: str) -> str:
    """The line of `hallkeeper kiosk list` on a kiosk's places and scans."""
    row = next(row for row in registry.kiosks(pages.database.reader) if row.kiosk == kiosk)
    held = registry.holdings(pages.database.reader).get((row.kiosk, row.generation), [])
    return f"{_places(row, held)}; {_waiting(row, pages.now)}"


def test_a_name_as_people_write_it_is_made_a_kiosks_name(pages: Pages) -> None:
    assert "hall-1-east" in add(pages.staff("admin"), "Hall 1  East", "main").text


def test_what_a_kiosk_holds_and_has_not_sent(pages: Pages) -> None:
    pages.issue()
    door = pages.kiosk("west", "h1-west")
    assert listed(pages, "west") == "holds no places; has reported nothing yet"
    pages.send(door)
    pages.send(door)
    granted = door.granted
    assert granted > 3
    for name in ("A1", "A2", "A3"):
        door.scan(pages.now, pages.serial(name))
    # It reports three scans in its queue, and hands one over: two wait.
    health = wire.Health(queue=3)
    pages.send(door, last=1, health=health)
    pages.now += 90_000
    held = f"holds {granted - 1} places (2 used) and 20 override places"
    assert listed(pages, "west") == f"{held}; 2 scans waiting, as of 1 min ago"
    pages.send(door, health=health)
    held = f"holds {door.granted - 3} places and 20 override places"
    assert listed(pages, "west") == f"{held}; 0 scans waiting, as of 0 s ago"
    before = registry.holdings(pages.database.reader)
    pages.database.write(lambda db: registry.retire(db, "west", by="test", now=pages.now))
    assert registry.holdings(pages.database.reader) == before  # until its journal is in


def test_override_places_and_places_of_another_hall(pages: Pages) -> None:
    pages.kiosk("west", "h1-west")
    green = pages.database.reader.execute("SELECT hall_id FROM hall WHERE code = 'green'")
    (green_id,) = green.fetchone()
    row = registry.kiosks(pages.database.reader)[0]

    def hold(db, hall_id: int, override: int, granted: int, free: int) -> None:
        db.execute(
            "INSERT INTO place_account (hall_id, override, kiosk, generation, granted, free)"
            " VALUES (?, ?, 'west', 1, ?, ?) ON CONFLICT"
            " (hall_id, override, kiosk, generation) DO UPDATE"
            " SET granted = excluded.granted, free = excluded.free",
            (hall_id, override, granted, free),
        )

    pages.database.write(lambda db: hold(db, row.hall_id, 0, 5, 5))
    pages.database.write(lambda db: hold(db, row.hall_id, 1, 1, 1))
    pages.database.write(lambda db: hold(db, green_id, 0, 2, 1))
    assert listed(pages, "west").startswith(
        "holds 2 places (1 used) in green, holds 5 places and 1 override place; "
    )


def test_it_works(pages: Pages) -> None:
    """From the form to a kiosk at work."""
    admin, key = pages.staff("admin"), PrivateKey(bytes(range(32)))
    page = add(admin)
    assert page.status_code == 201
    assert 'Valid until <b class="number">10:15:00</b>' in page.text
    assert "<svg" in page.text
    text = re.search(r"--code (HKE1\.[^<\s]+)", html.unescape(page.text))
    assert text
    code = parse_code(text[1])
    assert (code.host, code.port) == ("localhost", 8443)
    assert code.spki_sha256 == pages.event.spki_sha256
    assert "has not used its code yet" in admin.get("/admin/kiosks/west-1/words").text

    asked = wire.EnrolRequest(code.token, key.public.raw, proof(key, code.token))
    answer = pages.stranger().client.post(
        "/api/enrol", data=wire.encode(asked), base_url="https://localhost"
    )
    assert not wire.decode(answer.data, wire.EnrolAnswer).confirmed
    fields = shown_words(admin.get("/admin/kiosks/west-1/words").text)
    assert len(str(fields["words"]).split()) == 6
    confirmed = admin.post(
        "/admin/kiosks/west-1/confirm", {**fields, "same": "yes"}, follow_redirects=True
    )
    command = "hallkeeper-kiosk run --dir west-1 --camera 0"
    assert f"west-1 is enrolled. Start it there: {command}" in confirmed.text
    answer = pages.stranger().client.post(
        "/api/enrol", data=wire.encode(asked), base_url="https://localhost"
    )
    assert wire.decode(answer.data, wire.EnrolAnswer).confirmed
    assert acts(pages)[-2:] == ["kiosk_added", "kiosk_confirmed"]
    assert command in admin.get("/admin/kiosks/").text


def test_the_start_command_is_shown_until_the_kiosk_reports(pages: Pages) -> None:
    admin, command = pages.staff("admin"), "hallkeeper-kiosk run --dir west"
    door = pages.kiosk("west", "h1-west")
    assert command in admin.get("/admin/kiosks/").text
    pages.send(door)
    assert command not in admin.get("/admin/kiosks/").text


def test_a_door_is_chosen_beforehand_only_if_it_is_the_last_one(pages: Pages) -> None:
    admin = pages.staff("admin")
    assert " selected" not in admin.get("/admin/kiosks/").text.partition('id="door"')[2]
    pages.kiosk("west", "h1-west")
    pages.kiosk("main", "main")
    assert 'value="green-door" selected' in admin.get("/admin/kiosks/").text


def test_a_silent_kiosk_shows_no_fresh_figure(pages: Pages) -> None:
    door = pages.kiosk("west", "h1-west")
    pages.send(door)
    pages.send(door, health=wire.Health(version="1.4", queue=7, battery_percent=64))
    at = pages.now
    auditor = pages.staff("auditor")
    fresh = words_of(auditor, "west")
    assert "64 %" in fresh
    assert "last heard" not in fresh
    pages.now += 5 * MINUTE
    old = words_of(auditor, "west")
    assert "64 %" not in old
    assert "Silent for 5 min" in old
    clock = services_of(pages.app).venue_clock.minute(at)
    assert re.search(rf"last heard {clock}: [1-9]\d* places", old)


def test_a_kiosk_that_is_silent_for_less_than_the_alert_is_not_called_well(
    event: Event, site: Database
) -> None:
    settings = replace(event.settings, alert_silent_s=600)
    with Pages(replace(event, settings=settings), site) as pages:
        pages.send(pages.kiosk("west", "h1-west"))
        auditor = pages.staff("auditor")
        assert "Well" in words_of(auditor, "west")
        at = services_of(pages.app).venue_clock.minute(pages.now)
        pages.now += 6 * MINUTE
        state = words_of(auditor, "west")
        assert f"Silent since {at}" in state
        assert "Well" not in state


def words_of(someone: Staff, kiosk: str) -> str:
    row = someone.get("/admin/kiosks/").text.split(f'id="kiosk-{kiosk}"')[1].split("</tr>")[0]
    return " ".join(re.sub(r"<[^>]*>", " ", row).split())


def test_who_may_see_them(pages: Pages) -> None:
    pages.kiosk("main-1", "main")
    assert_only(pages, "/admin/kiosks/", "auditor")
    assert_only(pages, "/admin/kiosks/main-1/words", "auditor")


@pytest.mark.parametrize("act", ["add", "main-1/confirm", "main-1/retire", "main-1/fence"])
def test_only_admins_change_them(pages: Pages, act: str) -> None:
    pages.kiosk("main-1", "main")
    assert_only(pages, f"/admin/kiosks/{act}", method="POST")
    page = pages.staff("auditor").get("/admin/kiosks/").text
    assert "<form" not in page.partition("<main")[2]


@pytest.mark.parametrize(
    ("kiosk", "door", "problem"),
    [
        ("west_1", "main", "is no name for a kiosk"),
        ("", "main", "is no name for a kiosk"),
        ("x" * 40, "main", "is no name for a kiosk"),
        ("west-1", "nowhere", "there is no door"),
        ("west-1", "", "there is no door"),
    ],
)
def test_a_wrong_name_or_door_is_said(shown: Pages, kiosk: str, door: str, problem: str) -> None:
    answer = add(shown.staff("admin"), kiosk, door)
    assert answer.status_code == 400
    assert problem in answer.text
    assert registry.kiosks(shown.database.reader) == []


def test_words_must_be_compared(pages: Pages) -> None:
    admin = pages.staff("admin")
    pages.shown(FakeDoor("main-1", 1, 1), "main")
    fields = shown_words(admin.get("/admin/kiosks/").text)
    answer = admin.post("/admin/kiosks/main-1/confirm", fields, follow_redirects=True)
    assert "compare the six words" in answer.text
    assert state_of(pages, "main-1") == "proven"


def test_only_the_words_that_were_seen_are_confirmed(pages: Pages) -> None:
    """The code is renewed between the page and the button."""
    admin = pages.staff("admin")
    pages.shown(FakeDoor("main-1", 1, 1), "main")
    fields = shown_words(admin.get("/admin/kiosks/").text)
    pages.shown(FakeDoor("main-1", 1, 1), "main")
    answer = admin.post("/admin/kiosks/main-1/confirm", {**fields, "same": "yes"})
    assert answer.status_code == 409
    assert state_of(pages, "main-1") == "proven"


def test_confirming_what_is_not_there_is_said(shown: Pages) -> None:
    fields = {"words": "a", "generation": 1, "same": "yes"}
    answer = shown.staff("admin").post("/admin/kiosks/ghost/confirm", fields, follow_redirects=True)
    assert "there is no kiosk" in answer.text


def test_a_page_from_before_a_new_enrolment_retires_nothing(pages: Pages) -> None:
    pages.kiosk("main-1", "main")
    admin = pages.staff("admin")
    form = admin.get("/admin/kiosks/").text.partition("/admin/kiosks/main-1/retire")[2]
    seen = re.search(r'name="generation" value="(\d+)"', form)[1]
    pages.kiosk("main-1", "main")
    answer = admin.post("/admin/kiosks/main-1/retire", {"generation": seen, "confirm": "yes"})
    assert answer.status_code == 409
    assert state_of(pages, "main-1", 2) == "active"


@pytest.mark.parametrize(("act", "state"), [("retire", "retired"), ("fence", "fenced")])
def test_ending_a_kiosk(pages: Pages, act: str, state: str) -> None:
    pages.kiosk("main-1", "main")
    admin, target = pages.staff("admin"), f"/admin/kiosks/main-1/{act}"
    answer = admin.post(target, {"generation": 1}, follow_redirects=True)
    assert "tick the box" in answer.text
    assert state_of(pages, "main-1") == "active"
    answer = admin.post(target, {"generation": 1, "confirm": "yes"}, follow_redirects=True)
    assert f"main-1 is {state}" in answer.text
    assert state_of(pages, "main-1") == state
    assert acts(pages)[-1] == f"kiosk_{state}"
    again = admin.post(target, {"generation": 1, "confirm": "yes"}, follow_redirects=True)
    assert 'class="notice bad"' in again.text


def test_the_code_is_shown_once(pages: Pages) -> None:
    admin = pages.staff("admin")
    first = re.search(r"HKE1\.[\w-]+", add(admin).text)
    assert first
    for target in ("", "west-1/words"):
        assert first[0] not in admin.get(f"/admin/kiosks/{target}").text
    stored = pages.value("SELECT token_hash FROM kiosk")
    assert parse_code(f"{first[0]}.localhost:8443").token not in stored


def test_states_and_health_are_said_in_words(pages: Pages) -> None:
    admin = pages.staff("admin")
    main = pages.kiosk("main-1", "main")
    health = wire.Health(
        version="0.1.0", skew_ms=4000, disk_free_mb=100, queue=1_200, battery_percent=64,
        frames_per_second=24.6, read_rate=0.981, facts_age_ms=2_000,
    )  # fmt: skip
    pages.send(main, health=health)
    add(admin)
    text = admin.get("/admin/kiosks/").text
    for words in (
        "Waits for its code", "Its clock is 4 s ahead", "100 MB of disk left", "0 s ago", "0.1.0",
        "1,200 scans to send", "+4.0 s", "64 %", "25 a second", "98 % read", "2 s ago",
    ):  # fmt: skip
        assert words in text, words
    assert "generation" not in re.sub(r"<[^>]+>", "", text)
    pages.now += 20 * MINUTE
    text = admin.get("/admin/kiosks/").text
    for words in ("code has expired", "Silent for 20 min", "20 min ago", "0.1.0"):
        assert words in text, words


def test_the_last_hour_says_when_a_kiosk_was_not_heard(pages: Pages) -> None:
    pages.issue()
    main = pages.kiosk("main-1", "main")
    for minute in range(90):
        if minute % 10 != 5:
            pages.send(main)
        if minute == 80:
            main.scan(pages.now, pages.serial("A1"), category=1)
        pages.now += MINUTE
    pages.now -= MINUTE
    page = pages.staff("admin").get("/admin/kiosks/").text
    assert 'aria-label="1 scan, 6 minutes not heard"' in page
    assert page.count('class="silent"') == 6
    rows = pages.value("SELECT COUNT(*) FROM kiosk_minute")
    assert rows == 60 - 6, "it is a ring"


def test_what_a_kiosk_says_is_set_as_text(pages: Pages) -> None:
    main = pages.kiosk("main-1", "main")
    pages.send(
        main,
        health=wire.Health(camera=wire.CameraState.LOST, camera_fault="<b>lost</b>", version="<i>"),
    )
    for target in ("/admin/kiosks/", "/admin/"):
        text = pages.staff("admin").get(target).text
        assert "<b>lost" not in text
        assert "&lt;b&gt;lost" in text


def test_an_unknown_kiosk_is_not_found(shown: Pages) -> None:
    assert shown.staff("admin").get("/admin/kiosks/ghost/words").status_code == 404


def test_a_kiosk_that_is_fenced_already_is_named_so_in_chinese(pages: Pages) -> None:
    pages.kiosk("main-1", "main")
    admin = pages.staff("admin")
    admin.get("/admin/?lang=zh")
    for _ in range(2):
        admin.post("/admin/kiosks/main-1/fence", {"confirm": "yes", "generation": 1})
    page = html.unescape(admin.get("/admin/kiosks/").text)
    assert "验证机 'main-1' 的第 1 次注册已隔离" in page
