"""The engines behind one interface: a gray picture in, texts out."""

import time
from collections.abc import Callable

import cv2

from kiosk.reader.passes import find_zbar, find_zxing
from kiosk.reader.reader import Reader
from tests.bench.eyes.pictures.cards import Gray

Read = Callable[[Gray], list[str]]
OURS, ZXING, PYZBAR, OPENCV = "ours", "zxing-cpp", "pyzbar", "OpenCV"


def ours(clock: Callable[[], float] = time.perf_counter) -> Read:
    """A fresh reader, as at a door: each frame within its share of time."""
    reader = Reader(clock)
    return lambda gray: [sighting.text for sighting in reader.read(gray)]


def zxing(clock: Callable[[], float] = time.perf_counter) -> Read:
    """With the options of our first look, which are its best."""
    return lambda gray: [code.text for code in find_zxing(gray) if code.text is not None]


def pyzbar(clock: Callable[[], float] = time.perf_counter) -> Read:
    return lambda gray: [code.text for code in find_zbar(gray) if code.text is not None]


def opencv(clock: Callable[[], float] = time.perf_counter) -> Read:
    detector = cv2.QRCodeDetector()

    def read(gray: Gray) -> list[str]:
        try:
            _, texts, _, _ = detector.detectAndDecodeMulti(gray)
        except (cv2.error, UnicodeDecodeError):
            return []
        return [text for text in texts or () if text]

    return read


ENGINES: dict[str, Callable[..., Read]] = {
    OURS: ours,
    ZXING: zxing,
    PYZBAR: pyzbar,
    OPENCV: opencv,
}
SLOW = (PYZBAR, OPENCV)  # these get a part of the pictures, the same for both
