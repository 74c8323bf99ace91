"""A symbol's finder patterns are found."""

import numpy as np
import pytest

from kiosk.reader.finder_patterns import find_patterns, squares
from kiosk.reader.passes import threshold
from tests.kiosk.support.pictures import TEXT, symbol


def test_eyes_are_found_with_their_middles_and_steps() -> None:
    eyes = find_patterns(threshold(symbol(TEXT, 8), 1.0))
    middles = sorted(tuple(np.round(eye.middle / 8 - 4, 1)) for eye in eyes)
    assert np.abs(np.array(middles) - [(3.5, 3.5), (3.5, 33.5), (33.5, 3.5)]).max() < 0.3
    assert all(eye.module_px == pytest.approx(8, rel=0.1) for eye in eyes)
    ((corners, edge),) = squares(eyes)
    assert np.abs(np.array(corners) / 8 - 4).max() == pytest.approx(33.5, abs=0.5)
    assert edge == pytest.approx(6.5 / 30, rel=0.1)
