"""Pages of staff in a browser, in two languages, light and dark, wide and narrow.

axe-core finds nothing grave, nothing is wider than the glass, and the content is two keys away.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import server.web as server_web
from server.event.directory import Event
from server.storage.database import Database
from tests.browser.page import Page
from tests.browser.test_axe import RULES, RUN
from tests.server.conftest import _filled_database as _filled_database
from tests.server.conftest import _template as _template
from tests.server.conftest import cheap_passwords as cheap_passwords
from tests.server.conftest import database as database
from tests.server.conftest import event as event
from tests.server.conftest import settings as settings
from tests.server.conftest import site as site
from tests.server.mail.conftest import write_settings
from tests.server.setup.test_programme_import import PROGRAMME
from tests.server.support.pages import Pages, Staff
from tests.server.support.stores import load
from tests.server.web.language.test_pseudo_language_pages import addresses

pytestmark = pytest.mark.timeout(600)

STYLE = Path(server_web.__file__).parent / "static/style.css"
WIDE, NARROW = (1440, 900), (390, 844)
GRAVE = ("serious", "critical")
STOPS = """
return [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea")]
  .map((one) => one.className === "skip" ? one.hash : one.closest("main") ? "main" : "bar");
"""
TOO_WIDE = "return document.documentElement.scrollWidth - innerWidth"


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    write_settings(event, 2525)
    load(event, site, PROGRAMME)
    with Pages(event, site) as opened:
        opened.issue()
        yield opened


def show(browser: object, path: Path, html: str) -> None:
    """Show a page with its style, and without its scripts."""
    style = f"<style>{STYLE.read_text('utf-8')}</style>"
    html = re.sub(r'<link rel="stylesheet"[^>]*>', lambda _: style, html)
    path.write_text(re.sub(r"<script\b[^>]*></script>", "", html), "utf-8")
    browser.get(path.as_uri())


def media(browser: object, scheme: str, kind: str = "screen") -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": kind, "features": features})


@pytest.fixture
def admin(pages: Pages) -> Staff:
    return pages.staff("admin")


@pytest.mark.parametrize(
    ("language", "scheme", "size"),
    [("en", "light", WIDE), ("zh", "dark", NARROW), ("zh", "light", WIDE), ("en", "dark", NARROW)],
)
def test_nothing_grave_is_found(
    pages: Pages, admin: Staff, browser: object, axe: str, tmp_path: Path,
    language: str, scheme: str, size: tuple[int, int],
) -> None:  # fmt: skip
    window = Page.of(browser).resize(size)
    found = {}
    admin.get(f"/admin/venue/?lang={language}")
    shots = os.environ.get("HALLKEEPER_SHOTS")
    try:
        media(browser, scheme)
        for number, address in enumerate(addresses(pages)):
            answer = admin.get(address)
            if answer.mimetype != "text/html":
                continue
            show(browser, tmp_path / "page.html", answer.text)
            if shots:
                window.shot(f"staff-{number:02}-{language}-{scheme}")
            wide = browser.execute_script(TOO_WIDE)
            browser.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})
            faults = json.loads(browser.execute_async_script(RUN, RULES))
            grave = [one for one in faults if one["impact"] in GRAVE]
            if grave or wide > 1:
                found[address] = (wide, grave)
    finally:
        media(browser, "light")
    assert found == {}


def test_the_content_is_two_keys_away(
    pages: Pages, admin: Staff, browser: object, tmp_path: Path
) -> None:
    Page.of(browser).resize(WIDE)
    for address in addresses(pages):
        answer = admin.get(address)
        if answer.mimetype != "text/html":
            continue
        show(browser, tmp_path / "page.html", answer.text)
        stops = browser.execute_script(STOPS)
        assert stops[0] == "#content", address
        assert answer.text.count('id="content"') == 1


def test_what_is_printed(pages: Pages, admin: Staff, browser: object, tmp_path: Path) -> None:
    """Paper has the content, without what can only be pressed."""
    Page.of(browser).resize(WIDE)
    try:
        show(browser, tmp_path / "page.html", admin.get("/admin/venue/").text)
        media(browser, "dark", "print")
        shown = "return arguments[0].map((one) => !!document.querySelector(one)?.offsetParent)"
        assert browser.execute_script(shown, [".bar nav", ".buttons", "main h1", "main table"]) == [
            False, False, True, True,
        ]  # fmt: skip
        ground = "return getComputedStyle(document.documentElement).backgroundColor"
        assert browser.execute_script(ground) == "rgb(255, 255, 255)"
    finally:
        media(browser, "light", "")
