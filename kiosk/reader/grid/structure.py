"""The structure of a QR code (ISO/IEC 18004:2015): fixed modules, codewords, and blocks."""

from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import numpy as np

Modules = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]  # True is dark; [row, column]

VERSIONS = range(1, 41)
TIMING = 6  # the row and the column of the timing patterns
FORMAT_MASK = 0b101010000010010
FORMAT_GENERATOR = 0b10100110111
VERSION_GENERATOR = 0b1111100100101


class Level(IntEnum):
    """The error correction, by its bits in the format information."""

    L = 1
    M = 0
    Q = 3
    H = 2


# For versions 1 to 40 (table 9 of the standard): correction codewords of a block, and blocks.
_CORRECTION = {
    Level.L: "7 10 15 20 26 18 20 24 30 18 20 24 26 30 22 24 28 30 28 28 28 28 30 30 26 28"
    " 30 30 30 30 30 30 30 30 30 30 30 30 30 30",
    Level.M: "10 16 26 18 24 16 18 22 22 26 30 22 22 24 24 28 28 26 26 26 26 28 28 28 28 28"
    " 28 28 28 28 28 28 28 28 28 28 28 28 28 28",
    Level.Q: "13 22 18 26 18 24 18 22 20 24 28 26 24 20 30 24 28 28 26 30 28 30 30 30 30 28"
    " 30 30 30 30 30 30 30 30 30 30 30 30 30 30",
    Level.H: "17 28 22 16 22 28 26 26 24 28 24 28 22 24 24 30 28 28 26 28 30 24 30 30 30 30"
    " 30 30 30 30 30 30 30 30 30 30 30 30 30 30",
}
_BLOCKS = {
    Level.L: "1 1 1 1 1 2 2 2 2 4 4 4 4 4 6 6 6 6 7 8 8 9 9 10 12 12 12 13 14 15 16 17 18 19"
    " 19 20 21 22 24 25",
    Level.M: "1 1 1 2 2 4 4 4 5 5 5 8 9 9 10 10 11 13 14 16 17 17 18 20 21 23 25 26 28 29 31"
    " 33 35 37 38 40 43 45 47 49",
    Level.Q: "1 1 2 2 4 4 6 6 8 8 8 10 12 16 12 17 16 18 21 20 23 23 25 27 29 34 34 35 38 40"
    " 43 45 48 51 53 56 59 62 65 68",
    Level.H: "1 1 2 4 4 4 5 6 8 8 11 11 16 16 18 16 19 21 25 25 25 34 30 32 35 37 40 42 45 48"
    " 51 54 57 60 63 66 70 74 77 81",
}

