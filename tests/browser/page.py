"""The staff's page in a headless Chromium, as a test sees and touches it."""

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.kiosk.screen.keyboards import character, keys_of, us_key

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: pip install selenium")
ActionBuilder = pytest.importorskip("selenium.webdriver.common.action_chains").ActionBuilder
websocket = pytest.importorskip("websocket", reason="needs websocket-client, as selenium does")

SMALL, LARGE = (1024, 600), (1920, 1080)
SIZES = (SMALL, LARGE)
WAIT_S = 240.0  # on a busy machine
FIT_S = 240.0  # for a page to fit itself to a new size, there too
# Between two checks of a wait, at first and at last. One check costs 6 ms of CPU.
LOOK_S = (0.03, 0.2)
KEY_S = 0.004  # between two keys of a scanner

# Parts outside their container, or with text wider than themselves.
CUT = """
const holders = [["body > header", "body"], ["main", "body"], ["footer", "body"],
  ["#panel", "body"], ["main > *", "main"],
  [".answer > *", ".answer"], ["body > header > *", "body > header"],
  ["nav button", "nav"], ["footer li", "footer"], [".holder > *", ".holder"]];
const cut = [];
for (const [parts, holder] of holders) {
  for (const part of document.querySelectorAll(parts)) {
    const inner = part.getBoundingClientRect();
    if (!inner.width || !inner.height) continue;
    if (part.matches(".aside, .lost, .dwell, .tool-words")) continue;
    const outer = part.closest(holder).getBoundingClientRect();
    const name = part.id || part.className?.baseVal || part.className || part.tagName;
    const out = inner.left < outer.left - 1 || inner.right > outer.right + 1 ||
      inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1;
    if (out) cut.push(`${name} in ${holder}`);
    if (part.scrollWidth > part.clientWidth + 1 && part.children.length === 0 && part.clientWidth
        && getComputedStyle(part).textOverflow !== "ellipsis") cut.push(`${name} is wider`);
  }
}
return cut;
"""


SHOWN = """
const one = document.querySelector(arguments[0]);
return one?.offsetParent ? one : null;
"""
# The point to press a part, and any part that covers it. While the panel waits for an answer it
# takes no other request, so a press would do nothing.
PLACE = """
const [css, words] = arguments;
const all = [...document.querySelectorAll(css)];
const one = words === null ? all[0] : all.find((each) => each.textContent.trim() === words);
if (!one?.offsetParent || one.closest("[aria-busy=true]")) return null;
one.scrollIntoViewIfNeeded();
const box = one.getBoundingClientRect();
const [x, y] = [box.x + box.width / 2, box.y + box.height / 2].map(Math.round);
const hit = document.elementFromPoint(x, y);
return [x, y, one.contains(hit) ? "" : hit?.outerHTML.slice(0, 200) ?? "the window's edge"];
"""
# The key events of a scanner, sent to the page at once.
KEYS = """
for (const [code, shiftKey, key] of arguments[0])
  for (const kind of ["keydown", "keyup"])
    document.activeElement.dispatchEvent(
      new KeyboardEvent(kind, { code, key, shiftKey, bubbles: true, cancelable: true }));
"""
IS_OPEN = "return !!document.querySelector('meta[name=hallkeeper-token]')"
# Closes a test's panels if the page is this one, hears its kiosk and shows no unlocked supervisor:
# it may never hear of a session that a test ended at once.
REST = """
if (document.URL !== arguments[0] || document.body.dataset.link !== "up") return false;
if (!document.getElementById("panel-who").hidden) return false;
for (const [part, close] of [["panel", "panel-close"], ["help-text", "help-close"]])
  if (!document.getElementById(part).hidden) document.getElementById(close).click();
document.activeElement.blur();
return true;
"""


class Keys:
    """Presses keys in the open window. Close it, which waits for the last key.

    It speaks to Chromium itself. Each key by chromedriver takes several times as long.
    """

    def __init__(self, browser: Any) -> None:
        address = browser.capabilities["goog:chromeOptions"]["debuggerAddress"]
        window = f"ws://{address}/devtools/page/{browser.current_window_handle}"
        self._line = websocket.create_connection(window, timeout=WAIT_S, suppress_origin=True)
        self._sent = 0

    def press(self, at: float, code: str, key: str, shift: bool) -> None:
        event: dict[str, Any] = {"code": code, "key": key, "modifiers": 8 if shift else 0}
        event["timestamp"] = at
        if len(key) == 1:
            event["text"] = key
        elif key == "Enter":
            event |= {"text": "\r", "windowsVirtualKeyCode": 13}
        self._send({"type": "keyDown", **event})
        self._send({"type": "keyUp", **event})

    def _send(self, event: dict[str, Any]) -> None:
        self._sent += 1
        method = "Input.dispatchKeyEvent"
        self._line.send(json.dumps({"id": self._sent, "method": method, "params": event}))

    def close(self) -> None:
        with closing(self._line):
            while (answer := json.loads(self._line.recv())).get("id") != self._sent:
                assert "error" not in answer, answer


ICON = re.compile(r"image 'https?://([^/']+)/[^']*icon\.svg'")


