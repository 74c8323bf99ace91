"""A thousand presentations in a row to a real camera thread: a thousand scans, none twice."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from badges.record import decode_record
from kiosk.camera.camera import Camera
from kiosk.camera.controls import CameraRequest
from kiosk.camera.sources import Kind, Source
from kiosk.eye import Eye
from kiosk.pictures import Picture
from kiosk.run import AnswerReport
from tests.bench.eyes.kiosks import open_kiosk
from tests.bench.eyes.pictures.cards import modules
from tests.kiosk.support.door_fixture import badge

pytestmark = pytest.mark.system

PRESENTATIONS = 1000
LINGER = 2  # further frames in which an answered badge stays in view


class Queue:
    """A camera that shows each badge until it is answered, and a moment longer."""

    def __init__(self) -> None:
        self.answered = threading.Semaphore(0)
        self.ended = threading.Event()
        self.serial = 0
        self.left = 0
        self.view = np.zeros(0, np.uint8)
        self.noise = 0

    def read(self) -> tuple[bool, Picture]:
        if self.left == 0:
            self._next()
        elif self.left == LINGER:
            assert self.answered.acquire(timeout=240)
        self.left -= 1
        self.noise ^= 1  # a live camera never gives the same picture twice
        self.view[0, 0] = self.noise
        return True, self.view.copy()

    def _next(self) -> None:
        if self.serial == PRESENTATIONS:
            self.ended.set()
            self.left = -1
            return
        self.serial += 1
        self.left = LINGER + 1
        card = np.kron(modules(badge(self.serial)), np.ones((3, 3), np.uint8))
        self.view = cv2.copyMakeBorder(card, 60, 60, 120, 120, cv2.BORDER_CONSTANT, value=120)

    def get(self, propId: int, /) -> float:
        return 0.0

    def release(self) -> None:
        pass


def test_a_thousand_presentations_are_a_thousand_scans(tmp_path: Path) -> None:
    queue, answers = Queue(), []
    stop = threading.Event()

    def answered(report: AnswerReport) -> None:
        answers.append(report.answer.serial)
        queue.answered.release()

    with (
        open_kiosk(tmp_path / "door", answered) as kiosk,
        Camera(Source(Kind.WEBCAM, "0"), CameraRequest(), open_capture=lambda *_: queue) as camera,
    ):
        eye = Eye(camera, kiosk)
        watcher = threading.Thread(target=eye.watch, args=(stop,))
        watcher.start()
        assert queue.ended.wait(500)
        stop.set()
        watcher.join()
        records = [decode_record(s.record) for s in kiosk.journal.stored(0, 2 * PRESENTATIONS)]
    everyone = list(range(1, PRESENTATIONS + 1))
    assert [record.serial for record in records] == everyone
    assert answers == everyone
    assert {record.decision for record in records} == {"admitted"}
