"""A hand scanner types wherever the focus is, and on whatever keyboard layout."""

import itertools
from collections.abc import Callable

import pytest

from tests.browser.live_door import LiveDoor
from tests.browser.page import Page
from tests.kiosk.support.door_fixture import badge
from tests.kiosk.support.supervised import PIN

serials = itertools.count(0x300)
F9, ESCAPE, TAB, ENTER = "\ue039", "\ue00c", "\ue004", "\ue007"


def wait_for_scan(door: LiveDoor, page: Page, act: Callable[[], object]) -> None:
    """The act is one scan that admits or finds somebody inside: never a forgery."""
    before = door.answers
    act()
    page.wait("an answer", lambda: door.answers > before)
    answer = door.kiosk.board.state.answers[0]
    assert answer.serial is not None, answer.decision
    assert door.answers == before + 1


LAYOUTS = [
    ("US", "US", False),
    ("US", "DE", False),
    ("US", "FR", False),
    ("DE", "US", False),
    ("FR", "US", False),
    ("DE", "FR", False),
    ("US", "US", True),
]


@pytest.mark.parametrize(("scanner", "computer", "caps"), LAYOUTS)
def test_scanner_of_any_layout_is_read(
    door: LiveDoor, page: Page, scanner: str, computer: str, caps: bool
) -> None:
    text = badge(next(serials))
    wait_for_scan(door, page, lambda: page.wedge(text, scanner, computer, caps))
    wrong = scanner != computer or caps
    page.wait("the hint", lambda: page.shown("#state-scanner") == wrong)


def test_layout_that_is_not_known_is_explained(door: LiveDoor, page: Page) -> None:
    """A Spanish scanner: its characters come from keys that no layout of ours has them on."""
    before = door.answers
    page.wedge("HK" + "A1" * 40, caps=True)  # no badge's form, and nothing foreign: a denial
    page.wait("a denial", lambda: door.answers == before + 1)
    page.script(
        """for (const [key, code] of [...arguments[0]].map((c) => [c, "IntlBackslash"])) {
          dispatchEvent(new KeyboardEvent("keydown", { key, code, bubbles: true }));
        }
        dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", code: "Enter" }));""",
        "HK" + "A1ñ" * 40,
    )
    page.wait("the explanation", lambda: "扫码枪键盘布局有误" in page.text("notice"))
    assert door.answers == before + 1


def test_scanner_works_with_the_focus_on_a_button(door: LiveDoor, page: Page) -> None:
    page.script("document.getElementById('help').focus()")
    wait_for_scan(door, page, lambda: page.burst(badge(next(serials))))
    assert not page.shown("#help-text")  # its Enter pressed nothing


def test_scanner_works_while_a_pin_is_typed(door: LiveDoor, page: Page) -> None:
    page.press(F9)
    page.wait_for('[data-key="who-3"]').click()
    page.wait_for("#pin")
    page.press(*PIN[:3])
    wait_for_scan(door, page, lambda: page.burst(badge(next(serials))))
    assert page.script("return document.getElementById('pin').value") == PIN[:3]
    assert page.text("panel-error") == ""
    page.press(*PIN[3:], ENTER)
    page.wait_for('[data-key="lock"]')
    page.wait("idle after look", lambda: page.shown("#panel-who"))
    page.at('[data-key="find"]').click()
    page.wait_for("#find")
    page.press(*"lost")
    wait_for_scan(door, page, lambda: page.burst(badge(next(serials))))
    assert page.script("return document.getElementById('find').value") == "lost"
    page.press(ENTER)
    page.wait_for(".people button")
    page.press(ESCAPE, ESCAPE)
    assert not page.shown("#panel")
    door.kiosk.supervision.lock()


def test_elbow_on_the_keyboard_is_no_scan(door: LiveDoor, page: Page) -> None:
    before = door.answers
    page.press("x", "y")
    page.script("document.getElementById('help').focus()")
    page.press(ENTER)
    page.wait_for("#help-text")  # the Enter was the button's
    assert door.answers == before
