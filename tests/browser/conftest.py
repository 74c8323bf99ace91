"""A headless browser for all of these tests; without it they are skipped with the reason."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.engine.chromium import end, start
from tests.browser.live_door import LiveDoor
from tests.system.support.nursery import nursery as nursery

ROOT = Path(__file__).parent.parent.parent
SCRIPT_S = 240  # for axe-core on a busy machine
QUIET = "--autoplay-policy=no-user-gesture-required"


@pytest.fixture(autouse=True)
def _nothing_is_left_open() -> None:
    """Check for no leaks here: a browser keeps connections to the page and to its driver from one
    test to the next.
    """


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    started = start(QUIET, trusts_any=True)
    started.set_script_timeout(SCRIPT_S)
    try:
        yield started
    finally:
        end(started)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDoor]:
    with LiveDoor(tmp_path_factory.mktemp("door"), answer_s=120) as door:
        yield door


@pytest.fixture
def page(browser: Any, door: LiveDoor) -> Iterator[object]:
    """Reopen the page of that door. None of its scripts may fail."""
    page = _large(browser, door)
    page.open()
    yield page
    assert page.log() == []


@pytest.fixture
def kept_page(browser: Any, door: LiveDoor) -> Iterator[object]:
    """The page as the previous test left it, with its panels closed, if it is still open.

    A door's page is open all day, too. Only for tests that wait for the effect of their own
    actions.
    """
    page = _large(browser, door)
    page.stay()
    yield page
    assert page.log() == []


def _large(browser: Any, door: LiveDoor) -> Any:
    from tests.browser.page import LARGE, Page  # skips without selenium

    page = Page(browser, door.url, door.link).resize(LARGE)
    page.log()  # left by an earlier test
    return page


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, which finds barriers for people with disabilities."""
    named = os.environ.get("HALLKEEPER_AXE", "")
    places = [Path(named)] if named else []
    places += [ROOT / at / "node_modules/axe-core/axe.min.js" for at in (".", "build")]
    for place in places:
        file = place / "axe.min.js" if place.is_dir() else place
        if file.is_file():
            return file.read_text("utf-8")
    pytest.skip("needs axe-core: npm install --prefix build axe-core, or HALLKEEPER_AXE=FILE")
