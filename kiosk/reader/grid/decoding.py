"""Turns the sampled modules of a symbol into its text, if the error correction accepts them.

A false text is worse than none. So the patterns must be there, the erasures are few, and the
symbol is drawn anew from the corrected codewords and read by zxing-cpp.
"""

from collections.abc import Iterator

import numpy as np
import zxingcpp

from kiosk.reader.grid.correction import TooManyErrorsError, correct
from kiosk.reader.grid.grid import Floats
from kiosk.reader.grid.structure import (
    Level,
    Modules,
    bit_positions,
    blocks_of,
    fixed_modules,
    format_places,
    format_words,
    interleaved,
    mask_of,
    side_of,
    version_places,
    version_words,
)
from kiosk.reader.symbol_text import text_of_symbol

PATTERNS_MIN = 0.8  # share of the fixed modules that must agree
FORMATS = 2  # the likeliest format informations that are tried
# Erased codewords, as shares of the correction codewords. More would accept any word.
ERASED = (0.0, 0.3, 0.6)
# Correction codewords that only detect errors, for small symbols (table 9 of the standard).
_SPARE = {(1, Level.L): 3, (1, Level.M): 2, (1, Level.Q): 1, (1, Level.H): 1, (2, Level.L): 2}


def decode(levels: Floats, version: int) -> str | None:
    """The text of a symbol of this version with these module levels; None if it has none."""
    if patterns_share(levels, version) < PATTERNS_MIN:
        return None
    for level, mask in _formats(levels):
        modules = _corrected(levels, version, level, mask)
        text = None if modules is None else text_of_modules(modules)
        if text:
            return text
    return None


def patterns_share(levels: Floats, version: int) -> float:
    """The share of the fixed patterns' modules that agree."""
    known, dark = known_modules(version)
    return float(np.mean((levels > 0)[known] == dark[known]))


def known_modules(version: int) -> tuple[Modules, Modules]:
    """The modules that each symbol of this version has alike, and the dark ones."""
    fixed, dark = fixed_modules(version)
    known = fixed.copy()
    known[format_places(side_of(version))] = False
    if version >= 7:
        known[version_places(side_of(version))] = False
    return known, dark


def _formats(levels: Floats) -> Iterator[tuple[Level, int]]:
    """The likeliest first, by both copies together."""
    words = 2 * format_words() - 1
    score = words @ np.tanh(3 * levels[format_places(len(levels))]).sum(axis=0)
    for data in np.argsort(-score)[:FORMATS]:
        yield Level(int(data) >> 3), int(data) & 7


def _corrected(levels: Floats, version: int, level: Level, mask: int) -> Modules | None:
    side = side_of(version)
    rows, columns = bit_positions(version)
    inverted = mask_of(mask, side)[rows, columns]
    bits = (levels[rows, columns] > 0) ^ inverted
    whole = len(bits) // 8 * 8
    codewords = np.packbits(bits[:whole]).astype(np.int64)
    surety = np.abs(levels[rows, columns])[:whole].reshape(-1, 8).min(axis=1)
    count = blocks_of(version, level).correction
    spare = _SPARE.get((version, level), 0)
    for places in interleaved(version, level):
        block = _corrected_block(codewords[places], surety[places], count, spare)
        if block is None:
            return None
        codewords[places] = block
    bits[:whole] = np.unpackbits(codewords.astype(np.uint8)).astype(bool)
    bits[whole:] = False
    _, dark = fixed_modules(version)
    modules = dark.copy()
    modules[rows, columns] = bits ^ inverted
    modules[format_places(side)] = format_words()[level << 3 | mask]
    if version >= 7:
        modules[version_places(side)] = version_words()[version - 7]
    return modules


def _corrected_block(
    block: np.ndarray, surety: np.ndarray, count: int, spare: int
) -> np.ndarray | None:
    doubtful = np.argsort(surety)
    for share in ERASED:
        erased = sorted(int(place) for place in doubtful[: int(share * (count - spare))])
        try:
            word = correct(block, count, erased)
        except TooManyErrorsError:
            continue
        wrong = set(np.flatnonzero(word != block).tolist())
        if 2 * len(wrong - set(erased)) + len(erased) <= count - spare:
            return word
    return None


def text_of_modules(modules: Modules) -> str | None:
    picture = np.where(np.pad(modules, 4), 0, 255).astype(np.uint8)
    found = zxingcpp.read_barcodes(
        np.ascontiguousarray(picture.repeat(2, axis=0).repeat(2, axis=1)),
        formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCodeModel2),
        try_rotate=False,
        try_downscale=False,
        try_invert=False,
        text_mode=zxingcpp.TextMode.Plain,
        binarizer=zxingcpp.Binarizer.FixedThreshold,
    )
    return text_of_symbol(found[0]) if found and found[0].valid else None
