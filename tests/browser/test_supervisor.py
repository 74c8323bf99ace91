"""A supervisor at the page: by touch and by keys, beside the answers and never over them."""

import itertools

import pytest

from badges.admission.facts import Direction
from tests.browser.live_door import LiveDoor, press
from tests.browser.page import LARGE, SIZES, SMALL, Page
from tests.kiosk.support.door_fixture import badge
from tests.kiosk.support.supervised import PIN

serials = itertools.count(0x500)
F9, ESCAPE, TAB, ENTER, SPACE = "\ue039", "\ue00c", "\ue004", "\ue007", "\ue00d"

ANSWERED = """
return performance.getEntriesByType("resource")
  .filter((one) => new URL(one.name).pathname === arguments[0]).length;
"""


@pytest.fixture(autouse=True)
def locked(door: LiveDoor):
    door.turn(Direction.ENTRY)
    yield
    door.kiosk.supervision.lock()


def unlock(page: Page) -> None:
    """By touch."""
    if not page.shown("#panel"):
        page.click("#supervisor")
    page.click('[data-key="who-3"]')
    page.wait_for("#pin")
    for digit in PIN:
        page.click(f'[data-key="digit-{digit}"]')
    page.shot("supervisor-pin")
    page.holds_all()
    page.click('[data-key="unlock"]')
    page.wait("the session", lambda: page.shown("#panel-who"))


def chance(door: LiveDoor) -> object:
    """The denial that can be overridden."""
    return getattr(door.kiosk.board.state.status.can_override, "seq", None)


def deny(door: LiveDoor, page: Page) -> None:
    before = door.answers
    page.burst(press(next(serials)))
    page.wait("a denial", lambda: door.answers > before and page.tone == "deny")
    seq = door.kiosk.board.state.answers[0].seq
    page.wait("its chance", lambda: chance(door) == seq)
    page.wait_for("#overrule")


@pytest.mark.parametrize("size", SIZES)
def test_override_by_touch(door: LiveDoor, page: Page, size: tuple[int, int]) -> None:
    page.resize(size)
    deny(door, page)
    page.shot("denied")
    page.holds_all()
    page.click("#overrule")
    page.shot("supervisor-who")
    unlock(page)
    page.wait_for('[data-key="reason-vip"]')
    page.shot("supervisor-override")
    page.holds_all()
    status = door.kiosk.board.state.status
    left = f"全场还可放行 {status.limit_left} 人"
    here = f"本入口还可放行 {status.limit_here} 人"
    assert page.at(".limit").text.endswith(here if status.limit_left is None else left)
    assert "不会超过法定上限" in page.at("#panel-view").text
    assert not page.at('[data-key="do"]').is_enabled()  # no reason yet
    page.click('[data-key="reason-vip"]')
    page.click('[data-key="do"]')
    page.wait("the admission", lambda: page.tone == "admit")
    assert "Mei Lin" in page.text("reason")
    page.shot("overridden")
    page.holds_all()
    page.wait_for('[data-key="annul"]')


def test_override_by_keys_with_a_reason_of_ones_own(door: LiveDoor, page: Page) -> None:
    deny(door, page)
    page.press(F9, ENTER)
    page.wait_for("#pin")
    page.press(*PIN, ENTER)
    page.wait("the session", lambda: page.shown("#panel-who"))
    page.script("document.querySelector('[data-key=override]').focus()")
    page.press(ENTER)
    page.wait_for('[data-key="reason-other"]')
    page.script("document.querySelector('[data-key=reason-other]').focus()")
    page.press(SPACE)
    page.wait_for("#note")
    page.press(*"host asked", ENTER)
    page.wait("the admission", lambda: page.tone == "admit")
    assert "host asked" in page.text("reason")


def test_another_scan_in_between_is_told(door: LiveDoor, page: Page) -> None:
    deny(door, page)
    page.click("#overrule")
    unlock(page)
    page.wait_for('[data-key="reason-vip"]')
    page.burst(press(next(serials)))
    page.wait_for('[data-key="again"]')
    assert "期间有新的扫描" in page.at("#panel-view").text


