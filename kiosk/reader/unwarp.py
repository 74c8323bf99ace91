"""Flattens a located symbol, by perspective or by unrolling a cylinder."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from kiosk.pictures import Picture, cv2
from kiosk.reader.passes import Corners

EDGE = 0.14  # quiet zone around the symbol, relative to its side
EDGE_MAX = 0.45
# From the centre of a finder pattern almost to the end of the quiet zone.
BORDER_MODULES = 6.5
MODULE_PX = 5.0  # pixels per module of the flat symbol
SIDE_PX = (100, 480)
# Half of the cylinder's arc that the symbol covers, in degrees.
REACHES = (20.0, 35.0, 50.0)
TURNS = (0.0, -22.0, 22.0)  # rotation of its centre away from the camera, in degrees
# Sag of its lines, relative to its side.
SAGS = (0.0, -0.03, 0.03, -0.06, 0.06, -0.1, 0.1)

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


@dataclass(frozen=True)
class Warp:
    upright: bool = True
    reach: float = 0.0  # degrees, as in the next field
    turn: float = 0.0
    sag: float = 0.0


FLAT = Warp()
WARPS = tuple(
    Warp(upright, reach, turn, sag)
    for reach, sag, turn, upright in product(REACHES, SAGS, TURNS, (True, False))
)


def flat(gray: Picture, corners: Corners, warp: Warp = FLAT, edge: float = EDGE) -> Picture:
    """A square picture; empty if it is too small."""
    points = np.array(corners, np.float32)
    if cv2.contourArea(points) < 100:
        return gray[:0, :0]
    edge = min(edge, EDGE_MAX)
    size = int(np.clip(MODULE_PX * BORDER_MODULES / edge, *SIDE_PX))
    whole = int(size * (1 + 2 * edge))
    line = ((np.arange(whole) + 0.5) / whole * (1 + 2 * edge) - edge).astype(np.float32)
    along, hangs = _warped(line, warp)
    if warp.upright:
        u, v = np.broadcast_to(along, (whole, whole)), line[:, None] + hangs
    else:
        u, v = line + hangs[:, None], np.broadcast_to(along[:, None], (whole, whole))
    unit = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32)
    matrix = cv2.getPerspectiveTransform(unit, points).astype(np.float32)
    depth = matrix[2, 0] * u + matrix[2, 1] * v + matrix[2, 2]
    x = (matrix[0, 0] * u + matrix[0, 1] * v + matrix[0, 2]) / depth
    y = (matrix[1, 0] * u + matrix[1, 1] * v + matrix[1, 2]) / depth
    laid = cv2.remap(gray, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(laid, np.uint8)


def _warped(line: Floats, warp: Warp) -> tuple[Floats, Floats]:
    """The positions in the picture of points along the paper, and the sag of their lines."""
    if not warp.reach:
        return line, np.zeros_like(line)
    reach, turn = np.radians([warp.reach, warp.turn])
    ends = turn - reach, turn + reach
    angle = np.clip(turn + (2 * line - 1) * reach, -1.45, 1.45)
    along = (np.sin(angle) - np.sin(ends[0])) / (np.sin(ends[1]) - np.sin(ends[0]))
    straight = np.cos(ends[0]) + (np.cos(ends[1]) - np.cos(ends[0])) * line
    hangs = (np.cos(angle) - straight) / (1 - np.cos(reach)) * warp.sag
    return along.astype(np.float32), hangs.astype(np.float32)


def unwarped(gray: Picture, corners: Corners, edge: float = EDGE) -> Iterator[Picture]:
    """The symbol flattened in every way, likeliest first."""
    yield flat(gray, corners, FLAT, edge)
    for warp in WARPS:
        yield flat(gray, corners, warp, edge)
