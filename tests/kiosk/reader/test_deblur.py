"""The blur of a picture is estimated, and removed."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from kiosk.reader.deblur import Blur, _jinc_table, blurs_of, deblurred, deconvolved
from kiosk.reader.passes import BLURRED
from tests.kiosk.support.pictures import TEXT, Gray, disc, line, noisy, symbol

CARD = cv2.copyMakeBorder(symbol(TEXT, 5), 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=200)


@pytest.mark.parametrize("degrees", [0, 30, 75, 90, 140])
@pytest.mark.parametrize("length_px", [8, 10, 13, 17, 21, 25])
def test_a_motion_is_found_and_undone(length_px: int, degrees: float) -> None:
    picture = noisy(cv2.filter2D(CARD, -1, line(length_px, degrees)), 2)
    blur, *_ = blurs_of(picture)
    assert blur.kind == "motion"
    assert blur.size_px == pytest.approx(length_px, rel=0.05)
    assert abs((blur.degrees - degrees + 90) % 180 - 90) < 1.5
    assert distance(deconvolved(picture, blur)) < distance(picture) * 0.75


@pytest.mark.parametrize("radius_px", [2.5, 3.5, 4.5])
def test_a_lens_out_of_focus_is_found_and_undone(radius_px: float) -> None:
    picture = noisy(cv2.filter2D(CARD, -1, disc(radius_px)), 2)
    blur, *_ = blurs_of(picture)
    assert blur.kind == "lens"
    assert blur.size_px == pytest.approx(radius_px, rel=0.08)
    assert distance(deconvolved(picture, blur)) < distance(picture) * 0.8


def distance(picture: Gray) -> float:
    """The distance from the card in the middle, away from the borders."""
    inner = slice(40, -40)
    return float(np.abs(picture[inner, inner].astype(float) - CARD[inner, inner]).mean())


def test_sharp_and_empty_pictures_have_no_blur() -> None:
    for picture in (
        np.full((200, 200), 90, np.uint8),
        np.zeros((10, 10), np.uint8),
        noisy(np.full((200, 200), 90, np.uint8), 12),
    ):
        assert blurs_of(picture) == []
        assert deblurred(picture, 1.6).size == 0


def test_only_a_blur_that_fits_is_removed() -> None:
    sharp, moved = noisy(CARD, 2), noisy(cv2.filter2D(CARD, -1, line(13, 30)), 2)
    assert deblurred(sharp, 1.0, fit_min=BLURRED).size == 0
    assert deblurred(moved, 1.0, fit_min=BLURRED).shape == moved.shape


def test_two_likely_blurs_are_not_the_same_one_twice() -> None:
    picture = cv2.filter2D(CARD, -1, line(13, 30))
    blurs = blurs_of(picture, 3)
    assert [blur.fit for blur in blurs] == sorted((blur.fit for blur in blurs), reverse=True)
    assert not any(left.resembles(right) for left in blurs for right in blurs if left is not right)


def test_resemblance_of_blurs() -> None:
    blur = Blur("motion", 10.0, 178.0, 0.8)
    assert blur.resembles(Blur("motion", 10.5, 3.0, 0.7))
    assert not blur.resembles(Blur("motion", 10.5, 30.0, 0.7))
    assert not blur.resembles(Blur("motion", 14.0, 178.0, 0.7))
    assert not blur.resembles(Blur("lens", 10.0, 0.0, 0.7))


def test_the_table_of_the_lens() -> None:
    """2 J1(x) / x: 1 at 0, and its first two zeros (DLMF table 10.21)."""
    table = _jinc_table()
    assert table[0] == pytest.approx(1, abs=1e-3)
    signs = np.flatnonzero(np.diff(np.sign(table))) / 64
    assert signs[:2] == pytest.approx([3.8317, 7.0156], abs=0.03)


@given(
    npst.arrays(np.uint8, npst.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=120)),
    st.sampled_from([1.0, 1.6]),
)
@settings(max_examples=30, deadline=None)
def test_no_picture_raises(picture: Gray, exponent: float) -> None:
    assert deblurred(picture, exponent).shape in {picture.shape, (0, picture.shape[1])}
