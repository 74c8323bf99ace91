"""A browser user without a shell: reads pages, fills in forms, presses buttons."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser.page import Page

WAIT_S = 240.0  # on a busy machine
# Found and pressed in one step: live pages replace their parts in between.
PRESS = """
const [kind, words] = arguments;
const says = (one) => one.textContent.replace(/\\s+/g, " ").trim() === words && one.offsetParent;
const found = [...document.querySelectorAll(kind)].find(says);
found?.click();
return !!found;
"""
PHONE, DESK = (390, 800), (1280, 800)


class Organiser:
    """Works in one window of the browser."""

    def __init__(self, browser: Any, address: str) -> None:
        self.browser = browser
        self.address = address
        self.window = browser.current_window_handle

    def here(self) -> "Organiser":
        self.browser.switch_to.window(self.window)
        return self

    def go(self, path: str) -> None:
        self.here().browser.get(self.address + path)

    @property
    def text(self) -> str:
        script = "return document.querySelector('main')?.innerText ?? document.URL"
        return str(self.browser.execute_script(script))

    def at(self, css: str) -> Any:
        return self.browser.find_element("css selector", css)

    def field(self, name: str) -> Any:
        """The input of this name, once it is there."""
        css = f'[name="{name}"]'
        self.wait(f"a field {name!r}", lambda: self.browser.find_elements("css selector", css))
        return self.at(css)

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            css = f'[name="{name}"]'
            self.wait(
                f"a field {name}", lambda css=css: self.browser.find_elements("css selector", css)
            )
            field = self.at(css)
            if field.get_attribute("type") == "datetime-local":
                script = "arguments[0].value = arguments[1]"
                self.browser.execute_script(script, field, value)
            elif field.tag_name == "select":
                field.find_element("css selector", f'option[value="{value}"]').click()
            else:
                field.clear()
                field.send_keys(value)

    def tick(self, name: str, *values: str) -> None:
        """Tick these boxes of a name, and no others."""
        for box in self.browser.find_elements("css selector", f'[name="{name}"]'):
            if box.is_selected() != (box.get_attribute("value") in values):
                box.click()

    def choose_file(self, css: str, path: Path) -> None:
        self.at(css).send_keys(str(path))

    def send_file(self, css: str, path: Path) -> None:
        """Choose a file, press the button of its form, and wait for the next page."""
        page = self.browser.find_element("tag name", "html")
        self.choose_file(css, path)
        self.at(css).find_element("xpath", "ancestor::form//button").click()
        self.wait(f"the page after {path.name}", lambda: self._is_gone(page))

    def press(self, words: str, kind: str = "button") -> None:
        """Press the button or link with this text, and wait for the next page."""
        page = self.browser.find_element("tag name", "html")
        self.wait(f"a {kind} {words!r}", lambda: self.browser.execute_script(PRESS, kind, words))
        self.wait(f"the page after {words}", lambda: self._is_gone(page))

    def follow(self, words: str) -> None:
        self.press(words, "a")

    def _is_gone(self, page: Any) -> bool:
        from selenium.common.exceptions import StaleElementReferenceException, WebDriverException

        try:
            page.tag_name  # noqa: B018 # it raises once the page is another
        except WebDriverException as error:
            # Chromium words it differently while the next page loads.
            stale = isinstance(error, StaleElementReferenceException)
            if not stale and "does not belong to the document" not in str(error):
                raise
            return self.browser.execute_script("return document.readyState") == "complete"
        return False

    def wait(self, event: str, check: Callable[[], object], timeout_s: float = WAIT_S) -> float:
        """Wait until the condition holds, and return the seconds."""
        started = time.monotonic()
        while not check():
            waited = time.monotonic() - started
            assert waited < timeout_s, f"waited {timeout_s} s for {event}; {self.text}"
            time.sleep(0.05)  # Each check costs the browser several milliseconds.
        return time.monotonic() - started

    def says(self, *words: str) -> None:
        for phrase in words:
            assert phrase in self.text, f"{phrase!r} is not in:\n{self.text}"

    def shot(self, name: str) -> None:
        """Keep pictures of the page on a desktop and a phone in HALLKEEPER_SHOTS, if set."""
        page = Page.of(self.browser)
        for size in (PHONE, DESK):
            page.resize(size)
            self.browser.execute_script("scrollTo(0, 0)")
            wide = self.browser.execute_script(
                "return document.documentElement.scrollWidth - innerWidth"
            )
            assert wide <= 1, f"{name} is {wide} px wider than {size[0]}"
            page.shot(name)
