"""Enrols a kiosk at its own screen, with a code from the camera, a hand scanner or the keyboard."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from badges.wire.enrolment import CODE_PREFIX
from kiosk.camera.camera import Camera
from kiosk.camera.controls import request_of
from kiosk.camera.sources import parse_source
from kiosk.cli.enrol import POLL_S, enrol
from kiosk.config.files import IDENTITY_FILE
from kiosk.config.settings import KioskSettings
from kiosk.eye import Eye
from kiosk.screen.board import Board
from kiosk.screen.entrance import Entrance
from kiosk.screen.first_steps import Progress, add_first_steps
from kiosk.screen.serving import ScreenServer, create_screen
from kiosk.sync.enrolment import EnrolError

LOOK_S = 0.25


class FirstSteps:
    """The enrolment of one kiosk, and an `Eye`'s door until then. Thread-safe.

    A new code replaces the one that waits for its confirmation. `done` is set once the kiosk is
    enrolled, also by another program. Close it.
    """

    def __init__(self, directory: Path, done: threading.Event, *, poll_s: float = POLL_S) -> None:
        self.progress = Progress()
        self._directory = directory
        self._done = done
        self._poll_s = poll_s
        self._lock = threading.Lock()  # guards the two fields below
        self._code = ""  # in progress
        self._stop = threading.Event()  # of that code's enrolment
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="enrolment")

    def present(self, text: str, captured_at: float | None = None) -> None:
        if text.startswith(CODE_PREFIX):
            self.take(text)

    def show_status(self) -> None:
        if (self._directory / IDENTITY_FILE).exists():
            self._done.set()

    def take(self, code: str) -> None:
        with self._lock:
            if code == self._code:
                return
            self._stop.set()
            self._code, self._stop = code, threading.Event()
            self._thread.submit(self._enrol, code, self._stop)

    def close(self) -> None:
        with self._lock:
            self._stop.set()
        self._thread.shutdown(cancel_futures=True)

    def _enrol(self, code: str, stop: threading.Event) -> None:
        self.progress = Progress("asking")
        try:
            enrol(
                self._directory,
                code,
                say=lambda text: None,
                poll_s=self._poll_s,
                on_words=self._show_words,
                stop=stop,
            )
        except EnrolError as error:
            self.progress = Progress(error.failure, detail=str(error))
        except Exception as error:
            # The page must show any failure. Its text may contain secrets.
            self.progress = Progress("failed", detail=type(error).__name__)
        else:
            self.progress = Progress("enrolled")
            self._done.set()
        with self._lock:
            if self._code == code:
                self._code = ""

    def _show_words(self, words: str) -> None:
        self.progress = Progress("words", words)


def enrol_at_screen(
    directory: Path, settings: KioskSettings, done: threading.Event, say: Callable[[str], None]
) -> None:
    """Serve the first steps until the kiosk is enrolled, or `done` is set.

    Raises CameraError without OpenCV, and ScreenError if the page can't be served.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as parts:
        steps = FirstSteps(directory, done)
        parts.callback(steps.close)
        eye = None
        if settings.camera != "none":
            source = parse_source(settings.camera, may_come=True)
            camera = Camera(source, request_of(settings))
            eye = Eye(camera, steps)
            parts.enter_context(camera)
        preview = eye.preview if eye is not None else lambda: None
        page = create_screen(Board(), preview, entrance=Entrance(directory))
        add_first_steps(page, steps)
        say(
            "The screen, once for one browser: "
            f"{parts.enter_context(ScreenServer(page, settings.port)).link}"
        )
        if eye is not None:
            eye.watch(done)
        while not done.wait(LOOK_S):
            steps.show_status()
