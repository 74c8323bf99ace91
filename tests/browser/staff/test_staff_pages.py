"""Pages in a browser, in two languages, light and dark, wide and narrow.

axe-core finds nothing, nothing is wider than the screen, and two keys reach the content.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from badges.credential.badge_number import badge_number
from server.app.features import static_folders
from server.core.event.directory import Event
from server.storage.database import Database
from tests.browser.engine.axe import faults
from tests.browser.page import Page
from tests.browser.staff import every_page
from tests.browser.staff.every_page import fill
from tests.server.features.imports.test_programme_import import PROGRAMME
from tests.server.features.mail.conftest import write_settings
from tests.server.support.pages import Pages, Staff
from tests.server.support.stores import load_venue
from tests.server.web.language import lively
from tests.server.web.language.test_pseudo_language_pages import addresses

STATIC = {path.name: path for folder in static_folders() for path in folder.iterdir()}
WIDE, NARROW = (1920, 1080), (390, 844)
ZOOMED = (720, 450)  # a window of 1440 by 900 at 200 %
STOPS = """
return [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea")]
  .map((one) => one.className === "skip" ? one.hash : one.closest("main") ? "main" : "bar");
"""
# A page at another address stays as it is.
TURN = """
if (document.URL !== arguments[1]) return false;
document.open(); document.write(arguments[0]); document.close();
return true;
"""
DRAWN = 0.1  # The scale of the pages, which only axe-core sees.
TOO_WIDE = "return document.documentElement.scrollWidth - innerWidth"
# Words of headings of tables that are broken into two lines, as Chinese ones may be anywhere.
BROKEN_HEADINGS = r"""
const broken = [];
if (innerWidth < 704) return broken;  // On phones, better a broken word than a wide page.
for (const heading of document.querySelectorAll("thead th")) {
  const texts = document.createTreeWalker(heading, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    for (const word of texts.currentNode.data.matchAll(/[\p{L}\p{N}]+/gu)) {
      const range = document.createRange();
      range.setStart(texts.currentNode, word.index);
      range.setEnd(texts.currentNode, word.index + word[0].length);
      if (range.getClientRects().length > 1) broken.push(word[0]);
    }
  }
}
return broken;
"""


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    write_settings(event, 2525)
    load_venue(event, site, PROGRAMME)
    with Pages(event, site) as opened:
        opened.issue()
        yield opened


def show(browser: Any, path: Path, html: str) -> None:
    """Show a page with its style, without its scripts."""
    path.write_text(plain(html), "utf-8")
    browser.get(path.as_uri())


def plain(html: str) -> str:
    styled = re.sub(
        r'<link rel="stylesheet"[^>]*/static/([\w.-]+\.css)[^>]*>',
        lambda match: f"<style>{STATIC[match[1]].read_text('utf-8')}</style>",
        html,
    )
    return re.sub(r"<script\b[^>]*></script>", "", styled)


def turn_to(browser: Any, path: Path, html: str) -> None:
    """Show a page in the open window, which keeps axe-core. Reloading axe-core takes ten times as
    long as checking a page.
    """
    if not browser.execute_script(TURN, plain(html), path.as_uri()):
        show(browser, path, html)


def media(browser: Any, scheme: str, kind: str = "screen") -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": kind, "features": features})


@pytest.fixture
def admin(pages: Pages) -> Staff:
    return pages.staff("admin")


ALL = [(language, scheme, size) for language in ("en", "zh")
       for scheme in ("light", "dark") for size in (WIDE, NARROW)]  # fmt: skip
SAMPLE = 4  # Every fourth page is checked in Chinese too.


Look = tuple[str, str, tuple[int, int]]


def sampled(number: int) -> Iterator[Look]:
    """Yield two or three of the modes for a page.

    A page begins in the mode in which the previous page ended, so the window changes half as often.
    """
    both: list[Look] = [("en", "light", WIDE), ("en", "dark", NARROW)]
    yield from both[:: (1, -1)[number % 2]]
    if number % SAMPLE == 0:
        yield "zh", ("light", "dark")[number // SAMPLE % 2], (NARROW, WIDE)[number // SAMPLE % 2]


@pytest.mark.parametrize(
    "looks",
    [
        sampled,
        pytest.param(lambda number: ALL, marks=[pytest.mark.soak, pytest.mark.timeout(3_600)]),
    ],
    ids=["sampled modes", "every mode"],
)
def test_nothing_is_found_on_any_page(
    looks: Callable[[int], Iterable[Look]],
    event: Event,
    site: Database,
    browser: Any,
    axe: str,
    tmp_path: Path,
) -> None:
    """Each page of the app, by its routes. An unknown page is an error."""
    faults: dict[str, object] = {}
    window = Window(browser, axe)
    with Pages(every_page.prepared(event), site) as pages:
        filled = fill(pages)
        try:
            for number, (name, someone, address) in enumerate(every_page.addresses(filled)):
                here = ""
                for look in looks(number):
                    if look[0] != here:
                        here = look[0]
                        answer = asked_in(someone, address, here)
                        assert answer.status_code in (200, 400), (name, address, answer.status)
                        assert answer.mimetype == "text/html", f"{name} is no page: NO_PAGES"
                        turn_to(browser, tmp_path / "page.html", answer.text)
                    window.examine(look, faults, address)
        finally:
            media(browser, "light")
    assert faults == {}


def asked_in(someone: Staff, address: str, language: str) -> TestResponse:
    """Request a page in a language, as a user who has chosen it."""
    return someone.get(address, headers={"Accept-Language": language})


class Window:
    """Runs axe-core on the open page."""

    def __init__(self, browser: Any, axe: str) -> None:
        self.browser = browser
        self.axe = axe
        self.page = Page.of(browser)
        self.scheme = ""
        self.size = (0, 0)

    def examine(self, look: Look, results: dict[str, object], address: str) -> None:
        language, scheme, size = look
        if size != self.size:
            self.page.resize(size, drawn=DRAWN)
        if scheme != self.scheme:
            media(self.browser, scheme)
        self.scheme, self.size = scheme, size
        if os.environ.get("HALLKEEPER_SHOTS"):
            name = re.sub(r"\W+", "-", address).strip("-")[:60]
            self.page.shot(f"every-{name}-{language}-{scheme}")
        wide = self.page.script(TOO_WIDE)
        found = faults(self.browser, self.axe)
        found += [{"broken heading": word} for word in self.page.script(BROKEN_HEADINGS)]
        if found or wide > 1:
            results[f"{address} {language} {scheme} {size[0]}"] = (wide, found)


def test_a_fault_on_a_later_page_is_found(browser: Any, axe: str, tmp_path: Path) -> None:
    faults: dict[str, object] = {}
    window = Window(browser, axe)
    page = '<!doctype html><html lang="en"><title>{0}</title><main><h1>{0}</h1>{1}</main></html>'
    for name, part in (("good", ""), ("bad", '<img src="none.png">'), ("better", "")):
        turn_to(browser, tmp_path / "page.html", page.format(name, part))
        window.examine(("en", "light", WIDE), faults, name)
    ((address, (_, found)),) = faults.items()
    assert (address, [fault["rule"] for fault in found]) == ("bad en light 1920", ["image-alt"])


def test_what_is_no_page_is_none(event: Event, site: Database) -> None:
    """Routes outside the list of pages return no page."""
    with Pages(event, site) as pages:
        endpoints = {rule.endpoint for rule in pages.app.url_map.iter_rules()}
        assert every_page.NO_PAGES - endpoints == set()
        admin = pages.staff("admin")
        for rule in pages.app.url_map.iter_rules():
            if rule.endpoint in every_page.NO_PAGES and not rule.arguments - {"filename"}:
                if "stream" in rule.endpoint or rule.endpoint in {*every_page.PARTS, "static"}:
                    continue
                if rule.endpoint.startswith("phone_door_files."):  # tests/browser/phone has it
                    continue
                answer = admin.get(rule.rule.replace("<path:filename>", "style.css"))
                if answer.status_code == 200 and answer.mimetype == "text/html":
                    assert "<h1" not in answer.text, rule.endpoint


def test_content_is_two_keys_away(pages: Pages, admin: Staff, browser: Any, tmp_path: Path) -> None:
    Page.of(browser).resize(WIDE)
    for address in addresses(pages, lively.happen(pages)):
        answer = admin.get(address)
        if answer.mimetype != "text/html" or answer.status_code == 303:
            continue
        if "<html" not in answer.text:
            continue  # It is a part of a page.
        turn_to(browser, tmp_path / "page.html", answer.text)
        stops = browser.execute_script(STOPS)
        if "bar" not in stops:
            continue  # A page for paper has nothing to skip.
        assert stops[0] == "#content", address
        assert answer.text.count('id="content"') == 1


def test_every_answer_of_a_door_fits_the_screen(
    pages: Pages, admin: Staff, browser: Any, tmp_path: Path
) -> None:
    """At 200 %, tables are still tables."""
    lively.happen(pages)
    person = f"/admin/people/{badge_number(pages.serial('A2'))}"
    for address in ("/admin/entries", "/admin/log/", person, "/admin/kiosks/"):
        turn_to(browser, tmp_path / "page.html", admin.get(address).text)
        for size in (NARROW, ZOOMED):
            wide = Page.of(browser).resize(size).script(TOO_WIDE)
            assert wide <= 1, (address, size, wide)


def test_no_heading_of_a_table_is_broken_in_chinese(
    pages: Pages, admin: Staff, browser: Any, tmp_path: Path
) -> None:
    lively.happen(pages)
    for address in ("/admin/muster/1", "/admin/muster/1/list", "/admin/kiosks/", "/admin/venue/"):
        turn_to(browser, tmp_path / "page.html", asked_in(admin, address, "zh").text)
        for size in (WIDE, (1280, 900), ZOOMED):
            page = Page.of(browser).resize(size)
            found = page.script(BROKEN_HEADINGS), page.script(TOO_WIDE)
            assert found == ([], 0), (address, size)


def test_what_is_printed(pages: Pages, admin: Staff, browser: Any, tmp_path: Path) -> None:
    """Paper shows the content without its buttons."""
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
