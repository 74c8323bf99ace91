"""`hallkeeper-kiosk autostart`: units with the right paths, and nothing overwritten."""

import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import pytest
from click.testing import CliRunner, Result

from kiosk.cli import autostart
from kiosk.cli.main import main
from kiosk.screen.entrance import Entrance
from tests.kiosk.support.door_fixture import enrolled
from tests.tools import need
from tests.waiting import until


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and a computer whose only browser is `chromium` in it."""
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    browser = home / "bin" / "chromium"
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(home / "bin"))
    return home


@pytest.fixture
def door(tmp_path: Path) -> Path:
    return enrolled(tmp_path / "at the 100% door")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["autostart", *map(str, arguments)])


def units(home: Path) -> Path:
    return home / ".config" / "systemd" / "user"


def test_it_works(home: Path, door: Path) -> None:
    (door / "settings.toml").write_text("port = 9000\n")
    result = run("--dir", door)
    assert result.exit_code == 0, result.output
    kiosk = (units(home) / autostart.KIOSK_UNIT).read_text()
    command = next(line for line in kiosk.splitlines() if line.startswith("ExecStart="))
    words = shlex.split(command.removeprefix("ExecStart=").replace("%%", "%"))
    assert words == [sys.executable, "-m", "kiosk", "run", "--dir", str(door)]
    assert "\nRestart=always\n" in kiosk
    screen = (units(home) / autostart.SCREEN_UNIT).read_text()
    shows = f'-m kiosk screen --dir "{door}" --browser "{home}/bin/chromium"'
    assert shows in screen.replace("%%", "%")
    starter = home / ".config" / "autostart" / autostart.SCREEN_STARTER
    assert autostart.SCREEN_UNIT in starter.read_text()
    assert "systemctl --user enable --now hallkeeper-kiosk.service" in result.output
    assert "@" not in kiosk.replace("@system-service", "") + screen


def test_again_is_harmless_and_another_kiosk_is_not_overwritten(
    home: Path, door: Path, tmp_path: Path
) -> None:
    assert run("--dir", door).exit_code == run("--dir", door).exit_code == 0
    before = (units(home) / autostart.KIOSK_UNIT).read_text()
    other = enrolled(tmp_path / "other")
    result = run("--dir", other)
    assert result.exit_code == 1
    assert (
        "exists already with other content, perhaps for another kiosk. Nothing was written."
        in result.output
    )
    assert (units(home) / autostart.KIOSK_UNIT).read_text() == before
    assert run("--dir", other, "--again").exit_code == 0
    assert str(other) in (units(home) / autostart.KIOSK_UNIT).read_text()


def test_it_can_be_shown_only(home: Path, door: Path) -> None:
    result = run("--dir", door, "--print")
    assert result.exit_code == 0
    assert result.output.count("Restart=always") == 2
    assert not (home / ".config").exists()


def test_without_a_browser_the_kiosk_starts_alone(home: Path, door: Path) -> None:
    (home / "bin" / "chromium").unlink()
    result = run("--dir", door)
    assert result.exit_code == 0
    assert "No Chromium was found, so only the kiosk starts" in result.output
    assert [path.name for path in units(home).iterdir()] == [autostart.KIOSK_UNIT]


@pytest.mark.parametrize(
    ("settings", "options", "message"),
    [
        ("port = 0", [], "lets the page's port be any (port = 0)"),
        ("", ["--browser", "netscape"], "There is no browser called netscape"),
    ],
    ids=["any-port", "no-such-browser"],
)
def test_impossible_settings_are_a_clear_error(
    home: Path, door: Path, settings: str, options: list[str], message: str
) -> None:
    (door / "settings.toml").write_text(settings)
    result = run("--dir", door, *options)
    assert result.exit_code == 1
    assert message in result.output
    assert not (home / ".config").exists()


def test_a_directory_without_a_kiosk(home: Path, tmp_path: Path) -> None:
    result = run("--dir", tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "Ask an admin for a code" in result.output


def test_a_home_that_can_not_be_written(home: Path, door: Path) -> None:
    (home / ".config").write_text("a file where a directory belongs")
    result = run("--dir", door)
    assert result.exit_code == 1
    assert "can't be written" in result.output


@pytest.mark.system
def test_systemd_takes_the_units(home: Path, door: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("--dir", door).exit_code == 0
    monkeypatch.undo()
    need("systemd-analyze")
    files = [str(path) for path in units(home).iterdir()]
    command = ["systemd-analyze", "verify", "--man=no", *files]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


class Screen:
    """`hallkeeper-kiosk screen` in a thread, with a browser that stays until it is ended."""

    def __init__(self, home: Path, door: Path) -> None:
        self._starts = home / "starts"
        browser = home / "bin" / "chromium"
        browser.write_text(f'#!/bin/sh\necho "$*" >>"{self._starts}"\nexec /bin/sleep 600\n')
        self.stop = threading.Event()
        self._threads = ThreadPoolExecutor(1)
        self.result = self._threads.submit(autostart.show_screen, door, home, self.stop)

    @property
    def links(self) -> list[str]:
        """What the browsers were told to open, in order."""
        lines = self._starts.read_text().splitlines() if self._starts.exists() else []
        return [line.split()[-1] for line in lines]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._threads.shutdown()


@pytest.fixture
def port() -> Iterator[int]:
    """A port at which this process listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_the_screen_opens_the_link_of_each_run_in_a_new_browser(
    home: Path, door: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autostart, "WAIT_S", 0.02)
    profile = home / autostart.PROFILE / "Default"
    with Screen(home, door) as screen:
        first = Entrance(door)
        first.serve_at(f"http://127.0.0.1:{port}/")
        until(lambda: screen.links == [first.link])
        profile.mkdir(parents=True)
        second = Entrance(door)  # The kiosk was started again.
        second.serve_at(f"http://127.0.0.1:{port}/")
        until(lambda: screen.links == [first.link, second.link])
        assert not profile.exists(), "no page of an earlier server has left anything"
        second.open(second.link.partition("?link=")[2])  # The browser has used its link.
        screen.stop.set()
        screen.result.result(240)
    assert len(screen.links) == 2


def test_no_link_is_given_to_another_account_at_the_port(
    home: Path, door: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autostart, "stranger_at", lambda _: 54_321)
    Entrance(door).serve_at(f"http://127.0.0.1:{port}/")
    result = CliRunner().invoke(main, ["screen", "--dir", str(door)])
    assert result.exit_code == 1
    assert f"Port {port} of this computer should be the kiosk's, but user id 54321" in result.output
    assert "port in settings.toml, and start the kiosk again" in result.output


def test_a_browser_is_ended_when_another_account_takes_the_port(
    home: Path, door: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autostart, "WAIT_S", 0.02)
    entrance = Entrance(door)
    entrance.serve_at(f"http://127.0.0.1:{port}/")
    with Screen(home, door) as screen:
        until(lambda: screen.links == [entrance.link])
        monkeypatch.setattr(autostart, "stranger_at", lambda _: 54_321)
        with pytest.raises(autostart.AutostartError, match="user id 54321 listens at it"):
            screen.result.result(240)


def test_without_a_browser_there_is_a_clear_error(
    home: Path, door: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(home))
    result = CliRunner().invoke(main, ["screen", "--dir", str(door)])
    assert result.exit_code == 1
    assert "Install Chromium" in result.output
