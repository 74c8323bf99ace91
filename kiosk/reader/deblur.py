"""Estimates the blur of a picture of a code, by motion or defocus, and removes it.

A steady motion of L pixels multiplies the spectrum by sinc(L u), and defocus by a jinc. Both
leave dark bands whose distance and direction identify the blur. The spectrum is compared with a
bank of such patterns, then with some between its patterns, and the best one is divided out (Wiener
filter). Frequencies are in cycles per pixel.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

import numpy as np

from kiosk.pictures import Picture, cv2

TILE = 96  # side of the tiles whose spectra are averaged
STRIDE = 64
MIDDLE = 0.65  # part of a picture's sides that shows the code, and little around it
BAND = (0.02, 0.25)  # lighting below, noise above
LENGTHS_PX = tuple(3.5 * 1.09**step for step in range(26))  # 3.5 to 30
RADII_PX = tuple(1.4 * 1.08**step for step in range(21))  # 1.4 to 6.5
# Minimum of a blur's pattern, because its dark bands are never quite dark.
FLOOR = 0.01
NOISE = 40.0 * TILE  # power of noise of about 3 gray levels in a tile
NOISE_RATIO = 0.006  # noise-to-signal ratio assumed by the inverse filter
FIT_MIN = 0.45
# Steps between the bank's patterns, each half as long as the step before it.
REFINEMENTS = 4
# Below this standard deviation, in gray levels, there is nothing to see.
FLAT_MIN = 4.0
EDGE = 32  # pixels around the picture in which its borders fade
JINC_STEPS = 64  # steps of the table up to 1
# Sides of a transform are multiples of this, which keeps the cache of patterns small.
GRID = 64

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


@dataclass(frozen=True)
class Blur:
    """One blur. `size_px` is the length of a motion, or the radius of a defocus disc. `fit` is its
    similarity to the picture, at most 1.
    """

    kind: Literal["motion", "lens"]
    size_px: float
    # Direction of a motion, counter-clockwise from the right; 0 for defocus.
    degrees: float
    fit: float

    def resembles(self, other: "Blur") -> bool:
        if self.kind != other.kind or abs(np.log(self.size_px / other.size_px)) > 0.1:
            return False
        apart = abs(self.degrees - other.degrees)
        # Then their ends are about 1.7 pixels apart.
        return min(apart, 180 - apart) * self.size_px < 100


def deblurred(gray: Picture, exponent: float, choice: int = 0, fit_min: float = FIT_MIN) -> Picture:
    """The picture, as light, without its likeliest blur (0) or the next (1); empty if it has none
    that fits.

    A blur adds light, and light is a power (`exponent`) of the picture's levels: 2.2 by the
    standard, which few cameras follow, and 1 for pictures blurred by a program.
    """
    light = _light(exponent)[gray]
    blurs = blurs_of(light, choice + 1)
    if len(blurs) <= choice or blurs[choice].fit < fit_min:
        return gray[:0]
    return deconvolved(light, blurs[choice])


@cache
def _light(exponent: float) -> Floats:
    return np.asarray(255 * (np.arange(256) / 255) ** exponent, np.float32)


def blurs_of(gray: Picture | Floats, limit: int = 2) -> list[Blur]:
    """The likeliest blurs of a picture with a code in its middle, best first; none if the code is
    sharp.
    """
    spectrum = _log_spectrum(_middle(gray))
    if spectrum is None:
        return []
    candidates, patterns = _bank()
    spectrum = _without_trend(spectrum)
    norm = float(np.linalg.norm(spectrum))
    if norm == 0:
        return []
    spectrum /= norm
    fits = np.einsum("ij,j->i", patterns, spectrum)  # `@` would start threads
    blurs: list[Blur] = []
    for index in np.argsort(-fits)[:40]:
        kind, size_px, degrees = candidates[index]
        blur = Blur(kind, size_px, degrees, float(fits[index]))
        if blur.fit < FIT_MIN or len(blurs) == limit:
            break
        if not any(blur.resembles(other) for other in blurs):
            blur = _refined(blur, spectrum)
            if not any(blur.resembles(other) for other in blurs):
                blurs.append(blur)
    return sorted(blurs, key=lambda blur: -blur.fit)


def _refined(blur: Blur, spectrum: Floats) -> Blur:
    """The most similar blur between the bank's patterns around this one."""
    growth, turn = (LENGTHS_PX[1] / LENGTHS_PX[0]) ** 0.5, 90 / _directions(blur.size_px)
    for _ in range(REFINEMENTS):
        near: list[Candidate] = [
            (blur.kind, blur.size_px * growth**i, blur.degrees + turn * j)
            for i in (0, -1, 1)
            for j in ((0, -1, 1) if blur.kind == "motion" else (0,))
        ]
        fits = np.einsum("ij,j->i", _patterns(near), spectrum)
        best = int(np.argmax(fits))
        kind, size_px, degrees = near[best]
        blur = Blur(kind, size_px, degrees % 180, float(fits[best]))
        growth, turn = growth**0.5, turn / 2
    return blur


