"""axe-core finds nothing in any answer or panel, at both sizes (WCAG 2.2 AA)."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from badges.admission.facts import Direction
from tests.browser.engine.axe import COLOUR_RULES, RULES, faults, layout, turn
from tests.browser.live_door import LOOKED_AT, NAMED, LiveDoor, flagged, press
from tests.browser.page import SIZES, Page
from tests.browser.test_programme import session, tell
from tests.browser.test_supervisor import deny, unlock
from tests.kiosk.support.door_fixture import badge

serials = itertools.count(0x900)
LEAST_PX = 24  # WCAG 2.2, 2.5.8

SMALL_TARGETS = """
return [...document.querySelectorAll("button, input")]
  .filter((one) => one.offsetParent && !one.disabled)
  .map((one) => [one.closest("label") ?? one, one])
  .filter(([box]) => Math.min(box.offsetWidth, box.offsetHeight) < arguments[0])
  .map(([, one]) => one.id || one.textContent);
"""


@pytest.fixture
def page(kept_page: Page) -> Page:
    return kept_page


def examine(page: Page, axe: str, name: str) -> None:
    for size in SIZES:
        page.resize(size)
        assert faults(page.browser, axe) == [], (name, size)
        assert page.script(SMALL_TARGETS, LEAST_PX) == [], (name, size)


def test_the_programme(door: LiveDoor, page: Page, axe: str) -> None:
    """Comes first, because an answer stays for a while."""
    tell(door, session(1, -20), session(2, 90))
    page.wait("it", lambda: page.shown('#programme [data-when="next"]'))
    examine(page, axe, "programme")
    tell(door)
    page.wait("nothing", lambda: not page.shown("#programme"))


ANSWERS = {
    "idle": None,
    "admit": lambda: badge(NAMED),
    "denied": lambda: press(next(serials)),
    "look": lambda: flagged(LOOKED_AT),
    "not a badge": lambda: "https://example.org/",
    "goodbye": lambda: badge(NAMED),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers(door: LiveDoor, page: Page, axe: str, name: str) -> None:
    door.turn(Direction.EXIT if name == "goodbye" else Direction.ENTRY)
    make, before = ANSWERS[name], door.answers
    if make is not None:
        page.scan(make())
        page.wait(name, lambda: door.answers > before and page.tone != "idle")
    examine(page, axe, name)


def test_a_greeting(door: LiveDoor, page: Page, axe: str) -> None:
    """Whether admitted or denied: earlier tests have let this speaker in or out."""
    door.turn(Direction.ENTRY)
    tell(door, session(1, -20))
    page.wait("it", lambda: door.kiosk.board.state.status.programme != ())
    page.scan(badge(NAMED))
    page.wait("the greeting", lambda: page.shown("#speaks"))
    examine(page, axe, "greeting")
    tell(door)
    page.wait("nothing", lambda: door.kiosk.board.state.status.programme == ())


def test_panels(door: LiveDoor, page: Page, axe: str) -> None:
    door.turn(Direction.ENTRY)
    page.press("\ue031")  # F1
    examine(page, axe, "help")
    deny(door, page)
    page.click("#supervisor")
    examine(page, axe, "who")
    unlock(page)
    examine(page, axe, "menu")
    for view, sign in (
        ("override", "#panel fieldset"),
        ("find", "#find"),
        ("door", '[data-key="door-71"]'),
        ("shift", '[data-key="do"]'),
    ):
        page.click(f'[data-key="{view}"]')
        page.wait_for(sign)
        examine(page, axe, view)
        page.press("\ue00c")  # Escape: back
    door.kiosk.supervision.lock()
    page.click('[data-key="who-3"]')
    page.wait_for("#pin")
    examine(page, axe, "pin")


@pytest.mark.parametrize("relay", ["off", "works", "failed"])
def test_relays(door: LiveDoor, page: Page, axe: str, relay: str) -> None:
    door.kiosk.show_status = lambda: None  # keeps the test's own state
    level = {"off": "", "works": "good", "failed": "bad"}[relay]

    def painted() -> bool:
        door.kiosk.board.update(relay=relay)  # again: a status may have been under way
        return page.shown(f'#state-relay[data-level="{level}"]')

    try:
        page.wait("the relay", painted)
        examine(page, axe, relay)
        page.holds_all()
    finally:
        del door.kiosk.show_status
        door.kiosk.board.update(relay="none")


def test_camera_page(door: LiveDoor, page: Page, axe: str) -> None:
    page.browser.get(f"{door.url}camera?language=zh")
    examine(page, axe, "camera page")


def test_page_without_its_kiosk(browser: Any, tmp_path, axe: str) -> None:
    with LiveDoor(tmp_path) as door:
        page = Page(browser, door.url, door.link).open()
        door.server.close()
        page.wait("the loss", lambda: page.shown("#lost"))
        examine(page, axe, "lost")
    page.browser.get("about:blank")


DARK = """<!doctype html><html lang="en"><title>Dark</title><style>
@media (prefers-color-scheme: dark) {
  body { background: #222; color: #fff; transition: all .2s }
  p { color: #333 }
}
</style><main><h1>Dark</h1><p>Words</p></main></html>
"""
OF_COLOURS = """
return axe.getRules(arguments[0]).filter((one) => one.tags.includes("cat.color"))
  .map((one) => one.ruleId);
"""


def test_a_fault_of_dark_colours_alone_is_found(browser: Any, tmp_path: Path, axe: str) -> None:
    """A part that moves in the dark counts as more than a change of colour."""
    (tmp_path / "page.html").write_text(DARK)
    browser.get((tmp_path / "page.html").as_uri())
    assert faults(browser, axe) == []
    assert sorted(browser.execute_script(OF_COLOURS, RULES)) == sorted(COLOUR_RULES)
    places = layout(browser)
    try:
        turn(browser, "dark")
        (fault,) = faults(browser, axe, COLOUR_RULES)
        assert (fault["rule"], fault["where"]) == ("color-contrast", ["p"])
        assert layout(browser) == places
        browser.execute_script("document.querySelector('p').style.marginTop = '40px'")
        assert layout(browser) != places
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        browser.get("about:blank")
