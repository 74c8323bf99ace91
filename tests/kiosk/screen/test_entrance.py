"""The screen's link and its browsers: only for the kiosk's user, and for one run."""

import stat
from pathlib import Path

import pytest

from kiosk.config.files import ConfigError
from kiosk.screen.entrance import (
    BROWSERS_MAX,
    LINK_FILE,
    Entrance,
    read_link,
    run_of,
)


def secret_of(link: str) -> str:
    return link.partition("?link=")[2]


@pytest.fixture
def entrance(tmp_path: Path) -> Entrance:
    entrance_file = Entrance(tmp_path)
    entrance_file.serve_at("http://127.0.0.1:8421/")
    return entrance_file


def test_it_works(entrance: Entrance, tmp_path: Path) -> None:
    link = read_link(tmp_path)
    assert link == entrance.link
    assert link.startswith("http://127.0.0.1:8421/open?link=")
    cookie = entrance.open(secret_of(link))
    assert cookie is not None
    assert entrance.knows(cookie)
    assert read_link(tmp_path) == entrance.link != link, "the next browser has another one"


def test_the_link_is_for_its_owner_alone(entrance: Entrance, tmp_path: Path) -> None:
    entrance.open(secret_of(entrance.link))
    assert stat.S_IMODE((tmp_path / LINK_FILE).stat().st_mode) == 0o600


def test_cookies_are_on_no_disk(entrance: Entrance, tmp_path: Path) -> None:
    cookie = entrance.open(secret_of(entrance.link))
    assert cookie is not None
    assert [path.name for path in tmp_path.iterdir()] == [LINK_FILE]
    assert cookie not in (tmp_path / LINK_FILE).read_text()


def test_cookie_and_link_are_of_one_run(entrance: Entrance, tmp_path: Path) -> None:
    """Whoever had the port between two runs was sent the browser's cookie."""
    unused = entrance.link
    cookie = entrance.open(secret_of(unused))
    assert cookie is not None
    later = entrance.link
    again = Entrance(tmp_path)
    again.serve_at("http://127.0.0.1:8421/")
    assert not again.knows(cookie)
    assert again.open(secret_of(later)) is None
    assert again.open(secret_of(unused)) is None
    assert run_of(unused) == run_of(later) != run_of(again.link)


@pytest.mark.parametrize("guess", ["", "guess", "é"])
def test_a_guess_opens_nothing(entrance: Entrance, guess: str) -> None:
    assert entrance.open(guess) is None
    assert not entrance.knows(guess)


def test_the_oldest_browser_is_forgotten(entrance: Entrance) -> None:
    cookies = [entrance.open(secret_of(entrance.link)) for _ in range(BROWSERS_MAX + 1)]
    results = [entrance.knows(cookie) for cookie in cookies if cookie is not None]
    assert results == [False] + [True] * BROWSERS_MAX


def test_without_a_running_kiosk_the_error_has_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hallkeeper-kiosk run"):
        read_link(tmp_path)
