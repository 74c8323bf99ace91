"""Each answer of a real kiosk fills the page: word, colour and sentence in two languages, uncut."""

import itertools
from typing import Any

import pytest

from badges.admission.facts import Direction
from tests.browser.live_door import LOOKED_AT, NAMED, LiveDoor, flagged, press
from tests.browser.page import SIZES, Page
from tests.kiosk.support.door_fixture import badge, key_of

serials = itertools.count(0x100)
FORGER = key_of("forger")

ANSWERS = {
    "admit": (lambda: badge(NAMED), "admit", "请进", "ADMIT"),
    "inside": (lambda: badge(NAMED), "deny", "禁止入内", "DENIED"),
    "look": (lambda: flagged(LOOKED_AT), "look", "有人陪同？", "ESCORT?"),
    "not_entitled": (lambda: press(next(serials)), "deny", "禁止入内", "DENIED"),
    "forged": (lambda: badge(7, key=FORGER), "deny", "禁止入内", "DENIED"),
    "not_a_badge": (lambda: "https://example.org/", "deny", "禁止入内", "DENIED"),
    "goodbye": (lambda: badge(NAMED), "goodbye", "再见", "GOODBYE"),
}


@pytest.fixture
def page(kept_page: Page) -> Page:
    return kept_page


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_fills_the_page(door: LiveDoor, page: Page, name: str) -> None:
    make, tone, chinese, english = ANSWERS[name]
    door.turn(Direction.EXIT if name == "goodbye" else Direction.ENTRY)
    before = door.answers
    page.scan(make())
    page.wait(name, lambda: door.answers > before and page.tone == tone)

    assert (page.text("word"), page.text("word-2")) == (chinese, english)
    assert page.text("reason")
    assert chinese in page.text("spoken")
    for size in SIZES:
        page.resize(size)
        page.shot(name)
        page.holds_all()
        height = page.script(
            "return document.getElementById('word').getBoundingClientRect().height"
        )
        assert height > size[1] * 0.14  # readable at 4 m


def test_badge_held_up_to_the_camera_is_answered(door: LiveDoor, page: Page) -> None:
    door.turn(Direction.ENTRY)
    before = door.answers
    door.scene.hold(badge(next(serials)))
    page.wait("an answer", lambda: door.answers > before and page.tone == "admit")
    door.scene.hold(None)

    page.wait("the picture", lambda: page.script("return document.getElementById('picture').width"))
    assert "Hall 7" in page.text("hall") + page.text("reason-2")
    assert page.text("last").count("请进") >= 1


def test_languages_change_places(door: LiveDoor, page: Page) -> None:
    page.scan(press(next(serials)))
    page.wait("a denial", lambda: page.tone == "deny")
    page.press("\ue032")  # F2
    assert (page.text("word"), page.text("word-2")) == ("DENIED", "禁止入内")
    assert page.script("return document.documentElement.lang") == "en"
    page.click("#language")
    assert (page.text("word"), page.text("word-2")) == ("禁止入内", "DENIED")


def test_one_language_alone(door: LiveDoor, page: Page) -> None:
    page.open("?languages=en")
    page.scan(press(next(serials)))
    page.wait("a denial", lambda: page.tone == "deny")
    assert (page.text("word"), page.text("word-2")) == ("DENIED", "")
    assert not page.shown("#language")


# Every tone of the page, even if it ends before a busy machine checks it.
TONES = """
window.tones = [];
const main = document.getElementById("main");
new MutationObserver(() => tones.push(main.dataset.tone)).observe(main, { attributes: true });
"""


def test_answer_goes_after_its_time(browser: Any, tmp_path) -> None:
    with LiveDoor(tmp_path, answer_s=1.5) as door:
        page = Page(browser, door.url, door.link).open()
        page.script(TONES)
        page.scan(badge(1))
        page.wait("an answer", lambda: "admit" in page.script("return tones"))
        page.wait("the invitation", lambda: page.tone == "idle")
        assert page.text("word") == "请出示证件"
        assert page.text("free-number") == "7"
