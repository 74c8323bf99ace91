"""Finds finder patterns, and the squares that three of them make."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from kiosk.pictures import Picture, cv2

# Only the largest; more would be a pattern of something else.
PATTERNS_MAX = 8
CORE_PX_MIN = 6  # area of a core
HOLE_TO_CORE = (1.7, 4.4)  # ratio of their areas, 25 to 9 as printed
# Shorter to longer side of a finder pattern seen at an angle.
SQUEEZED = 0.35
# Modules between the centres of two finder patterns along a side, for versions 1 to 40.
MODULES = (10.0, 172.0)

Corners = tuple[tuple[float, float], ...]
Vector = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class FinderPattern:
    """The centre of a finder pattern, and the vectors of one module along its two sides, in
    pixels.
    """

    middle: Vector
    across: Vector
    down: Vector

    @property
    def module_px(self) -> float:
        return float((np.linalg.norm(self.across) + np.linalg.norm(self.down)) / 2)


def find_patterns(binary: Picture) -> list[FinderPattern]:
    """The largest finder patterns of a black and white picture: dark cores in light rings."""
    contours, tree = cv2.findContours(
        cv2.bitwise_not(binary), cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE
    )
    if tree is None:
        return []
    beside, inside, around = tree[0][:, 0], tree[0][:, 2], tree[0][:, 3]
    # A finder pattern is a hole in a dark area, with one object in the hole that has no holes
    # itself.
    holes = np.flatnonzero((around >= 0) & (inside >= 0) & (beside[inside] < 0))
    holes = holes[inside[inside[holes]] < 0]
    patterns = [_pattern(contours[hole], contours[inside[hole]]) for hole in holes]
    complete = [pattern for pattern in patterns if pattern is not None]
    return sorted(complete, key=lambda pattern: -pattern.module_px)[:PATTERNS_MAX]


def _pattern(hole: "cv2.typing.MatLike", core: "cv2.typing.MatLike") -> FinderPattern | None:
    size = cv2.contourArea(core)
    if size < CORE_PX_MIN:
        return None
    # Contours run through the centres of pixels. Around a hole these are the dark ones.
    side, hole_side = np.sqrt(size) + 1, np.sqrt(cv2.contourArea(hole)) - 1
    if not HOLE_TO_CORE[0] < (hole_side / side) ** 2 < HOLE_TO_CORE[1]:
        return None
    (x, y), (width, height), degrees = cv2.minAreaRect(hole)
    (u, v), core_sides, _ = cv2.minAreaRect(core)
    if min(width, height) < SQUEEZED * max(width, height):
        return None
    if min(core_sides) < SQUEEZED * max(core_sides) or np.hypot(x - u, y - v) > side / 3:
        return None
    # The side closest to horizontal is called across, so that finder patterns of one symbol agree.
    turned = np.radians(degrees)
    across = np.array([np.cos(turned), np.sin(turned)]) * (width - 1) / 5
    down = np.array([-np.sin(turned), np.cos(turned)]) * (height - 1) / 5
    if abs(across[0]) < abs(across[1]):
        across, down = down, -across
    sign = 1 if across[0] > 0 else -1
    return FinderPattern(np.array([x, y]), sign * across, sign * down)


def squares(patterns: list[FinderPattern]) -> list[tuple[Corners, float]]:
    """Symbols made by three of the finder patterns, as four centres, clockwise. The last is
    computed.

    Each comes with the distance of its edge from there, quiet zone included, relative to the
    side.
    """
    return [square for three in combinations(patterns, 3) if (square := _square(three)) is not None]


def _square(three: tuple[FinderPattern, ...]) -> tuple[Corners, float] | None:
    middles = [pattern.middle for pattern in three]
    far = [np.linalg.norm(middles[n - 1] - middles[n - 2]) for n in range(3)]
    # The corner opposite to the longest side.
    corner = int(np.argmax(far))
    first = middles[corner]
    a, b = middles[corner - 2] - first, middles[corner - 1] - first
    if a[0] * b[1] - a[1] * b[0] < 0:
        a, b = b, a
    wide, high = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    # Parts bent away from the camera look smaller.
    module = max(pattern.module_px for pattern in three)
    if min(wide, high) < MODULES[0] * module * 0.6 or not 0.3 < wide / high < 3.3:
        return None
    if abs(a[0] * b[1] - a[1] * b[0]) < 0.4 * wide * high:
        return None
    points = (first, first + a, first + a + b, first + b)
    corners = tuple((float(x), float(y)) for x, y in points)
    return corners, 6.5 * module / max(wide, high)
