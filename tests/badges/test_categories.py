"""The colours of categories differ to eyes that lack one kind of cone, and white reads on them."""

import itertools

import numpy as np
import pytest

from badges.categories import DEFAULT_CATEGORIES
from badges.printing.card import _ink, check_colour

# How linear RGB looks without one kind of cone (Machado, Oliveira, Fernandes 2009, severity 1.0).
EYES = {
    "all cones": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}  # fmt: skip
_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
) / np.array([[0.9505], [1.0], [1.089]])


def lab(colour: str, eye: object) -> np.ndarray:
    """CIE L*a*b* of a colour as such an eye sees it."""
    part = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    x, y, z = _XYZ @ np.clip(np.asarray(eye) @ linear, 0, 1)
    fx, fy, fz = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


@pytest.mark.parametrize("eye", EYES)
def test_no_two_look_alike(eye: str) -> None:
    """A difference of 2 can just be seen, and one of 15 is plain."""
    for one, other in itertools.combinations(DEFAULT_CATEGORIES, 2):
        apart = np.linalg.norm(lab(one.colour, EYES[eye]) - lab(other.colour, EYES[eye]))
        assert apart >= 15, (one.key, other.key, round(float(apart), 1))


def test_white_reads_on_each_and_none_is_red() -> None:
    for one in DEFAULT_CATEGORIES:
        assert _ink(check_colour(one.colour)) == "#ffffff"


def test_letters_differ() -> None:
    assert len({one.letter for one in DEFAULT_CATEGORIES}) == len(DEFAULT_CATEGORIES)