class Page:
    def __init__(self, browser: Any, url: str, link: str) -> None:
        """`link` opens the screen for this browser if it is not open yet."""
        self.browser = browser
        self.url = url
        self.link = link

    @classmethod
    def of(cls, browser: Any) -> "Page":
        """The page that is open in this window, without a reload."""
        page = cls.__new__(cls)
        page.browser = browser
        return page

    def open(self, query: str = "") -> "Page":
        self.browser.get(self.url + query)
        if not self.script(IS_OPEN):
            self.browser.get(self.link)
            self.browser.get(self.url + query)
        self.wait("the link", lambda: self.script("return document.body.dataset.link") == "up")
        return self

    def stay(self) -> "Page":
        """Open the page unless it is open. Loading it takes 0.2 s of a core."""
        return self if self.script(REST, self.url) else self.open()

    def resize(self, size: tuple[int, int], drawn: float = 1.0) -> "Page":
        """Give the page this size. A page without clicks may be `drawn` smaller, which changes
        nothing for the page itself.
        """
        screen = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        if drawn != 1.0 and not os.environ.get("HALLKEEPER_SHOTS"):
            screen["scale"] = drawn
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        return self

    def script(self, source: str, *values: Any) -> Any:
        return self.browser.execute_script(source, *values)

    def at(self, css: str) -> Any:
        return self.browser.find_element("css selector", css)

    def text(self, name: str) -> str:
        """The text of a part, visible or for screen readers."""
        return str(self.script("return document.getElementById(arguments[0]).textContent", name))

    def shown(self, css: str) -> bool:
        return bool(self.script("return !!document.querySelector(arguments[0])?.offsetParent", css))

    @property
    def tone(self) -> str:
        return str(self.script("return document.getElementById('main').dataset.tone"))

    def wait(self, event: str, check: Callable[[], Any], timeout_s: float = WAIT_S) -> None:
        deadline = time.monotonic() + timeout_s
        pause_s = LOOK_S[0]
        while not check():
            assert time.monotonic() < deadline, f"waited {timeout_s} s for {event}; {self.shot()}"
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.2, LOOK_S[1])

    def wait_for(self, css: str) -> Any:
        """Wait until a part is shown, and return it."""
        elements: list[Any] = []

        def look() -> bool:
            elements[:] = [self.script(SHOWN, css)]
            return bool(elements[0])

        self.wait(css, look)
        return elements[0]

    def click(self, css: str, words: str | None = None) -> None:
        """Click a part once it is there; of several, the part with `words`. Nothing may cover it.

        With chromedriver, the search and the click take three times as long.
        """
        place: list[Any] = []

        def look() -> bool:
            place[:] = self.script(PLACE, css, words) or ()
            return bool(place)

        self.wait(css, look)
        x, y, over = place
        assert not over, f"{css} is under {over}"
        actions = ActionBuilder(self.browser, duration=0)
        actions.pointer_action.move_to_location(x, y).click()
        actions.perform()

    def cut(self) -> list[str]:
        return list(self.script(CUT))

    def holds_all(self, cut: Callable[[], list[str]] | None = None) -> None:
        """Wait until nothing is cut off: a page fits itself after a resize."""
        deadline = time.monotonic() + FIT_S
        while cut_off := (cut or self.cut)():
            assert time.monotonic() < deadline, cut_off
            time.sleep(0.03)

    def shot(self, name: str = "failed") -> str:
        """A picture of the page in the directory HALLKEEPER_SHOTS, if set."""
        directory = os.environ.get("HALLKEEPER_SHOTS", "")
        if not directory:
            return "HALLKEEPER_SHOTS=DIRECTORY keeps pictures"
        width = self.script("return innerWidth")
        path = Path(directory) / f"{name}-{width}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.browser.save_screenshot(str(path))
        return str(path)

    def press(self, *keys: str) -> None:
        for key in keys:
            webdriver.ActionChains(self.browser, duration=0).send_keys(key).perform()
            time.sleep(0.07)

    def scan(self, text: str) -> None:
        """Send the page a scanner's key events, for tests of the answer.

        Real key presses by Chromium take thirty times as long; `burst` makes them.
        """
        keys = [(*us_key(char), char) for char in text]
        self.script(KEYS, [*keys, ("Enter", False, "Enter")])

    def burst(self, text: str, late: Mapping[int, float] | None = None) -> None:
        """Keys as fast as a scanner's, on a US keyboard with a matching scanner.

        `late` maps the keys that are pressed late to their delay in seconds.
        """
        self._type([(*us_key(char), char) for char in text], late or {})

    def wedge(
        self, text: str, scanner: str = "US", computer: str = "US", caps: bool = False
    ) -> None:
        """The keys of a scanner with one layout, on a computer with another."""
        strokes = []
        for code, shift in keys_of(text, scanner):
            key = character(code, shift, computer)
            strokes.append((code, shift, key.swapcase() if caps and key.isalpha() else key))
        self._type(strokes, {})

    def _type(self, strokes: Iterable[tuple[str, bool, str]], late: Mapping[int, float]) -> None:
        """Each key carries its time, as a keyboard's does, so a busy machine may deliver it
        late.
        """
        at = time.time()
        with closing(Keys(self.browser)) as keys:
            for number, (code, shift, key) in enumerate((*strokes, ("Enter", False, "Enter"))):
                at += KEY_S + late.get(number, 0.0)
                time.sleep(max(0.0, at - time.time()))
                keys.press(at, code, key, shift)

    def log(self) -> list[str]:
        """Errors of the page's scripts.

        Refused network requests are left out, because tests ask for them. So is the previous page's
        icon: the browser may load it late, on the current page.
        """
        severe = [
            entry
            for entry in self.browser.get_log("browser")
            if entry["level"] == "SEVERE" and entry["source"] != "network"
        ]
        here = urlsplit(self.browser.current_url).netloc if severe else ""
        return [
            json.dumps(entry)
            for entry in severe
            if (icon := ICON.search(entry["message"])) is None or icon[1] == here
        ]
