"""Encodes pictures as PWG Raster (PWG 5102.4), for printers that don't read PDF."""

import re
import struct

from PIL import Image

MIME_TYPE = "image/pwg-raster"
_LINES_MAX = 256
_SRGB, _SGREY = 19, 18
_POINTS = 72  # Per inch
_GREY_RUNS = re.compile(rb"(.)\1{0,127}", re.DOTALL)
_COLOUR_RUNS = re.compile(rb"(...)\1{0,127}", re.DOTALL)


def pwg(picture: Image.Image, dpi: int, in_colour: bool) -> bytes:
    """Encode one page, in colour or greyscale."""
    dots = picture.convert("RGB" if in_colour else "L")
    pixel = 3 if in_colour else 1
    data, row = dots.tobytes(), dots.width * pixel
    lines = [data[at : at + row] for at in range(0, len(data), row)]
    page = [b"RaS2", _header(dots.width, dots.height, dpi, pixel)]
    at = 0
    while at < len(lines):
        same = 1
        while same < _LINES_MAX and at + same < len(lines) and lines[at + same] == lines[at]:
            same += 1
        page += [bytes([same - 1]), _packed(lines[at], pixel)]
        at += same
    return b"".join(page)


def _packed(line: bytes, pixel: int) -> bytes:
    runs = (_COLOUR_RUNS if pixel == 3 else _GREY_RUNS).finditer(line)
    return b"".join(bytes([len(run[0]) // pixel - 1]) + run[1] for run in runs)


def _header(width: int, height: int, dpi: int, pixel: int) -> bytes:
    """Return a page header of 1,796 bytes; unlisted fields are zero."""
    page = (round(width * _POINTS / dpi), round(height * _POINTS / dpi))
    header = bytearray(1796)
    header[:9] = b"PwgRaster"
    for at, value in (
        (276, dpi),
        (280, dpi),
        (340, 1),  # Copies
        (352, page[0]),
        (356, page[1]),
        (372, width),
        (376, height),
        (384, 8),  # Bits per colour
        (388, 8 * pixel),
        (392, width * pixel),
        (400, _SRGB if pixel == 3 else _SGREY),
        (420, pixel),
        (452, 1),  # Total pages
        (456, 1),
        (460, 1),
        (472, width),
        (476, height),
        (480, 0xFFFFFF),
    ):
        struct.pack_into(">I", header, at, value)
    return bytes(header)
