"""Reed–Solomon codes over GF(2⁸), with errors and erasures, as QR codes use them.

Berlekamp–Massey with the erasures as its start, Chien's search, and Forney's formula (R. Blahut,
Algebraic Codes for Data Transmission, 2003, chapter 7). The generator's roots are α⁰, α¹, ….
"""

from collections.abc import Sequence

import numpy as np

PRIMITIVE = 0x11D
ORDER = 255

_EXP = np.zeros(2 * ORDER, np.int64)
_LOG = np.zeros(ORDER + 1, np.int64)
_value = 1
for _power in range(ORDER):
    _EXP[_power] = _EXP[_power + ORDER] = _value
    _LOG[_value] = _power
    _value = _value << 1 ^ (PRIMITIVE if _value & 0x80 else 0)

EXP: list[int] = _EXP.tolist()
LOG: list[int] = _LOG.tolist()


class TooManyErrorsError(Exception):
    pass


def syndromes(codeword: np.ndarray, count: int) -> list[int]:
    """The word's values at the generator's roots; all 0 for a correct word."""
    places = np.flatnonzero(codeword)
    powers = len(codeword) - 1 - places
    logs = (_LOG[codeword[places]] + np.arange(count)[:, None] * powers) % ORDER
    return [int(value) for value in np.bitwise_xor.reduce(_EXP[logs], axis=1, initial=0)]


def correct(codeword: np.ndarray, count: int, erased: Sequence[int] = ()) -> np.ndarray:
    """The nearest word of the code with `count` correction symbols. `erased` are doubtful places.

    Twice the errors and the erasures together can be `count` at most. Raises TooManyErrorsError.
    """
    checks = syndromes(codeword, count)
    if not any(checks):
        return codeword
    if len(erased) > count:
        raise TooManyErrorsError
    length = len(codeword)
    locator = _locator(checks, [length - 1 - place for place in erased], count)
    powers = _roots(locator, length)
    if len(powers) != len(locator) - 1:
        raise TooManyErrorsError
    word = codeword.copy()
    for power, value in zip(powers, _values(checks, locator, powers), strict=True):
        word[length - 1 - power] ^= value
    if any(syndromes(word, count)):
        raise TooManyErrorsError
    return word


def _times(a: int, b: int) -> int:
    return EXP[LOG[a] + LOG[b]] if a and b else 0


def _locator(checks: list[int], erased: list[int], count: int) -> list[int]:
    """The error and erasure locator polynomial, lowest power first."""
    locator = [1]
    for power in erased:
        locator = _add(locator, [0, *(_times(c, EXP[power]) for c in locator)])
    previous, length = list(locator), len(erased)
    for step in range(len(erased), count):
        gap = 0
        for place, factor in enumerate(locator):
            if factor and place <= step:
                gap ^= _times(factor, checks[step - place])
        previous = [0, *previous]
        if not gap:
            continue
        changed = _add(locator, [_times(c, gap) for c in previous])
        if 2 * length <= step + len(erased):
            length = step + 1 + len(erased) - length
            inverse = EXP[ORDER - LOG[gap]]
            previous = [_times(c, inverse) for c in locator]
        locator = changed
    while locator[-1] == 0:
        locator.pop()
    if 2 * (len(locator) - 1 - len(erased)) + len(erased) > count:
        raise TooManyErrorsError
    return locator


def _add(a: list[int], b: list[int]) -> list[int]:
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    return [x ^ y for x, y in zip(longer, [*shorter, *[0] * len(longer)], strict=False)]


def _roots(locator: list[int], length: int) -> list[int]:
    """The powers of x of the places where the locator is 0."""
    powers = np.arange(length)
    value = np.zeros(length, np.int64)
    for place, factor in enumerate(locator):
        if factor:
            value ^= _EXP[(LOG[factor] - place * powers) % ORDER]
    return [int(power) for power in np.flatnonzero(value == 0)]


def _values(checks: list[int], locator: list[int], powers: list[int]) -> list[int]:
    evaluator = [0] * len(checks)
    for i, check in enumerate(checks):
        for j, factor in enumerate(locator[: len(checks) - i]):
            evaluator[i + j] ^= _times(check, factor)
    values = []
    for power in powers:
        above = below = 0
        for place, factor in enumerate(evaluator):
            if factor:
                above ^= EXP[(LOG[factor] - place * power) % ORDER]
        for place in range(1, len(locator), 2):
            if locator[place]:
                below ^= EXP[(LOG[locator[place]] - (place - 1) * power) % ORDER]
        if not below:
            raise TooManyErrorsError
        values.append(EXP[(LOG[above] - LOG[below] + power) % ORDER] if above else 0)
    return values
