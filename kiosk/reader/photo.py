"""Reads a photo without a time limit: in all sizes and preparations, then by further methods.

The steps depend only on the picture, not on the computer's speed, so the same photo always gives
the same codes. A photo without a readable code takes two or three seconds.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np

from kiosk.pictures import Picture, cv2, to_gray
from kiosk.reader.finder_patterns import find_patterns, squares
from kiosk.reader.grid.find import corners_of, read_grid
from kiosk.reader.passes import (
    CROP_PASSES,
    DEBLUR_PASS,
    Corners,
    Found,
    as_it_is,
    enlarge,
    equalize,
    find_zbar,
    find_zxing,
    find_zxing_fixed,
    find_zxing_global,
    sharpen,
    shrink,
    smooth,
    threshold,
)
from kiosk.reader.reader import NO_BUDGET_MS, Reader, Sighting
from kiosk.reader.regions import Crop, area_of, crop_at, reduced, region_of
from kiosk.reader.unwarp import EDGE, flat, unwarped

# A larger picture gets one pass at full size, and the others at this size.
SIDE_PX_MAX = 1920
SCALES = (1.0, 0.7, 0.5, 0.35, 0.25, 1.5, 2.0, 3.0)
PIXELS_MAX = 4_500_000  # most pixels of an enlarged picture
SIDE_PX_MIN = 40
SHEET_PASSES = ("smooth threshold", "as it is", "threshold", "unsharp", "sharp")
CLOSE_MAX = 12  # most located regions besides the read ones
TILES = (2,)  # tiles to a side, for sheets of many codes
TILE_OVERLAP = 0.3
GRID_PIXELS_MAX = 25_000_000  # of all flat pictures: some 40 small grids, or two large ones
REGIONS_MAX = 3  # most regions that are flattened
ZBAR_PIXELS_MAX = 3_000_000  # each takes 30 ns


Find = Callable[[Picture], list[Found]]


def _unsharp(gray: Picture) -> Picture:
    soft = cv2.GaussianBlur(gray, (0, 0), 1.5)
    return np.asarray(cv2.addWeighted(gray, 3, soft, -2, 0), np.uint8)


def _softer(gray: Picture) -> Picture:
    return np.asarray(cv2.GaussianBlur(gray, (0, 0), 2.0), np.uint8)


def _median(gray: Picture) -> Picture:
    return np.asarray(cv2.medianBlur(gray, 5), np.uint8)


def _darker(gray: Picture, side: int = 3) -> Picture:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.erode(gray, kernel), np.uint8)


def _lighter(gray: Picture) -> Picture:
    """Remove thin dark scratches, and ink that ran."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    return np.asarray(cv2.dilate(gray, kernel), np.uint8)


def _around(gray: Picture, px: int) -> Picture:
    window = (px, px)
    mean = cv2.blur(cv2.blur(gray, window), window)
    return np.asarray(cv2.compare(gray, mean, cv2.CMP_GE), np.uint8)


def _one_threshold(gray: Picture) -> Picture:
    return np.asarray(cv2.threshold(gray, 0, 255, cv2.THRESH_OTSU)[1], np.uint8)


# The passes in each size of a picture.
PHOTO_PASSES: dict[str, tuple[Callable[[Picture], Picture], Find]] = {
    "smooth threshold": (lambda g: threshold(smooth(g), 1.0), find_zxing_fixed),
    "as it is": (as_it_is, find_zxing),
    "one threshold": (as_it_is, find_zxing_global),
    "smooth": (smooth, find_zxing_global),
    "softer": (_softer, find_zxing),
    "even": (equalize, find_zxing),
    "unsharp": (_unsharp, find_zxing),
    "sharp": (sharpen, find_zxing),
    "darker": (_darker, find_zxing),
    "much darker": (partial(_darker, side=5), find_zxing),
    "lighter": (_lighter, find_zxing),
    "median": (_median, find_zxing),
    "threshold": (lambda g: threshold(g, 1.0), find_zxing_fixed),
    "smooth threshold 25": (lambda g: _around(smooth(g), 25), find_zxing_fixed),
    "threshold 51": (lambda g: _around(g, 51), find_zxing_fixed),
    "median threshold": (lambda g: _around(_median(g), 25), find_zxing_fixed),
}
# Tried before grids, because they cost less.
PHOTO_FIRST = ("smooth threshold", "as it is")


