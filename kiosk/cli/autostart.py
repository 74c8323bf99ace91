"""Starts a kiosk at boot by systemd user units.

Needs no root and starts nothing: it writes the files and prints the commands that enable them.
"""

import shutil
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

from kiosk.config import settings
from kiosk.config.files import SETTINGS_FILE, ConfigError
from kiosk.config.identity import load_identity
from kiosk.screen.entrance import LINK_FILE, read_link, run_of
from kiosk.screen.port_owner import name_of, stranger_at

KIOSK_UNIT = "hallkeeper-kiosk.service"
SCREEN_UNIT = "hallkeeper-kiosk-screen.service"
SCREEN_STARTER = "hallkeeper-kiosk-screen.desktop"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# For that browser only, under the user's home.
PROFILE = ".local/share/hallkeeper-kiosk-screen"
BROWSER_FLAGS = (
    "--kiosk",
    "--no-first-run",
    "--noerrdialogs",
    "--disable-session-crashed-bubble",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--password-store=basic",
    "--autoplay-policy=no-user-gesture-required",
    # From a slow stick its processes may take longer to start than the 15 s after which they end.
    "--ipc-connection-timeout=600",
)
WAIT_S = 1.0
END_S = 10.0  # for the browser to end by itself


class AutostartError(Exception):
    """Nothing was written. The text has the reason and the remedy."""


@dataclass(frozen=True)
class Autostart:
    files: dict[Path, str]
    has_screen: bool


def plan(directory: Path, home: Path, browser: str | None = None) -> Autostart:
    """The files that start the kiosk in `directory` with the session of the user at `home`.

    `browser` is a Chromium to use instead of the detected one. Raises AutostartError, or
    ConfigError without a kiosk in the directory.
    """
    load_identity(directory)
    port = settings.load_settings(directory).port
    if port == 0:
        raise AutostartError(
            f"{directory / SETTINGS_FILE} lets the page's port be any (port = 0), so a "
            "browser could not find it. Name one, such as port = 8421."
        )
    command = _browser(browser)
    values = {
        "PYTHON": _word(sys.executable),
        "DIRECTORY": _word(str(directory.resolve())),
        "BROWSER": _word(command or ""),
        "PORT": str(port),
    }
    units = home / ".config" / "systemd" / "user"
    files = {units / KIOSK_UNIT: _filled(KIOSK_UNIT, values)}
    if command is not None:
        files[units / SCREEN_UNIT] = _filled(SCREEN_UNIT, values)
        starter = home / ".config" / "autostart" / SCREEN_STARTER
        files[starter] = _filled(SCREEN_STARTER, values)
    return Autostart(files, has_screen=command is not None)


def write(autostart: Autostart, *, again: bool) -> None:
    """Raises AutostartError if others exist already, unless `again`."""
    for path, text in autostart.files.items():
        if not again and path.exists() and path.read_text("utf-8", "replace") != text:
            raise AutostartError(
                f"{path} exists already with other content, perhaps for another kiosk. "
                "Nothing was written. To replace it, add --again."
            )
    try:
        for path, text in autostart.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    except OSError as error:
        raise AutostartError(f"{path} can't be written ({error.strerror}).") from None


def show_screen(
    directory: Path, home: Path, stop: threading.Event, browser: str | None = None
) -> None:
    """Show a full-screen browser while the kiosk or its enrolment serves a page.

    Each run of the kiosk has a link of its own, so another run gets a new browser. Returns when the
    browser ends by itself, or `stop` is set. Raises AutostartError without a browser, or where
    another account listens at the kiosk's port.
    """
    command = _browser(browser)
    if command is None:
        raise AutostartError(
            f"No browser was found ({', '.join(BROWSERS)}). Install Chromium, or name one with "
            "--browser."
        )
    profile = home / PROFILE
    while not stop.is_set():
        if not _is_served(directory):
            stop.wait(WAIT_S)
            continue
        # An account that once held the port may have left scripts and files for the next pages.
        shutil.rmtree(profile, ignore_errors=True)
        link = read_link(directory)
        words = [command, *BROWSER_FLAGS, f"--user-data-dir={profile}", link]
        with subprocess.Popen(words) as shown:
            try:
                while shown.poll() is None and _is_run_of(link, directory):
                    if stop.wait(WAIT_S):
                        return
                if shown.poll() is not None:
                    return
            finally:
                _end(shown)


def _is_served(directory: Path) -> bool:
    """Whether the kiosk in `directory` listens at the address of its newest link.

    Raises AutostartError if another account does.
    """
    if not (directory / LINK_FILE).exists():
        return False
    address = urlsplit(read_link(directory))
    port = address.port or 80
    _refuse_stranger(port)
    try:
        socket.create_connection((address.hostname or "", port), WAIT_S).close()
    except OSError:
        return False
    return True


def _is_run_of(link: str, directory: Path) -> bool:
    """Whether the run that made the link still serves. Raises AutostartError as `_is_served`."""
    _refuse_stranger(urlsplit(link).port or 80)
    try:
        return run_of(read_link(directory)) == run_of(link)
    except ConfigError:
        return False  # The next run has deleted the link, and makes its own.


def _refuse_stranger(port: int) -> None:
    user = stranger_at(port)
    if user is not None:
        raise AutostartError(
            f"Port {port} of this computer should be the kiosk's, but {name_of(user)} listens at"
            " it: no screen is shown from there. Find out why. End that program, or set another"
            f" port in {SETTINGS_FILE}, and start the kiosk again."
        )


def _end(shown: subprocess.Popen[bytes]) -> None:
    shown.terminate()
    try:
        shown.wait(END_S)
    except subprocess.TimeoutExpired:
        shown.kill()


def _browser(named: str | None) -> str | None:
    if named is None:
        return next(filter(None, map(shutil.which, BROWSERS)), None)
    command = shutil.which(named)
    if command is None:
        raise AutostartError(f"There is no browser called {named}. Name its command or its path.")
    return command


def _filled(name: str, values: dict[str, str]) -> str:
    text = resources.files("kiosk.cli").joinpath("systemd", name).read_text("utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


def _word(text: str) -> str:
    """Raises AutostartError."""
    if not text.isprintable():
        raise AutostartError(f"A path with control characters can't be used in a unit: {text!r}.")
    for sign, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        text = text.replace(sign, escaped)
    return f'"{text}"'
