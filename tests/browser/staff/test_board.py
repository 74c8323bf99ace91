"""The board in a browser: halls follow the chosen order, but never move while a person reads or
focuses a hall.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.core.event.directory import Event
from server.features import board as board_feature
from server.storage.database import Database
from tests.browser.page import Page
from tests.browser.staff.big_forum import busy_forum
from tests.browser.staff.test_staff_pages import TOO_WIDE, WIDE, ZOOMED, show
from tests.server.support.pages import Pages

SCRIPT = Path(board_feature.__file__).parent / "static/board.js"
ENTER = "\ue007"
ORDER = "document.querySelector('[data-order]')"


@pytest.fixture(params=["tiles", "table"])
def board(
    event: Event, site: Database, browser: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Page]:
    """A board sorted by fullness, with its script."""
    with Pages(event, site) as pages:
        html = pages.staff("steward").get(f"/admin/?sort=fill&view={request.param}").text
    page = Page.of(browser).resize(WIDE)
    show(browser, tmp_path / "page.html", html)
    page.log()
    page.script(SCRIPT.read_text("utf-8"))
    yield page
    assert page.log() == []


def halls(page: Page) -> list[str]:
    return page.script(
        "return [...document.querySelectorAll('[id^=hall-]')].map((one) => one.id.slice(5))"
    )


def tell(page: Page, *order: str) -> None:
    page.script(f"{ORDER}.textContent = arguments[0]", ",".join(order))


def offered(page: Page) -> bool:
    return page.shown("#sort-now")


def test_halls_follow_the_chosen_order(board: Page) -> None:
    first, *others = halls(board)
    tell(board, *others, first)
    board.wait("the order", lambda: halls(board) == [*others, first])
    assert not offered(board)
    name = board.script(
        "return document.getElementById(`hall-${arguments[0]}`).querySelector('h3, th').textContent"
        ".trim()",
        others[0],
    )
    assert board.text("sorted") == f"Sorted again. {name} comes first."
    assert board.script("return document.getElementById('sorted').getAttribute('role')") == "status"


def test_a_hall_that_has_the_focus_stays_and_the_order_is_offered(board: Page) -> None:
    before = halls(board)
    board.script(f"document.querySelector('#hall-{before[1]} a').focus()")
    tell(board, *reversed(before))
    board.wait("the offer", lambda: offered(board))
    assert halls(board) == before
    assert (
        board.script("return document.activeElement.closest('[id^=hall-]').id.slice(5)")
        == (before[1])
    )
    board.click("#sort-now")
    assert halls(board) == before[::-1]
    assert board.script("return document.activeElement.id") == "h-halls"
    assert not offered(board)


def test_the_offer_stays_while_somebody_is_about_to_press_it(board: Page) -> None:
    """A user who comes by Tab, or presses the mouse button, leaves the hall first."""
    before = halls(board)
    board.script(f"document.querySelector('#hall-{before[1]} a').focus()")
    tell(board, *reversed(before))
    board.wait("the offer", lambda: offered(board))
    board.script("document.getElementById('sort-now').focus()")
    board.browser.execute_async_script("setTimeout(arguments[0], 50)")
    assert offered(board)
    assert halls(board) == before
    board.press(ENTER)
    board.wait("the order", lambda: halls(board) == before[::-1])
    assert board.script("return document.activeElement.id") == "h-halls"


def test_halls_are_sorted_once_the_focus_has_gone(board: Page) -> None:
    before = halls(board)
    board.script(f"document.querySelector('#hall-{before[0]} a').focus()")
    tell(board, *reversed(before))
    board.wait("the offer", lambda: offered(board))
    board.script("document.getElementById('q').focus()")
    board.wait("the order", lambda: halls(board) == before[::-1])
    assert board.script("return document.activeElement.id") == "q"


def test_whoever_has_scrolled_down_or_selected_a_word_is_left_in_peace(board: Page) -> None:
    before = halls(board)
    board.script(
        "document.body.style.minHeight = '400vh';"
        "document.querySelector('[id^=hall-]').parentElement.scrollIntoView(); scrollBy(0, 40)"
    )
    tell(board, *reversed(before))
    board.wait("the offer", lambda: offered(board))
    assert halls(board) == before
    board.script("scrollTo(0, 0)")
    board.script(f"getSelection().selectAllChildren(document.querySelector('#hall-{before[0]} a'))")
    tell(board, *reversed(before), "")
    assert halls(board) == before


def at_rest(page: Page) -> list[str]:
    return page.script(
        "return [...document.querySelectorAll('#halls-at-rest > *')].map((one) => one.id.slice(5))"
    )


def test_halls_with_nothing_today_move_into_one_line_and_back(board: Page) -> None:
    first, *others = halls(board)
    assert at_rest(board) == []
    assert not board.shown("#folded")
    board.script("document.getElementById('idle').textContent = arguments[0]", first)
    board.wait("the fold", lambda: at_rest(board) == [first])
    assert board.shown("#folded summary")
    visible = f"return document.getElementById('hall-{first}').checkVisibility()"
    assert not board.script(visible)
    board.click("#folded summary")
    assert board.script(visible)
    board.script("document.getElementById('idle').textContent = ''")
    board.wait("all halls", lambda: sorted(halls(board)) == sorted([first, *others]))
    assert at_rest(board) == []
    assert not board.shown("#folded")


def test_a_hall_that_has_the_focus_is_not_folded(board: Page) -> None:
    first, second, *_ = halls(board)
    board.script(f"document.querySelector('#hall-{first} a').focus()")
    board.script("document.getElementById('idle').textContent = arguments[0]", f"{first},{second}")
    board.wait("the fold", lambda: at_rest(board) == [second])


def test_a_name_is_found_among_folded_halls(board: Page) -> None:
    first = halls(board)[0]
    board.script("document.getElementById('idle').textContent = arguments[0]", first)
    board.wait("the fold", lambda: at_rest(board) == [first])
    board.script("document.getElementById('q').focus()")
    board.press("a")
    board.wait("the hall", lambda: board.script("return document.getElementById('folded').open"))


def test_only_an_order_that_was_chosen_is_followed(event: Event, site: Database) -> None:
    with Pages(event, site) as pages:
        steward = pages.staff("steward")
        by_state = steward.get("/admin/?sort=state").text
        assert "data-order" not in by_state
        assert 'id="sort-now"' not in by_state
        by_fill = steward.get("/admin/?sort=fill").text
        assert re.search(r'data-live="/admin/live\?view=tiles&amp;sort=fill"', by_fill)


FITS = """
const cut = [];
for (const tile of document.querySelectorAll(".tiles > li")) {
  if (!tile.checkVisibility()) continue;  // folded
  if (tile.getBoundingClientRect().bottom > innerHeight) cut.push(tile.id);
  for (const part of tile.querySelectorAll(".inside, .tag, .phase")) {
    if (part.scrollWidth > part.clientWidth + 1) cut.push(`${tile.id} ${part.textContent}`);
  }
}
return [document.querySelectorAll(".tiles > li").length, cut,
  document.documentElement.scrollHeight - innerHeight];
