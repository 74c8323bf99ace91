from dataclasses import dataclass
from typing import Literal

import numpy as np

from kiosk.pictures import Picture, cv2

DARK = 45.0  # mean gray level
BRIGHT = 215.0
GLARE_SHARE = 0.25  # share of pixels at the top level, where nothing can be read
TOP = 250
SOFT_PX = 4.0  # pixels of an edge from dark to light
BLURRED_PX = 6.5
CONTRAST_MIN = 40.0  # gray levels; with less contrast there is no edge to judge
SEARCH_STEP = 4
PART_PX = 192  # side of the judged part if no code is in view
TEXTURE_MIN = 2.0  # mean difference in gray levels between pixels of the reduced picture

Light = Literal["dark", "good", "bright"]
Sharpness = Literal["unknown", "sharp", "soft", "blurred"]


@dataclass(frozen=True)
class Judgement:
    """The quality of a picture. `edge_px` is None without an edge to judge."""

    brightness: float  # mean gray level, 0 to 255
    light: Light
    edge_px: float | None
    sharpness: Sharpness


def judge(gray: Picture, corners: tuple[tuple[int, int], ...] = ()) -> Judgement:
    """Judge brightness, and the sharpness of edges in the code at `corners`, or else in the part
    with most edges.
    """
    if not gray.size:
        return Judgement(0.0, "dark", None, "unknown")
    levels = cv2.calcHist([gray], [0], None, [256], [0, 256]).ravel() / gray.size
    brightness, burnt = float(levels @ np.arange(256)), float(levels[TOP:].sum())
    light: Light = "good"
    if brightness < DARK:
        light = "dark"
    elif brightness > BRIGHT or burnt > GLARE_SHARE:
        light = "bright"
    edge_px = edge_width(_part(gray, corners))
    return Judgement(round(brightness, 1), light, edge_px, _sharpness(edge_px))


def _sharpness(edge_px: float | None) -> Sharpness:
    if edge_px is None:
        return "unknown"
    return "blurred" if edge_px > BLURRED_PX else "soft" if edge_px > SOFT_PX else "sharp"


def _part(gray: Picture, corners: tuple[tuple[int, int], ...]) -> Picture:
    if not corners:
        return _busiest(gray)
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return gray[max(0, min(ys)) : max(ys) + 1, max(0, min(xs)) : max(xs) + 1]


def _busiest(gray: Picture) -> Picture:
    """Empty if there are no edges."""
    size = (gray.shape[1] // SEARCH_STEP, gray.shape[0] // SEARCH_STEP)
    if min(size) < 16:
        return gray[:0, :0]
    thin = cv2.resize(gray, size, interpolation=cv2.INTER_AREA).astype(np.int16)
    across = np.abs(np.diff(thin, axis=1, append=thin[:, -1:])).astype(np.float32)
    down = np.abs(np.diff(thin, axis=0, append=thin[-1:])).astype(np.float32)
    side = PART_PX // SEARCH_STEP
    texture = cv2.min(cv2.blur(across, (side, side)), cv2.blur(down, (side, side)))
    _, strength, _, (x, y) = cv2.minMaxLoc(texture)
    if strength < TEXTURE_MIN:
        return gray[:0, :0]
    left, top = (max(0, at * SEARCH_STEP - PART_PX // 2) for at in (x, y))
    return gray[top : top + PART_PX, left : left + PART_PX]


def edge_width(gray: Picture) -> float | None:
    """Pixels of the steepest edges, in the direction in which they are wider. None without enough
    contrast.

    Motion blurs only one direction.
    """
    if min(gray.shape) < 16:
        return None
    # Noise has steep edges too, so it is smoothed away first.
    smooth = cv2.GaussianBlur(gray, (0, 0), 0.8)
    low, high = np.percentile(smooth[::2, ::2], [2, 98])
    if high - low < CONTRAST_MIN:
        return None
    widths = []
    for dx, dy in ((1, 0), (0, 1)):
        # in gray levels per pixel
        slope = np.abs(cv2.Sobel(smooth, cv2.CV_32F, dx, dy, ksize=3)) / 8
        steepest = float(np.percentile(slope, 99.5))
        widths.append(float(high - low) / max(steepest, 0.1))
    return round(max(widths), 1)
