"""Chooses the mask of a QR symbol by the penalties of ISO/IEC 18004, 7.8.3.

The result equals that of `qrcode`, which scores module by module in 5 ms. Here a symbol is one
integer with a bit per module, row by row, and a rule is a few shifts of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

N1_EXTRA = 2  # a run of five scores 3, each further module 1
N2, N3, N4 = 3, 40, 10


@dataclass(frozen=True)
class _Bits:
    """Bit sets of the modules where a pattern of a given length can begin in a square QR code."""

    all: int
    pairs: tuple[int, int]  # along rows, along columns
    elevens: tuple[int, int]


def best_mask(trials: Sequence[int], size: int) -> int:
    """The index of the first mask with the lowest penalty.

    Each trial has the QR code's modules under one mask, with `size` modules along its side.
    """
    scores = [penalty(trial, size) for trial in trials]
    return scores.index(min(scores))


def penalty(modules: int, size: int) -> int:
    bits = _bits(size)
    light = modules ^ bits.all
    alike_in_row = ~(modules ^ modules >> 1) & bits.pairs[0]
    alike_in_column = ~(modules ^ modules >> size) & bits.pairs[1]
    points = _runs(alike_in_row, 1) + _runs(alike_in_column, size)
    points += N2 * (alike_in_row & alike_in_row >> size & alike_in_column).bit_count()
    points += _finders(modules, light, 1, bits.elevens[0])
    points += _finders(modules, light, size, bits.elevens[1])
    # A float as in `qrcode`, because the choice must be the same.
    percent = modules.bit_count() / size**2 * 100
    return points + int(abs(percent - 50) / 5) * N4


def _runs(alike: int, step: int) -> int:
    fives = alike & alike >> step & alike >> 2 * step & alike >> 3 * step
    starts = fives & ~(fives << step)
    return fives.bit_count() + N1_EXTRA * starts.bit_count()


def _finders(dark: int, light: int, step: int, begin: int) -> int:
    """For patterns like finders: 1:1:3:1:1 with four light modules at one end."""
    finder = dark & light >> step & dark >> 2 * step & dark >> 3 * step & dark >> 4 * step
    finder &= light >> 5 * step & dark >> 6 * step
    four = light & light >> step & light >> 2 * step & light >> 3 * step
    starts = (finder & four >> 7 * step) | (four & finder >> 4 * step)
    return N3 * (starts & begin).bit_count()


@lru_cache(maxsize=40)
def _bits(size: int) -> _Bits:
    def along_rows(length: int) -> int:
        row = (1 << max(size - length + 1, 0)) - 1
        return sum(row << size * at for at in range(size))

    def along_columns(length: int) -> int:
        return (1 << size * max(size - length + 1, 0)) - 1

    return _Bits(
        all=(1 << size * size) - 1,
        pairs=(along_rows(2), along_columns(2)),
        elevens=(along_rows(11), along_columns(11)),
    )