def test_wrong_pin_is_told(door: LiveDoor, page: Page) -> None:
    page.click("#supervisor")
    page.click('[data-key="who-4"]')
    page.wait_for("#pin")
    page.press(*"111111", ENTER)
    page.wait("the refusal", lambda: "PIN 码错误" in page.text("panel-error"))
    assert not page.shown("#panel-who")
    page.shot("supervisor-pin-wrong")


# The page gets the answer to a PIN once `give` is called.
HELD = """
const ask = window.fetch, given = new Promise((give) => { window.give = give; });
window.fetch = async (path, ...more) => {
  const answer = await ask(path, ...more);
  if (path.endsWith("/unlock")) await given;
  return answer;
};
"""


def test_session_whose_answer_comes_after_the_feed_ends_too(door: LiveDoor, page: Page) -> None:
    page.script(HELD)
    page.press(F9)
    page.click('[data-key="who-3"]')
    page.wait_for("#pin")
    page.press(*PIN, ENTER)
    board = door.kiosk.board
    page.wait("the session", lambda: board.state.status.supervisor is not None)
    door.kiosk.show_status = lambda: None  # keeps the test's own state
    try:
        board.update(battery_percent=12)
        page.wait("that state", lambda: "12%" in page.text("state-battery"))
        page.script("give()")
        page.wait("the session", lambda: page.shown("#panel-who"))
        board.update(supervisor=None)
        page.wait_for('[data-key="who-3"]')
    finally:
        del door.kiosk.show_status
        board.update(battery_percent=None)


def test_pin_half_typed_stays_as_another_session_ends(door: LiveDoor, page: Page) -> None:
    """It was another page's session at this kiosk, or this page's before a reload."""
    board, supervision = door.kiosk.board, door.kiosk.supervision
    supervision.unlock(3, PIN)
    try:
        page.press(F9)
        page.click('[data-key="who-3"]')
        page.wait_for("#pin")
        page.press(*PIN[:3])
        page.wait("the session", lambda: board.state.status.supervisor is not None)
        board.update(battery_percent=34)
        page.wait("that state", lambda: "34%" in page.text("state-battery"))
        supervision.lock()
        page.wait("its end", lambda: board.state.status.supervisor is None)
        board.update(battery_percent=12)
        page.wait("that state", lambda: "12%" in page.text("state-battery"))
        assert page.script("return document.getElementById('pin')?.value") == PIN[:3]
    finally:
        supervision.lock()
        board.update(battery_percent=None)


@pytest.mark.parametrize("size", SIZES)
def test_annul_the_last_admission(door: LiveDoor, page: Page, size: tuple[int, int]) -> None:
    page.resize(size)
    page.burst(badge(next(serials)))
    page.wait("an admission", lambda: page.tone == "admit")
    page.click("#supervisor")
    page.wait_for('[data-key="who-3"]')
    page.wait_for("#panel-title")
    unlock(page)
    page.shot("supervisor-menu")
    page.holds_all()
    page.wait("the chance", lambda: page.at('[data-key="annul"]').is_enabled())
    page.click('[data-key="annul"]')
    page.click('[data-key="reason-nobody_passed"]')
    page.click('[data-key="do"]')
    page.wait("the annulment", lambda: page.text("word") == "已作废")
    page.shot("annulled")
    page.holds_all()


@pytest.mark.parametrize("size", SIZES)
def test_person_is_admitted_by_name(door: LiveDoor, page: Page, size: tuple[int, int]) -> None:
    page.resize(size)
    unlock(page)
    page.click('[data-key="find"]')
    field = page.wait_for("#find")
    page.click(".plain")  # letters on the screen
    for letter in "LOST":
        page.click(".letters button", letter)
    page.shot("supervisor-letters")
    page.holds_all()
    assert field.get_attribute("value") == "LOST"
    page.click('[data-key="find-do"]')
    button = page.wait_for(".people button")
    assert "Lost Badge" in button.text
    page.shot("supervisor-found")
    page.click(".people button")
    page.wait("the person", lambda: page.shown('[data-key="do"]') and page.shown("#panel h3"))
    page.shot("supervisor-person")
    before = door.answers
    page.click('[data-key="do"]')
    page.wait("an answer", lambda: door.answers > before)
    page.wait("its tone", lambda: page.tone in ("look", "deny"))