"""
FOLDED = "return document.getElementById('idle').textContent.split(',')"


@pytest.fixture(scope="module")
def forum(tmp_path_factory: pytest.TempPathFactory, cheap_passwords: None) -> Iterator[Pages]:
    with busy_forum(tmp_path_factory.mktemp("busy") / "event") as pages:
        yield pages


@pytest.mark.parametrize("language", ["en", "zh"])
def test_55_halls_fit_the_screen(forum: Pages, browser: Any, tmp_path: Path, language: str) -> None:
    html = forum.staff("supervisor").get(f"/admin/?lang={language}").text
    page = Page.of(browser).resize((1920, 1080))
    show(browser, tmp_path / "page.html", html)
    page.shot(f"board-55-{language}")
    halls, cut, beyond = page.script(FITS)
    assert halls == 55
    folded = page.script(FOLDED)
    assert folded == at_rest(page) != []
    assert cut == []
    assert beyond <= 0


ALERTS_IN_SIGHT = """
const bottom = document.getElementById("alerts").getBoundingClientRect().bottom;
return [...document.querySelectorAll("#alerts li")].filter(
  (alert) => alert.getBoundingClientRect().bottom <= Math.min(bottom, innerHeight)).length;
"""

# How many are not shown, and how many of their words are cut.
HIDDEN_DISCREPANCIES = """
const all = [...document.querySelectorAll("#discrepancies li")];
const words = [...document.querySelectorAll("#discrepancies .small")];
return [all.filter((one) => !one.offsetParent).length,
  words.filter((one) => one.scrollWidth > one.clientWidth + 1).length];
"""


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("size", "alerts"), [(WIDE, 10), ((1366, 768), 5)])
def test_alerts_have_the_height_of_the_screen(
    forum: Pages,
    browser: Any,
    tmp_path: Path,
    size: tuple[int, int],
    alerts: int,
    language: str,
) -> None:
    html = forum.known("supervisor").get(f"/admin/?lang={language}").text
    page = Page.of(browser).resize(size)
    show(browser, tmp_path / "page.html", html)
    page.shot(f"board-alerts-{language}")
    assert page.script(ALERTS_IN_SIGHT) >= alerts
    bottom = "return document.querySelector('.side').getBoundingClientRect().bottom"
    assert page.script(bottom) <= size[1]
    page.click(".latest summary")
    assert page.script(HIDDEN_DISCREPANCIES) == [0, 0]


@pytest.mark.parametrize("size", [ZOOMED, (320, 600)])
def test_a_page_of_a_large_forum_is_no_wider_than_the_screen(
    forum: Pages, browser: Any, tmp_path: Path, size: tuple[int, int]
) -> None:
    admin = forum.known("admin")
    page = Page.of(browser).resize(size)
    for address in ("/admin/", "/admin/kiosks/", "/admin/programme/activities"):
        show(browser, tmp_path / "page.html", admin.get(address).text)
        wide = page.script(TOO_WIDE)
        assert wide <= 1, (address, wide)
