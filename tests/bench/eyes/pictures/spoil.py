"""The effects of hands, lenses, lamps and cheap cameras on a picture."""

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np

from tests.bench.eyes.pictures.cards import Gray
from tests.bench.eyes.pictures.scene import Layer

LENS_SIGMA_PX = 0.7
GAMMA = 2.2  # of a picture's levels; blur adds light, to which levels are not proportional


def motion_kernel(length_px: float, degrees: float) -> Gray:
    """Equal light along a line: the shutter's time at a steady speed."""
    half = int(np.ceil(length_px / 2)) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    steps = np.linspace(-length_px / 2, length_px / 2, max(2, int(length_px * 8)))
    x = half + steps * np.cos(np.radians(degrees))
    y = half - steps * np.sin(np.radians(degrees))
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    across, down = x - left, y - top
    for dx, dy, part in [
        (0, 0, (1 - across) * (1 - down)),
        (1, 0, across * (1 - down)),
        (0, 1, (1 - across) * down),
        (1, 1, across * down),
    ]:
        np.add.at(kernel, (np.clip(top + dy, 0, 2 * half), np.clip(left + dx, 0, 2 * half)), part)
    return kernel / kernel.sum()


def disc_kernel(radius_px: float) -> Gray:
    """A lens out of focus."""
    half = int(np.ceil(radius_px)) + 1
    fine = 8
    y, x = np.mgrid[0 : (2 * half + 1) * fine, 0 : (2 * half + 1) * fine]
    middle = (2 * half + 1) * fine / 2 - 0.5
    disc = (np.hypot(x - middle, y - middle) <= radius_px * fine).astype(np.float32)
    kernel = cv2.resize(disc, (2 * half + 1, 2 * half + 1), interpolation=cv2.INTER_AREA)
    return kernel / kernel.sum()


def blurred(layer: Layer, kernel: Gray) -> Layer:
    """The card, and its cover of the background, spread by `kernel`: as light, not as levels."""
    constant = cv2.BORDER_CONSTANT
    light = (np.clip(layer.light, 0, 255) / 255) ** GAMMA
    light = np.maximum(cv2.filter2D(light, -1, kernel, borderType=constant), 0)
    cover = cv2.filter2D(layer.cover, -1, kernel, borderType=constant)
    share = np.maximum(cover, 1e-3)  # of the card in a pixel at its edge
    return replace(layer, light=255 * share * (light / share) ** (1 / GAMMA), cover=cover)


def moved(layer: Layer, length_px: float, degrees: float) -> Layer:
    """The card moved by `length_px` while the shutter was open."""
    shown = replace(layer.shown, blur_modules=length_px / layer.shown.module_px)
    if length_px < 0.3:
        return replace(layer, shown=shown)
    return replace(blurred(layer, motion_kernel(length_px, degrees)), shown=shown)


def soft_kernel() -> Gray:
    """A small lens in focus, and colours interpolated between a sensor's pixels."""
    line = cv2.getGaussianKernel(7, LENS_SIGMA_PX, cv2.CV_32F)
    return line @ line.T


def softened(view: Gray) -> Gray:
    """The same for a whole picture."""
    return cv2.GaussianBlur(view, (0, 0), LENS_SIGMA_PX)


def moire(layer: Layer, rng: np.random.Generator) -> Layer:
    """A screen's pixels against the camera's: slow bands, and a fine grid under them."""
    high, wide = layer.light.shape
    y, x = np.mgrid[0:high, 0:wide].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(6, 24)
    bands = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
    fine = np.sin(x * 2.6) * np.sin(y * 2.6)
    return replace(layer, light=layer.light * (1 + 0.16 * bands + 0.1 * fine).astype(np.float32))


def strap(layer: Layer, rng: np.random.Generator, depth: float) -> Layer:
    """A lanyard over one corner of the symbol: it hides `depth` of the diagonal from there."""
    corners = np.array(layer.shown.corners) - (layer.left, layer.top)
    corner = int(rng.choice([0, 1, 2, 2, 2, 2, 3]))  # often the corner without an eye
    inward = corners[(corner + 2) % 4] - corners[corner]
    along = corners[(corner + 1) % 4] - corners[(corner + 3) % 4]
    edge = corners[corner] + inward * depth
    reach = along * 1.5
    polygon = np.array([edge - reach, edge + reach, edge + reach - inward, edge - reach - inward])
    high, wide = layer.light.shape
    mask = np.zeros((high, wide), np.uint8)
    cv2.fillPoly(mask, [polygon.astype(np.int32)], 255)
    band = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 0.8) * layer.cover
    level = float(rng.choice([30, 70, 150]))
    return replace(layer, light=layer.light * (1 - band) + band * level)


def glare(view: Gray, at: tuple[float, float], radius_px: float, strength: float) -> Gray:
    """A lamp in a laminated card."""
    y, x = np.ogrid[0 : view.shape[0], 0 : view.shape[1]]
    around = (x - at[0]) ** 2 + (y - at[1]) ** 2
    return view + strength * np.exp(-around / (2 * radius_px**2)).astype(np.float32)


def shadow(view: Gray, at: tuple[float, float], degrees: float, share: float) -> Gray:
    """A hard shadow to one side of a line through `at`: `share` of the light stays."""
    y, x = np.ogrid[0 : view.shape[0], 0 : view.shape[1]]
    side = (x - at[0]) * np.cos(np.radians(degrees)) + (y - at[1]) * np.sin(np.radians(degrees))
    lit = 0.5 + 0.5 * np.tanh(side / 3)
    return view * (share + (1 - share) * lit).astype(np.float32)


@lru_cache(maxsize=1)
def _static() -> Gray:
    return np.random.default_rng(20).standard_normal((1600, 2600)).astype(np.float32)


def noisy(view: Gray, sigma: float, rng: np.random.Generator) -> Gray:
    """A sensor's noise, cut from one large field: drawing it anew would take most of a run."""
    height, width = view.shape
    top, left = rng.integers(0, 1600 - height), rng.integers(0, 2600 - width)
    return view + sigma * _static()[top : top + height, left : left + width]


def finished(view: Gray, jpeg: int | None = None) -> Gray:
    """Floats as an 8-bit picture; `jpeg` is the quality of a camera that compresses."""
    gray = cv2.convertScaleAbs(np.maximum(view, 0))
    if jpeg is None:
        return gray
    _, data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, jpeg])
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
