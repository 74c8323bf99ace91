"""Samples the modules of a flat symbol: how dark each is, and how sure that is."""

import numpy as np

from kiosk.pictures import Picture, cv2
from kiosk.reader.grid.grid import EDGE, PX, Floats
from kiosk.reader.grid.structure import TIMING

AROUND = (9, 9)  # modules that decide how light "light" is
CONTRAST_MIN = 8.0  # gray levels; less is no print


def levels_of(flat: Picture, sharpness: float = 0.0) -> Floats:
    """Each module's level, [row, column]: 0 is the threshold around it, 1 dark and -1 light print.

    `sharpness` removes what a module took from its neighbours by blur.
    """
    # The mean of each module's middle.
    inner = cv2.blur(flat, (PX // 2, PX // 2)).astype(np.float32)
    at = np.arange(PX // 2, len(flat), PX)
    four = [inner[np.ix_(at - i, at - j)] for i in (0, 1) for j in (0, 1)]
    value = np.asarray(np.mean(four, axis=0), np.float32)
    value = value + sharpness * (value - np.asarray(cv2.blur(value, (3, 3))))
    return _against_print_around(value)[EDGE:-EDGE, EDGE:-EDGE]


def _against_print_around(value: np.ndarray) -> Floats:
    middle = cv2.blur(value, AROUND)
    high = low = middle
    for _ in range(3):
        light = np.asarray(value > middle, np.float32)
        share = cv2.blur(light, AROUND)
        high = cv2.blur(value * light, AROUND) / np.maximum(share, 1e-3)
        low = cv2.blur(value * (1 - light), AROUND) / np.maximum(1 - share, 1e-3)
        one_colour = (share < 0.02) | (share > 0.98)
        middle = np.where(one_colour, middle, (high + low) / 2)
    contrast = np.maximum(high - low, CONTRAST_MIN)
    return np.asarray(2 * (middle - value) / contrast, np.float64)


def timing_share(levels: Floats) -> float:
    """The share of the timing patterns' modules that agree."""
    between = slice(8, len(levels) - 8)
    dark = np.arange(8, len(levels) - 8) % 2 == 0
    seen = np.array([levels[TIMING, between], levels[between, TIMING]]) > 0
    return float(np.mean(seen == dark))
