"""Finds finder patterns in a black and white picture, and the symbols that they may belong to.

A steep view makes any side of a symbol the longest, and damage hides a pattern. So three patterns
are tried in each role, and two as the ends of a row, a column, or the diagonal, in order of how
well a perspective view fits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from kiosk.pictures import Picture, cv2
from kiosk.reader.grid.grid import RING, Floats, Grid, view_through
from kiosk.reader.grid.structure import VERSIONS

PATTERNS_MAX = 8
CONTOUR_PX_MIN = 20  # of a light ring
CORE_PX_MIN = 6  # area
# Ratio of the areas of light ring and core, 25 to 9 as printed.
RING_TO_CORE = (1.5, 5.5)
SQUEEZED = 0.25  # shorter to longer side of a pattern seen at an angle
APART_MAX = 3.0  # greatest ratio of module sizes of patterns of one symbol
VIEWS_MAX = 4  # of the same patterns
AGREE_MIN = 0.85  # share of a finder pattern's modules
# Least cosine of the angle between a pattern's side and the way to one in its row or column, and
# greatest on the diagonal, in steep and bent symbols too.
PARALLEL = (0.85, 0.95)
# Two patterns by their number (grid.PLACES), and the corners of a ring in the same direction.
CORNERS_ALONG = {(0, 1): (0, 1), (0, 2): (1, 2), (1, 2): (1, 3)}
LONELY = 1.0  # how much worse, in modules, two patterns count than three

_ROWS, _COLUMNS = np.indices((7, 7)).reshape(2, -1)
# The centres of a finder pattern's modules, and which are dark.
_CENTRES = np.stack([_COLUMNS, _ROWS], axis=-1) + 0.5
_AWAY = np.maximum(abs(_ROWS - 3), abs(_COLUMNS - 3))
_DARK = _AWAY != 2


@dataclass(frozen=True, eq=False)
class Candidate:
    """A symbol's likely grid, and its finder patterns by their number (grid.PLACES), each by the
    corners of its light ring in pixels, clockwise from the symbol's top left.
    """

    grid: Grid
    rings: dict[int, Floats]


def find_rings(binary: Picture) -> list[Floats]:
    """The light rings of finder patterns, each by four corners, clockwise, the largest first."""
    contours, tree = cv2.findContours(cv2.bitwise_not(binary), cv2.RETR_TREE, cv2.CHAIN_APPROX_NONE)
    if tree is None:
        return []
    beside, inside, around = tree[0][:, 0], tree[0][:, 2], tree[0][:, 3]
    length = np.fromiter((len(contour) for contour in contours), int, len(contours))
    holes = np.flatnonzero((around >= 0) & (inside >= 0) & (length > CONTOUR_PX_MIN))
    # The dark ring around it has seven modules to a side.
    holes = holes[length[around[holes]] > 1.15 * length[holes]]
    rings = []
    for hole in holes:
        cores = [inside[hole]]
        while beside[cores[-1]] >= 0:
            cores.append(beside[cores[-1]])
        core = max((contours[number] for number in cores), key=cv2.contourArea)
        if _is_pattern(contours[hole], core):
            ring = _quadrilateral(contours[hole].reshape(-1, 2).astype(np.float64))
            if ring is not None and _is_whole(binary, ring):
                rings.append(ring)
    return sorted(rings, key=_area, reverse=True)[:PATTERNS_MAX]


def _is_pattern(hole: "cv2.typing.MatLike", core: "cv2.typing.MatLike") -> bool:
    size = cv2.contourArea(core)
    if size < CORE_PX_MIN:
        return False
    # Contours run through the centres of dark pixels.
    side, hole_side = np.sqrt(size) + 1, np.sqrt(cv2.contourArea(hole)) - 1
    (x, y), sides, _ = cv2.minAreaRect(hole)
    (u, v), _, _ = cv2.minAreaRect(core)
    return bool(
        RING_TO_CORE[0] < (hole_side / side) ** 2 < RING_TO_CORE[1]
        and min(sides) >= SQUEEZED * max(sides)
        and np.hypot(x - u, y - v) <= max(sides) / 5
    )


def _is_whole(binary: Picture, ring: Floats) -> bool:
    """Whether the modules inside and around the ring are a finder pattern's."""
    high, wide = binary.shape
    view = cv2.getPerspectiveTransform(RING.astype(np.float32), ring.astype(np.float32))
    columns, rows = np.floor(cv2.perspectiveTransform(_CENTRES[None], view)[0]).T.astype(int)
    inside = (0 <= columns) & (columns < wide) & (0 <= rows) & (rows < high)
    dark = binary[np.clip(rows, 0, high - 1), np.clip(columns, 0, wide - 1)] == 0
    return bool(np.mean((dark == _DARK)[inside]) >= AGREE_MIN) if inside.any() else False


