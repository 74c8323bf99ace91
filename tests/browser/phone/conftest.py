from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.engine.chromium import end, start
from tests.browser.phone.film import write_film
from tests.browser.phone.phone_page import UPRIGHT, PhonePage
from tests.browser.phone.site import Site


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The camera's picture: the hall, a badge, the hall, again and again."""
    return write_film(tmp_path_factory.mktemp("film") / "badge.y4m")


@pytest.fixture(scope="session")
def phone_browser(film: Path) -> Iterator[object]:
    started = start(
        "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}"
    )
    started.set_script_timeout(240)
    try:
        yield started
    finally:
        end(started)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture
def phone(phone_browser: Any, site: Site) -> Iterator[PhonePage]:
    """A phone with nothing kept, whose camera is allowed. None of the page's scripts may fail."""
    page = PhonePage(phone_browser, site)
    page.resize(UPRIGHT)
    page.forget()
    page.permit("granted")
    page.log()
    yield page
    page.browser.get("about:blank")
    assert page.log() == []
