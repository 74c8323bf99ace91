"""Webcams for the tests of the door's eye: as Linux lists them, and as they give pictures."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kiosk.camera.camera import Camera, CameraStatus
from kiosk.camera.controls import CameraRequest
from kiosk.camera.sources import Kind, Source
from kiosk.pictures import CameraError
from tests.kiosk.support.pictures import plain

WEBCAM = Source(Kind.WEBCAM, "0")
QUICK = (0.01, 0.04)

WIDE_AND_HD = {"video10": ("Wide", 0), "video2": ("HD C270", 0), "video3": ("HD C270", 1)}


def plug_in(tmp_path: Path, nodes: dict[str, tuple[str, int]] = WIDE_AND_HD) -> Path:
    """A folder like /sys/class/video4linux: (name, index) by node, and one just unplugged."""
    root = tmp_path / "video4linux"
    for node, (name, index) in nodes.items():
        (root / node).mkdir(parents=True)
        (root / node / "name").write_text(name + "\n")
        (root / node / "index").write_text(f"{index}\n")
    (root / "video99").mkdir(parents=True)
    return root


class FakeCapture:
    """Gives `pictures` on demand, then fails."""

    def __init__(self, pictures: Iterator[np.ndarray]) -> None:
        self.pictures = pictures
        self.released = False

    def read(self) -> tuple[bool, Any]:
        time.sleep(0.001)
        image = next(self.pictures, None)
        return image is not None, image

    def get(self, prop: int) -> float:
        return 0.0

    def release(self) -> None:
        self.released = True


class Plug:
    """Replaces a webcam. Each opening uses the next of `captures`, and raises errors among them.

    `on_opening` is called first, in the camera's thread, so it sees states that a test's thread
    may miss.
    """

    def __init__(self, *captures: Iterator[np.ndarray] | Exception) -> None:
        self.captures = list(captures)
        self.opened: list[FakeCapture] = []
        self.tried_at: list[float] = []
        self.on_opening: Callable[[], object] = lambda: None

    def __call__(self, source: Source, wish: CameraRequest) -> FakeCapture:
        self.on_opening()
        self.tried_at.append(time.monotonic())
        capture = self.captures.pop(0) if self.captures else CameraError("still unplugged")
        if isinstance(capture, Exception):
            raise capture
        self.opened.append(FakeCapture(capture))
        return self.opened[-1]


def changing() -> Iterator[np.ndarray]:
    return (plain(number % 250) for number in iter(int, 1) for number in range(250))


def wait_for(camera: Camera, wanted: Callable[[CameraStatus], bool]) -> CameraStatus:
    deadline = time.monotonic() + 240
    while not wanted(camera.status):
        assert time.monotonic() < deadline, camera.status
        time.sleep(0.002)
    return camera.status