def deconvolved(gray: Picture | Floats, blur: Blur) -> Picture:
    height, width = gray.shape
    high, wide = (-(-(side + 2 * EDGE) // GRID) * GRID for side in (height, width))
    bottom, right = high - height - EDGE, wide - width - EDGE
    floats = gray.astype(np.float32)
    spectrum = cv2.dft(cv2.copyMakeBorder(floats, EDGE, bottom, EDGE, right, cv2.BORDER_REFLECT))
    inverse = _inverse(blur.kind, blur.size_px, blur.degrees, (high, wide))
    flags = cv2.DFT_INVERSE | cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE
    sharp = cv2.dft(cv2.multiply(spectrum, inverse), flags=flags)
    part = sharp[EDGE : EDGE + height, EDGE : EDGE + width]
    return np.asarray(np.clip(part, 0, 255), np.uint8)


def _middle(gray: Picture | Floats) -> Picture | Floats:
    height, width = gray.shape
    down, across = (max(0, (side - max(TILE, int(side * MIDDLE))) // 2) for side in (height, width))
    return gray[down : height - down, across : width - across]


def _log_spectrum(gray: Picture | Floats) -> Floats | None:
    """The log of the mean power of the picture's tiles within BAND; None for a flat picture."""
    height, width = gray.shape
    if min(height, width) < TILE // 2:
        return None
    picture = gray.astype(np.float32)
    if min(height, width) < TILE:
        down, across = max(0, TILE - height), max(0, TILE - width)
        framed = cv2.copyMakeBorder(picture, 0, down, 0, across, cv2.BORDER_REFLECT)
        picture = np.asarray(framed, np.float32)
        height, width = picture.shape
    tiles = np.stack(
        [picture[y : y + TILE, x : x + TILE] for y in _starts(height) for x in _starts(width)]
    )
    tiles -= tiles.mean(axis=(1, 2), keepdims=True)
    if float(tiles.std()) < FLAT_MIN:
        return None
    tiles *= _window()
    spectra = np.fft.rfft2(tiles)
    power = np.mean(spectra.real**2 + spectra.imag**2, axis=0)
    return np.asarray(np.log(power[_in_band()] + NOISE), np.float32)


def _starts(side: int) -> list[int]:
    count = max(1, round((side - TILE) / STRIDE) + 1)
    return [round(start) for start in np.linspace(0, side - TILE, count)]


@cache
def _window() -> Floats:
    hann = np.hanning(TILE).astype(np.float32)
    return np.outer(hann, hann)


@cache
def _frequencies() -> tuple[Floats, Floats]:
    down = np.fft.fftfreq(TILE).astype(np.float32)[:, None]
    across = np.fft.rfftfreq(TILE).astype(np.float32)[None, :]
    shape = (TILE, TILE // 2 + 1)
    return np.broadcast_to(across, shape), np.broadcast_to(down, shape)


@cache
def _in_band() -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    across, down = _frequencies()
    radius = np.hypot(across, down)
    return (radius > BAND[0]) & (radius < BAND[1])


Candidate = tuple[Literal["motion", "lens"], float, float]


@cache
def _bank() -> tuple[list[Candidate], Floats]:
    """Blurs of all sizes and directions, and their patterns."""
    candidates: list[Candidate] = [("lens", radius_px, 0.0) for radius_px in RADII_PX]
    for length_px in LENGTHS_PX:
        count = _directions(length_px)
        candidates += [("motion", length_px, 180.0 * turn / count) for turn in range(count)]
    return candidates, _patterns(candidates)


def _directions(length_px: float) -> int:
    """How many directions of a motion the bank has."""
    return max(12, round(2.5 * length_px))


def _patterns(blurs: list[Candidate]) -> Floats:
    """The log power of blurs, without a trend and of unit length."""
    across, down = _band_frequencies()
    transfers = np.stack([_transfer(*blur, across, down) for blur in blurs])
    patterns = _without_trend(np.log(transfers**2 + np.float32(FLOOR)))
    return np.asarray(patterns / np.linalg.norm(patterns, axis=1, keepdims=True), np.float32)


def _without_trend(spectra: Floats) -> Floats:
    """Without the fall towards higher frequencies that sharp pictures have too."""
    return np.asarray(spectra - (spectra @ _trend()) @ _trend().T, np.float32)


@cache
def _trend() -> Floats:
    radius = np.hypot(*_band_frequencies())
    trend, _ = np.linalg.qr(np.stack([np.ones_like(radius), np.log(radius), radius], axis=1))
    return np.asarray(trend, np.float32)


@cache
def _band_frequencies() -> tuple[Floats, Floats]:
    across, down = _frequencies()
    return across[_in_band()], down[_in_band()]


def _transfer(kind: str, size_px: float, degrees: float, across: Floats, down: Floats) -> Floats:
    if kind == "motion":
        angle = np.radians(degrees)
        along = across * np.float32(np.cos(angle)) - down * np.float32(np.sin(angle))
        return np.asarray(np.sinc(np.float32(size_px) * along), np.float32)
    turns = np.float32(2 * np.pi * size_px) * np.hypot(across, down)
    return _jinc_table()[(turns * JINC_STEPS).astype(np.int32)]


@cache
def _jinc_table() -> Floats:
    """2 J1(x) / x from 0 on, by the polynomials of Abramowitz and Stegun, 9.4.4 and 9.4.6."""
    longest = 2 * np.pi * max(RADII_PX) * np.hypot(0.5, 0.5)
    x = (np.arange(int(longest * JINC_STEPS) + 2) + 0.5) / JINC_STEPS
    polyval = np.polynomial.polynomial.polyval
    near, far = x[x < 3], x[x >= 3]
    size, phase = polyval(3 / far, _SIZE), far + polyval(3 / far, _PHASE)
    parts = [2 * polyval((near / 3) ** 2, _NEAR), 2 * size * np.cos(phase) / far**1.5]
    return np.concatenate(parts).astype(np.float32)


_NEAR = (0.5, -0.56249985, 0.21093573, -0.03954289, 0.00443319, -0.00031761, 0.00001109)
_SIZE = (0.79788456, 0.00000156, 0.01659667, 0.00017105, -0.00249511, 0.00113653, -0.00020033)
_PHASE = (-2.35619449, 0.12499612, 0.0000565, -0.00637879, 0.00074348, 0.00079824, -0.00029166)


@lru_cache(maxsize=8)
def _packed_frequencies(shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """Frequencies across and down, in the layout of OpenCV's packed real transform."""
    high, wide = shape
    columns, rows = np.arange(wide), np.arange(high)
    across = np.broadcast_to((columns + 1) // 2 / wide, shape).astype(np.float32)
    down = np.broadcast_to(np.fft.fftfreq(high)[:, None], shape).astype(np.float32)
    # The first and last columns are real transforms, packed again from top to bottom.
    down[:, 0] = down[:, -1] = (rows + 1) // 2 / high
    return across, down


def _inverse(kind: str, size_px: float, degrees: float, shape: tuple[int, int]) -> Floats:
    transfer = _transfer(kind, size_px, degrees, *_packed_frequencies(shape))
    return np.asarray(transfer / (transfer * transfer + np.float32(NOISE_RATIO)), np.float32)