def _quadrilateral(points: Floats) -> Floats | None:
    """The corners of a contour, by straight lines along its sides. None if it has no four."""
    lines = []
    corners = _rough_corners(points)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        length = float(np.linalg.norm(end - start))
        if length < 2:
            return None
        along = (end - start) / length
        way = (points - start) @ along / length
        off = np.abs((points - start) @ np.array([-along[1], along[0]]))
        near = points[(way > 0.15) & (way < 0.85) & (off < max(1.0, 0.12 * length))]
        if len(near) >= 3:
            fitted = cv2.fitLine(near.astype(np.float32), cv2.DIST_HUBER, 0, 0.01, 0.01).ravel()
            along, start = fitted[:2].astype(np.float64), fitted[2:].astype(np.float64)
        lines.append((start, along))
    ring = np.zeros((4, 2))
    for n, (place, along) in enumerate(lines):
        before, other = lines[n - 1]
        sides = np.array([other, -along]).T
        if abs(np.linalg.det(sides)) < 1e-3:
            return None
        ring[n] = before + np.linalg.solve(sides, place - before)[0] * other
    middle = ring.mean(axis=0)
    # The contour is half a pixel outside, and pixels' centres are half a pixel further.
    ring = middle + (ring - middle) * (1 - 1 / max(2.0, float(np.sqrt(_area(ring))))) + 0.5
    clockwise = cv2.contourArea(ring.astype(np.float32), oriented=True) > 0
    return np.asarray(ring if clockwise else ring[::-1])


def _rough_corners(points: Floats) -> Floats:
    hull = cv2.convexHull(points.astype(np.float32))
    around = cv2.arcLength(hull, True)
    for share in (0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15):
        corners = cv2.approxPolyDP(hull, share * around, True).reshape(-1, 2)
        if len(corners) == 4:
            return np.asarray(corners, np.float64)
    return np.asarray(cv2.boxPoints(cv2.minAreaRect(points.astype(np.float32))), np.float64)


def _area(ring: Floats) -> float:
    return cv2.contourArea(ring.astype(np.float32))


def candidates(rings: list[Floats]) -> Iterator[Candidate | None]:
    """The symbols that two or three of the rings may belong to, the likeliest first.

    Yields None while it compares them, after each two or three rings.
    """
    fits: list[tuple[float, int, Candidate]] = []
    for count in (3, 2):
        for some in combinations(rings, count):
            sizes = np.sqrt([_area(ring) for ring in some])
            if sizes.max() <= APART_MAX * sizes.min():
                views = sorted(_views(list(some)), key=lambda view: view[0])[:VIEWS_MAX]
                fits += [
                    (off + LONELY * (3 - count), len(fits) + number, candidate)
                    for number, (off, candidate) in enumerate(views)
                ]
                yield None
    for _, _, candidate in sorted(fits, key=lambda fit: fit[:2]):
        yield candidate


def _views(some: list[Floats]) -> Iterator[tuple[float, Candidate]]:
    for rings in _roles(some):
        for version in _versions(rings):
            try:
                grid, off = view_through(version, rings)
            except (ValueError, cv2.error, np.linalg.LinAlgError):
                continue  # three patterns in a line, for example
            yield off, Candidate(grid, rings)


def _roles(some: list[Floats]) -> Iterator[dict[int, Floats]]:
    """The ways in which the rings may be a symbol's. Mirrored symbols are none."""
    if len(some) == 3:
        for n in range(3):
            first, right, below = some[n], some[n - 2], some[n - 1]
            u, v = (ring.mean(axis=0) - first.mean(axis=0) for ring in (right, below))
            if u[0] * v[1] < u[1] * v[0]:
                right, below, u, v = below, right, v, u
            yield {n: _from(ring, u, v) for n, ring in enumerate((first, right, below))}
        return
    for first, other in (some, some[::-1]):
        way = other.mean(axis=0) - first.mean(axis=0)
        sides = np.roll(first, -1, axis=0) - first
        parallel = sides @ way / (np.linalg.norm(sides, axis=1) * np.linalg.norm(way) + 1e-9)
        n = int(np.argmax(parallel))
        if parallel[n] > PARALLEL[0]:
            along, across = sides[n], sides[(n + 1) % 4]
            yield {0: _from(first, along, across), 1: _from(other, along, across)}
            yield {0: _from(first, -across, along), 2: _from(other, -across, along)}
        if parallel[n] < PARALLEL[1]:
            # The way from the right pattern to the lower one is down and left.
            n = int(np.argmax(parallel + np.roll(parallel, -1)))
            down, right = sides[n], -sides[(n + 1) % 4]
            yield {1: _from(first, right, down), 2: _from(other, right, down)}


def _from(ring: Floats, u: Floats, v: Floats) -> Floats:
    """The corners from the top left one on, in a symbol with the sides `u` and `v`."""
    basis = np.array([u, v]).T
    if abs(np.linalg.det(basis)) < 1e-6:
        return ring
    at = np.linalg.solve(basis, (ring - ring.mean(axis=0)).T)
    return np.roll(ring, -int(np.argmin(at.sum(axis=0))), axis=0)


def _versions(rings: dict[int, Floats]) -> list[int]:
    """Likely versions, by the distance of the finder patterns in modules."""
    distances = []
    for (place, other), (start, end) in CORNERS_ALONG.items():
        if place in rings and other in rings and (place == 0 or len(rings) == 2):
            lengths = [np.linalg.norm(rings[n][end] - rings[n][start]) for n in (place, other)]
            way = np.linalg.norm(rings[other].mean(axis=0) - rings[place].mean(axis=0))
            distances.append((RING[1] - RING[0])[0] * way / max(1e-6, float(np.mean(lengths))))
    guess = (float(np.mean(distances)) - 10) / 4
    near = [v for v in VERSIONS if abs(v - guess) <= 1.6 + 0.1 * abs(guess)]
    return sorted(near, key=lambda v: abs(v - guess))[:5]
