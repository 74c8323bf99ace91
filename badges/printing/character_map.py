"""Reads which characters a font has a glyph for, from the table `cmap` in its file.

`fontTools` reads which glyph it is, for each character and from each of the forms that the table
has, which takes ten times as long. So it is asked only where the form is none of the two that
nearly all fonts have.
"""

import struct
import sys
from array import array
from collections.abc import Iterator
from typing import Any

# Runs of characters that have glyphs, each as its first one and the one after its last.
Runs = Iterator[tuple[int, int]]

# Platform and encoding of the Unicode tables. HarfBuzz takes the first one that there is.
_UNICODE = ((3, 10), (0, 6), (0, 4), (3, 1), (0, 3), (0, 2), (0, 1), (0, 0))
_SEGMENTS, _GROUPS = 4, 12  # the forms, by their numbers


def drawn(path: str, index: int, end: int) -> int:
    """Return a number whose bit n says that the face draws code point n, for those below `end`.

    Bits are used because sets of all fonts' points need 400 MB.
    """
    # It takes a while to load, and who draws no names is spared.
    from fontTools.ttLib import TTFont, TTLibError

    digits = bytearray()
    try:
        # Of what is no font it would leave the file open.
        with open(path, "rb") as file, TTFont(file, fontNumber=index, lazy=True) as font:
            for first, after in _runs(font):
                after = min(after, end)
                digits += b"0" * (after - len(digits))
                digits[first:after] = b"1" * (after - first)
    except (TTLibError, OSError, struct.error, LookupError, ValueError):
        # Typst may be able to read the font, but only what was seen in it can be promised.
        return 0
    digits.reverse()  # The last digit is bit 0.
    return int(digits or b"0", 2)


def _runs(font: Any) -> Runs:
    table = font.reader["cmap"]
    (number,) = struct.unpack_from(">H", table, 2)
    forms = [struct.unpack_from(">HHL", table, 4 + 8 * at) for at in range(number)]
    offsets = {(platform, encoding): offset for platform, encoding, offset in forms}
    offset = next((offsets[one] for one in _UNICODE if one in offsets), None)
    if offset is None:
        return iter(())
    (form,) = struct.unpack_from(">H", table, offset)
    if form == _SEGMENTS:
        return _of_segments(table, offset)
    if form == _GROUPS:
        return _of_groups(table, offset)
    # Names of glyphs are not needed here, and to read them takes as long as all the rest.
    font.setGlyphOrder([""] * font["maxp"].numGlyphs)
    return ((code, code + 1) for code in font.getBestCmap() or ())


def _of_groups(table: bytes, offset: int) -> Runs:
    (number,) = struct.unpack_from(">L", table, offset + 12)
    groups = _numbers("I", table[offset + 16 : offset + 16 + 12 * number])
    begin = after = 0
    for first, last, glyph in zip(groups[::3], groups[1::3], groups[2::3], strict=True):
        if not after - 1 <= first <= last:
            continue
        first += not glyph  # Glyph 0 is the box that stands for what is missing.
        # Groups that follow one another are one run. Of Han characters most do.
        if first > after:
            yield begin, after
            begin = first
        after = last + 1
    yield begin, after


def _of_segments(table: bytes, offset: int) -> Runs:
    length, _, twice = struct.unpack_from(">HHH", table, offset + 2)
    number = twice // 2
    values = _numbers("H", table[offset + 14 : offset + length])
    lasts, rest = values[:number], values[number + 1 :]
    firsts, deltas, starts = (rest[number * part : number * (part + 1)] for part in range(3))
    glyphs = rest[number * 3 :]
    # The last segment ends the list, and says nothing of characters.
    for at in range(number - 1):
        first, last, delta = firsts[at], lasts[at], deltas[at]
        if starts[at]:
            # It is counted from where it stands itself.
            start = starts[at] // 2 - number + at - first
            yield from _listed(glyphs, range(first, last + 1), start, delta)
        else:
            missing = -delta & 0xFFFF
            if first <= missing <= last:
                yield first, missing
                first = missing + 1
            yield first, last + 1


def _listed(glyphs: "array[int]", codes: range, start: int, delta: int) -> Runs:
    """Yield the characters of a segment whose glyphs are listed."""
    if codes and codes[0] + start < 0:
        raise IndexError("the list begins before the table of all lists")
    for code in codes:
        glyph = glyphs[code + start]
        if glyph and (glyph + delta) & 0xFFFF:
            yield code, code + 1


def _numbers(kind: str, data: bytes) -> "array[int]":
    found = array(kind, data)
    if sys.byteorder == "little":
        found.byteswap()
    return found
