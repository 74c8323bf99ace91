"""Lays the grid of a symbol's modules over a picture in which it is bent.

It starts as a perspective view through the finder patterns. Then it moves to the alignment
patterns, and to the picture's edges: they are at the borders of modules only, so the mean place
of the edges around a module shows how far the grid is off there. A polynomial bends the grid,
near the finder patterns first.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from kiosk.pictures import Picture, cv2
from kiosk.reader.grid.structure import alignment_centres, side_of

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

PX = 4  # pixels of a module in the flat picture; even
EDGE = 3  # modules around the symbol in it
RING = np.array(
    [(1, 1), (6, 1), (6, 6), (1, 6)], float
)  # a finder pattern's light ring, in modules
# The squares of both patterns by their modules to a side. A finder pattern has a light edge.
FINDER, ALIGNMENT = (9, 7, 5, 3), (5, 3, 1)
PLACES = ((0, 0), (1, 0), (0, 1))  # of the finder patterns: column, row
WINDOW = 7  # modules to a side, in which edges are compared
# For each round: the polynomial's degree, and the modules that count, by their distance from a
# finder pattern relative to the side.
ROUNDS = ((1, 0.45), (2, 0.65), (2, 0.85), (3, 1.05), (4, 1.25))
DEGREE_SMALL = 2  # the greatest for symbols with less than 25 modules to a side
SHIFT_MAX = 3.0  # modules
SIMILAR = 0.6  # least correlation of a pattern
# Modules in which a finder pattern is looked for, one that was not found yet, and another pattern.
REACH, REACH_UNSEEN, REACH_ALIGNMENT = 0.5, 4.0, 3.0
PATTERNS_FOR = {1: 3, 2: 7, 3: 13}  # how many a polynomial of this degree needs


@dataclass(frozen=True, eq=False)
class Grid:
    """Maps modules (column, row; 0 is the symbol's edge) to pixels (0 is the picture's edge)."""

    version: int
    view: Floats  # homography from modules to pixels
    bend: Floats  # factors of the polynomial, in modules: [power, axis]
    degree: int = 0

    @property
    def side(self) -> int:
        return side_of(self.version)

    @property
    def pixels(self) -> int:
        """Of its flat picture."""
        return ((self.side + 2 * EDGE) * PX) ** 2

    def points(self, modules: Floats) -> Floats:
        """The pixels of `modules`, both [..., 2]."""
        bent = modules + _powers(modules / self.side * 2 - 1, self.degree) @ self.bend
        ends = np.concatenate([bent, np.ones((*bent.shape[:-1], 1))], axis=-1) @ self.view.T
        return np.asarray(ends[..., :2] / ends[..., 2:])

    def flat(self, gray: Picture) -> Picture:
        """The symbol with PX pixels a module, and EDGE modules around it."""
        modules = self.side + 2 * EDGE
        corners = np.arange(modules + 1.0) - EDGE
        at = self.points(np.stack(np.meshgrid(corners, corners), axis=-1)) - 0.5
        # Between the corners of modules the map is linear.
        finer = np.array([(1 / PX, 0, 0.5 / PX), (0, 1 / PX, 0.5 / PX)])
        size, how = (modules * PX, modules * PX), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        x, y = cv2.split(cv2.warpAffine(at.astype(np.float32), finer, size, flags=how))
        flat = cv2.remap(gray, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(flat, np.uint8)

    def moved(self, modules: Floats, shifts: Floats, weights: Floats, degree: int) -> "Grid":
        """Bend the grid so that `modules` move by `shifts`, as far as a polynomial can."""
        at = modules / self.side * 2 - 1
        aims = _powers(at, self.degree) @ self.bend + np.clip(shifts, -SHIFT_MAX, SHIFT_MAX)
        bend = _fit(_powers(at, degree), aims, weights)
        return Grid(self.version, self.view, bend, degree)


def view_through(version: int, rings: dict[int, Floats]) -> tuple[Grid, float]:
    """The perspective view through two or three finder patterns, by number in PLACES, each by the
    corners of its light ring. Also how badly it fits, in modules (root mean square).

    Raises ValueError if there is none.
    """
    far = side_of(version) - 7
    modules = np.concatenate([RING + np.multiply(PLACES[n], far) for n in rings])
    pixels = np.concatenate(list(rings.values()))
    grid = Grid(version, _homography(modules, pixels), np.zeros((1, 2)))
    back = cv2.perspectiveTransform(pixels[None], np.linalg.inv(grid.view))[0]
    return grid, float(np.sqrt(np.mean(np.sum((back - modules) ** 2, axis=1))))


def _homography(start: Floats, end: Floats) -> Floats:
    """The perspective map by the direct linear transform. It takes a tenth of the time of
    cv2.findHomography.
    """
    first, last = _to_unit(start), _to_unit(end)
    (x, y, _), (u, v, _) = (
        scale @ np.vstack([points.T, np.ones(len(points))])
        for scale, points in ((first, start), (last, end))
    )
    zero, one = np.zeros_like(x), np.ones_like(x)
    rows = np.hstack(
        [
            [x, y, one, zero, zero, zero, -u * x, -u * y, -u],
            [zero, zero, zero, x, y, one, -v * x, -v * y, -v],
        ]
    )
    _, vectors = np.linalg.eigh(rows @ rows.T)
    view = np.linalg.inv(last) @ vectors[:, 0].reshape(3, 3) @ first
    return np.asarray(view / view[2, 2])


def _to_unit(points: Floats) -> Floats:
    """The scaling of points to about 1 from their middle, for exact sums."""
    middle, size = points.mean(axis=0), max(1e-9, float(points.std()))
    return np.array([(1 / size, 0, -middle[0] / size), (0, 1 / size, -middle[1] / size), (0, 0, 1)])


def bending(grid: Grid, gray: Picture, seen: Collection[int]) -> Iterator[Grid]:
    """Move the grid to the patterns and edges of the picture, step by step. `seen` are the finder
    patterns of its view.
    """
    for degree in (1, 2, 3):
        grid = _to_patterns(grid, gray, seen, degree)
        yield grid
    finders = _finders(grid.side)
    known = grid.degree
    for degree, reach in ROUNDS:
        modules, shifts, weights = edge_shifts(grid.flat(gray), grid.side)
        if known < 2:  # far from the finder patterns the grid may be off by a module or more
            far = np.abs(modules[:, None] - finders).max(axis=2).min(axis=1)
            weights = weights * (far < reach * grid.side)
        most = degree if grid.side >= 25 else min(degree, DEGREE_SMALL)
        grid = grid.moved(modules, shifts, weights, max(most, known))
        yield grid


def _finders(side: int) -> Floats:
    return np.array(PLACES, float) * (side - 7) + 3.5


def _to_patterns(grid: Grid, gray: Picture, seen: Collection[int], degree: int) -> Grid:
    """Bend by a polynomial of `degree`, or less if few patterns are seen."""
    flat = grid.flat(gray)
    centres = np.array(alignment_centres(grid.version), float).reshape(-1, 2)[:, ::-1] + 0.5
    shifts = [
        *(
            (at, *_pattern_shift(flat, at, _drawn(*FINDER), REACH if n in seen else REACH_UNSEEN))
            for n, at in enumerate(_finders(grid.side))
        ),
        *((at, *_pattern_shift(flat, at, _drawn(*ALIGNMENT), REACH_ALIGNMENT)) for at in centres),
    ]
    similar = [shift for shift in shifts if shift[2] > SIMILAR]
    while len(similar) < PATTERNS_FOR[degree]:
        degree -= 1
        if not degree:
            return grid
    modules, ways, scores = (np.array(part) for part in zip(*similar, strict=True))
    return grid.moved(modules, ways, scores, degree)


def _pattern_shift(
    flat: Picture, centre: Floats, pattern: Picture, reach: float
) -> tuple[Floats, float]:
    """How far a pattern is from its place, in modules, and how similar it looks (at most 1)."""
    middle = np.round((centre + EDGE) * PX).astype(int)
    half = len(pattern) // 2 + int(reach * PX)
    left, top = np.maximum(0, middle - half)
    part = flat[top : middle[1] + half, left : middle[0] + half]
    if min(part.shape) <= len(pattern):
        return np.zeros(2), 0.0
    _, best, _, at = cv2.minMaxLoc(cv2.matchTemplate(part, pattern, cv2.TM_CCOEFF_NORMED))
    place = np.array(at) + (left, top) + len(pattern) / 2
    return place / PX - EDGE - centre, float(best)


@cache
def _drawn(outermost: int, *rings: int) -> Picture:
    """A pattern of squares by their modules to a side, dark and light in turn, the last dark."""
    pattern = np.zeros((outermost, outermost), np.uint8)
    for number, ring in enumerate((outermost, *rings)):
        square = slice((outermost - ring) // 2, (outermost + ring) // 2)
        pattern[square, square] = 0 if (len(rings) - number) % 2 == 0 else 255
    return np.asarray(
        cv2.GaussianBlur(pattern.repeat(PX, axis=0).repeat(PX, axis=1), (0, 0), PX / 4), np.uint8
    )


def edge_shifts(flat: Picture, side: int) -> tuple[Floats, Floats, Floats]:
    """How far the picture's edges are from the borders of modules, around every second module:
    (modules' centres, shifts in modules, weights).
    """
    every_second = slice(EDGE, EDGE + side, 2)
    rows, columns = np.meshgrid(*2 * [np.arange(0, side, 2)], indexing="ij")
    modules = np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(np.float64) + 0.5
    sums = _edges(flat), _edges(np.ascontiguousarray(flat.T)).transpose(1, 0, 2)
    across, down = (
        np.asarray(each[every_second, every_second].reshape(-1, 3).T, np.float64) for each in sums
    )
    angles = [np.arctan2(e[1], e[0]) for e in (across, down)]
    shifts = np.asarray(np.stack(angles, axis=-1) / (2 * np.pi), np.float64)
    lengths = [np.hypot(e[0], e[1]) for e in (across, down)]
    alike = [length / (e[2] + 1e-3) for length, e in zip(lengths, (across, down), strict=True)]
    weights = np.minimum(*lengths) * np.minimum(*alike)
    return modules, shifts, np.asarray(weights / max(1e-6, float(weights.mean())), np.float64)


def _edges(flat: Picture) -> Floats:
    """Of the vertical edges around each module: their sum as vectors, whose angle is their place
    between two borders of modules, and the sum of their lengths. [row, column, (x, y, length)]
    """
    count = len(flat) // PX
    steep = np.zeros(flat.shape, np.float32)
    steep[:, 1:] = cv2.absdiff(flat[:, 1:], flat[:, :-1])
    of_rows = np.asarray(cv2.resize(steep, (len(flat), count), interpolation=cv2.INTER_AREA))
    angles = 2 * np.pi * np.arange(PX) / PX
    parts = np.stack([np.cos(angles), np.sin(angles), np.ones(PX)], axis=-1)
    of_modules = of_rows.reshape(count, count, PX).astype(np.float64) @ parts
    return np.asarray(cv2.blur(of_modules, (WINDOW, WINDOW)))


def _powers(at: Floats, degree: int) -> Floats:
    x, y = at[..., 0], at[..., 1]
    powers = [x**i * y**j for i in range(degree + 1) for j in range(degree + 1 - i)]
    return np.stack(powers, axis=-1)


def _fit(powers: Floats, values: Floats, weights: Floats) -> Floats:
    """The least squares without outliers, slightly in favour of small factors."""
    bend = np.zeros((powers.shape[1], values.shape[1]))
    pull = (1e-3 * weights.sum() / len(bend) + 1e-9) * np.eye(len(bend))
    for _ in range(4):
        scaled = powers * weights[:, None]
        bend = np.linalg.solve(powers.T @ scaled + pull, scaled.T @ values)
        off = np.linalg.norm(powers @ bend - values, axis=1)
        weights = weights * (off < max(0.15, 2.5 * float(np.median(off)))) + 1e-9
    return bend
