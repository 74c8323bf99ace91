"""Colours that look alike, also to colour-blind eyes."""

import pytest

from badges import colours
from badges.categories import DEFAULT_CATEGORIES, free_colour

# Pairs and distances from table 1 of Sharma, Wu and Dalal (2005).
PUBLISHED = (
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
)


@pytest.mark.parametrize(("first", "second", "distance"), PUBLISHED)
def test_distances_are_the_published_ones(first, second, distance: float) -> None:
    assert colours.ciede2000(first, second) == pytest.approx(distance, abs=5e-5)
    assert colours.ciede2000(second, first) == pytest.approx(distance, abs=5e-5)


def test_red_and_green_of_one_lightness_are_alike_without_red_or_green() -> None:
    (pair,) = colours.alike({1: "#8a5a00", 2: "#4a7000"})
    assert (pair.first, pair.second) == (1, 2)
    assert "protanopia" in pair.eyes or "deuteranopia" in pair.eyes
    assert pair.distance < colours.LEAST


def test_nearly_the_same_colour_is_alike_and_black_and_white_are_not() -> None:
    assert colours.alike({1: "#1f5fa8", 2: "#1f5fa9"})[0].distance < 1
    assert colours.alike({1: "#000000", 2: "#ffffff", 3: "#1f5fa8"}) == []
    assert colours.alike({}) == []


def test_grey_stays_grey_to_all_eyes() -> None:
    """The matrices keep white and every grey."""
    assert colours.alike({1: "#808080", 2: "#808080"})[0].distance == pytest.approx(0, abs=0.1)


def test_every_event_begins_with_colours_that_differ_to_all_eyes() -> None:
    assert colours.alike({category.code: category.colour for category in DEFAULT_CATEGORIES}) == []


def test_a_new_category_gets_a_colour_that_differs_to_all_eyes() -> None:
    taken = [category.colour for category in DEFAULT_CATEGORIES]
    new = free_colour(taken)
    assert min(colours.distance(new, colour) for colour in taken) >= colours.LEAST