class PhotoReader:
    def __init__(self, picture: Picture) -> None:
        """Raises ValueError if it is no picture."""
        self.whole = to_gray(picture)
        self._colours = cv2.split(picture)[:3] if picture.ndim == 3 and picture.size else ()
        side = max(self.whole.shape, default=0)
        self._scale = min(1.0, SIDE_PX_MAX / max(1, side))
        self._gray = self.whole if self._scale == 1.0 else shrink(self.whole, self._scale)
        self._sized: dict[float, Picture] = {1.0: self._gray}
        self.sightings: list[Sighting] = []
        self.located: list[Corners] = []  # located but not read

    def read(self) -> list[Sighting]:
        if not self.whole.size:
            return []
        self._decode(Crop(self.whole, 0, 0, 1.0), find_zxing, "first")
        if self.whole is not self._gray:
            self._decode(self._crop(1.0), find_zxing, "reduced")
        if self.sightings:
            self._search_for_more()
        else:
            for stage in (
                partial(self._sizes, PHOTO_FIRST),
                self._grids,
                partial(self._sizes, PHOTO_PASSES),
                self._turns,
                self._channels,
                self._flat,
                self._others,
            ):
                stage()
                if self.sightings:
                    break
        return sorted(self.sightings, key=lambda sighting: -sighting.area)

    def _search_for_more(self) -> None:
        """Look where symbols were located, or on a sheet of codes."""
        for scale, name in ((1.0, "smooth threshold"), (0.5, "as it is"), (1.0, "even")):
            self._decode_in_size(scale, name)
        if len({s.text for s in self.sightings}) > 1:
            for scale, name in product((1.0, 0.5, 1.5), SHEET_PASSES):
                self._decode_in_size(scale, name)
            self._tiles()
        for corners in self._unread()[:CLOSE_MAX]:
            self._decode_closely(corners)

    def _decode_closely(self, corners: Corners) -> None:
        crop = crop_at(self.whole, region_of(corners))
        for decoding_pass in (DEBLUR_PASS, *CROP_PASSES):
            if corners not in self._unread():
                return
            part = reduced(crop, decoding_pass.crop_px)
            prepared = Crop(
                decoding_pass.prepare(part.picture),
                part.left,
                part.top,
                part.scale * decoding_pass.scale,
            )
            self._decode(prepared, decoding_pass.find, decoding_pass.name, decoding_pass.engine)
        self._decode(Crop(flat(self.whole, corners), 0, 0, 1.0), partial(_at, corners), "flat")

    def _grids(self) -> None:
        read = read_grid(self._gray, self._black_and_white(), GRID_PIXELS_MAX)
        if read is not None:
            text, grid = read
            corners = tuple((float(x), float(y)) for x, y in corners_of(grid))
            self._keep(Found(text, _mapped(corners, self._crop(1.0))), "grid", "grid")  # type: ignore[arg-type]
            self._search_for_more()

    def _black_and_white(self) -> Iterator[tuple[Picture, float]]:
        for scale in (1.0, 0.5, 0.25, 2.0):
            part = self._crop(scale).picture
            if part.size:
                yield threshold(part, 1.0), scale
                yield threshold(smooth(part), 1.0), scale
                yield _around(part, 41), scale
                yield _one_threshold(part), scale

    def _sizes(self, names: Iterable[str]) -> None:
        """Try preparations in every size until one succeeds."""
        for name, scale in product(names, SCALES):
            self._decode_in_size(scale, name)
            if self.sightings:
                self._search_for_more()
                return

    def _turns(self) -> None:
        """Run all passes of a door's reader at several regions."""
        self._add(Reader().read(self._gray, NO_BUDGET_MS), Crop(self._gray, 0, 0, self._scale))

    def _channels(self) -> None:
        """Try each colour channel, because two colours may have the same gray."""
        for channel in self._colours:
            gray = np.asarray(channel, np.uint8)
            part = shrink(gray, self._scale) if self._scale < 1 else gray
            self._decode(Crop(part, 0, 0, self._scale), find_zxing, "colour")

    def _flat(self) -> None:
        """Flatten regions located by an engine or by three finder patterns, and read them."""
        for corners, edge in self._flat_regions():
            for laid in unwarped(self.whole, corners, edge):
                read = [f for f in find_zxing(laid) if f.text is not None]
                if read:
                    self._keep(Found(read[0].text, corners), "zxing", "flat")
                    return

    def _flat_regions(self) -> list[tuple[Corners, float]]:
        regions: list[tuple[Corners, float]] = []
        for scale in (0.25, 0.5, 1.0):
            crop = self._crop(scale)
            if crop.picture.size and len(regions) < REGIONS_MAX:
                patterns = find_patterns(threshold(smooth(crop.picture), 1.0))
                regions += [
                    (_mapped(_floats(c), crop), e) for c, e in squares(patterns)[:REGIONS_MAX]
                ]
        located = [(corners, EDGE) for corners in self._unread()]
        return regions[:REGIONS_MAX] + located[: REGIONS_MAX - 1]

    def _others(self) -> None:
        """Try zbar, also on the inverted picture."""
        for scale in (1.0, 0.5, 2.0, 0.35):
            crop = self._crop(scale)
            if 0 < crop.picture.size <= ZBAR_PIXELS_MAX:
                self._decode(crop, find_zbar, "zbar", "zbar")
                self._decode(crop, lambda g: find_zbar(255 - g), "zbar inverted", "zbar")
        for corners in self._unread()[:REGIONS_MAX]:
            self._decode(crop_at(self.whole, region_of(corners)), find_zbar, "zbar", "zbar")

    def _tiles(self) -> None:
        height, width = self._gray.shape
        for count in TILES:
            high, wide = height / count, width / count
            for row in range(count):
                for column in range(count):
                    top, left = (row - TILE_OVERLAP) * high, (column - TILE_OVERLAP) * wide
                    bottom, right = (row + 1 + TILE_OVERLAP) * high, (column + 1.3) * wide
                    top, left = max(0, int(top)), max(0, int(left))
                    part = enlarge(self._gray[top : int(bottom), left : int(right)], 2.0)
                    crop = Crop(
                        part, int(left / self._scale), int(top / self._scale), 2.0 * self._scale
                    )
                    self._decode(crop, find_zxing, "tile")
                    fixed = replace(crop, picture=threshold(part, 1.0))
                    self._decode(fixed, find_zxing_fixed, "tile threshold")

    def _crop(self, scale: float) -> Crop:
        """Empty if the picture would be too large or too small."""
        height, width = self._gray.shape
        if min(height, width) * scale < SIDE_PX_MIN and scale < 1:
            return Crop(self._gray[:0, :0], 0, 0, 1.0)
        if scale > 1 and height * width * scale**2 > PIXELS_MAX:
            return Crop(self._gray[:0, :0], 0, 0, 1.0)
        if scale not in self._sized:
            change = enlarge if scale > 1 else shrink
            self._sized[scale] = change(self._gray, scale)
        return Crop(self._sized[scale], 0, 0, scale * self._scale)

    def _decode_in_size(self, scale: float, name: str) -> None:
        prepare, find = PHOTO_PASSES[name]
        crop = self._crop(scale)
        if crop.picture.size:
            self._decode(replace(crop, picture=prepare(crop.picture)), find, f"{name} x{scale:g}")

    def _decode(self, crop: Crop, find: Find, decoding_pass: str, engine: str = "zxing") -> None:
        try:
            symbols = find(crop.picture)
        except (cv2.error, ValueError, RuntimeError, MemoryError):
            # No odd picture may end the reading of a folder.
            return
        for symbol in symbols:
            self._keep(Found(symbol.text, _mapped(symbol.corners, crop)), engine, decoding_pass)

    def _add(self, sightings: list[Sighting], crop: Crop) -> None:
        for seen in sightings:
            corners = _mapped(tuple((float(x), float(y)) for x, y in seen.corners), crop)  # type: ignore[arg-type]
            self._keep(Found(seen.text, corners), seen.engine, seen.decoding_pass)

    def _keep(self, symbol: Found, engine: str, decoding_pass: str) -> None:
        """Add a result, each text only once per region."""
        if symbol.text is None:
            self.located.append(symbol.corners)
            return
        same_text = (s for s in self.sightings if s.text == symbol.text)
        if any(_overlap(s.corners, symbol.corners) for s in same_text):
            return
        corners = tuple((round(x), round(y)) for x, y in symbol.corners)
        area = area_of(symbol.corners)
        self.sightings.append(Sighting(symbol.text, corners, area, engine, decoding_pass))

    def _unread(self) -> list[Corners]:
        """The located regions without a read code, each once, largest first."""
        regions: list[Corners] = []
        for corners in sorted(self.located, key=area_of, reverse=True):
            taken = [s.corners for s in self.sightings] + list(regions)
            if not any(_overlap(other, corners) for other in taken):
                regions.append(corners)
        return regions


def _at(corners: Corners, laid: Picture) -> list[Found]:
    return [Found(symbol.text, corners) for symbol in find_zxing(laid) if symbol.text is not None]


def _mapped(corners: Corners, crop: Crop) -> Corners:
    points = ((crop.left + x / crop.scale, crop.top + y / crop.scale) for x, y in corners)
    return tuple(points)  # type: ignore[return-value]


def _overlap(first: tuple[tuple[float, float], ...], second: Corners) -> bool:
    """Whether the centre of one region is within the other."""
    a, b = region_of(_floats(first)), region_of(second)
    return max(abs(a.x - b.x), abs(a.y - b.y)) < max(a.side, b.side) / 2


def _floats(corners: tuple[tuple[float, float], ...]) -> Corners:
    return tuple((float(x), float(y)) for x, y in corners)  # type: ignore[return-value]


def read_still(picture: Picture) -> list[Sighting]:
    """Raises ValueError if it is no picture."""
    return PhotoReader(picture).read()
