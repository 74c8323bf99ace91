"""Finds and reads symbols by their own grids."""

from collections.abc import Iterable, Iterator

import numpy as np

from kiosk.pictures import Picture
from kiosk.reader.grid.decoding import decode, patterns_share
from kiosk.reader.grid.finders import Candidate, candidates, find_rings
from kiosk.reader.grid.grid import Floats, Grid, bending
from kiosk.reader.grid.sampling import levels_of, timing_share

SHARPNESS = (0.0, 0.6, 1.2)
STRAIGHT = 0.9  # share of the timing patterns with which a grid may be right without a bend
# Share of the fixed modules that agree before the grid is bent, by the number of rings. By chance
# half of them agree, and all of the rings' own.
PATTERNS_START = {3: 0.7, 2: 0.6}
TWICE = 2  # a symbol is tried with the rings of two black and white pictures at most

Binary = tuple[Picture, float]  # a black and white picture, and its scale
Reading = tuple[str, Grid]


def read_grid(gray: Picture, binaries: Iterable[Binary], pixels_max: int) -> Reading | None:
    """The first reading of a search."""
    return next(filter(None, search(gray, binaries, pixels_max)), None)


def search(gray: Picture, binaries: Iterable[Binary], pixels_max: int) -> Iterator[Reading | None]:
    """Read the symbols whose finder patterns are in one of the `binaries`, in steps of some
    milliseconds. A step without a reading yields None. The steps' flat pictures have about
    `pixels_max` pixels together.
    """
    tried: list[Candidate] = []
    for binary, scale in binaries:
        rings = [ring / scale for ring in find_rings(binary)]
        yield None
        for candidate in candidates(rings):
            if candidate is None:
                yield None
            elif not _is_tried(candidate, tried):
                if pixels_max < 0:
                    return
                tried.append(candidate)
                for reading in _read(gray, candidate):
                    pixels_max -= candidate.grid.pixels
                    yield reading


def corners_of(grid: Grid) -> Floats:
    """In pixels, clockwise from the symbol's top left."""
    side = grid.side
    return grid.points(np.array([(0, 0), (side, 0), (side, side), (0, side)], float))


def _read(gray: Picture, candidate: Candidate) -> Iterator[Reading | None]:
    grid = candidate.grid
    levels = levels_of(grid.flat(gray))
    text = decode(levels, grid.version) if timing_share(levels) > STRAIGHT else None
    yield None if text is None else (text, grid)
    if patterns_share(levels, grid.version) < PATTERNS_START[len(candidate.rings)]:
        return
    for bent in bending(grid, gray, candidate.rings):
        grid = bent
        yield None
    flat = grid.flat(gray)
    for sharpness in SHARPNESS:
        text = decode(levels_of(flat, sharpness), grid.version)
        yield None if text is None else (text, grid)


def _is_tried(candidate: Candidate, tried: list[Candidate]) -> bool:
    """Whether nearly the same rings were tried twice in the same role."""
    return sum(_is_same(candidate, other) for other in tried) >= TWICE


def _is_same(one: Candidate, other: Candidate) -> bool:
    if one.grid.version != other.grid.version or one.rings.keys() != other.rings.keys():
        return False
    first = next(iter(one.rings.values()))
    module = float(np.linalg.norm(first[2] - first[0])) / 7
    middles = (one.rings[n].mean(axis=0) - other.rings[n].mean(axis=0) for n in one.rings)
    return all(float(np.abs(middle).max()) < 1.5 * module for middle in middles)
