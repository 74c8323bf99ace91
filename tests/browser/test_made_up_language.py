"""The page in a language that two files add: no text is in another language."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from badges.admission.facts import Direction
from kiosk.texts import catalogue
from kiosk.texts.messages import Code, Message
from tests.browser.live_door import LOOKED_AT, NAMED, LiveDoor, flagged, press
from tests.browser.page import SMALL, Page
from tests.browser.test_supervisor import deny, unlock
from tests.kiosk.support.door_fixture import badge
from tests.kiosk.texts import pseudo_language
from tests.kiosk.texts.pseudo_language import LANGUAGE, left_out

serials = itertools.count(0xC00)
ESCAPE, ENTER = "\ue00c", "\ue007"
NAMES = (
    "Hallkeeper", "Hall 7 · Auditorium", "Hall 7", "North", "South", "Delegate", "Press", "D", "P",
    "Mei Lin", "Omar", "Lost Badge", "ACME", "DE", "Maria-Magdalena von Hohenzollern-Sigmaringen",
    "欧阳娜娜", "F8", "http://camera", "English", "RuntimeError",
)  # fmt: skip

TEXTS = """
const out = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const parent = walker.currentNode.parentElement;
  if (!parent.closest("script, style, noscript, #letters") && parent.checkVisibility())
    out.push(walker.currentNode.textContent);
}
for (const one of document.querySelectorAll("[aria-label], [title], [alt], [placeholder]"))
  if (one.checkVisibility())
    for (const name of ["aria-label", "title", "alt", "placeholder"])
      out.push(one.getAttribute(name) ?? "");
return out.map((text) => text.trim()).filter(Boolean);
"""


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDoor]:
    with pytest.MonkeyPatch.context() as patch:
        pseudo_language.alone(patch)
        catalogue.add(pseudo_language.add_files(tmp_path_factory.mktemp("translations")))
        with LiveDoor(tmp_path_factory.mktemp("door"), languages=(LANGUAGE,), answer_s=30) as door:
            yield door


def examine(page: Page, name: str) -> None:
    page.shot(f"made-up-{name}")
    texts = {text: left_out(text, NAMES) for text in page.script(TEXTS)}
    assert len(texts) > 5
    assert {text: rest for text, rest in texts.items() if rest} == {}, name


@pytest.fixture
def page(kept_page: Page) -> Page:
    return kept_page.resize(SMALL)


def scan(door: LiveDoor, page: Page, text: str) -> None:
    before = door.answers
    page.scan(text)
    page.wait("an answer", lambda: door.answers > before and page.tone != "idle")


def test_answers(door: LiveDoor, page: Page) -> None:
    examine(page, "idle")
    door.turn(Direction.ENTRY)
    for name, text in (
        ("admit", badge(NAMED)),
        ("denied", press(next(serials))),
        ("look", flagged(LOOKED_AT)),
        ("no-badge", "https://example.org/"),
    ):
        scan(door, page, text)
        examine(page, name)
    door.turn(Direction.EXIT)
    scan(door, page, badge(NAMED))
    examine(page, "goodbye")
    door.turn(Direction.ENTRY)
    page.press("\ue031")  # F1
    examine(page, "help")


STATES: dict[str, dict[str, Any]] = {
    "relay-off": {"relay": "off"},
    "relay-works": {"relay": "works"},
    "relay-failed": {"relay": "failed", "trouble": (Message(Code.RELAY_SILENT, host="192.0.2.7"),)},
    "retired": {"retired": True},
    "refused": {"refused": (Message(Code.NOT_ITS_JOURNAL),)},
    "clock": {"skew_ms": 3400, "battery_percent": 12, "scans_waiting": 1, "online": False},
    "notice": {"notice": Message(Code.UNREADABLE)},
    "camera": {"camera": "lost", "camera_message": Message(Code.NO_PICTURE_FOR, n=3)},
    "ended": {"camera": "ended"},
    "none": {"camera": "none", "facts_as_of": None, "scans_waiting": 7},
}


@pytest.mark.parametrize("name", STATES)
def test_states(door: LiveDoor, page: Page, name: str) -> None:
    before = door.kiosk.board.state.status
    door.kiosk.show_status = lambda: None  # keeps the test's own state

    def painted() -> bool:
        door.kiosk.board.update(**STATES[name])  # again: a status may have been under way
        return bool(page.script(f"return {PAINTED[name]}"))

    try:
        page.wait("the state", painted)
        examine(page, name)
        page.holds_all()
    finally:
        del door.kiosk.show_status
        door.kiosk.board.update(**{key: getattr(before, key) for key in STATES[name]})


AT = "document.getElementById('{}').textContent.includes('{}')"
PAINTED = {
    "relay-off": AT.format("state-relay", "off"),
    "relay-works": AT.format("state-relay", "works"),
    "relay-failed": AT.format("state-relay", "did not"),
    "retired": AT.format("notice", "retired"),
    "refused": AT.format("notice", "disk"),
    "clock": AT.format("state-battery", "12"),
    "notice": AT.format("picture-words", "cannot be read"),
    "camera": AT.format("state-camera", "lost"),
    "ended": AT.format("state-camera", "ended"),
    "none": AT.format("state-waiting", "7"),
}


def test_scanners_with_wrong_layouts(door: LiveDoor, page: Page) -> None:
    page.wedge(badge(next(serials)), "DE", "US")
    page.wait("the hint", lambda: page.shown("#state-scanner"))
    examine(page, "scanner-repaired")
    page.script(
        """for (const [key, code] of [...arguments[0]].map((c) => [c, "IntlBackslash"])) {
          dispatchEvent(new KeyboardEvent("keydown", { key, code, bubbles: true }));
        }
        dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", code: "Enter" }));""",
        "HK" + "A1ñ" * 40,
    )
    page.wait("the explanation", lambda: "layout" in page.text("notice"))
    examine(page, "scanner-wrong")


