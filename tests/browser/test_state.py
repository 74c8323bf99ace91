"""Always in view: places, connection, camera; and a page without its kiosk."""

import itertools
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from badges.admission.facts import Direction
from kiosk.camera.camera import Camera
from kiosk.camera.sources import parse_source
from kiosk.config.settings import KioskSettings
from kiosk.door import admit
from kiosk.eye import Eye
from kiosk.run import Kiosk
from kiosk.screen.serving import ScreenServer, create_screen
from kiosk.screen.status import door_status
from kiosk.texts.messages import Code, Message, in_language
from tests.browser.live_door import Event, LiveDoor, now_ms
from tests.browser.page import SIZES, SMALL, Page
from tests.kiosk.support.door_fixture import badge, enrolled
from tests.kiosk.support.pictures import hall, held_up, symbol

serials = itertools.count(0x700)


LOADED = """
return performance.getEntriesByType("resource").filter((one) => one.name.includes("/static/"))
  .map((one) => [new URL(one.name).pathname, one.responseStatus]);
"""


@pytest.fixture
def page(kept_page: Page) -> Page:
    return kept_page


def test_every_file_of_the_pages_is_served(door: LiveDoor, page: Page) -> None:
    loaded = dict(page.script(LOADED))
    assert {"/static/steward/screen.js", "/static/supervisor/views.js"} <= loaded.keys()
    assert len(loaded) > 14

    page.browser.get(f"{door.url}camera")
    loaded |= dict(page.script(LOADED))
    assert "/static/camera/camera_page.js" in loaded
    assert set(loaded.values()) == {200}


def test_the_camera_s_page_goes_on(door: LiveDoor, page: Page) -> None:
    number = "return Number(document.getElementById('picture').src.split('?')[1] ?? 0)"
    page.browser.get(f"{door.url}camera")
    page.wait("its third picture", lambda: page.script(number) > 2)
    page.script("document.getElementById('facts').replaceChildren()")
    page.wait("new facts", lambda: page.text("facts").strip())


def shown_places(page: Page) -> str:
    return f"{page.text('free-number')} {page.text('free-words')}"


