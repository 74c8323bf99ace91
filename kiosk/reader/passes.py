"""Has the decoding passes over a picture. A pass is a pure function that takes a picture and
returns the QR codes in it.

A pass prepares the picture (or a crop of it) and then runs an engine on it. The reader decides
which one has its turn.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import numpy as np
import zxingcpp

from kiosk.pictures import Picture, cv2
from kiosk.reader.deblur import deblurred
from kiosk.reader.finder_patterns import drawn, find_patterns, third_patterns

try:
    from pyzbar import pyzbar, pyzbar_error
except ImportError:  # The wheel is there, but the system lacks libzbar0.
    pyzbar = None

Point = tuple[float, float]
Corners = tuple[Point, Point, Point, Point]

# QRCode would include Micro QR, which is then seen where there is none.
_FORMATS = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCodeModel2)

UNSHARP_SIGMA = 4.0
UNSHARP_AMOUNT = 2.5
# On both sides, which makes about 25 pixels, or 3 to 10 modules.
AROUND_PX = 13
GRAIN_SIGMA = 1.1
PATTERNS_DRAWN_MAX = 6  # A missing finder pattern is tried in this many regions.
# Between the picture's levels as they are (1) and as light by the standard (2.2).
LIGHT = 1.6


@dataclass(frozen=True)
class Found:
    """Holds a symbol at four corners in pixels, clockwise. `text` is None where it could not be
    read.
    """

    text: str | None
    corners: Corners


@dataclass(frozen=True)
class DecodingPass:
    """Describes one way to read a picture. `scale` is the size of the prepared picture to that of
    the one it was made of.
    """

    name: str
    prepare: Callable[[Picture], Picture]
    scale: float
    find: Callable[[Picture], list[Found]]
    engine: str
    crop_px: int = 480  # A larger crop is reduced to it.


def find_zxing(gray: Picture) -> list[Found]:
    """Find what zxing-cpp finds, with the symbols that it only located."""
    return _zxing(gray, zxingcpp.Binarizer.LocalAverage)


def find_zxing_global(gray: Picture) -> list[Found]:
    """Find the same with one threshold for the whole picture."""
    return _zxing(gray, zxingcpp.Binarizer.GlobalHistogram)


def find_zxing_fixed(gray: Picture) -> list[Found]:
    """Find the same in a picture that is black and white already."""
    return _zxing(gray, zxingcpp.Binarizer.FixedThreshold)


def _zxing(gray: Picture, binarizer: zxingcpp.Binarizer) -> list[Found]:
    if not gray.size:
        return []
    barcodes = zxingcpp.read_barcodes(
        np.ascontiguousarray(gray),
        formats=_FORMATS,
        try_rotate=False,  # It does nothing for QR codes.
        try_downscale=True,
        try_invert=True,
        text_mode=zxingcpp.TextMode.Plain,
        binarizer=binarizer,
        return_errors=True,
    )
    return [found for barcode in barcodes if (found := _from_zxing(barcode)) is not None]


def _from_zxing(barcode: zxingcpp.Barcode) -> Found | None:
    position = barcode.position
    corners = [position.top_left, position.top_right, position.bottom_right, position.bottom_left]
    points = tuple((float(point.x), float(point.y)) for point in corners)
    if not barcode.valid:
        return Found(None, points)  # type: ignore[arg-type]
    text = _text_of_symbol(barcode)
    return Found(text, points) if text else None  # type: ignore[arg-type]


def _text_of_symbol(barcode: zxingcpp.Barcode) -> str:
    """Return the symbol's text as UTF-8, or else in the character set that it names, or that the
    engine can tell.
    """
    told: bool = barcode.content_type == zxingcpp.ContentType.Text
    try:
        return barcode.bytes.decode("utf-8")
    except UnicodeDecodeError:
        return barcode.text if told else text_of(barcode.bytes)


def text_of(data: bytes) -> str:
    """Return a code's bytes as text. It is UTF-8 (a badge is ASCII), or else each byte as one
    character.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def find_zbar(gray: Picture) -> list[Found]:
    """Find what zbar finds, or nothing where it is not installed. It finds dark codes on light
    ground only.
    """
    if pyzbar is None or not gray.size:
        return []
    try:
        symbols = pyzbar.decode(gray, symbols=[pyzbar.ZBarSymbol.QRCODE])
    except (ValueError, pyzbar_error.PyZbarError):
        # A stranger's structured-append code in view raises ValueError.
        return []
    return [found for symbol in symbols if (found := _from_zbar(symbol)) is not None]


def _from_zbar(symbol: "pyzbar.Decoded") -> Found | None:
    # zbar guesses at encodings, so what is not ASCII may be other bytes than the code holds.
    if not symbol.data or not symbol.data.isascii():
        return None
    left, top, width, height = symbol.rect
    points = [(p.x, p.y) for p in symbol.polygon]
    if len(points) != 4:
        points = [(left, top), (left, top + height)]
        points += [(left + width, top + height), (left + width, top)]
    corners = tuple((float(x), float(y)) for x, y in reversed(points))
    return Found(symbol.data.decode("ascii"), corners)  # type: ignore[arg-type]


