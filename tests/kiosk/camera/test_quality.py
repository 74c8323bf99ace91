"""Judgements: dark, bright, blurred by motion or focus, and unknown."""

import cv2
import numpy as np
import pytest

from kiosk.camera.quality import Judgement, edge_width, judge
from tests.kiosk.support.pictures import TEXT, Gray, hall, held_up, noisy, symbol


def corners(module_px: float) -> tuple[tuple[int, int], ...]:
    half = round(37 * module_px / 2)
    return tuple((700 + x * half, 380 + y * half) for x, y in [(-1, -1), (1, -1), (1, 1), (-1, 1)])


def blurred(view: Gray, sigma: float) -> Gray:
    return cv2.GaussianBlur(view, (0, 0), sigma)


LIGHTS = {
    "good": (lambda v: v, "good"),
    "a lamp is off": (lambda v: (v * 0.2).astype(np.uint8), "dark"),
    "against the sun": (lambda v: np.clip(v * 0.3 + 190, 0, 255).astype(np.uint8), "bright"),
    "burnt out": (lambda v: np.where(v > 120, 255, v).astype(np.uint8), "bright"),
}


@pytest.mark.parametrize(("spoil", "light"), LIGHTS.values(), ids=LIGHTS.keys())
def test_light(spoil, light: str) -> None:
    assert judge(spoil(hall())).light == light


SHARPNESS = {
    "clean": (lambda v: v, "sharp"),
    "noise": (lambda v: noisy(v, 15), "sharp"),
    "low contrast": (lambda v: (v * 0.25 + 100).astype(np.uint8), "sharp"),
    "a little out of focus": (lambda v: blurred(v, 1.5), "soft"),
    "out of focus": (lambda v: blurred(v, 3), "blurred"),
    "moves sideways": (lambda v: cv2.blur(v, (9, 1)), "blurred"),
    "moves up": (lambda v: cv2.blur(v, (1, 9)), "blurred"),
}


@pytest.mark.parametrize("module_px", [2.5, 4, 8])
@pytest.mark.parametrize(("spoil", "words"), SHARPNESS.values(), ids=SHARPNESS.keys())
def test_sharpness_of_a_code(spoil, words: str, module_px: float) -> None:
    view = spoil(held_up(symbol(TEXT), module_px))
    assert judge(view, corners(module_px)).sharpness == words
    assert judge(view).sharpness == words, "found by itself too"


@pytest.mark.parametrize("length", [6, 9, 15])
def test_an_edge_is_as_wide_as_the_motion_in_pixels(length: int) -> None:
    view = cv2.blur(held_up(symbol(TEXT), 8, degrees=0), (length, 1))
    assert judge(view, corners(8)).edge_px == pytest.approx(length, abs=1)


@pytest.mark.parametrize(
    "view",
    [np.full((720, 1280), 90, np.uint8), np.zeros((3, 3), np.uint8), np.zeros((0, 0), np.uint8)],
    ids=["a wall", "tiny", "empty"],
)
def test_nothing_to_judge_by(view: Gray) -> None:
    judged = judge(view)
    assert (judged.edge_px, judged.sharpness) == (None, "unknown")
    assert edge_width(view) is None


def test_corners_out_of_the_picture() -> None:
    judged = judge(hall(), ((-50, -50), (9999, -50), (9999, 9999), (-50, 9999)))
    assert isinstance(judged, Judgement)
    assert judge(hall(), ((2000, 2000),) * 4).edge_px is None