# The eight masks (table 10): a module is inverted where the value is 0.
_MASKS = (
    lambda i, j: (i + j) % 2,
    lambda i, j: i % 2,
    lambda i, j: j % 3,
    lambda i, j: (i + j) % 3,
    lambda i, j: (i // 2 + j // 3) % 2,
    lambda i, j: i * j % 2 + i * j % 3,
    lambda i, j: (i * j % 2 + i * j % 3) % 2,
    lambda i, j: ((i + j) % 2 + i * j % 3) % 2,
)


@dataclass(frozen=True)
class Blocks:
    correction: int  # correction codewords of each block
    data: tuple[int, ...]  # data codewords, by block


def side_of(version: int) -> int:
    """Modules to a side."""
    return 17 + 4 * version


@cache
def alignment_positions(version: int) -> tuple[int, ...]:
    """The rows, and columns, of alignment patterns' centres (annex E)."""
    if version == 1:
        return ()
    count = version // 7 + 2
    last = side_of(version) - 7
    # Equal even steps from the far end; the standard's exception is version 32.
    step = 26 if version == 32 else (last - TIMING + count - 2) // (count - 1)
    step += step % 2
    return (TIMING, *(last - step * n for n in reversed(range(count - 1))))


@cache
def alignment_centres(version: int) -> tuple[tuple[int, int], ...]:
    """(row, column) of each alignment pattern. Three corners have finder patterns instead."""
    at = alignment_positions(version)
    corners = {(at[0], at[0]), (at[0], at[-1]), (at[-1], at[0])} if at else set()
    return tuple((row, column) for row in at for column in at if (row, column) not in corners)


@cache
def fixed_modules(version: int) -> tuple[Modules, Modules]:
    """Which modules hold no codeword, and the dark ones among the patterns.

    Format and version information count as fixed and are light.
    """
    side = side_of(version)
    fixed, dark = np.zeros((2, side, side), bool)
    fixed[TIMING, :] = fixed[:, TIMING] = True
    dark[TIMING, ::2] = dark[::2, TIMING] = True
    for row, column in alignment_centres(version):
        _draw(fixed, dark, row, column, 2)
    near, far = slice(0, 9), slice(side - 8, side)  # with a light edge, and the format
    for rows, columns in ((near, near), (near, far), (far, near)):
        fixed[rows, columns] = True
        dark[rows, columns] = False
    dark[TIMING, 8] = dark[8, TIMING] = dark[side - 8, 8] = True
    for row, column in ((3, 3), (3, side - 4), (side - 4, 3)):
        _draw(fixed, dark, row, column, 3)
    if version >= 7:
        fixed[:6, side - 11 : side - 8] = fixed[side - 11 : side - 8, :6] = True
    return fixed, dark


def _draw(fixed: Modules, dark: Modules, row: int, column: int, reach: int) -> None:
    """Draw a finder pattern (reach 3) or an alignment pattern (reach 2)."""
    square = slice(row - reach, row + reach + 1), slice(column - reach, column + reach + 1)
    fixed[square] = dark[square] = True
    ring = slice(row - reach + 1, row + reach), slice(column - reach + 1, column + reach)
    dark[ring] = False
    core = reach - 2
    dark[row - core : row + core + 1, column - core : column + core + 1] = True


@cache
def bit_positions(version: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the codewords' bits, in order (7.7.3): pairs of columns from the right,
    upwards and downwards in turn.
    """
    side = side_of(version)
    fixed, _ = fixed_modules(version)
    rows, columns = [], []
    rights = [*range(side - 1, TIMING, -2), *range(TIMING - 1, 0, -2)]
    for turn, right in enumerate(rights):
        upwards = range(side - 1, -1, -1) if turn % 2 == 0 else range(side)
        for row in upwards:
            for column in (right, right - 1):
                if not fixed[row, column]:
                    rows.append(row)
                    columns.append(column)
    return np.array(rows), np.array(columns)


@cache
def blocks_of(version: int, level: Level) -> Blocks:
    correction = int(_CORRECTION[level].split()[version - 1])
    count = int(_BLOCKS[level].split()[version - 1])
    codewords = len(bit_positions(version)[0]) // 8
    short, longer = divmod(codewords, count)
    sizes = [short] * (count - longer) + [short + 1] * longer
    return Blocks(correction, tuple(size - correction for size in sizes))


@cache
def interleaved(version: int, level: Level) -> tuple[np.ndarray, ...]:
    """By block: the places of its codewords in the symbol's order (7.6)."""
    blocks = blocks_of(version, level)
    order: list[list[int]] = [[] for _ in blocks.data]
    place = 0
    for number in range(max(blocks.data)):
        for block, size in enumerate(blocks.data):
            if number < size:
                order[block].append(place)
                place += 1
    for _ in range(blocks.correction):
        for places in order:
            places.append(place)
            place += 1
    return tuple(np.array(places) for places in order)


@cache
def mask_of(number: int, side: int) -> Modules:
    rows, columns = np.indices((side, side))
    return np.asarray(_MASKS[number](rows, columns) == 0)


@cache
def format_words() -> np.ndarray:
    """The 15 bits, highest first, of each of the 32 format informations (annex C)."""
    words = [_with_checksum(data, 10, FORMAT_GENERATOR) ^ FORMAT_MASK for data in range(32)]
    return np.array([[word >> bit & 1 for bit in reversed(range(15))] for word in words])


@cache
def version_words() -> np.ndarray:
    """The 18 bits, highest first, of the version informations of 7 to 40 (annex D)."""
    words = [_with_checksum(version, 12, VERSION_GENERATOR) for version in range(7, 41)]
    return np.array([[word >> bit & 1 for bit in reversed(range(18))] for word in words])


def _with_checksum(data: int, bits: int, generator: int) -> int:
    rest = data << bits
    while rest.bit_length() > bits:
        rest ^= generator << rest.bit_length() - bits - 1
    return data << bits | rest


@cache
def format_places(side: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, columns) of both copies of the format information, [copy, bit], highest bit first
    (7.9.1).
    """
    near = [0, 1, 2, 3, 4, 5, 7, 8]
    first = [(8, n) for n in near] + [(n, 8) for n in reversed(near[:-1])]
    second = [(side - 1 - n, 8) for n in range(7)] + [(8, side - 8 + n) for n in range(8)]
    places = np.array([first, second])
    return places[..., 0], places[..., 1]


@cache
def version_places(side: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, columns) of both copies of the version information, highest bit first (7.10)."""
    upper = [(bit // 3, side - 11 + bit % 3) for bit in reversed(range(18))]
    places = np.array([upper, [(column, row) for row, column in upper]])
    return places[..., 0], places[..., 1]
