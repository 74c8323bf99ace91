"""Pictures without a readable code that look much like codes."""

from collections.abc import Callable

import cv2
import numpy as np

from tests.bench.eyes.pictures.cards import QUIET, Gray
from tests.bench.eyes.pictures.photos import Rng, draw, some_text

MODULE_PX = 5
DARK, LIGHT = 30, 225


def texture(rng: Rng, side: int) -> Gray:
    """Smooth noise: leather, gravel, leaves."""
    noise = rng.integers(0, 256, (side, side)).astype(np.uint8)
    return cv2.equalizeHist(cv2.GaussianBlur(noise, (0, 0), float(rng.uniform(0.8, 4))))


def text(rng: Rng, side: int) -> Gray:
    view = np.full((side, side), LIGHT, np.uint8)
    for _ in range(60):
        words = "".join(chr(int(letter)) for letter in rng.integers(33, 126, 8))
        at = int(rng.integers(-20, side)), int(rng.integers(0, side))
        font, size = int(rng.integers(0, 7)), float(rng.uniform(0.3, 1.5))
        cv2.putText(view, words, at, font, size, int(rng.integers(0, 90)), int(rng.integers(1, 4)))
    return view


def form(rng: Rng, side: int) -> Gray:
    """Boxes in boxes, as on forms and floor plans, with lines between them."""
    view = np.full((side, side), int(rng.integers(150, 255)), np.uint8)
    for _ in range(40):
        x, y = (int(place) for place in rng.integers(0, side, 2))
        box = int(rng.integers(4, side // 5))
        for number, level in enumerate((20, 220, DARK)):
            edge = number * box // 7
            cv2.rectangle(view, (x + edge, y + edge), (x + box - edge, y + box - edge), level, -1)
        cv2.line(view, (x, y), (int(rng.integers(0, side)), y), DARK, int(rng.integers(1, 3)))
    return view


def random_modules(rng: Rng, side: int) -> Gray:
    """Three finder patterns and timing patterns, and random modules."""
    modules = draw(some_text(rng, 4, 100), rng) > 0
    count = len(modules) - 2 * QUIET
    middle = slice(QUIET + 9, QUIET + count - 9)
    for rows, columns in ((middle, slice(QUIET + 7, -QUIET)), (slice(QUIET + 9, -QUIET), middle)):
        modules[rows, columns] = rng.random(modules[rows, columns].shape) < 0.5
    return _placed(modules, rng, side)


def half(rng: Rng, side: int) -> Gray:
    """A part of a code: one side of it is cut off or covered, timing pattern and all."""
    modules = draw(some_text(rng, 4, 100), rng) > 0
    count = len(modules) - 2 * QUIET
    kept = QUIET + int(count * rng.uniform(0.3, 0.55))
    modules[kept:] = rng.random() < 0.5
    return _placed(np.rot90(modules, int(rng.integers(4))), rng, side)


def _placed(modules: np.ndarray, rng: Rng, side: int) -> Gray:
    """The modules seen at an angle, with noise."""
    card = np.where(modules, LIGHT, DARK).astype(np.uint8)
    card = card.repeat(MODULE_PX, axis=0).repeat(MODULE_PX, axis=1)
    wide = float(len(card))
    corners = np.array([(0, 0), (wide, 0), (wide, wide), (0, wide)], np.float32)
    shown = corners / wide * side + rng.uniform(-side / 8, side / 8, (4, 2))
    view = cv2.getPerspectiveTransform(corners, shown.astype(np.float32))
    seen = cv2.warpPerspective(card, view, (side, side), flags=cv2.INTER_AREA, borderValue=LIGHT)
    noise = rng.normal(0, rng.uniform(0, 15), seen.shape)
    return cv2.convertScaleAbs(np.maximum(seen + noise, 0))


WITHOUT_CODE: dict[str, Callable[[Rng, int], Gray]] = {
    "texture": texture,
    "text": text,
    "form": form,
    "random modules": random_modules,
    "half a code": half,
}


def without_code(kind: str, number: int) -> Gray:
    """The same picture for the same kind and number."""
    rng = np.random.default_rng((list(WITHOUT_CODE).index(kind), number, 11))
    return WITHOUT_CODE[kind](rng, int(rng.integers(180, 420)))
