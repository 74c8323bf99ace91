"""The likely reason why a code in view is not read, so that the holder or staff can remove it."""

from typing import Literal

import numpy as np

from kiosk.pictures import Picture, cv2
from kiosk.reader.grid.finders import find_rings
from kiosk.reader.passes import Corners, threshold
from kiosk.reader.regions import area_of

Obstacle = Literal["unreadable", "dark", "near", "steep", "glare"]

DARK = 30.0  # mean gray level
# Side of the light ring of a finder pattern relative to the picture's height. A badge's symbol is
# seven times as large.
NEAR_RING = 1 / 7
STEEP = 0.45  # area of the symbol relative to the square on its longest side
TOP = 250  # gray level at which nothing can be read
# No light area in a symbol is larger, relative to the symbol's side.
SPOT = 1 / 7
BURNT_MIN = 0.95  # share of such an area at the top level
INNER = 0.8  # part of a symbol that is judged

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def is_dark(thumb: Picture) -> bool:
    return bool(thumb.size) and float(thumb.mean()) < DARK


def is_too_near(thumb: Picture) -> bool:
    """Whether a finder pattern is so large that the rest of its symbol is out of view."""
    if not thumb.size:
        return False
    rings = find_rings(threshold(thumb, 1.0))
    return any(float(np.ptp(ring[:, 1])) > NEAR_RING * len(thumb) for ring in rings)


def obstacle_at(gray: Picture, corners: Corners) -> Obstacle:
    """Why a located symbol is not read; "unreadable" if the picture does not show it."""
    points = np.array(corners)
    longest = float(np.linalg.norm(points - np.roll(points, 1, axis=0), axis=1).max())
    if longest > len(gray):
        return "near"
    if _has_glare(gray, points, longest):
        return "glare"
    if area_of(corners) < STEEP * longest**2:
        return "steep"
    return "unreadable"


def _has_glare(gray: Picture, points: Floats, longest: float) -> bool:
    # Without the light edge around a turned symbol.
    inner = points.mean(axis=0) + (points - points.mean(axis=0)) * INNER
    left, top = np.maximum(0, inner.min(axis=0)).astype(int)
    right, bottom = inner.max(axis=0).astype(int)
    part = gray[top:bottom, left:right]
    spot = max(3, round(longest * SPOT))
    if min(part.shape) < spot:
        return False
    burnt = cv2.threshold(part, TOP - 1, 255, cv2.THRESH_BINARY)[1]
    share = cv2.blur(burnt, (spot, spot), borderType=cv2.BORDER_CONSTANT) / 255
    return float(share.max()) > BURNT_MIN
