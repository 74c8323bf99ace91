"""The decoding passes: pure functions from a picture to the QR codes in it.

A pass prepares the picture (or a crop) and runs an engine on it. The reader chooses the pass.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import zxingcpp

from kiosk.pictures import Picture, cv2
from kiosk.reader.deblur import deblurred
from kiosk.reader.grid.find import corners_of, search
from kiosk.reader.symbol_text import text_of_symbol

try:
    from pyzbar import pyzbar, pyzbar_error
except (ImportError, OSError):  # the wheel is installed, but the system's library is missing
    pyzbar = None

NO_ZBAR = (
    "zbar is missing, so zxing-cpp alone reads badges, and some are read later or not at all:"
    " apt install libzbar0"
)

Point = tuple[float, float]
Corners = tuple[Point, Point, Point, Point]

# QRCode would include Micro QR, which has false positives.
_FORMATS = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCodeModel2)

UNSHARP_SIGMA = 4.0
UNSHARP_AMOUNT = 2.5
# On both sides, which makes about 25 pixels, or 3 to 10 modules.
AROUND_PX = 13
GRAIN_SIGMA = 1.1
GRID_SIDE_PX = 640  # of the picture in which finder patterns are found
GRID_PIXELS_MAX = 3_000_000  # of all flat pictures of a search in it
BLURRED = 0.6  # fit of a blur; sharp codes have at most 0.55
# Between raw levels (1) and light by the standard (2.2).
LIGHT = 1.6


@dataclass(frozen=True)
class Found:
    """A symbol in the picture, with its corners in pixels, clockwise. `text` is None if it was
    located and not read.
    """

    text: str | None
    corners: Corners


@dataclass(frozen=True)
class DecodingPass:
    name: str
    prepare: Callable[[Picture], Picture]
    scale: float
    find: Callable[[Picture], list[Found]]
    engine: str
    crop_px: int = 480  # larger crops are reduced to it


def find_zxing(gray: Picture) -> list[Found]:
    """Includes symbols that zxing-cpp located but could not read."""
    return _zxing(gray, zxingcpp.Binarizer.LocalAverage)


def find_zxing_global(gray: Picture) -> list[Found]:
    """Like `find_zxing`, with one threshold for the whole picture."""
    return _zxing(gray, zxingcpp.Binarizer.GlobalHistogram)


def find_zxing_fixed(gray: Picture) -> list[Found]:
    """Like `find_zxing`, for a picture that is black and white already."""
    return _zxing(gray, zxingcpp.Binarizer.FixedThreshold)


def _zxing(gray: Picture, binarizer: zxingcpp.Binarizer) -> list[Found]:
    if not gray.size:
        return []
    barcodes = zxingcpp.read_barcodes(
        np.ascontiguousarray(gray),
        formats=_FORMATS,
        try_rotate=False,  # no effect for QR codes
        try_downscale=True,
        try_invert=True,
        text_mode=zxingcpp.TextMode.Plain,
        binarizer=binarizer,
        return_errors=True,
    )
    return [symbol for barcode in barcodes if (symbol := _from_zxing(barcode)) is not None]


def _from_zxing(barcode: zxingcpp.Barcode) -> Found | None:
    position = barcode.position
    corners = [position.top_left, position.top_right, position.bottom_right, position.bottom_left]
    points = tuple((float(point.x), float(point.y)) for point in corners)
    if not barcode.valid:
        return Found(None, points)  # type: ignore[arg-type]
    text = text_of_symbol(barcode)
    return Found(text, points) if text else None  # type: ignore[arg-type]


def has_zbar() -> bool:
    return pyzbar is not None


def find_zbar(gray: Picture) -> list[Found]:
    """zbar's results, which are dark codes on light ground; nothing if zbar is not installed."""
    if pyzbar is None or not gray.size:
        return []
    try:
        symbols = pyzbar.decode(gray, symbols=[pyzbar.ZBarSymbol.QRCODE])
    except (ValueError, pyzbar_error.PyZbarError):
        # A stranger's structured-append code in view raises ValueError.
        return []
    return [code for symbol in symbols if (code := _from_zbar(symbol)) is not None]


