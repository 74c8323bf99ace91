"""Reads the codes in a camera's pictures: zxing-cpp on every frame, then further passes as time
permits.

A frame without a result gets more passes at the likely region of a code: one without its blur,
and some of the others in rotation. So no frame takes long, and a code shown for a third of a
second gets every pass.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from kiosk.pictures import Picture, cv2, require_opencv, to_gray
from kiosk.reader.obstacles import Obstacle, is_dark, is_too_near, obstacle_at
from kiosk.reader.passes import (
    CROP_PASSES,
    DEBLUR_PASS,
    FIRST_PASS,
    FRAME_PASSES,
    Corners,
    DecodingPass,
    Found,
    grid_steps,
)
from kiosk.reader.regions import (
    CROP_PX_MAX,
    MARGIN,
    Crop,
    Motion,
    Region,
    area_of,
    busiest,
    crop_at,
    motion,
    reduced,
    region_of,
    sharpness,
    thumbnail,
)

BUDGET_MS = 12.0  # for up to BUDGET_PIXELS; twice that for larger frames
BUDGET_PIXELS = 1280 * 720
# A region gets passes for this many frames after a code was last seen in it.
REGION_FRAMES = 15
LOCATED_FRAMES = 3  # frames in which it has priority over motion
SHARP_FRAMES = 6  # the sharpest of this many frames gets the pass
# After this many passes over an unchanged picture, only one frame in four gets one.
STILL_FRAMES = 8
STILL_EVERY = 4
# A file has no deadline, and its result must not depend on the load.
NO_BUDGET_MS = 1e9
PHOTO_MS = 1000.0  # with a larger budget, every pass runs at several regions
PHOTO_REGIONS = 5
COST_GUESS_NS = 10.0  # assumed cost of a pixel in a pass without a measurement
# The measured cost of a skipped pass decays, because the load may have ended.
COST_FADE = 0.995
GRID_MS = 8.0  # for grids, after the time for the passes
# After so many frames of an unchanged picture no new search for grids begins.
GRID_STILL_FRAMES = 16
UNREADABLE_FRAMES = 10

# The passes over a crop, and one over the whole picture after every three of them.
_TURNS = tuple(
    decoding_pass
    for number, frame_pass in enumerate(FRAME_PASSES)
    for decoding_pass in (*CROP_PASSES[3 * number : 3 * number + 3], frame_pass)
)
# Without a likely region each frame gets one pass. Eight frames get the eight most successful ones.
_BLIND_FIRST = (
    "deblur",
    "frame even",
    "zbar",
    "half",
    "frame x1.5",
    "sharp x3",
    "frame half",
)
BLIND_TURNS = tuple(
    sorted(
        (DEBLUR_PASS, *_TURNS),
        key=lambda decoding_pass: (*_BLIND_FIRST, decoding_pass.name).index(decoding_pass.name),
    )
)


@dataclass(frozen=True)
class Sighting:
    """One code that was read. Corners are in pixels of the picture, clockwise from the symbol's own
    top left.
    """

    text: str
    corners: tuple[tuple[int, int], ...]
    area: float  # in square pixels
    engine: str  # "zxing", "zbar" or "grid"
    decoding_pass: str  # the pass that read it; "first" for the plain one


@dataclass(frozen=True)
class _View:
    gray: Picture
    thumb: Picture
    step: float  # pixels of the frame per pixel of the thumbnail
    moved: Motion


class Reader:
    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """`clock` is in seconds. Raises CameraError if OpenCV can't be loaded."""
        require_opencv()
        self._clock = clock
        self._region: Region | None = None
        self._region_age = 0
        self._turn = 0
        self._recent: deque[tuple[float, Crop]] = deque(maxlen=SHARP_FRAMES)
        self._thumb: Picture | None = None
        self._still = 0  # frames since the picture last changed
        self._located = 0
        # Of the last frames; None: a code was read, or none was located.
        self._obstacles: deque[Obstacle | None] = deque(maxlen=UNREADABLE_FRAMES)
        self._cost_ns: dict[str, float] = {}  # cost of a pixel, by pass
        self._grids: tuple[Crop, Iterator[Found | None]] | None = None
        self._searches = 0  # for grids
        self._near = False  # by the picture of the last search

    def read(self, gray: "np.ndarray[Any, Any]", budget_ms: float | None = None) -> list[Sighting]:
        """Read the codes in `gray`, largest first. Never raises for a picture.

        Passes that would exceed `budget_ms` are skipped. The default is a share of the time
        between two video frames.
        """
        began = self._clock()
        try:
            picture = to_gray(gray)
        except ValueError:
            return []
        if not picture.size:
            return []
        if budget_ms is None:
            budget_ms = BUDGET_MS * (1 if picture.size <= BUDGET_PIXELS else 2)
        return self._decode_frame(self._view(picture), began, budget_ms)

    @property
    def located(self) -> int:
        """Codes located but not read in the last picture."""
        return self._located

    @property
    def hint(self) -> Obstacle | None:
        """What keeps the code in view from being read, or that it is too dark."""
        if len(self._obstacles) == UNREADABLE_FRAMES and None not in self._obstacles:
            return Counter(self._obstacles).most_common(1)[0][0]
        return "dark" if self._thumb is not None and is_dark(self._thumb) else None

    def _view(self, gray: Picture) -> _View:
        thumb, step = thumbnail(gray)
        moved = motion(thumb, self._thumb)
        self._thumb = thumb
        self._still = 0 if moved.share else self._still + 1
        return _View(gray, thumb, step, moved)

    def _decode_frame(self, view: _View, began: float, budget_ms: float) -> list[Sighting]:
        symbols = _run(FIRST_PASS, view.gray)
        sightings = _sightings(symbols, Crop(view.gray, 0, 0, 1.0), "first", "zxing")
        if not sightings:
            self._locate(view, symbols)
            sightings = self._second_passes(view, began + budget_ms / 1000)
            if not sightings and 0 < budget_ms <= PHOTO_MS:
                sightings = self._continue_grids(view, began + (budget_ms + GRID_MS) / 1000)
        if sightings:
            self._grids = None
            self._located, self._near = 0, False
            self._obstacles.clear()
            self._recent.clear()
            self._remember(region_of(_as_corners(sightings[0])))
        return sightings

    def _remember(self, region: Region) -> None:
        self._region, self._region_age = region, 0

    def _locate(self, view: _View, symbols: list[Found]) -> None:
        self._located = len(symbols)
        located = max(symbols, key=lambda f: area_of(f.corners), default=None)
        if located is not None:
            self._obstacles.append(obstacle_at(view.gray, located.corners))
            self._remember(region_of(located.corners))
            return
        self._obstacles.append("near" if self._near else None)
        self._region_age += 1
        if self._region_age > REGION_FRAMES:
            self._region = None

    def _second_passes(self, view: _View, deadline: float) -> list[Sighting]:
        if deadline - self._clock() > PHOTO_MS / 1000:
            passes = self._every_pass(view)
        elif (region := self._known_region(view)) is not None:
            passes = self._passes_at(view, region, deadline)
        elif self._still >= STILL_FRAMES and self._still % STILL_EVERY:
            return []
        else:
            passes = self._blind_pass(view, deadline)
        return next(
            filter(None, (self._decode(decoding_pass, crop) for decoding_pass, crop in passes)), []
        )

    def _known_region(self, view: _View) -> Region | None:
        """The region of a code just located, else of motion, else of the last code."""
        if self._region is not None and self._region_age <= LOCATED_FRAMES:
            return self._region
        if view.moved.mask is not None:
            return next(iter(busiest(view.thumb, view.step, view.moved.mask)), self._region)
        return self._region

    def _continue_grids(self, view: _View, deadline: float) -> list[Sighting]:
        """Search for symbols by their grids in the picture of this frame or an earlier one."""
        if self._grids is None:
            if self._still > GRID_STILL_FRAMES:
                self._near = False
                return []
            self._near = is_too_near(view.thumb)
            region = self._known_region(view)
            if region is None:
                # Two busy parts and the whole frame, in turn.
                regions = busiest(view.thumb, view.step, limit=2)
                region = dict(enumerate(regions)).get(self._searches % 3)
                self._searches += 1
            crop = Crop(view.gray, 0, 0, 1.0) if region is None else crop_at(view.gray, region)
            self._grids = crop, grid_steps(crop.picture, is_crop=region is not None)
        crop, steps = self._grids
        while self._clock() < deadline:
            try:
                symbol = next(steps)
            except (StopIteration, cv2.error, ValueError, RuntimeError, MemoryError):
                self._grids = None
                return []
            if symbol is not None:
                return _sightings([symbol], crop, "grid", "grid")
        return []

    def _passes_at(
        self, view: _View, region: Region, deadline: float
    ) -> Iterator[tuple[DecodingPass, Crop]]:
        crop = crop_at(view.gray, region)
        self._recent.append((sharpness(crop.picture), crop))
        if self._fits(DEBLUR_PASS, crop, deadline):
            yield DEBLUR_PASS, crop
        _, sharpest = max(self._recent, key=lambda pair: pair[0])
        yield from self._turns(_TURNS, sharpest, view, deadline)

    def _blind_pass(self, view: _View, deadline: float) -> Iterator[tuple[DecodingPass, Crop]]:
        """One pass at the region whose texture is most similar to a code's."""
        self._recent.clear()
        for region in busiest(view.thumb, view.step):
            crop = crop_at(view.gray, region)
            yield from islice(self._turns(BLIND_TURNS, crop, view, deadline), 1)

    def _turns(
        self, turns: tuple[DecodingPass, ...], crop: Crop, view: _View, deadline: float
    ) -> Iterator[tuple[DecodingPass, Crop]]:
        """The passes that fit the time, continuing the rotation."""
        first = self._turn
        for turn in range(first, first + len(turns)):
            decoding_pass = turns[turn % len(turns)]
            where = Crop(view.gray, 0, 0, 1.0) if decoding_pass in FRAME_PASSES else crop
            if self._fits(decoding_pass, where, deadline):
                self._turn = turn + 1
                yield decoding_pass, where

    def _fits(self, decoding_pass: DecodingPass, crop: Crop, deadline: float) -> bool:
        """Whether a pass should end in time, by its measured cost."""
        expected_ns = self._cost_ns.get(decoding_pass.name, COST_GUESS_NS)
        if expected_ns * _pixels(decoding_pass, crop) <= (deadline - self._clock()) * 1e9:
            return True
        self._cost_ns[decoding_pass.name] = expected_ns * COST_FADE
        return False

    def _every_pass(self, view: _View) -> Iterator[tuple[DecodingPass, Crop]]:
        height, width = view.gray.shape
        busy = busiest(view.thumb, view.step, limit=PHOTO_REGIONS)
        regions = [self._region] if self._region is not None and not self._region_age else []
        regions += busy + [replace(region, side=CROP_PX_MAX / MARGIN) for region in busy]
        regions.append(Region(width / 2, height / 2, max(width, height) / MARGIN))
        crops = [crop_at(view.gray, region) for region in regions]
        for decoding_pass in (DEBLUR_PASS, *CROP_PASSES):
            yield from ((decoding_pass, crop) for crop in crops)
        yield from ((decoding_pass, Crop(view.gray, 0, 0, 1.0)) for decoding_pass in FRAME_PASSES)

    def _decode(self, decoding_pass: DecodingPass, crop: Crop) -> list[Sighting]:
        began = self._clock()
        if decoding_pass not in FRAME_PASSES:
            crop = reduced(crop, decoding_pass.crop_px)
        symbols = _run(decoding_pass, crop.picture)
        took_ns = (self._clock() - began) * 1e9 / max(1, crop.picture.size)
        known_ns = self._cost_ns.get(decoding_pass.name, took_ns)
        self._cost_ns[decoding_pass.name] = 0.7 * known_ns + 0.3 * took_ns
        prepared = replace(crop, scale=crop.scale * decoding_pass.scale)
        return _sightings(symbols, prepared, decoding_pass.name, decoding_pass.engine)


def _pixels(decoding_pass: DecodingPass, crop: Crop) -> int:
    height, width = crop.picture.shape
    shrink = (
        1.0
        if decoding_pass in FRAME_PASSES
        else min(1.0, decoding_pass.crop_px / max(1, height, width))
    )
    return int(height * width * shrink * shrink)


def _run(decoding_pass: DecodingPass, picture: Picture) -> list[Found]:
    try:
        return decoding_pass.find(decoding_pass.prepare(picture))
    except (cv2.error, ValueError, RuntimeError, MemoryError):
        # No odd picture may stop the door.
        return []


def _sightings(symbols: list[Found], crop: Crop, name: str, engine: str) -> list[Sighting]:
    sightings = []
    for symbol in symbols:
        if symbol.text is not None:
            corners = tuple(
                (round(crop.left + x / crop.scale), round(crop.top + y / crop.scale))
                for x, y in symbol.corners
            )
            area = area_of(symbol.corners) / crop.scale**2
            sightings.append(Sighting(symbol.text, corners, area, engine, name))
    return sorted(sightings, key=lambda s: s.area, reverse=True)


def _as_corners(sighting: Sighting) -> Corners:
    return tuple((float(x), float(y)) for x, y in sighting.corners)  # type: ignore[return-value]
