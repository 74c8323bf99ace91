"""Bent, steep and damaged symbols are read by their own grid."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from kiosk.reader.grid.find import corners_of, read_grid
from kiosk.reader.grid.finders import find_rings
from kiosk.reader.grid.structure import VERSIONS
from kiosk.reader.photo import read_still
from tests.kiosk.reader.grid.symbols import LEVELS, WRITERS, Bend, Picture, bent, picture

TEXT = "HALL 7"
PIXELS_MAX = 30_000_000

BENDS: dict[str, Bend] = {
    "flat": lambda x, y: (x, y),
    "cylinder": lambda x, y: (np.arcsin(np.clip(1.4 * x - 0.7, -1, 1)) / 1.56 + 0.5, y),
    "cloth": lambda x, y: (x + 0.01 * np.sin(7 * y), y + 0.012 * np.sin(6 * x + 1)),
    "sail": lambda x, y: (x + 0.15 * (x - 0.5) * (y - 0.5), y + 0.1 * (x - 0.5) ** 2),
}


def black_and_white(gray: Picture) -> Iterator[tuple[Picture, float]]:
    yield np.asarray(cv2.threshold(gray, 0, 255, cv2.THRESH_OTSU)[1], np.uint8), 1.0


def text_in(gray: Picture) -> str | None:
    read = read_grid(gray, black_and_white(gray), PIXELS_MAX)
    return None if read is None else read[0]


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("version", VERSIONS)
def test_flat_symbols_of_two_writers(version: int, level: str, writer: str) -> None:
    assert text_in(picture(WRITERS[writer](TEXT, version, level))) == TEXT


@pytest.mark.parametrize("bend", BENDS)
@pytest.mark.parametrize("version", [1, 2, 3, 5, 8, 14])
def test_bent_symbols(version: int, bend: str) -> None:
    gray = bent(picture(WRITERS["segno"](TEXT, version, "M"), px=8), BENDS[bend])
    assert text_in(gray) == TEXT


@pytest.mark.parametrize("turned", range(4))
@pytest.mark.parametrize("version", [1, 2, 4, 6])
def test_steep_symbols(version: int, turned: int) -> None:
    gray = np.rot90(picture(WRITERS["segno"](TEXT, version, "M"), px=10), turned)
    high, wide = gray.shape
    corners = np.array([(0, 0), (wide, 0), (wide, high), (0, high)], np.float32)
    steep = np.array([(0, 0), (wide * 0.35, high * 0.2), (wide * 0.35, high * 0.8), (0, high)])
    view = cv2.getPerspectiveTransform(corners, steep.astype(np.float32))
    seen = cv2.warpPerspective(np.ascontiguousarray(gray), view, (wide, high), borderValue=220)
    assert text_in(np.asarray(seen, np.uint8)) == TEXT


@pytest.mark.parametrize("gone", [(0, 0), (0, 1), (1, 0)])
def test_a_symbol_with_a_torn_finder_pattern(gone: tuple[int, int]) -> None:
    modules = WRITERS["segno"](TEXT, 3, "H")
    row, column = (place * (len(modules) - 7) for place in gone)
    modules[row : row + 4, column : column + 4] = False
    gray = picture(modules)
    assert len(find_rings(next(black_and_white(gray))[0])) == 2
    assert text_in(gray) == TEXT


def test_corners_are_the_symbol_s() -> None:
    gray = picture(WRITERS["segno"](TEXT, 2, "M"), px=6, edge=6)
    read = read_grid(gray, black_and_white(gray), PIXELS_MAX)
    assert read is not None
    first, last = 36, 36 + 25 * 6
    expected = [(first, first), (last, first), (last, last), (first, last)]
    assert np.abs(corners_of(read[1]) - expected).max() < 2


def test_a_photo_of_cloth_is_read_once() -> None:
    cloth = bent(picture(WRITERS["segno"](TEXT, 3, "L"), px=6), BENDS["cloth"])
    (seen,) = read_still(cloth)
    assert seen.text == TEXT


def test_pictures_without_a_symbol_have_no_text() -> None:
    chance = np.random.default_rng(5)
    for number in range(12):
        gray = chance.integers(0, 256, (200, 200)).astype(np.uint8)
        gray = np.asarray(cv2.GaussianBlur(gray, (0, 0), 1 + number % 4), np.uint8)
        assert text_in(cv2.equalizeHist(gray)) is None
