"""The chosen mask is the one that `qrcode` chooses by scoring module by module."""

import random

import numpy as np
import pytest
import qrcode
import qrcode.util
from qrcode.util import MODE_8BIT_BYTE, MODE_ALPHA_NUM, QRData

from badges.credential.base45 import ALPHABET
from badges.printing import qr
from badges.printing.masks import best_mask, penalty
from badges.printing.qr import symbol
from tests.tries import tries

Symbol = tuple[tuple[bool, ...], ...]


def packed(grid: np.ndarray) -> int:
    return int("".join(map(str, grid.astype(int).ravel())), 2)


@pytest.mark.parametrize("density", [0.1, 0.35, 0.5, 0.65, 0.95])
@pytest.mark.parametrize("size", [21, 37, 45])
def test_penalties_are_those_of_qrcode(size, density):
    numbers = np.random.default_rng(size)
    for _ in range(20):
        grid = numbers.random((size, size)) < density
        assert penalty(packed(grid), size) == qrcode.util.lost_point(grid.tolist())


@pytest.mark.parametrize("line", ["10111010000", "00001011101", "000010111010000", "0" * 11])
@pytest.mark.parametrize("turned", [False, True])
def test_patterns_at_every_place(line, turned):
    """Also where they would run over the edge of one row into the next one."""
    base = (np.indices((21, 21)).sum(axis=0) % 2).astype(bool)
    cells = np.array([digit == "1" for digit in line])
    for at in range(0, 21 * 21 - len(line), 5):
        grid = base.copy()
        grid.reshape(-1)[at : at + len(line)] = cells
        grid = grid.T if turned else grid
        assert penalty(packed(grid), 21) == qrcode.util.lost_point(grid.tolist())


def whole(texts: list[tuple[str, str]]) -> list[Symbol]:
    """The symbols of texts at their levels, made by `qrcode` alone."""
    symbols = []
    for text, level in texts:
        mode = MODE_ALPHA_NUM if set(text) <= set(ALPHABET) else MODE_8BIT_BYTE
        code = qrcode.QRCode(error_correction=qr._LEVELS[level], border=0)
        code.add_data(QRData(text.encode(), mode, False))
        code.make(fit=True)
        symbols.append(tuple(tuple(map(bool, row)) for row in code.modules))
    return symbols


def are_as_qrcode_makes_them(texts: list[tuple[str, str]]) -> bool:
    symbols = [symbol(text, level=level).modules for text, level in texts]
    return symbols == whole(texts)


def test_the_symbols_of_many_credentials():
    draw = random.Random(18004)
    credentials = ["HK" + "".join(draw.choices(ALPHABET, k=120)) for _ in range(tries(150))]
    assert are_as_qrcode_makes_them([(text, draw.choice("MQ")) for text in credentials])


def test_the_symbols_of_texts_of_many_lengths_and_levels():
    draw = random.Random(7833)
    texts = []
    for _ in range(tries(150)):
        letters = draw.choice([ALPHABET, "abc/:?=&ü字"])
        text = "".join(draw.choices(letters, k=int(10 ** draw.uniform(0, 2.4))))
        texts.append((text, draw.choice("LMQH")))
    assert are_as_qrcode_makes_them(texts)


@pytest.mark.parametrize("letters", ["A7$", "aé"])
def test_the_symbols_of_every_length(letters):
    """Also where the version is full to the last bit, and where one bit more needs the next."""
    texts = [(letters * length)[:length] for length in range(1, 130)]
    assert are_as_qrcode_makes_them([(text, "Q") for text in texts])


def test_of_equal_masks_the_first_is_taken():
    grid = packed(np.ones((21, 21)))
    assert best_mask([grid, grid], 21) == 0
    assert best_mask([grid, packed(np.indices((21, 21)).sum(axis=0) % 2)], 21) == 1