def test_one_number_of_places_is_in_view(
    door: LiveDoor, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Online it is the hall's, which the door can ask for, and offline the door's own."""
    around = {"zh": "展览", "en": "Exhibition"}

    def expect(expected: str, **fields: object) -> None:
        monkeypatch.setattr("kiosk.run.door_status", lambda *a: replace(door_status(*a), **fields))
        page.wait(expected, lambda: shown_places(page) == expected)

    expect("40 全场剩余名额", free_places=3, hall_left=40)
    expect("3 全场剩余名额", free_places=3, hall_left=1)  # the report is older
    expect("2 剩余名额（在其他入口）", free_places=0, hall_left=2)
    expect("0 全场剩余名额", free_places=0, hall_left=0)
    expect("12 展览剩余名额", free_places=3, free_names=around, hall_left=12, left_names=around)
    for size in SIZES:
        page.resize(size)
        page.holds_all()
    expect("3 本入口剩余名额", free_places=3, hall_left=None)
    expect("3 本入口剩余展览名额", free_places=3, free_names=around, hall_left=None)
    page.click("#language")
    expect("1 place left in the hall", free_places=1, hall_left=1)
    expect("2 places left in the hall", free_places=1, hall_left=2)
    expect("1 place left, at another door", free_places=0, hall_left=1)
    page.click("#language")
    monkeypatch.undo()


def test_offline_the_number_is_the_doors_own(door: LiveDoor, page: Page) -> None:
    door.turn(Direction.ENTRY)
    door.lose_server()
    page.scan(badge(next(serials)))
    page.wait("offline", lambda: page.text("free-words") == "本入口剩余名额")
    assert page.text("free-number") == str(door.kiosk.board.state.status.free_places)
    door.find_server()
    page.wait("online", lambda: page.text("free-words") == "全场剩余名额")


def test_place_that_is_slow_to_come_is_waited_for_in_sight(
    door: LiveDoor, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No person walks in on the previous person's green."""
    monkeypatch.setattr(admit, "PLACE_WAIT_S", 90.0)  # until the page was checked
    seen = threading.Event()

    def slow(request: object) -> None:
        seen.wait(240)

    door.turn(Direction.ENTRY)
    while (free := door.kiosk.board.state.status.free_places) > 0:
        page.scan(badge(next(serials)))
        page.wait("one less", lambda n=free: door.kiosk.board.state.status.free_places < n)
    page.wait("a green", lambda: page.tone == "admit")
    before = door.answers
    door.event.spoil = slow
    page.scan(badge(next(serials)))
    page.wait("the word", lambda: page.tone == "asking")
    assert (page.text("word"), page.text("word-2")) == ("请稍候", "One moment")
    seen.set()
    door.event.spoil = lambda request: None
    page.wait("the answer", lambda: door.answers > before and page.tone == "admit")

    door.kiosk.board.update(asking=True)
    page.wait("the word", lambda: page.tone == "asking")
    for size in SIZES:
        page.resize(size)
        page.shot("asking")
        page.holds_all()
    door.lose_server()
    page.wait("the server", lambda: page.text("reason-2").startswith("Waiting for the server"))
    for size in SIZES:
        page.resize(size)
        page.shot("asking-server")
        page.holds_all()
    door.find_server()
    door.kiosk.board.update(asking=False)
    page.wait("an invitation", lambda: page.tone == "idle")


def test_a_scan_without_an_answer_ends_the_one_before(door: LiveDoor, page: Page) -> None:
    """Its person must not walk in on that."""
    door.turn(Direction.ENTRY)
    page.scan(badge(next(serials)))
    page.wait("a green", lambda: page.tone == "admit")
    door.kiosk.board.end_answer()
    page.wait("its end", lambda: page.tone == "idle")


def test_an_answer_that_the_disk_held_up_is_shown(
    door: LiveDoor, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time begins when it is there, however long ago the badge was read by the clock."""
    door.turn(Direction.ENTRY)
    door.kiosk.board.end_answer()
    page.wait("an invitation", lambda: page.tone == "idle")
    monkeypatch.setattr("kiosk.run.now_ms", lambda: now_ms() - 600_000)
    page.scan(badge(next(serials)))
    page.wait("a green", lambda: page.tone == "admit")


def test_offline_is_told_with_its_time_and_scans_wait(door: LiveDoor, page: Page) -> None:
    page.wait("online", lambda: "在线" in page.text("state-link"))
    door.lose_server()
    page.scan(badge(next(serials)))
    page.wait("offline", lambda: "起离线" in page.text("state-link"))
    page.wait("a waiting scan", lambda: "1 次扫描待上传" in page.text("state-waiting"))
    for size in SIZES:
        page.resize(size)
        page.shot("offline")
        page.holds_all()
    door.find_server()
    page.wait("online", lambda: "在线" in page.text("state-link"))


def test_lost_camera_is_told_and_comes_back(door: LiveDoor, page: Page) -> None:
    page.wait("a picture", lambda: "摄像头正常" in page.text("state-camera"))
    door.scene.plugged = False
    page.wait("the loss", lambda: "摄像头断开" in page.text("state-camera"))
    page.wait("the words on the picture", lambda: page.shown("#picture-words"))
    for size in SIZES:
        page.resize(size)
        page.shot("camera-lost")
        page.holds_all()
    door.scene.plugged = True
    page.wait("the camera", lambda: "摄像头正常" in page.text("state-camera"))


def test_trouble_and_clock_and_battery_are_told(door: LiveDoor, page: Page) -> None:
    message = Message(Code.DISK_NEARLY_FULL, n=90)
    door.kiosk.show_status = lambda: None  # keeps the test's own words
    try:
        door.kiosk.board.update(trouble=(message,), skew_ms=-3400, battery_percent=12)
        page.wait("the trouble", lambda: page.text("notice") == in_language("zh", message))
        assert "慢 3.4 秒" in page.text("state-skew")
        assert "12%" in page.text("state-battery")
        page.resize(SMALL)
        page.shot("trouble")
        page.holds_all()
    finally:
        del door.kiosk.show_status
        door.kiosk.board.update(trouble=())


def test_page_without_its_kiosk_admits_nobody(browser: Any, tmp_path: Path) -> None:
    with LiveDoor(tmp_path) as door:
        page = Page(browser, door.url, door.link).open()
        door.server.close()
        page.wait("the loss", lambda: page.shown("#lost"))
        assert "未连接" in page.at("#lost").text
        assert "NO KIOSK" in page.at("#lost").text
        for size in SIZES:
            page.resize(size)
            page.shot("lost")
            page.holds_all()
    page.browser.get("about:blank")
    page.log()


def write_film(path: Path, text: str) -> Path:
    """A badge held up for two seconds, then gone."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 15, (1280, 720))
    for number in range(40):
        picture = held_up(symbol(text), 5) if number < 30 else hall()
        writer.write(np.stack([picture] * 3, axis=-1))
    writer.release()
    return path


def test_film_as_the_camera(browser: Any, tmp_path: Path) -> None:
    """A video file is a camera too: its badge is answered, and its end is shown."""
    event = Event(tmp_path)
    directory = enrolled(tmp_path / "door", port=event.port, pin=event.spki_sha256)
    camera = Camera(parse_source(str(write_film(tmp_path / "film.avi", badge(next(serials))))))
    with Kiosk(directory, KioskSettings()) as kiosk:
        event.grant(3)
        assert kiosk.wait_for_facts(60)
        eye = Eye(camera, kiosk)
        kiosk.attach(eye)
        app = create_screen(kiosk.board, eye.preview, languages=["en", "zh"])
        with ScreenServer(app, port=0) as server:
            page = Page(browser, server.url, server.link).open()
            with camera:
                stop = threading.Event()
                watch = threading.Thread(target=eye.watch, args=(stop,))
                watch.start()
                try:
                    page.wait("an answer", lambda: page.tone == "admit")
                    page.wait("the end", lambda: "Video ended" in page.text("state-camera"))
                finally:
                    stop.set()
                    watch.join(240)
    event.close()


@pytest.mark.parametrize("size", [(800, 1280), (1366, 768), (390, 844)])
def test_other_screens_show_everything(door: LiveDoor, page: Page, size: tuple[int, int]) -> None:
    page.resize(size)
    page.scan(badge(next(serials)))
    page.wait("an answer", lambda: page.tone in ("admit", "deny"))
    page.shot("other")
    page.holds_all()
