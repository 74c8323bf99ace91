"""A phone among the demo's doors: Chromium without a window runs the page of `kiosk/browser`, and
its camera is a film.

The phone's answers are read from the ledger, which has each that showed green.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kiosk.browser.files import MissingError, phone_files
from server.core.event.directory import Event
from server.core.ledger import entries
from server.core.ledger.finding import Filter
from server.demo.film.avi import pictures
from server.demo.film.motion import FPS
from server.demo.forum.forum import PHONE_DOOR
from server.demo.judge import Answer
from server.demo.processes import Child, Children
from server.storage.connection import Connection

NAME = "phone"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
START_S = 120  # the first start on a busy machine
FILM_FPS = 30  # Chromium's, for a file of JPEG pictures
FLAGS = (
    "--headless=new", "--no-first-run", "--window-size=390,844", "--disable-gpu",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--enable-logging=stderr", "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
)  # fmt: skip


def missing() -> str:
    """Return why no phone can be among the doors, or ""."""
    browser = _browser()
    if browser is None:
        return "there is no Chromium (apt install chromium)"
    try:
        phone_files()
    except MissingError as error:
        return str(error)
    if not _starts(browser):
        return (
            "Chromium does not start here. It may need its sandbox (apt install chromium-sandbox)"
        )
    return ""


@dataclass
class Phone:
    """The page enrols itself. `answers` are those read so far."""

    directory: Path
    event: Event
    answers: list[Answer] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{self.event.settings.public_address}/door/"

    @property
    def _camera(self) -> Path:
        return self.directory / "camera.mjpeg"

    @property
    def _profile(self) -> Path:
        return self.directory / "profile"

    def prepare(self, film: Path) -> None:
        """Make the browser's profile, and the camera's film. It begins when the page opens the
        camera, and again at its end.
        """
        (self._profile / "Default").mkdir(parents=True)
        (self._profile / "Default" / "Preferences").write_text(self._permissions(), "utf-8")
        with self._camera.open("wb") as file:
            for picture in pictures(film):
                file.write(picture * (FILM_FPS // FPS))

    def open(self, children: Children, code: str = "") -> Child:
        """Start Chromium on the page; with a code, as after its QR was scanned."""
        browser = _browser()
        assert browser is not None
        pin = base64.b64encode(self.event.spki_sha256).decode()
        words = [
            browser, *FLAGS, f"--user-data-dir={self._profile}",
            f"--use-file-for-fake-video-capture={self._camera}",
            # Trust the event's own certificate alone.
            f"--ignore-certificate-errors-spki-list={pin}",
        ]  # fmt: skip
        return children.start(
            NAME, [*words, *_unsafe(), f"{self.address}{'#' if code else ''}{code}"]
        )

    def _permissions(self) -> str:
        """Chromium's settings with the answers that staff give on a phone: the page may use the
        camera and keep its data.
        """
        origin = {f"{self.event.settings.public_address},*": {"setting": 1}}
        kinds = {"media_stream_camera": origin, "durable_storage": origin}
        return json.dumps({"profile": {"content_settings": {"exceptions": kinds}}})

    def hear(self, db: Connection) -> Iterator[Answer]:
        """Yield the answers that reached the ledger since the last call."""
        page = entries.page(db, Filter(), rows=500)
        for entry in reversed(page.entries):
            if entry.kiosk == NAME and entry.seq > len(self.answers):
                answer = Answer(
                    PHONE_DOOR, NAME, entry.scanned_at, entry.seq, entry.decision, entry.reason,
                    entry.serial, None,
                )  # fmt: skip
                self.answers.append(answer)
                yield answer


def _browser() -> str | None:
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def _unsafe() -> list[str]:
    return ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium has no sandbox for root


def _starts(browser: str) -> bool:
    """Return whether Chromium shows an empty page. Where the kernel refuses its sandbox it ends."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        words = [browser, *FLAGS, *_unsafe(), f"--user-data-dir={profile}", "--dump-dom"]
        try:
            ended = subprocess.run([*words, "about:blank"], capture_output=True, timeout=START_S)
        except (OSError, subprocess.TimeoutExpired):
            return False
    return ended.returncode == 0
