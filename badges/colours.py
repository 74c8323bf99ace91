"""Finds colours that people can't distinguish, including colour-blind people.

Colour blindness is simulated by the matrices of Machado, Oliveira and Fernandes, "A
Physiologically-based Model for Simulation of Color Vision Deficiency", IEEE TVCG 15 (2009),
severity 1.0, on linear RGB. Distances are CIEDE2000 (Sharma, Wu and Dalal, "The CIEDE2000
Color-Difference Formula", Color Research and Application 30 (2005)), under D65.
"""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

# Side by side, colours are just distinguishable at about 1. A badge is seen for a moment, at some
# metres and in any light, so ten times that is required.
LEAST = 10

Triple = tuple[float, float, float]

_EYES: Mapping[str, tuple[Triple, Triple, Triple] | None] = {
    "to everybody": None,
    "to eyes without red (protanopia)": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "to eyes without green (deuteranopia)": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "to eyes without blue (tritanopia)": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
_XYZ: tuple[Triple, Triple, Triple] = (  # from linear sRGB, IEC 61966-2-1
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
_WHITE: Triple = (0.95047, 1.0, 1.08883)


@dataclass(frozen=True)
class Alike:
    """Two similar colours. `eyes` are the kind of colour vision to which they are closest, and
    `distance` is their distance for it.
    """

    first: int
    second: int
    eyes: str
    distance: float


def alike(colours: Mapping[int, str]) -> list[Alike]:
    """The pairs of colours (#rrggbb) closer than LEAST for any kind of colour vision."""
    seen = {key: _seen(colour) for key, colour in colours.items()}
    pairs = []
    for first, second in combinations(sorted(colours), 2):
        eyes, nearest = _nearest(seen[first], seen[second])
        if nearest < LEAST:
            pairs.append(Alike(first, second, eyes, nearest))
    return pairs


def distance(first: str, second: str) -> float:
    """The least distance of two colours (#rrggbb) for any kind of colour vision."""
    return _nearest(_seen(first), _seen(second))[1]


@functools.lru_cache(maxsize=1000)
def _seen(colour: str) -> Mapping[str, Triple]:
    linear = _linear(colour)
    return {eyes: _lab(_as_seen(linear, matrix)) for eyes, matrix in _EYES.items()}


def _nearest(first: Mapping[str, Triple], second: Mapping[str, Triple]) -> tuple[str, float]:
    distances = {eyes: ciede2000(first[eyes], second[eyes]) for eyes in _EYES}
    eyes = min(distances, key=lambda each: distances[each])
    return eyes, distances[eyes]


def _linear(colour: str) -> Triple:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return red, green, blue


def _as_seen(linear: Triple, matrix: tuple[Triple, Triple, Triple] | None) -> Triple:
    if matrix is None:
        return linear
    red, green, blue = (min(1.0, max(0.0, part)) for part in _times(matrix, linear))
    return red, green, blue


def _times(matrix: tuple[Triple, Triple, Triple], vector: Triple) -> Triple:
    first, second, third = (
        sum(factor * value for factor, value in zip(row, vector, strict=True)) for row in matrix
    )
    return first, second, third


def _lab(linear: Triple) -> Triple:
    def bent(part: float) -> float:
        return part ** (1 / 3) if part > (6 / 29) ** 3 else part / (3 * (6 / 29) ** 2) + 4 / 29

    x, y, z = (bent(part / white) for part, white in zip(_times(_XYZ, linear), _WHITE, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def ciede2000(lab1: Triple, lab2: Triple) -> float:
    lightness1, a1, b1 = lab1
    lightness2, a2, b2 = lab2
    chroma7 = ((math.hypot(a1, b1) + math.hypot(a2, b2)) / 2) ** 7
    stretch = 1.5 - 0.5 * math.sqrt(chroma7 / (chroma7 + 25**7))
    chroma1, chroma2 = math.hypot(a1 * stretch, b1), math.hypot(a2 * stretch, b2)
    hue1, hue2 = _hue(a1 * stretch, b1), _hue(a2 * stretch, b2)
    coloured = chroma1 * chroma2 > 0
    turn = ((hue2 - hue1 + 180) % 360 - 180) if coloured else 0.0
    far = abs(hue1 - hue2) > 180
    hue = (hue1 + hue2 + (360 if far and hue1 + hue2 < 360 else -360 if far else 0)) / 2
    if not coloured:
        hue = hue1 + hue2
    lightness, chroma = (lightness1 + lightness2) / 2, (chroma1 + chroma2) / 2
    by_hue = (
        1
        - 0.17 * _cos(hue - 30)
        + 0.24 * _cos(2 * hue)
        + 0.32 * _cos(3 * hue + 6)
        - 0.20 * _cos(4 * hue - 63)
    )
    middle = (lightness - 50) ** 2
    step_lightness = (lightness2 - lightness1) / (1 + 0.015 * middle / math.sqrt(20 + middle))
    step_chroma = (chroma2 - chroma1) / (1 + 0.045 * chroma)
    step_hue = 2 * math.sqrt(chroma1 * chroma2) * math.sin(math.radians(turn / 2))
    step_hue /= 1 + 0.015 * chroma * by_hue
    blue = 2 * math.sqrt(chroma**7 / (chroma**7 + 25**7))
    twist = -blue * math.sin(math.radians(60 * math.exp(-(((hue - 275) / 25) ** 2))))
    squares = step_lightness**2 + step_chroma**2 + step_hue**2
    return math.sqrt(max(0.0, squares + twist * step_chroma * step_hue))


def _hue(a: float, b: float) -> float:
    return math.degrees(math.atan2(b, a)) % 360


def _cos(degrees: float) -> float:
    return math.cos(math.radians(degrees))
