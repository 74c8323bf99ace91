"""A real kiosk before a drawn camera: reader, credential, decision, journal and page."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

import cv2
import numpy as np

from kiosk.camera.camera import Camera
from kiosk.camera.controls import CameraRequest
from kiosk.camera.sources import Kind, Source
from kiosk.config.settings import KioskSettings
from kiosk.eye import Eye
from kiosk.run import AnswerReport, Kiosk
from kiosk.screen.serving import ScreenServer, create_screen
from tests.bench.eyes.pictures.cards import Card, Gray
from tests.bench.eyes.pictures.films import FPS
from tests.bench.eyes.pictures.scene import Pose, hall, place, put
from tests.kiosk.support.door_fixture import NOON, badge, enrolled, hall_facts, orders, snapshot

PLACES = 5000


class Tape:
    """A webcam that plays JPEG pictures at 30 a second for `seconds`, then repeats the last.

    They are decoded in the camera's thread, as a webcam's are.
    """

    def __init__(self, pictures: list[bytes], seconds: float) -> None:
        self._pictures = pictures
        self._count = 0
        self._seconds = seconds
        self.began = time.monotonic()
        self.ended = threading.Event()

    def read(self) -> tuple[bool, Gray]:
        wait_s = self.began + self._count / FPS - time.monotonic()
        time.sleep(max(0.0, wait_s))
        data = self._pictures[max(0, self._shown()) % len(self._pictures)]
        self._count += 1
        return True, cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)

    def _shown(self) -> int:
        last = frames_in(self._seconds) - 1
        if self._count > last:
            self.ended.set()
        return min(self._count, last)

    def get(self, propId: int, /) -> float:
        return 0.0

    def release(self) -> None:
        self.ended.set()


def frames_in(seconds: float) -> int:
    return round(seconds * FPS)


def jpegs(views: list[Gray]) -> list[bytes]:
    colours = (cv2.cvtColor(view, cv2.COLOR_GRAY2BGR) for view in views)
    return [cv2.imencode(".jpg", view)[1].tobytes() for view in colours]


def badge_view(serial: int, size: tuple[int, int], noise: int = 0) -> Gray:
    """A badge of the test event, held before the camera."""
    rng = np.random.default_rng((serial, noise))
    x, y = rng.uniform(0.4, 0.6, 2) * size
    pose = Pose(float(x), float(y), float(rng.uniform(3, 5) * size[0] / 1280), rng.normal(0, 8))
    view = hall(size, 0).copy()
    put(view, place(Card(badge(serial)), pose, size))
    return cv2.convertScaleAbs(np.maximum(view + rng.normal(0, 2, view.shape), 0))


@cache
def empty_views(size: tuple[int, int], count: int = 8) -> list[Gray]:
    """The hall alone, with a sensor's noise. Treat them as read-only."""
    rng = np.random.default_rng(size)
    return [cv2.convertScaleAbs(hall(size, 0) + rng.normal(0, 2, size[::-1])) for _ in range(count)]


@contextmanager
def open_kiosk(
    directory: Path, on_answer: Callable[[AnswerReport], None] = lambda report: None
) -> Iterator[Kiosk]:
    """Enrolled, at noon of the event's first day, with facts and places, without a server."""
    with ExitStack() as parts:
        for module in ("run", "replica.replica"):
            parts.enter_context(patch(f"kiosk.{module}.now_ms", lambda: NOON))
        kiosk = Kiosk(enrolled(directory), KioskSettings(), on_answer=on_answer)
        parts.callback(kiosk.close, 0.0)  # there is no server to wait for
        hall = hall_facts(capacity=PLACES)
        kiosk.replica.load(snapshot(hall=hall))
        kiosk.journal.obey(orders((PLACES, 0, 1)))
        yield kiosk


@contextmanager
def served(kiosk: Kiosk, eye: Eye) -> Iterator[list[int]]:
    """The page on loopback, with a client that holds its feed; counts the feed's lines."""
    lines = [0]
    with ScreenServer(create_screen(kiosk.board, eye.preview), port=0) as server:
        thread = threading.Thread(target=_hold_feed, args=(server.url, lines), daemon=True)
        thread.start()
        yield lines
    thread.join(5)


def _hold_feed(url: str, lines: list[int]) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request("GET", "/feed")
        response = connection.getresponse()
        while response.readline():
            lines[0] += 1
    except (OSError, http.client.HTTPException):
        pass  # the page was closed
    finally:
        connection.close()


def watch(kiosk: Kiosk, tape: Tape) -> list[int]:
    """Run the door until the tape has ended; return the feed's lines."""
    source, stop = Source(Kind.WEBCAM, "0"), threading.Event()
    with Camera(source, CameraRequest(), open_capture=lambda *_: tape) as camera:
        eye = Eye(camera, kiosk)
        kiosk.attach(eye)
        with served(kiosk, eye) as lines:
            watcher = threading.Thread(target=eye.watch, args=(stop,))
            watcher.start()
            tape.ended.wait()
            stop.set()
            watcher.join()
    return lines
