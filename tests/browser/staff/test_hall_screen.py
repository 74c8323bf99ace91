"""A hall's screen for the public in a browser: it fits any monitor, and says when it is old."""

from pathlib import Path
from typing import Any

import pytest

from server.core.event.directory import Event
from server.features import halls
from server.features.halls import screen_links
from server.storage.database import Database
from tests.browser.page import Page
from tests.browser.staff.test_staff_pages import show
from tests.server.support.pages import Pages

SCRIPT = (Path(halls.__file__).parent / "static/hall_screen.js").read_text("utf-8")
# The page asks the server often, and calls its figures old at once.
QUICK = SCRIPT.replace("EVERY_MS = 5000", "EVERY_MS = 40").replace("OLD_MS = 20000", "OLD_MS = 1")
MONITORS = ((1920, 1080), (1080, 1920), (1440, 900), (390, 844), (3840, 2160))
CUT = """
const cut = [];
for (const part of document.querySelectorAll("main, .state, .state > *, .session, footer")) {
  const box = part.getBoundingClientRect();
  if (box.right > innerWidth + 1 || box.bottom > innerHeight + 1) cut.push(part.className);
  if (part.scrollWidth > part.clientWidth + 1) cut.push(`${part.className} is wider`);
}
return cut;
"""


@pytest.fixture
def screen(event: Event, site: Database, browser: Any, tmp_path: Path) -> Page:
    with Pages(event, site) as pages:
        pages.send(pages.kiosk("main-1", "main"))
        add = screen_links.add
        token = pages.database.write(lambda db: add(db, 1, by="test", now=pages.now))
        html = pages.stranger().get(f"/screen/{token}").text
    page = Page.of(browser)
    show(browser, tmp_path / "page.html", html)
    page.log()
    return page


def test_it_fits_any_monitor(screen: Page) -> None:
    assert "500" in screen.at(".free").text
    for size in MONITORS:
        screen.resize(size)
        screen.shot("hall-screen")
        assert screen.script(CUT) == [], size


def test_it_says_when_its_figures_are_old_and_recovers(screen: Page) -> None:
    screen.script(
        "window.fetch = async () => { if (window.away) throw new TypeError();"
        '  return new Response(\'<span id="as-of">10:05:07</span><p class="free">7</p>\'); };'
    )
    assert not screen.shown("#old")
    screen.script("window.away = true")
    screen.script(QUICK)
    screen.wait("the warning", lambda: screen.shown("#old"))
    assert "No contact since 10:00:00: these figures are old" in screen.text("old")
    assert "10:00:00 起无法连接：以下为旧数据" in screen.text("old")
    screen.script("window.away = false")
    # Read in one step: the page replaces the element every few milliseconds.
    free = "return document.querySelector('.free').innerText"
    screen.wait("new figures", lambda: screen.script(free) == "7")