def _from_zbar(symbol: "pyzbar.Decoded") -> Found | None:
    # zbar guesses encodings, so text that is not ASCII may differ from the code's bytes.
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
    return gray


def enlarge(gray: Picture, scale: float) -> Picture:
    """Enlarge by cubic interpolation, to read modules under 2 pixels."""
    if not gray.size:
        return gray
    return _picture(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC))


def equalize(gray: Picture) -> Picture:
    """Equalise the contrast tile by tile (CLAHE), against shadow, glare and low contrast."""
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
    """Enlarged black and white picture by the mean around each pixel, against shadow, glare and
    defocus.
    """
    if not gray.size:
        return gray
    window = (AROUND_PX, AROUND_PX)
    around = _picture(cv2.blur(cv2.blur(gray, window), window))
    return _picture(cv2.compare(enlarge(gray, scale), enlarge(around, scale), cv2.CMP_GE))


def smooth(gray: Picture) -> Picture:
    """Remove the grain of a dark picture."""
    return _picture(cv2.GaussianBlur(gray, (0, 0), GRAIN_SIGMA)) if gray.size else gray


def grid_steps(gray: Picture, is_crop: bool) -> Iterator[Found | None]:
    """Search for a symbol by its grid, in steps of some milliseconds. None: not read yet.

    The crop of a blurred symbol is searched without its blur first.
    """
    if is_crop:
        sharp = deblurred(gray, LIGHT, fit_min=BLURRED)
        yield None
        if sharp.size:
            yield from _grid_steps(sharp)
    yield from _grid_steps(gray)


def _grid_steps(gray: Picture) -> Iterator[Found | None]:
    for reading in search(gray, _black_and_white(gray), GRID_PIXELS_MAX):
        if reading is None:
            yield None
        else:
            text, grid = reading
            corners = tuple((float(x), float(y)) for x, y in corners_of(grid))
            yield Found(text, corners)  # type: ignore[arg-type]


def _black_and_white(gray: Picture) -> Iterator[tuple[Picture, float]]:
    scale = min(1.0, GRID_SIDE_PX / max(1, *gray.shape))
    small = shrink(gray, scale) if scale < 1 else gray
    yield threshold(smooth(small), 1.0), scale
    yield threshold(small, 1.0), scale
    half = shrink(small, 0.5)
    yield threshold(smooth(half), 1.0), scale / 2


def shrink(gray: Picture, scale: float) -> Picture:
    """Reduce by averaging areas, which removes noise from large symbols."""
    height, width = gray.shape
    if min(height, width) * scale < 1:
        return gray[:0]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return _picture(cv2.resize(gray, size, interpolation=cv2.INTER_AREA))


def _picture(picture: "cv2.typing.MatLike") -> Picture:
    return np.asarray(picture, np.uint8)


def _half_smooth(gray: Picture) -> Picture:
    """Half size, black and white. Merges dots and removes scratches."""
    return threshold(smooth(shrink(gray, 0.5)), 1.0)


FIRST_PASS = DecodingPass("first", as_it_is, 1.0, find_zxing, "zxing")


def _deblur(name: str, exponent: float, choice: int = 0) -> DecodingPass:
    def prepare(gray: Picture) -> Picture:
        return enlarge(deblurred(gray, exponent, choice), 2.0)

    return DecodingPass(name, prepare, 2.0, find_zxing, "zxing", crop_px=384)


# Removes this picture's own blur, estimated anew for each picture.
DEBLUR_PASS = _deblur("deblur", LIGHT)

# For a crop around a likely region, most successful first.
CROP_PASSES = (
    DecodingPass("threshold", threshold, 2.0, find_zxing_fixed, "zxing"),
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

# For the whole picture.
FRAME_PASSES = (
    DecodingPass("frame even", equalize, 1.0, find_zxing, "zxing"),
    DecodingPass("frame x1.5", lambda g: enlarge(g, 1.5), 1.5, find_zxing, "zxing"),
    DecodingPass("frame threshold", lambda g: threshold(g, 1.0), 1.0, find_zxing_fixed, "zxing"),
    DecodingPass("frame half", lambda g: shrink(g, 0.5), 0.5, find_zxing_global, "zxing"),
)
