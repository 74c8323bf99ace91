"""A hand scanner types into any focus, on any keyboard layout."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from badges.credential.badge_number import badge_number
from tests.browser.live_door import LiveDoor
from tests.browser.page import Page
from tests.kiosk.support.door_fixture import badge
from tests.kiosk.support.supervised import PIN

serials = itertools.count(0x300)
F9, ESCAPE, TAB, ENTER = "\ue039", "\ue00c", "\ue004", "\ue007"


def wait_for_scan(door: LiveDoor, page: Page, act: Callable[[], object]) -> None:
    """Wait for a scan that admits or finds the person inside, and never a forgery."""
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
    """A Spanish scanner: no layout of ours has its characters on these keys."""
    before = door.answers
    page.wedge("HK" + "A1" * 40, caps=True)  # not a badge's form, and nothing foreign: a denial
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


def test_typed_badge_number_is_explained(door: LiveDoor, page: Page) -> None:
    before = door.answers
    page.press(*badge_number(next(serials)), ENTER)
    page.wait("the denial", lambda: door.answers == before + 1)
    page.wait("its reason", lambda: page.text("reason") == "这是号码，不是证件")
    assert page.text("reason-2") == "This is a number, not a badge"
    assert door.kiosk.board.state.answers[0].holder is None


def test_scanner_works_with_the_focus_on_a_button(door: LiveDoor, page: Page) -> None:
    page.script(
        "window.clicks = 0; addEventListener('click', () => { window.clicks += 1; }, true);"
        "document.getElementById('help').focus()"
    )
    wait_for_scan(door, page, lambda: page.burst(badge(next(serials))))
    assert page.script("return window.clicks") == 0  # its Enter pressed nothing


def test_scanner_works_while_a_pin_is_typed(door: LiveDoor, page: Page) -> None:
    page.press(F9)
    page.click('[data-key="who-3"]')
    page.wait_for("#pin")
    page.press(*PIN[:3])
    wait_for_scan(door, page, lambda: page.burst(badge(next(serials))))
    assert page.script("return document.getElementById('pin').value") == PIN[:3]
    assert page.text("panel-error") == ""
    page.press(*PIN[3:], ENTER)
    page.wait_for('[data-key="lock"]')
    page.wait("idle after look", lambda: page.shown("#panel-who"))
    page.click('[data-key="find"]')
    page.wait_for("#find")
    page.press(*"lost")
    wait_for_scan(door, page, lambda: page.burst(badge(next(serials))))
    assert page.script("return document.getElementById('find').value") == "lost"
    page.press(ENTER)
    page.wait_for(".people button")
    page.press(ESCAPE, ESCAPE)
    page.wait("the closed panel", lambda: not page.shown("#panel"))
    door.kiosk.supervision.lock()


@pytest.fixture
def field(door: LiveDoor, page: Page) -> Iterator[Callable[[], str]]:
    """Focus the PIN's field, and return the call that reads it."""
    page.press(F9)
    page.click('[data-key="who-3"]')
    page.wait_for("#pin")
    yield lambda: str(page.script("return document.getElementById('pin').value"))
    page.press(ESCAPE, ESCAPE)
    page.wait("the closed panel", lambda: not page.shown("#panel"))


LATE = {
    "none, after a hand's h": ("27h", {}),
    "the second": ("27", {1: 0.1}),
    "the fourth": ("", {3: 0.1}),
    "one amid the badge": ("", {60: 0.3}),
    "some, after a hand's h": ("2h", {2: 0.05, 7: 0.2, 40: 0.45, 121: 0.1}),
}


@pytest.mark.parametrize(("typed", "late"), LATE.values(), ids=LATE)
def test_scanner_whose_keys_come_late_is_read_in_a_field(
    door: LiveDoor, page: Page, field: Callable[[], str], typed: str, late: dict[int, float]
) -> None:
    """A radio scanner, for example. Digits typed by hand just before stay in the field."""
    page.press(*typed)
    wait_for_scan(door, page, lambda: page.burst(badge(next(serials)), late))
    assert field() == typed.removesuffix("h")


def test_hand_typing_is_no_scanner(door: LiveDoor, page: Page, field: Callable[[], str]) -> None:
    before = door.answers
    page.press(*"hk493818")
    assert field() == "493818"
    page.press(ENTER)
    page.wait("the refusal", lambda: page.text("panel-error") != "")
    assert door.answers == before


def test_elbow_on_the_keyboard_is_no_scan(door: LiveDoor, page: Page) -> None:
    before = door.answers
    page.press("x", "y")
    page.script("document.getElementById('help').focus()")
    page.press(ENTER)
    page.wait_for("#help-text")  # the Enter was the button's
    assert door.answers == before