def test_supervisors(door: LiveDoor, page: Page) -> None:
    deny(door, page)
    page.click("#supervisor")
    examine(page, "who")
    page.click('[data-key="who-4"]')
    page.wait_for("#pin")
    page.press(*"111111", ENTER)
    page.wait("the refusal", lambda: "Tries left" in page.text("panel-error"))
    examine(page, "wrong-pin")
    page.press(ESCAPE)
    unlock(page)
    examine(page, "menu")
    for view, sign in (
        ("override", "#panel fieldset"),
        ("find", "#find"),
        ("door", '[data-key="door-71"]'),
        ("shift", '[data-key="do"]'),
    ):
        page.click(f'[data-key="{view}"]')
        page.wait_for(sign)
        examine(page, view)
        page.press(ESCAPE)
    page.click('[data-key="override"]')
    page.click('[data-key="reason-vip"]')
    page.click('[data-key="do"]')
    page.wait("the admission", lambda: page.tone == "admit")
    examine(page, "overridden")
    door.lose_server()
    door.kiosk.sync.wake()
    page.wait("offline", lambda: "Offline" in page.text("state-link"))
    page.click('[data-key="find"]')
    page.wait_for("#find").send_keys("lost" + ENTER)
    page.wait("the refusal", lambda: "needs the server" in page.text("panel-error"))
    examine(page, "needs-the-server")
    door.find_server()
    door.kiosk.supervision.lock()


def test_the_camera_page(door: LiveDoor, page: Page) -> None:
    page.browser.get(f"{door.url}camera")
    page.wait("a picture", lambda: page.script("return picture.complete && picture.naturalWidth"))
    examine(page, "camera-page")
    door.scene.plugged = False
    page.wait("the loss", lambda: "lost" in page.text("facts"))
    examine(page, "camera-page-lost")
    door.scene.plugged = True


def test_a_page_without_its_kiosk(browser: Any, door: LiveDoor) -> None:
    page = Page(browser, door.url, door.link).resize(SMALL).open()
    door.server.close()
    page.wait("the loss", lambda: page.shown("#lost"))
    examine(page, "lost")
    page.browser.get("about:blank")
    page.log()
