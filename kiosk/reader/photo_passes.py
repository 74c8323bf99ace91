"""The ways to look at a whole photo, in each of its sizes."""

from collections.abc import Callable
from functools import partial

import numpy as np

from kiosk.pictures import Picture, cv2
from kiosk.reader.passes import (
    Found,
    as_it_is,
    equalize,
    find_zxing,
    find_zxing_fixed,
    find_zxing_global,
    sharpen,
    smooth,
    threshold,
)

Find = Callable[[Picture], list[Found]]


def _unsharp(gray: Picture) -> Picture:
    soft = cv2.GaussianBlur(gray, (0, 0), 1.5)
    return np.asarray(cv2.addWeighted(gray, 3, soft, -2, 0), np.uint8)


def _softer(gray: Picture) -> Picture:
    return np.asarray(cv2.GaussianBlur(gray, (0, 0), 2.0), np.uint8)


def _median(gray: Picture) -> Picture:
    return np.asarray(cv2.medianBlur(gray, 5), np.uint8)


def _darker(gray: Picture, side: int = 3) -> Picture:
    """Dark dots grow together."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.erode(gray, kernel), np.uint8)


def _lighter(gray: Picture) -> Picture:
    """Thin dark scratches go, and ink that ran."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    return np.asarray(cv2.dilate(gray, kernel), np.uint8)


def _around(gray: Picture, px: int) -> Picture:
    """Black and white by the mean level of a larger surrounding."""
    window = (px, px)
    mean = cv2.blur(cv2.blur(gray, window), window)
    return np.asarray(cv2.compare(gray, mean, cv2.CMP_GE), np.uint8)


# How a picture is looked at in each of its sizes.
PHOTO_LOOKS: dict[str, tuple[Callable[[Picture], Picture], Find]] = {
    "smooth threshold": (lambda g: threshold(smooth(g), 1.0), find_zxing_fixed),
    "as it is": (as_it_is, find_zxing),
    "one threshold": (as_it_is, find_zxing_global),
    "smooth": (smooth, find_zxing_global),
    "softer": (_softer, find_zxing),
    "even": (equalize, find_zxing),
    "unsharp": (_unsharp, find_zxing),
    "sharp": (sharpen, find_zxing),
    "darker": (_darker, find_zxing),
    "much darker": (partial(_darker, side=5), find_zxing),
    "lighter": (_lighter, find_zxing),
    "median": (_median, find_zxing),
    "threshold": (lambda g: threshold(g, 1.0), find_zxing_fixed),
    "smooth threshold 25": (lambda g: _around(smooth(g), 25), find_zxing_fixed),
    "threshold 51": (lambda g: _around(g, 51), find_zxing_fixed),
    "median threshold": (lambda g: _around(_median(g), 25), find_zxing_fixed),
}
