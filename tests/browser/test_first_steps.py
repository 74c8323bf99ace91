"""The first screen of a kiosk, from the code to the six words, in a browser."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.camera.preview import preview_jpeg
from kiosk.cli.first_steps import FirstSteps
from kiosk.screen.board import Board
from kiosk.screen.first_steps import Progress, add_first_steps
from kiosk.screen.serving import ScreenServer, create_screen
from tests.browser.engine.axe import faults
from tests.browser.page import LARGE, SMALL, Page
from tests.kiosk.cli.test_enrol import Admin, code_of
from tests.kiosk.support.fake_server import serving
from tests.kiosk.support.pictures import hall

PHONE = (390, 844)
NEVER = 10**9
ENTER = "\ue007"  # of WebDriver
WIDE = "return document.documentElement.scrollWidth > innerWidth"
TALL = "return document.documentElement.scrollHeight > innerHeight"


@pytest.fixture
def steps(tmp_path: Path) -> Iterator[FirstSteps]:
    steps = FirstSteps(tmp_path / "door", threading.Event(), poll_s=0.05)
    yield steps
    steps.close()


@pytest.fixture
def page(browser: Any, steps: FirstSteps) -> Iterator[Page]:
    app = create_screen(Board(), lambda: preview_jpeg(hall()))
    add_first_steps(app, steps)
    with ScreenServer(app, 0) as served:
        browser.get(served.link)
        yield Page(browser, served.url, served.link)


def is_shown(page: Page, state: str) -> bool:
    return page.shown(f'[data-for="{state}"]')


def type_code(page: Page, code: str) -> None:
    """As a hand scanner does, wherever the focus is."""
    page.script("document.activeElement.blur()")
    page.press(code, ENTER)


def test_a_typed_code_shows_the_six_words(page: Page, tmp_path: Path) -> None:
    admin = Admin(confirm_at=NEVER)
    with serving(tmp_path, post_api_enrol=admin) as server:
        type_code(page, code_of(server))
        page.wait("the words", lambda: len(page.text("words").split()) == 6)
        assert is_shown(page, "words")
        page.shot("first steps, words")
        type_code(page, "HKE1.AAAA")
        page.wait("the error", lambda: is_shown(page, "bad_code"))
        assert "begins with HKE1" in page.text("detail")


FAR = "registration.forum.example.org:8443"
STATES = [
    Progress(),
    Progress("words", " ".join(["television"] * 6)),
    Progress("no_server", detail=f"The server at {FAR} can't be reached (No route to host). " * 2),
]


@pytest.mark.parametrize("progress", STATES, ids=lambda progress: progress.state)
def test_it_fits_every_screen_without_barriers(
    progress: Progress, page: Page, steps: FirstSteps, axe: str
) -> None:
    steps.progress = progress
    page.wait("the picture", lambda: page.shown("#picture"))
    page.wait("the state", lambda: progress.state == "waiting" or is_shown(page, progress.state))
    for size in (SMALL, LARGE, PHONE):
        page.resize(size)
        assert faults(page.browser, axe) == [], size
        assert not page.script(WIDE), size
        assert size == PHONE or not page.script(TALL), size
        page.shot(f"first steps, {progress.state}, {size[0]}")
