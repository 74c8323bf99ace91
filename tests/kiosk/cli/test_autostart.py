"""`hallkeeper-kiosk autostart`: units with the right paths, and nothing overwritten."""

import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli import autostart
from kiosk.cli.main import main
from kiosk.screen.entrance import Entrance
from tests.kiosk.support.door_fixture import enrolled
from tests.tools import need


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


def test_the_screen_waits_for_the_kiosk_and_opens_its_link(
    home: Path, door: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    waits: list[float] = []
    entrance = Entrance(door)

    def serve_later(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            entrance.serve_at(f"http://127.0.0.1:{listener.getsockname()[1]}/")

    monkeypatch.setattr(autostart.time, "sleep", serve_later)
    monkeypatch.setattr(autostart.os, "execv", lambda path, words: started.append(words))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        result = CliRunner().invoke(main, ["screen", "--dir", str(door)])
    assert result.exit_code == 0, result.output
    assert len(waits) == 2
    (words,) = started
    assert words[0] == f"{home}/bin/chromium"
    assert "--kiosk" in words
    assert words[-1] == entrance.link


def test_without_a_browser_there_is_a_clear_error(
    home: Path, door: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(home))
    result = CliRunner().invoke(main, ["screen", "--dir", str(door)])
    assert result.exit_code == 1
    assert "Install Chromium" in result.output
