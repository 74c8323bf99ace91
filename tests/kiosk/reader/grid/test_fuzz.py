"""Damaged symbols are read as their text or not at all."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from kiosk.reader.grid.decoding import decode
from kiosk.reader.grid.grid import Floats
from tests.kiosk.reader.grid.symbols import LEVELS, by_segno

SYMBOLS = 20_000
LETTERS = list("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 $%*+-./:")

Damage = Callable[[Floats, np.random.Generator], Floats]


def noise(levels: Floats, chance: np.random.Generator) -> Floats:
    return levels + chance.uniform(0.2, 1.2) * chance.standard_normal(levels.shape)


def flips(levels: Floats, chance: np.random.Generator) -> Floats:
    return np.where(chance.random(levels.shape) < chance.uniform(0, 0.15), -levels, levels)


def blot(levels: Floats, chance: np.random.Generator) -> Floats:
    """Dark or light in a rectangle, by sure or by doubtful modules."""
    (top, bottom), (left, right) = np.sort(chance.integers(0, len(levels) + 1, (2, 2)), axis=1)
    blotted = levels.copy()
    blotted[top:bottom, left:right] = chance.choice([-1, 1]) * chance.choice([0.05, 1.0])
    return blotted


def slip(levels: Floats, chance: np.random.Generator) -> Floats:
    """The grid is off by one module from a row or column on."""
    start = int(chance.integers(7, len(levels)))
    slipped = levels.copy()
    slipped[start:] = np.roll(slipped[start:], int(chance.choice([-1, 1])), axis=1)
    return slipped.T if chance.random() < 0.5 else slipped


def blur(levels: Floats, chance: np.random.Generator) -> Floats:
    share = chance.uniform(0.2, 0.6)
    return (1 - share) * levels + share * np.roll(levels, 1, axis=int(chance.integers(2)))


def another(levels: Floats, chance: np.random.Generator) -> Floats:
    """Random modules in a part."""
    part = chance.random(levels.shape) < chance.uniform(0, 0.3)
    return np.where(part, chance.standard_normal(levels.shape), levels)


DAMAGES: tuple[Damage, ...] = (noise, flips, blot, slip, blur, another)


def check(count: int, seed: int) -> Counter[str]:
    """Damage symbols with known modules in one or several ways; count those read and unread."""
    chance = np.random.default_rng(seed)
    outcomes: Counter[str] = Counter()
    for _ in range(count):
        version = int(chance.choice([*range(1, 9), 10, 14]))
        # It fits in each level.
        text = "".join(chance.choice(LETTERS, int(chance.integers(1, 5 + 6 * version))))
        modules = by_segno(text, version, str(chance.choice(list(LEVELS))))
        levels = np.where(modules, 1.0, -1.0)
        for damage in chance.permutation(len(DAMAGES))[: chance.integers(1, 3)]:
            levels = DAMAGES[damage](levels, chance)
        read = decode(levels, version)
        assert read in (text, None), f"{read!r} instead of {text!r}"
        outcomes["unread" if read is None else "read"] += 1
    return outcomes


def test_no_damaged_symbol_has_another_text() -> None:
    outcomes = check(300, seed=1)
    assert min(outcomes["read"], outcomes["unread"]) > 50


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_none_of_many_damaged_symbols_has_another_text() -> None:
    outcomes = check(SYMBOLS, seed=2)
    assert min(outcomes["read"], outcomes["unread"]) > SYMBOLS / 6
