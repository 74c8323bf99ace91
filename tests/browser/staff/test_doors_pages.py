"""The pages of kiosks and halls in a browser: forms whose words fit, notices with room around."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.core.event.directory import Event
from server.storage.database import Database
from tests.browser.page import Page
from tests.browser.staff.test_staff_pages import NARROW, show
from tests.server.support.pages import Pages

LAPTOP = (1366, 768)
# The door whose name is cut, or "".
CUT = """
const select = document.getElementById("door");
const style = getComputedStyle(select);
const canvas = document.createElement("canvas").getContext("2d");
canvas.font = style.font;
const arrow = 20;
const room = select.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
return [...select.options].map((option) => option.text)
  .filter((words) => canvas.measureText(words).width > room - arrow).join();
"""
GAP = """
const [form, notice] = [...arguments].map(
  (css) => document.querySelector(css).getBoundingClientRect());
return notice.top - form.bottom;
"""


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        yield opened


@pytest.mark.parametrize("size", [LAPTOP, NARROW])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_door_is_chosen_by_its_whole_name(
    pages: Pages, browser: Any, tmp_path: Path, size: tuple[int, int], language: str
) -> None:
    html = pages.staff("admin").get(f"/admin/kiosks/?lang={language}").text
    page = Page.of(browser).resize(size)
    show(browser, tmp_path / "page.html", html)
    page.shot(f"kiosks-{language}")
    assert page.script(CUT) == ""


def test_the_link_to_phones_is_no_notice_while_none_waits(pages: Pages) -> None:
    text = pages.staff("admin").get("/admin/kiosks/").text
    assert '<p><a href="/admin/phones/">' in text


def test_a_notice_below_a_form_has_room(pages: Pages, browser: Any, tmp_path: Path) -> None:
    west = pages.connected_kiosk("west-1", "h1-west")
    stays = "UPDATE hall SET moved_on = 1 WHERE hall_id = ?"
    pages.database.write(lambda db: db.execute(stays, (west.hall,)))
    html = pages.staff("admin").get(f"/admin/halls/{west.hall}").text
    page = Page.of(browser).resize(LAPTOP)
    show(browser, tmp_path / "page.html", html)
    page.shot("hall-notice")
    assert page.script(GAP, "form[action$='/capacity']", "form[action$='/capacity'] + .notice") > 12