def as_it_is(gray: Picture) -> Picture:
    """Return the picture without any preparation."""
    return gray


def enlarge(gray: Picture, scale: float) -> Picture:
    """Enlarge the picture by cubic interpolation, which reads modules under 2 pixels."""
    if not gray.size:
        return gray
    return _picture(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC))


def equalize(gray: Picture) -> Picture:
    """Even out the contrast tile by tile (CLAHE), against shadow, glare and low contrast."""
    if not gray.size:
        return gray
    return _picture(cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8)).apply(gray))


def sharpen(gray: Picture) -> Picture:
    """Sharpen by an unsharp mask, against defocus and slight motion."""
    if not gray.size:
        return gray
    soft = cv2.GaussianBlur(gray, (0, 0), UNSHARP_SIGMA)
    return _picture(cv2.addWeighted(gray, 1 + UNSHARP_AMOUNT, soft, -UNSHARP_AMOUNT, 0))


def threshold(gray: Picture, scale: float = 2.0) -> Picture:
    """Make the picture black and white by the mean level around each pixel, enlarged. It helps
    against shadow, glare and defocus.
    """
    if not gray.size:
        return gray
    window = (AROUND_PX, AROUND_PX)
    around = _picture(cv2.blur(cv2.blur(gray, window), window))
    return _picture(cv2.compare(enlarge(gray, scale), enlarge(around, scale), cv2.CMP_GE))


def smooth(gray: Picture) -> Picture:
    """Take the grain out of a dark picture."""
    return _picture(cv2.GaussianBlur(gray, (0, 0), GRAIN_SIGMA)) if gray.size else gray


def find_with_a_drawn_pattern(binary: Picture, limit: int = PATTERNS_DRAWN_MAX) -> list[Found]:
    """Find what is read once a missing finder pattern is drawn where two others tell that it must
    be.
    """
    for pattern in islice(third_patterns(find_patterns(binary)), limit):
        read = [
            found for found in find_zxing_fixed(drawn(binary, pattern)) if found.text is not None
        ]
        if read:
            return read
    return []


def shrink(gray: Picture, scale: float) -> Picture:
    """Reduce the picture by averaging areas, which takes noise away from large symbols."""
    height, width = gray.shape
    if min(height, width) * scale < 1:
        return gray[:0]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return _picture(cv2.resize(gray, size, interpolation=cv2.INTER_AREA))


def _picture(picture: "cv2.typing.MatLike") -> Picture:
    return np.asarray(picture, np.uint8)


def _half_smooth(gray: Picture) -> Picture:
    """Make the picture half as large and black and white. Dots grow together, and scratches go."""
    return threshold(smooth(shrink(gray, 0.5)), 1.0)


FIRST_PASS = DecodingPass("first", as_it_is, 1.0, find_zxing, "zxing")


def _deblur(name: str, exponent: float, choice: int = 0) -> DecodingPass:
    def prepare(gray: Picture) -> Picture:
        return enlarge(deblurred(gray, exponent, choice), 2.0)

    return DecodingPass(name, prepare, 2.0, find_zxing, "zxing", crop_px=384)


# Undoes the blur of this very picture. It is found anew for each one, because no two are blurred
# alike.
DEBLUR_PASS = _deblur("deblur", LIGHT)

# These are for a crop around a region where a code should be. Those that read most come first.
CROP_PASSES = (
    DecodingPass("threshold", threshold, 2.0, find_zxing_fixed, "zxing"),
    DecodingPass("drawn pattern", threshold, 2.0, find_with_a_drawn_pattern, "zxing", crop_px=200),
    DecodingPass("half", _half_smooth, 0.5, find_zxing_fixed, "zxing"),
    DecodingPass(
        "smooth threshold", lambda g: threshold(smooth(g)), 2.0, find_zxing_fixed, "zxing"
    ),
    DecodingPass("zbar", as_it_is, 1.0, find_zbar, "zbar"),
    DecodingPass("even x2", lambda g: equalize(enlarge(g, 2.0)), 2.0, find_zxing, "zxing"),
    DecodingPass("sharp x3", lambda g: sharpen(enlarge(g, 3.0)), 3.0, find_zxing, "zxing"),
    DecodingPass("x2", lambda g: enlarge(g, 2.0), 2.0, find_zxing, "zxing"),
    _deblur("deblur levels", 1.0),
    _deblur("deblur next", LIGHT, 1),
)

# These are for the whole picture.
FRAME_PASSES = (
    DecodingPass("frame even", equalize, 1.0, find_zxing, "zxing"),
    DecodingPass("frame x1.5", lambda g: enlarge(g, 1.5), 1.5, find_zxing, "zxing"),
    DecodingPass("frame threshold", lambda g: threshold(g, 1.0), 1.0, find_zxing_fixed, "zxing"),
    DecodingPass("frame half", lambda g: shrink(g, 0.5), 0.5, find_zxing_global, "zxing"),
)
