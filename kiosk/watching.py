"""The loop at the door's eye: picture, code, presentation, answer; until it is told to stop."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from kiosk.camera import Camera, Frame
from kiosk.camera_preview import preview_jpeg
from kiosk.presentation import Presentations
from kiosk.reader import Reader, Sighting

log = logging.getLogger(__name__)

FRAME_WAIT_S = 0.25


class Door(Protocol):
    """What answers at this door."""

    forget: Callable[[], None]

    def present(self, text: str, captured_at: float | None = None) -> object: ...

    def show_status(self) -> None: ...


class Eye:
    """One camera at one door. `preview` may be asked from other threads."""

    def __init__(self, camera: Camera, door: Door, *, status_s: float = 0.25) -> None:
        self._camera = camera
        self._door = door
        self._reader = Reader()
        self._presentations = Presentations()
        self._status_s = status_s
        self._seen: tuple[Frame, tuple[tuple[int, int], ...]] | None = None
        door.forget = self._presentations.forget

    def watch(self, stop: threading.Event, *, until_end: bool = False) -> None:
        """Until `stop` is set, or a file camera has ended where that is an end."""
        after, told_at = 0, 0.0
        while not stop.is_set():
            frame = self._camera.latest(after, FRAME_WAIT_S)
            if frame is not None:
                after = frame.number
                self._look(frame)
            elif until_end and self._camera.status.state == "ended":
                return
            if time.monotonic() - told_at >= self._status_s:
                told_at = time.monotonic()
                self._door.show_status()

    def _look(self, frame: Frame) -> None:
        """The nearest code in the picture. Nothing in a picture may stop the door."""
        try:
            sightings = self._reader.read(frame.gray)
            nearest: Sighting | None = sightings[0] if sightings else None
            self._seen = (frame, nearest.corners if nearest else ())
            if nearest and self._presentations.present(nearest.text, frame.captured_at):
                self._door.present(nearest.text, frame.captured_at)
        except Exception as error:  # the next picture may be a good one
            log.error("a picture failed: %s", type(error).__name__)

    def preview(self) -> bytes | None:
        """The newest picture as a JPEG, with a frame around the code."""
        seen = self._seen
        return None if seen is None else preview_jpeg(seen[0].picture, seen[1])
