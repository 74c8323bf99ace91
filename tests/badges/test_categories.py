"""The default categories: white is legible on the colours, and letters differ.

test_colours.py tests that colour-blind eyes can distinguish the colours.
"""

from badges.categories import DEFAULT_CATEGORIES
from badges.printing.card import _ink, check_colour


def test_white_reads_on_each_and_none_is_red() -> None:
    for category in DEFAULT_CATEGORIES:
        assert _ink(check_colour(category.colour)) == "#ffffff"


def test_letters_differ() -> None:
    assert len({category.letter for category in DEFAULT_CATEGORIES}) == len(DEFAULT_CATEGORIES)
