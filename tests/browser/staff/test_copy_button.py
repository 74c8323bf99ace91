"""Codes, links and commands are copied also where scripts have no clipboard."""

from pathlib import Path
from typing import Any

from server import web
from tests.browser.page import Page
from tests.browser.staff.test_staff_pages import WIDE, show

COPY = Path(web.__file__).parent / "static/copy.js"


def test_a_code_is_copied_without_a_clipboard_for_scripts(browser: Any, tmp_path: Path) -> None:
    page = Page.of(browser).resize(WIDE)
    show(browser, tmp_path / "page.html", '<body><code class="copy">a-b-c</code></body>')
    page.script(
        "Object.defineProperty(navigator, 'clipboard', { value: undefined });"
        "document.addEventListener('copy', () => { window.copied = String(getSelection()); });"
        "const script = document.createElement('script');"
        "script.dataset.copy = 'Copy'; script.dataset.copied = 'Copied';"
        "script.textContent = arguments[0]; document.head.append(script);",
        COPY.read_text("utf-8"),
    )
    page.click("button.copy-code")
    page.wait("the copy", lambda: page.script("return window.copied") == "a-b-c")
    page.wait("the words", lambda: page.at("button.copy-code").text == "Copied")
