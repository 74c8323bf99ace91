"""No text differs from the truth, whatever the modules are."""

import numpy as np
import pytest

from kiosk.reader.grid.decoding import decode
from tests.kiosk.reader.grid.symbols import LEVELS, by_segno

TEXT = "HALL 7"


def levels(modules: np.ndarray, chance: np.random.Generator, noise: float) -> np.ndarray:
    return np.where(modules, 1.0, -1.0) + noise * chance.standard_normal(modules.shape)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("version", [1, 2, 3, 5, 8])
def test_noise_gives_the_text_or_none(version: int, level: str) -> None:
    chance = np.random.default_rng(version)
    modules = by_segno(TEXT, version, level)
    texts = [decode(levels(modules, chance, noise / 10), version) for noise in range(4, 14)]
    assert texts[0] == TEXT
    assert set(texts) <= {TEXT, None}


@pytest.mark.parametrize("version", [1, 2, 4])
def test_a_covered_part_is_read_by_its_doubtful_modules(version: int) -> None:
    chance = np.random.default_rng(9)
    modules = by_segno(TEXT, version, "H")
    seen = levels(modules, chance, 0.1)
    seen[9:14, 10 : len(modules) - 1] *= -0.05  # wrong, and known to be doubtful
    assert decode(seen, version) == TEXT


def test_a_symbol_without_its_patterns_is_refused() -> None:
    modules = by_segno(TEXT, 3, "H")
    seen = levels(modules, np.random.default_rng(1), 0.0)
    seen[:9, :9] = seen[:9, -8:] = seen[-8:, :9] = -1.0
    assert decode(seen, 3) is None


@pytest.mark.parametrize("version", [1, 2, 3])
def test_random_modules_with_right_patterns_have_no_text(version: int) -> None:
    """A word that the correction accepts by chance must not become a text often."""
    chance = np.random.default_rng(version)
    modules = by_segno(TEXT, version, "H")
    read = 0
    for _ in range(300):
        seen = np.where(modules, 1.0, -1.0)
        seen[9:-8, 9:] = chance.standard_normal(seen[9:-8, 9:].shape)
        seen[9:, 9:] = chance.standard_normal(seen[9:, 9:].shape)
        read += decode(seen, version) is not None
    assert read == 0
