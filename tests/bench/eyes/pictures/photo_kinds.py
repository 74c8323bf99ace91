"""The kinds of photos, each by its difficulty."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from tests.bench.eyes.pictures import spoil
from tests.bench.eyes.pictures.cards import QUIET, Gray
from tests.bench.eyes.pictures.photos import (
    ENCODINGS,
    LEVELS,
    MODULE_PX,
    SIZES,
    TEXTS,
    Hold,
    Rng,
    background,
    card_of,
    draw,
    put,
    sensed,
    some_hold,
    some_text,
)

Made = tuple[Gray, list[str]]


def _size(rng: Rng) -> tuple[int, int]:
    return SIZES[int(rng.integers(len(SIZES)))]


def _one(
    rng: Rng,
    change: Callable[[Gray, Rng], Gray] = lambda card, rng: card,
    hold: Callable[[Rng, tuple[int, int]], Hold] = some_hold,
    level: int | None = None,
) -> tuple[Gray, list[str], Hold]:
    size, text = _size(rng), some_text(rng)
    view = background(size, rng)
    held = hold(rng, size)
    put(view, change(card_of(draw(text, rng, level=level)), rng), held)
    return view, [text], held


def plain(rng: Rng) -> Made:
    view, texts, _ = _one(rng)
    return sensed(view, rng), texts


def perspective(rng: Rng) -> Made:
    def steep(rng: Rng, size: tuple[int, int]) -> Hold:
        yaw, pitch = rng.choice([-1, 1], 2) * rng.permutation([rng.uniform(50, 66), 12])
        return replace(some_hold(rng, size, (0.5, 0.7)), yaw=float(yaw), pitch=float(pitch))

    view, texts, _ = _one(rng, hold=steep)
    return sensed(view, rng), texts


def curved(rng: Rng) -> Made:
    def bent(rng: Rng, size: tuple[int, int]) -> Hold:
        return replace(some_hold(rng, size, (0.4, 0.7), 20), bend=float(rng.uniform(0.2, 0.6)))

    view, texts, _ = _one(rng, hold=bent)
    return sensed(view, rng), texts


def tiny(rng: Rng) -> Made:
    size, text = SIZES[int(rng.integers(1, 4))], some_text(rng)
    modules = draw(text, rng)
    view = background(size, rng)
    side = modules.shape[0] * rng.uniform(1.4, 2.2)
    put(view, card_of(modules), some_hold(rng, size, (side / size[1], side / size[1])))
    return sensed(view, rng), [text]


def close(rng: Rng) -> Made:
    """So near that the quiet zone is cut off."""
    size, text = _size(rng), some_text(rng)
    modules = draw(text, rng)
    view = background(size, rng)
    side = size[1] * (modules.shape[0] / (modules.shape[0] - 2 * QUIET + rng.uniform(0.3, 1)))
    put(view, card_of(modules), Hold(size[0] / 2, size[1] / 2, side, float(rng.normal(0, 0.4))))
    return sensed(spoil_blur(view, size[1] / 300), rng), [text]


def spoil_blur(view: Gray, sigma: float) -> Gray:
    return cv2.GaussianBlur(view, (0, 0), sigma)


def high_version(rng: Rng) -> Made:
    version = int(rng.integers(14, 41))
    size, level = SIZES[int(rng.integers(2, 4))], LEVELS[int(rng.integers(2))]
    text = some_text(rng, 60, 200)
    view = background(size, rng)
    modules = draw(text, rng, version, level)
    part = min(0.9, modules.shape[0] * rng.uniform(3, 5) / size[1])
    put(view, card_of(modules), some_hold(rng, size, (part, part), 12))
    return sensed(view, rng), [text]


def logo(rng: Rng) -> Made:
    def with_logo(card: Gray, rng: Rng) -> Gray:
        side = card.shape[0]
        reach = int(side * rng.uniform(0.07, 0.12))
        middle = side // 2
        cv2.rectangle(card, (middle - reach,) * 2, (middle + reach,) * 2, 235, -1)
        cv2.circle(card, (middle, middle), int(reach * 0.8), float(rng.uniform(20, 160)), -1)
        return card

    view, texts, _ = _one(rng, with_logo, level=LEVELS[3])
    return sensed(view, rng), texts


def damaged(rng: Rng) -> Made:
    def torn(card: Gray, rng: Rng) -> Gray:
        side = card.shape[0]
        for _ in range(int(rng.integers(3, 9))):
            a, b = (tuple(int(v) for v in rng.integers(0, side, 2)) for _ in range(2))
            cv2.line(card, a, b, float(rng.uniform(120, 235)), int(rng.integers(2, MODULE_PX)))
        spot = tuple(int(v) for v in rng.integers(0, side, 2))
        cv2.circle(card, spot, int(side * rng.uniform(0.03, 0.1)), float(rng.uniform(30, 200)), -1)
        return card

    view, texts, _ = _one(rng, torn, level=LEVELS[int(rng.integers(1, 4))])
    return sensed(view, rng), texts


def eye_gone(rng: Rng) -> Made:
    """One of the symbol's three eyes is damaged or partly covered."""

    def covered(card: Gray, rng: Rng) -> Gray:
        eye, quiet = 7 * MODULE_PX, QUIET * MODULE_PX
        side = card.shape[0]
        at = [(quiet, quiet), (side - quiet - eye, quiet), (quiet, side - quiet - eye)]
        left, top = at[int(rng.integers(3))]
        dx, dy = (int(v) for v in rng.integers(-eye // 2, eye // 2, 2))
        spot = (left + eye // 2 + dx, top + eye // 2 + dy)
        cv2.circle(card, spot, int(eye * rng.uniform(0.2, 0.5)), float(rng.uniform(60, 230)), -1)
        return card

    view, texts, _ = _one(rng, covered, level=LEVELS[int(rng.integers(1, 4))])
    return sensed(view, rng), texts


def low_contrast(rng: Rng) -> Made:
    size, text = _size(rng), some_text(rng)
    view = background(size, rng)
    dark = rng.uniform(60, 150)
    card = card_of(draw(text, rng), dark, dark + rng.uniform(12, 30))
    put(view, card, some_hold(rng, size))
    return sensed(view, rng, 3), [text]


def blurred(rng: Rng) -> Made:
    size, text = _size(rng), some_text(rng)
    view, modules = background(size, rng), draw(text, rng)
    held = some_hold(rng, size)
    put(view, card_of(modules), held)
    module_px = held.side / modules.shape[0]
    if rng.random() < 0.5:
        return sensed(spoil_blur(view, module_px * rng.uniform(0.4, 0.75)), rng), [text]
    kernel = spoil.motion_kernel(max(2.0, module_px * rng.uniform(1, 2.5)), rng.uniform(0, 180))
    return sensed(cv2.filter2D(view, -1, kernel), rng), [text]


def grainy(rng: Rng) -> Made:
    view, texts, _ = _one(rng)
    return sensed(view * 0.6, rng, float(rng.uniform(25, 60)), 60), texts


def glare(rng: Rng) -> Made:
    view, texts, held = _one(rng)
    for _ in range(int(rng.integers(1, 3))):
        dx, dy = rng.uniform(-0.4, 0.4, 2) * held.side
        view = spoil.glare(
            view, (held.x + dx, held.y + dy), held.side * rng.uniform(0.08, 0.2), 260
        )
    return sensed(view, rng), texts


def shadow(rng: Rng) -> Made:
    view, texts, held = _one(rng)
    degrees = float(rng.uniform(0, 360))
    return sensed(spoil.shadow(view, (held.x, held.y), degrees, 0.2), rng), texts


def inverted(rng: Rng) -> Made:
    view, texts, _ = _one(rng, lambda card, rng: 260 - card)
    return sensed(spoil_blur(view, rng.uniform(0.3, 2)), rng, 8), texts


def many(rng: Rng) -> Made:
    """A sheet of up to fifty."""
    size = SIZES[int(rng.integers(2, 4))]
    columns, rows = int(rng.integers(3, 9)), int(rng.integers(2, 7))
    view, texts = background(size, rng) * 0.1 + 200, []
    cell = min(size[0] / columns, size[1] / rows)
    for number in range(columns * rows):
        text = f"{number} {some_text(rng, 4, 12)}"
        x, y = (number % columns + 0.5) * size[0] / columns, (number // columns + 0.5) * cell
        held = Hold(x, y, cell * 0.92, float(rng.normal(0, 5)), *rng.uniform(-15, 15, 2))
        put(view, card_of(draw(text, rng, level=LEVELS[1])), held)
        texts.append(text)
    return sensed(view, rng), texts


def dots(rng: Rng) -> Made:
    """Round modules that do not touch, as designers and needle printers make them."""

    def dotted(card: Gray, rng: Rng) -> Gray:
        tile = np.zeros((MODULE_PX, MODULE_PX), np.uint8)
        middle = (MODULE_PX - 1) / 2
        y, x = np.mgrid[0:MODULE_PX, 0:MODULE_PX]
        tile = np.hypot(x - middle, y - middle) < MODULE_PX * rng.uniform(0.36, 0.48)
        count = card.shape[0] // MODULE_PX
        return np.where(np.tile(tile, (count, count)), card, 235).astype(np.float32)

    view, texts, _ = _one(rng, dotted)
    return sensed(view, rng), texts


def nested(rng: Rng) -> Made:
    """No quiet zone, on a busy ground."""

    def cut(card: Gray, rng: Rng) -> Gray:
        edge = int(MODULE_PX * (QUIET - rng.uniform(0, 0.7)))
        return np.ascontiguousarray(card[edge:-edge, edge:-edge])

    view, texts, _ = _one(rng, cut)
    return sensed(view, rng), texts


def screen(rng: Rng) -> Made:
    """A monitor's grid and its moire with the sensor's."""
    view, texts, _ = _one(rng)
    y, x = np.mgrid[0 : view.shape[0], 0 : view.shape[1]]
    a, b = rng.uniform(1.9, 3.3, 2)
    grid = 1 + 0.45 * np.sin(x * a + y * 0.05) * np.sin(y * b)
    return sensed((view * grid).astype(np.float32), rng, 5, 70), texts


def payloads(rng: Rng) -> Made:
    which = int(rng.integers(len(TEXTS)))
    text = TEXTS[which] * int(rng.integers(1, 5)) + str(int(rng.integers(100)))
    size = _size(rng)
    view = background(size, rng)
    put(view, card_of(draw(text.encode(ENCODINGS[which]), rng)), some_hold(rng, size))
    return sensed(view, rng), [text]


KINDS: dict[str, Callable[[Rng], Made]] = {
    "plain": plain,
    "perspective": perspective,
    "curved": curved,
    "tiny": tiny,
    "close": close,
    "high version": high_version,
    "logo": logo,
    "damaged": damaged,
    "an eye gone": eye_gone,
    "low contrast": low_contrast,
    "blurred": blurred,
    "grainy": grainy,
    "glare": glare,
    "shadow": shadow,
    "inverted": inverted,
    "many": many,
    "dots": dots,
    "nested": nested,
    "screen": screen,
    "payloads": payloads,
}
