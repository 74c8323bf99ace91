"""Which pictures are read: all during motion, otherwise 15 a second."""

import itertools

import numpy as np
import pytest

from kiosk.camera.motion import IDLE_AFTER_S, Looks, moved, thinned
from tests.kiosk.support.pictures import TEXT, hall, held_up, symbol

FRAME_S = 1 / 30
SIGMAS = (1, 3, 6, 10, 15)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(hall().shape)


def with_noise(view: np.ndarray, sigma: float, unit: np.ndarray) -> np.ndarray:
    return np.clip(view + sigma * unit, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def noisy_halls() -> dict[int, list[np.ndarray]]:
    """The same reduced hall picture, with twelve samples of each noise level."""
    views: dict[int, list[np.ndarray]] = {sigma: [] for sigma in SIGMAS}
    for seed in range(12):
        unit = noise(seed)
        for sigma, some in views.items():
            some.append(thinned(with_noise(hall(), sigma, unit)))
    return views


def looked_at(looks: Looks, views: list[np.ndarray], from_s: float) -> list[bool]:
    return [looks.is_due(view, from_s + at * FRAME_S) for at, view in enumerate(views)]


def idle() -> Looks:
    """After four seconds without people."""
    looks = Looks()
    looked_at(looks, [hall()] * 120, 0.0)
    return looks


def test_every_picture_at_first_and_fifteen_a_second_when_nothing_moves() -> None:
    looked = looked_at(Looks(), [hall()] * 240, 0.0)
    busy = round(IDLE_AFTER_S / FRAME_S)
    assert all(looked[:busy])
    assert 14 * 5 <= sum(looked[90:]) <= 15 * 5 + 1
    assert sum(looked[200:230]) in (14, 15)


def test_every_picture_as_soon_as_something_moves() -> None:
    looks = idle()
    moving = [held_up(symbol(TEXT), 2.5, x=300 + 8 * step) for step in range(6)]
    assert looked_at(looks, moving, 4.0) == [True] * 6
    assert all(looked_at(looks, [hall()] * 30, 4.2))  # and for a while after


@pytest.mark.parametrize("sigma", SIGMAS)
def test_noise_is_no_motion(sigma: int, noisy_halls: dict[int, list[np.ndarray]]) -> None:
    views = noisy_halls[sigma]
    assert len(views) == 12
    assert not any(moved(view, next_view) for view, next_view in itertools.pairwise(views))


@pytest.mark.parametrize("sigma", [1, 6, 15])
def test_a_small_code_that_comes_is_motion_in_any_noise(sigma: float) -> None:
    before = thinned(with_noise(hall(), sigma, noise(1)))
    after = thinned(with_noise(held_up(symbol(TEXT), 1.5), sigma, noise(2)))
    assert moved(after, before)


def test_a_light_that_goes_on_is_motion() -> None:
    assert moved(thinned(hall() // 2 + 90), thinned(hall() // 2))


def test_odd_pictures_are_looked_at() -> None:
    looks = idle()
    assert looks.is_due(np.zeros((0, 0, 3), np.uint8), 4.0)
    assert looks.is_due(np.full((48, 64, 4), 9, np.uint8), 4.01)


def test_colour_is_as_good_as_gray() -> None:
    colour = np.repeat(hall()[:, :, None], 3, axis=2)
    assert np.array_equal(thinned(colour), thinned(hall()))


def test_pictures_that_come_slowly_are_all_looked_at() -> None:
    looks = idle()
    assert all(looks.is_due(hall(), 4.1 + at / 10) for at in range(50))