def test_door_and_direction(door: LiveDoor, page: Page) -> None:
    page.resize(SMALL)
    unlock(page)
    page.click('[data-key="door"]')
    page.wait_for('[data-key="door-71"]')
    page.shot("supervisor-door")
    page.holds_all()
    page.click('[data-key="exit"]')
    page.wait("the direction", lambda: page.text("direction-word") == "离场")
    page.click('[data-key="entry"]')
    page.wait("the direction", lambda: page.text("direction-word") == "入场")
    # The panel asks one thing at a time, and the page may show the direction before the answer.
    page.wait("the answers", lambda: page.script(ANSWERED, "/supervisor/direction") == 2)
    page.click('[data-key="door-71"]')
    page.click('[data-key="do"]')
    page.wait("the menu", lambda: page.shown('[data-key="lock"]'))


def test_shift_ends_and_is_resumed(door: LiveDoor, page: Page) -> None:
    unlock(page)
    page.click('[data-key="shift"]')
    page.wait_for('[data-key="do"]')
    page.shot("supervisor-shift")
    page.click('[data-key="do"]')
    page.wait("the end", lambda: page.script("return document.body.dataset.panel") != "open")
    page.wait("the words", lambda: door.kiosk.board.state.status.resting)
    page.browser.refresh()
    page.wait("the words", lambda: page.tone == "resting")
    for size in SIZES:
        page.resize(size)
        page.shot("resting")
        page.holds_all()
    unlock(page)
    page.click('[data-key="resume"]')
    page.wait("the door", lambda: not door.kiosk.board.state.status.resting)


def test_roll_call_says_who_was_seen(door: LiveDoor, page: Page) -> None:
    unlock(page)
    page.click('[data-key="rollcall"]')
    page.wait_for('[data-key="point"]').send_keys("9")
    page.shot("supervisor-roll-call")
    page.holds_all()
    page.click('[data-key="do"]')
    page.wait("the roll call", lambda: page.tone == "rolling")
    assert "9" in page.text("next")
    for size in SIZES:
        page.resize(size)
        page.shot("rolling")
        page.holds_all()
    seen = door.kiosk.present(badge(next(serials)))
    assert seen is not None
    page.wait("who was seen", lambda: page.tone == "seen")
    for size in SIZES:
        page.resize(size)
        page.shot("seen")
        page.holds_all()
    unlock(page)
    page.click('[data-key="roll-call-end"]')
    page.wait("the end", lambda: not door.kiosk.board.state.status.roll_call)
    page.click('[data-key="resume"]')
    page.wait("the door", lambda: not door.kiosk.board.state.status.resting)


@pytest.mark.parametrize("begin", ["by touch", "by a key"])
def test_badge_after_the_points_name_is_read(door: LiveDoor, page: Page, begin: str) -> None:
    """Keys typed by hand into the panel just before are no part of the code."""
    unlock(page)
    page.click('[data-key="rollcall"]')
    page.wait_for('[data-key="point"]')
    before = door.answers
    page.press("9", "h")
    if begin == "by touch":
        page.click('[data-key="do"]')
    else:
        page.press(ENTER)
    page.wait("the roll call", lambda: not page.shown("#panel"))
    page.burst(badge(next(serials)))
    page.wait("an answer", lambda: door.answers > before)
    try:
        page.wait("who was seen", lambda: page.tone == "seen")
        assert door.answers == before + 1
    finally:
        unlock(page)
        page.click('[data-key="roll-call-end"]')
        page.wait("the end", lambda: not door.kiosk.board.state.status.roll_call)
        page.click('[data-key="resume"]')
        page.wait("the door", lambda: not door.kiosk.board.state.status.resting)


def test_panel_leaves_the_answer_in_view_and_holds_up_no_scan(door: LiveDoor, page: Page) -> None:
    for size in (SMALL, LARGE):
        page.resize(size)
        if not page.shown("#panel"):
            page.click("#supervisor")
        deny(door, page)
        assert page.shown("#panel")
        page.holds_all()
        page.shot("beside-the-panel")
