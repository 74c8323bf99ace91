"""Reed–Solomon words are corrected up to the limit, and no further."""

import random

import numpy as np
import pytest

from kiosk.reader.grid.correction import TooManyErrorsError, correct, syndromes


def word(chance: random.Random, length: int, count: int) -> np.ndarray:
    """A correct word: its correction symbols are erasures of random symbols."""
    symbols = np.array([chance.randrange(256) for _ in range(length)], np.int64)
    return correct(symbols, count, range(length - count, length))


def damaged(chance: random.Random, sent: np.ndarray, places: list[int]) -> np.ndarray:
    seen = sent.copy()
    for place in places:
        seen[place] ^= chance.randrange(1, 256)
    return seen


@pytest.mark.parametrize("count", [7, 10, 13, 17, 22, 26, 30])
def test_errors_and_erasures_up_to_the_limit_are_corrected(count: int) -> None:
    chance = random.Random(count)
    for _ in range(60):
        sent = word(chance, chance.randrange(count + 2, 154), count)
        assert not any(syndromes(sent, count))
        erased = chance.randrange(count + 1)
        errors = (count - erased) // 2
        places = chance.sample(range(len(sent)), min(len(sent), erased + errors))
        seen = damaged(chance, sent, places)
        assert (correct(seen, count, places[:erased]) == sent).all()


def test_one_error_too_many_gives_no_word_that_differs_from_the_sent_one_by_few() -> None:
    chance = random.Random(3)
    count, refused = 20, 0
    for _ in range(200):
        sent = word(chance, 60, count)
        seen = damaged(chance, sent, chance.sample(range(60), count // 2 + 1))
        try:
            read = correct(seen, count)
        except TooManyErrorsError:
            refused += 1
        else:
            assert np.count_nonzero(read != seen) <= count // 2  # another word of the code
    assert refused > 190


def test_too_many_erasures_are_refused() -> None:
    chance = random.Random(4)
    seen = damaged(chance, word(chance, 30, 10), [1])
    with pytest.raises(TooManyErrorsError):
        correct(seen, 10, range(11))
