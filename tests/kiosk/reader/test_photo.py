"""Photos without a time limit: more codes than a door's passes read, and no invented ones."""

import cv2
import numpy as np
import pytest

from kiosk.reader.passes import find_zxing
from kiosk.reader.photo import read_still
from kiosk.reader.unwarp import FLAT, WARPS, Warp, flat
from tests.bench.eyes.pictures.photo_kinds import KINDS
from tests.bench.eyes.pictures.photos import photo
from tests.kiosk.support.pictures import TEXT, Gray, hall, held_up, symbol

# Of each kind a small one, by its number: those that the first pass does not read, and the others.
HARD = {
    "curved": 5,
    "tiny": 2,
    "damaged": 2,
    "an eye gone": 3,
    "low contrast": 6,
    "blurred": 3,
    "grainy": 4,
    "glare": 6,
    "dots": 3,
}
EASY = {
    "plain": 1,
    "perspective": 0,
    "close": 5,
    "high version": 1,
    "logo": 6,
    "shadow": 3,
    "inverted": 1,
    "many": 1,
    "nested": 1,
    "screen": 2,
    "payloads": 1,
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_photo_is_read_and_nothing_else(kind: str) -> None:
    shown = photo(kind, {**EASY, **HARD}[kind])
    if kind in HARD:
        assert not [code for code in find_zxing(shown.gray) if code.text is not None]
    assert {sighting.text for sighting in read_still(shown.gray)} == set(shown.texts)


def test_a_photo_is_always_the_same() -> None:
    first, second = photo("nested", 1), photo("nested", 1)
    assert np.array_equal(first.gray, second.gray)
    assert not np.array_equal(first.gray, photo("nested", 2).gray)


def test_nothing_is_made_up_where_there_is_no_code() -> None:
    assert read_still(hall(640, 360)) == []
    static = np.random.default_rng(3).integers(0, 256, (300, 400), dtype=np.uint8)
    assert read_still(static) == []


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((0, 0), np.uint8),
        np.zeros((1, 1), np.uint8),
        np.zeros((1, 3000), np.uint8),
        np.zeros((30, 30, 3), np.uint8),
        np.full((50, 50), 40_000, np.uint16),
    ],
    ids=["empty", "one pixel", "a line", "colour", "16 bits"],
)
def test_no_odd_picture_raises(picture: np.ndarray) -> None:
    assert read_still(picture) == []


def test_corners_are_in_the_photos_own_pixels_whatever_its_size() -> None:
    large = cv2.resize(held_up(symbol(TEXT), 4), (2560, 1440), interpolation=cv2.INTER_LINEAR)
    torn = without_an_eye(large, 2, (700, 380))
    for view, look in ((large, "first"), (torn, "")):
        (sighting,) = read_still(view)
        assert sighting.decoding_pass.startswith(look)
        assert np.abs(np.mean(sighting.corners, axis=0) - (1400, 760)).max() < 24


def without_an_eye(view: Gray, scale: int, middle: tuple[int, int]) -> Gray:
    """The symbol's top right finder pattern under a round sticker."""
    angle, reach = -np.radians(8), 15 * 4
    x = middle[0] + reach * np.cos(angle) + reach * np.sin(angle)
    y = middle[1] + reach * np.sin(angle) - reach * np.cos(angle)
    view = view.copy()
    cv2.circle(view, (round(x * scale), round(y * scale)), 16 * scale, 150, -1)
    return view


def test_two_colours_that_are_equal_in_gray() -> None:
    card = symbol("HALL 7", version=2, module_px=6) > 0
    colours = np.where(card[..., None], (0, 0, 200), (220, 60, 0)).astype(np.uint8)
    colours[..., 1] = np.where(card, 0, 59)
    gray = cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY)
    assert int(gray.max()) - int(gray.min()) < 3
    assert [sighting.text for sighting in read_still(colours)] == ["HALL 7"]


ENCODED = {
    "Shift-JIS": ("ご来場ありがとう", "shift_jis"),
    "Latin-1": ("Grüße aus Köln", "latin-1"),
    "UTF-8": ("会场七号", "utf-8"),
}


@pytest.mark.parametrize(("text", "encoding"), ENCODED.values(), ids=ENCODED.keys())
def test_texts_in_other_character_sets(text: str, encoding: str) -> None:
    (code,) = find_zxing(symbol(text.encode(encoding), version=None))
    assert code.text == text


def test_a_symbol_is_laid_flat() -> None:
    card = symbol(TEXT, 8)
    side = card.shape[0] - 1.0
    corners = ((0.0, 0.0), (side, 0.0), (side, side), (0.0, side))
    laid = flat(card, corners)
    assert laid.shape[0] == laid.shape[1]
    assert [code.text for code in find_zxing(laid)] == [TEXT]
    assert not flat(card, corners[:1] * 4).size
    assert WARPS[0] != FLAT
    for bend in (Warp(True, 35.0), Warp(False, 35.0, 22.0, 0.03)):
        bent = flat(card, corners, bend)
        assert np.abs(bent.astype(int) - laid).mean() > 5
