"""Photos of codes as people take them: bent, torn, tiny, many at once, any payload."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from qrcode import constants
from qrcode.main import QRCode

from tests.bench.eyes.pictures import spoil
from tests.bench.eyes.pictures.cards import ALPHABET, QUIET, Gray

SIZES = ((640, 480), (1024, 768), (1440, 1080), (1920, 1440))
LEVELS = (
    constants.ERROR_CORRECT_L,
    constants.ERROR_CORRECT_M,
    constants.ERROR_CORRECT_Q,
    constants.ERROR_CORRECT_H,
)
MODULE_PX = 12
FOCAL = 1.2  # times the picture's width
TEXTS = (
    "https://example.org/t/",
    "Grüße aus Köln ",
    "会场七号门票 ",
    "ご来場ありがとう ",
    "HALL 7 ",
)
ENCODINGS = ("utf-8", "latin-1", "utf-8", "shift_jis", "ascii")

Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Photo:
    """One picture and the texts in it."""

    gray: Gray
    texts: tuple[str, ...]
    kind: str


@dataclass(frozen=True)
class Hold:
    """How a card is held: its middle and side in pixels, turns in degrees, and its bend.

    `bend` is the part of a half turn that the card takes around a cylinder.
    """

    x: float
    y: float
    side: float
    roll: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    bend: float = 0.0


def draw(text: str | bytes, rng: Rng, version: int | None = None, level: int | None = None) -> Gray:
    """A symbol with its quiet zone, a pixel a module: 255 for light."""
    chosen = LEVELS[int(rng.integers(4))] if level is None else level
    code = QRCode(version=version, error_correction=chosen, border=QUIET)
    code.add_data(text)
    code.make(fit=version is None)
    return np.where(np.array(code.get_matrix(), bool), 0, 255).astype(np.uint8)


def some_text(rng: Rng, least: int = 8, most: int = 60) -> str:
    drawn = rng.integers(0, len(ALPHABET), int(rng.integers(least, most)))
    return TEXTS[0] + "".join(ALPHABET[i] for i in drawn).replace(" ", "-")


def card_of(modules: Gray, dark: float = 25, light: float = 235) -> Gray:
    big = np.kron(modules, np.ones((MODULE_PX, MODULE_PX), np.uint8))
    return np.where(big > 0, light, dark).astype(np.float32)


def background(size: tuple[int, int], rng: Rng) -> Gray:
    """A wall, a printed page, bricks or a shelf of boxes."""
    width, height = size
    coarse = rng.integers(60, 220, (6, 8)).astype(np.float32)
    view = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    kind, unit = int(rng.integers(4)), max(8, width // 40)
    if kind == 1:
        page = cv2.convertScaleAbs(view, alpha=0.2, beta=190)
        for top in range(unit, height, int(unit * 1.4)):
            words = some_text(rng, 20, 60)
            scale = unit / 40
            cv2.putText(page, words, (unit, top), cv2.FONT_HERSHEY_SIMPLEX, scale, 40, 1)
        view = page.astype(np.float32)  # letters can be drawn in 8 bits only
    elif kind == 2:
        for top in range(0, height, unit * 2):
            cv2.line(view, (0, top), (width, top), 60, 2)
            for left in range(top // unit % 4 * unit, width, unit * 4):
                cv2.line(view, (left, top), (left, top + unit * 2), 60, 2)
    elif kind == 3:
        for _ in range(60):
            x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
            w, h = (int(rng.integers(unit // 2, unit * 4)) for _ in range(2))
            cv2.rectangle(view, (x, y), (x + w, y + h), int(rng.integers(20, 240)), -1)
            cv2.rectangle(view, (x, y), (x + w, y + h), int(rng.integers(20, 240)), 2)
    return view


def put(view: Gray, card: Gray, hold: Hold) -> None:
    """Draw the card into the view, by a ray for each of the view's pixels."""
    height, width = view.shape
    reach = hold.side * 1.1
    left, right = int(max(0, hold.x - reach)), int(min(width, hold.x + reach))
    top, bottom = int(max(0, hold.y - reach)), int(min(height, hold.y + reach))
    fine = 2
    ys, xs = np.mgrid[top * fine : bottom * fine, left * fine : right * fine] / np.float32(fine)
    u, v, hit = _where(xs, ys, width, hold)
    side = card.shape[0]
    columns, rows = ((u + 0.5) * side).astype(np.float32), ((v + 0.5) * side).astype(np.float32)
    shrink = min(1.0, hold.side * fine / side)
    small = cv2.resize(card, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    light = cv2.remap(small, columns * shrink, rows * shrink, cv2.INTER_LINEAR, borderValue=-1e4)
    behind = cv2.resize(view[top:bottom, left:right], None, fx=fine, fy=fine)
    laid = np.where(hit & (light > -1), light, behind)
    view[top:bottom, left:right] = cv2.resize(
        laid, (right - left, bottom - top), interpolation=cv2.INTER_AREA
    )


def _where(xs: Gray, ys: Gray, width: int, hold: Hold) -> tuple[Gray, Gray, Gray]:
    """(u, v) on the card for each pixel, -0.5 to 0.5, and whether the card is there."""
    roll, yaw, pitch = np.radians([hold.roll, hold.yaw, hold.pitch])
    turn = cv2.Rodrigues(np.array([pitch, 0.0, 0.0]))[0] @ cv2.Rodrigues(np.array([0, yaw, 0.0]))[0]
    turn = turn @ cv2.Rodrigues(np.array([0.0, 0.0, roll]))[0]
    focal = FOCAL * width
    away = focal / hold.side  # the card is 1 wide
    rays = np.stack([(xs - hold.x) / focal, (ys - hold.y) / focal, np.ones_like(xs)], -1) @ turn
    eye = np.array([0.0, 0.0, -away]) @ turn
    rays = rays.astype(np.float32)
    dx, dy, dz = rays[..., 0], rays[..., 1], rays[..., 2]
    if not hold.bend:
        far = -eye[2] / dz
        return eye[0] + far * dx, eye[1] + far * dy, far > 0
    radius = 1 / (np.pi * hold.bend)
    a = dx**2 + dz**2
    b = eye[0] * dx + (eye[2] - radius) * dz
    root = b**2 - a * (eye[0] ** 2 + (eye[2] - radius) ** 2 - radius**2)
    far = (-b - np.sqrt(np.maximum(root, 0))) / a
    x, z = eye[0] + far * dx, eye[2] + far * dz
    return radius * np.arctan2(x, radius - z), eye[1] + far * dy, root > 0


def some_hold(
    rng: Rng, size: tuple[int, int], part: tuple[float, float] = (0.25, 0.7), tilt: float = 15
) -> Hold:
    side = size[1] * rng.uniform(*part)
    x = rng.uniform(side * 0.65, max(side * 0.66, size[0] - side * 0.65))
    y = rng.uniform(side * 0.65, max(side * 0.66, size[1] - side * 0.65))
    yaw, pitch = rng.uniform(-tilt, tilt, 2)
    return Hold(x, y, side, float(rng.choice([0, 90, 180, 270]) + rng.normal(0, 12)), yaw, pitch)


def sensed(view: Gray, rng: Rng, sigma: float = 4, jpeg: int = 85) -> Gray:
    return spoil.finished(spoil.noisy(spoil.softened(view.astype(np.float32)), sigma, rng), jpeg)


def photo(kind: str, number: int) -> Photo:
    """The same photo for the same kind and number."""
    from tests.bench.eyes.pictures.photo_kinds import KINDS  # the kinds use this module

    make: Callable[[Rng], tuple[Gray, list[str]]] = KINDS[kind]
    gray, texts = make(np.random.default_rng((zlib.crc32(kind.encode()), number)))
    return Photo(gray, tuple(texts), kind)
