"""The screen's link and its browsers, on disk: only for the kiosk's user, and across restarts."""

import stat
from pathlib import Path

import pytest

from kiosk.config.files import ConfigError
from kiosk.screen.entrance import (
    BROWSERS_FILE,
    BROWSERS_MAX,
    LINK_FILE,
    Entrance,
    read_link,
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


def test_files_are_for_their_owner_alone(entrance: Entrance, tmp_path: Path) -> None:
    entrance.open(secret_of(entrance.link))
    for name in (LINK_FILE, BROWSERS_FILE):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_no_cookie_can_be_read_from_the_disk(entrance: Entrance, tmp_path: Path) -> None:
    cookie = entrance.open(secret_of(entrance.link))
    assert cookie is not None
    assert cookie not in (tmp_path / BROWSERS_FILE).read_text()


def test_a_browser_is_known_after_a_restart_and_an_old_link_is_not(
    entrance: Entrance, tmp_path: Path
) -> None:
    unused = entrance.link
    cookie = entrance.open(secret_of(unused))
    assert cookie is not None
    later = entrance.link
    again = Entrance(tmp_path)
    assert again.knows(cookie)
    assert again.open(secret_of(later)) is None, "a link is of one run of the kiosk"
    assert again.open(secret_of(unused)) is None


@pytest.mark.parametrize("guess", ["", "guess", "é"])
def test_a_guess_opens_nothing(entrance: Entrance, guess: str) -> None:
    assert entrance.open(guess) is None
    assert not entrance.knows(guess)


def test_the_oldest_browser_is_forgotten(entrance: Entrance) -> None:
    cookies = [entrance.open(secret_of(entrance.link)) for _ in range(BROWSERS_MAX + 1)]
    results = [entrance.knows(cookie) for cookie in cookies if cookie is not None]
    assert results == [False] + [True] * BROWSERS_MAX


def test_a_damaged_file_forgets_its_browsers_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / BROWSERS_FILE).write_bytes(b"\xff\x00short\n")
    entrance_file = Entrance(tmp_path)
    entrance_file.serve_at("http://127.0.0.1:1/")
    assert entrance_file.open(secret_of(entrance_file.link)) is not None


def test_without_a_running_kiosk_the_error_has_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hallkeeper-kiosk run"):
        read_link(tmp_path)
