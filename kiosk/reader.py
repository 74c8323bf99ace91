"""Reads the codes in a picture: zxing-cpp on every frame, then one second look that fits the time.

A frame that gives nothing gets one more look, another one each frame: around the place where a code
should be, or over the whole picture. So no frame takes long, and a code held up for a third of a
second has been looked at in every way.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from kiosk.camera import to_gray
from kiosk.camera_sources import Picture
from kiosk.opencv import cv2, require_opencv
from kiosk.reader_looks import CROP_LOOKS, FIRST_LOOK, FRAME_LOOKS, Corners, Found, Look
from kiosk.reader_places import (
    Crop,
    Place,
    area_of,
    brightness,
    busiest,
    crop_at,
    motion,
    place_of,
    thumbnail,
)

BUDGET_MS = 33.0
LOOKS = len(CROP_LOOKS) + len(FRAME_LOOKS)
PLACE_FRAMES = 15  # how long a place is looked at again after a code was last seen there
STILL_FRAMES = 8  # after so many looks at an unchanging picture, only one frame in four gets one
STILL_EVERY = 4
COST_GUESS_MS = 8.0  # of a look that has not been timed here
COST_FRAMES = 1000  # then a look that was too slow is tried again: the load may have gone
DARK = 30.0
UNREADABLE_FRAMES = 10

# With a place: its crop in every way first. Without: the busiest texture's crop, then the whole.
_KNOWN = CROP_LOOKS + FRAME_LOOKS
_BLIND = CROP_LOOKS[:1] + FRAME_LOOKS + CROP_LOOKS[1:]


@dataclass(frozen=True)
class Sighting:
    """One code in a picture. Corners in its pixels, from the symbol's own top left, clockwise."""

    text: str
    corners: tuple[tuple[int, int], ...]
    area: float  # square pixels
    engine: str  # "zxing" or "zbar"
    look: str  # the look that read it; "first" for the plain one


class Reader:
    """Reads frame after frame of one camera, and remembers where the last code was."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """`clock` is in seconds. Raises CameraError where OpenCV can't be loaded."""
        require_opencv()
        self._clock = clock
        self._place: Place | None = None
        self._place_age = 0
        self._turn = {"known": 0, "blind": 0}
        self._thumb: Picture | None = None
        self._still = 0  # frames since the picture last changed
        self._unread = 0  # frames in a row with a code located and not read
        self._frames = 0
        self._took: dict[str, tuple[float, int]] = {}  # look: ms, and in which frame

    def read(self, gray: "np.ndarray[Any, Any]", budget_ms: float = BUDGET_MS) -> list[Sighting]:
        """The codes in `gray`, the nearest (largest) first. Never raises for a picture.

        `budget_ms` is what is left of the frame's time: a second look that won't fit is left out.
        """
        self._frames += 1
        deadline = self._clock() + budget_ms / 1000
        try:
            picture = to_gray(gray)
        except ValueError:
            return []
        found = _run(FIRST_LOOK, picture)
        sightings = _sightings(found, FIRST_LOOK, Crop(picture, 0, 0, 1.0))
        if not sightings:
            sightings = self._second_look(picture, found, deadline)
        if sightings:
            self._unread = 0
            self._remember(place_of(_as_corners(sightings[0])))
        return sightings

    @property
    def hint(self) -> Literal["", "dark", "unreadable"]:
        """Why nothing is read: too dark, or a code is in view that can't be read (blur, glare)."""
        if self._unread >= UNREADABLE_FRAMES:
            return "unreadable"
        dark = self._thumb is not None and brightness(self._thumb) < DARK
        return "dark" if dark else ""

    def _remember(self, place: Place) -> None:
        self._place, self._place_age = place, 0

    def _second_look(self, gray: Picture, found: list[Found], deadline: float) -> list[Sighting]:
        if not gray.size:
            return []
        thumb, step = thumbnail(gray)
        moved = motion(thumb, self._thumb)
        self._thumb = thumb
        self._still = 0 if moved.share else self._still + 1
        place = self._known_place(found)
        if place is None and moved.mask is not None:
            place = busiest(thumb, step, moved.mask)
        known = place is not None
        place = place or busiest(thumb, step)
        if place is None or (self._still >= STILL_FRAMES and self._still % STILL_EVERY):
            return []
        look = self._choose("known" if known else "blind", (deadline - self._clock()) * 1000)
        return [] if look is None else self._look(look, gray, place)

    def _known_place(self, found: list[Found]) -> Place | None:
        """Where a symbol was located but not read in this frame, or lately was."""
        located = max(found, key=lambda f: area_of(f.corners), default=None)
        if located is not None:
            self._unread += 1
            self._remember(place_of(located.corners))
            return self._place
        self._unread = 0
        self._place_age += 1
        if self._place_age > PLACE_FRAMES:
            self._place, self._turn["known"] = None, 0
        return self._place

    def _choose(self, kind: Literal["known", "blind"], left_ms: float) -> Look | None:
        """The next look of the round that should fit in `left_ms`, by how long it took before."""
        looks = _KNOWN if kind == "known" else _BLIND
        for skipped in range(LOOKS):
            look = looks[(self._turn[kind] + skipped) % LOOKS]
            if self._expected_ms(look) <= left_ms:
                self._turn[kind] += skipped + 1
                return look
        return None

    def _expected_ms(self, look: Look) -> float:
        took_ms, frame = self._took.get(look.name, (0.0, -COST_FRAMES))
        return took_ms if self._frames - frame < COST_FRAMES else COST_GUESS_MS

    def _look(self, look: Look, gray: Picture, place: Place) -> list[Sighting]:
        began = self._clock()
        crop = crop_at(gray, place) if look in CROP_LOOKS else Crop(gray, 0, 0, 1.0)
        sightings = _sightings(_run(look, crop.picture), look, crop)
        took_ms = (self._clock() - began) * 1000
        smooth_ms = 0.7 * self._expected_ms(look) + 0.3 * took_ms
        self._took[look.name] = (max(took_ms, smooth_ms), self._frames)
        return sightings


def _run(look: Look, picture: Picture) -> list[Found]:
    try:
        return look.find(look.prepare(picture))
    except (cv2.error, ValueError, RuntimeError, MemoryError):
        return []  # no picture, however odd, may stop the door


def _sightings(found: list[Found], look: Look, crop: Crop) -> list[Sighting]:
    scale = look.scale * crop.scale
    sightings = []
    for symbol in found:
        if symbol.text is not None:
            corners = tuple(
                (round(crop.left + x / scale), round(crop.top + y / scale))
                for x, y in symbol.corners
            )
            area = area_of(symbol.corners) / scale**2
            sightings.append(Sighting(symbol.text, corners, area, look.engine, look.name))
    return sorted(sightings, key=lambda s: s.area, reverse=True)


def _as_corners(sighting: Sighting) -> Corners:
    return tuple((float(x), float(y)) for x, y in sighting.corners)  # type: ignore[return-value]
