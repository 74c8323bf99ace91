"""A symbol's finder patterns are found, and a missing one is drawn."""

import numpy as np
import pytest

from kiosk.reader.finder_patterns import drawn, find_patterns, squares, third_patterns
from kiosk.reader.passes import find_with_a_drawn_pattern, find_zbar, find_zxing, threshold
from kiosk.reader.reader import Reader
from tests.kiosk.support.pictures import TEXT, held_up, symbol


def test_a_door_reads_a_badge_with_a_thumb_on_an_eye() -> None:
    view = held_up(symbol(TEXT), 4, degrees=0)
    view[310:352, 752:790] = 150  # its top right eye
    assert not [code for code in find_zxing(view) if code.text is not None]
    reader = Reader(lambda: 0.0)  # a computer that is never late
    seen = [sighting for _ in range(8) for sighting in reader.read(view)]
    assert {sighting.text for sighting in seen} == {TEXT}
    assert seen[0].decoding_pass in {"drawn pattern", "grid"}


def test_eyes_are_found_with_their_middles_and_steps() -> None:
    eyes = find_patterns(threshold(symbol(TEXT, 8), 1.0))
    middles = sorted(tuple(np.round(eye.middle / 8 - 4, 1)) for eye in eyes)
    assert np.abs(np.array(middles) - [(3.5, 3.5), (3.5, 33.5), (33.5, 3.5)]).max() < 0.3
    assert all(eye.module_px == pytest.approx(8, rel=0.1) for eye in eyes)
    ((corners, edge),) = squares(eyes)
    assert np.abs(np.array(corners) / 8 - 4).max() == pytest.approx(33.5, abs=0.5)
    assert edge == pytest.approx(6.5 / 30, rel=0.1)


@pytest.mark.parametrize("gone", range(3))
@pytest.mark.parametrize("turned", range(4))
def test_a_missing_eye_is_drawn_wherever_it_was(gone: int, turned: int) -> None:
    card = symbol(TEXT, 6).copy()
    left, top = ((4, 4), (34, 4), (4, 34))[gone]
    card[top * 6 : (top + 7) * 6, left * 6 : (left + 7) * 6] = 255
    card = np.ascontiguousarray(np.rot90(card, turned))
    assert not [code for code in find_zxing(card) if code.text is not None]
    assert not [code for code in find_zbar(card) if code.text is not None]
    (code,) = find_with_a_drawn_pattern(threshold(card, 1.0), limit=40)
    assert code.text == TEXT


def test_an_eye_is_drawn_as_the_standard_has_it() -> None:
    binary = threshold(symbol(TEXT, 8), 1.0)
    eye = find_patterns(binary)[0]
    again = drawn(np.full_like(binary, 255), eye)
    assert len(find_patterns(again)) == 1
    assert list(third_patterns(find_patterns(again))) == []
