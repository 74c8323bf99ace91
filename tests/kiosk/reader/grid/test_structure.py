"""The structure of symbols agrees with two writers, in all versions and levels."""

import numpy as np
import pytest
from qrcode.base import rs_blocks
from qrcode.util import pattern_position

from kiosk.reader.grid.correction import syndromes
from kiosk.reader.grid.decoding import known_modules, text_of_modules
from kiosk.reader.grid.structure import (
    VERSIONS,
    Level,
    alignment_positions,
    bit_positions,
    blocks_of,
    format_places,
    format_words,
    interleaved,
    mask_of,
    side_of,
    version_places,
    version_words,
)
from tests.kiosk.reader.grid.symbols import LEVELS, WRITERS

TEXT = "HALL 7"


@pytest.mark.parametrize("version", VERSIONS)
def test_tables_agree_with_the_writer(version: int) -> None:
    assert list(alignment_positions(version)) == pattern_position(version)
    for level in Level:
        blocks = blocks_of(version, level)
        written = rs_blocks(version, int(level))
        assert list(blocks.data) == [block.data_count for block in written]
        assert {block.total_count - block.data_count for block in written} == {blocks.correction}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_module_of_a_symbol_is_understood(version: int, writer: str) -> None:
    side = side_of(version)
    for name in LEVELS:
        modules = WRITERS[writer](TEXT, version, name)
        known, dark = known_modules(version)
        assert (modules[known] == dark[known]).all()
        copies = modules[format_places(side)]
        wrong = (copies[:, None, :] != format_words()).sum(axis=2)
        assert wrong.min(axis=1).tolist() == [0, 0]
        (information,) = set(wrong.argmin(axis=1).tolist())
        level, mask = Level(information >> 3), information & 7
        assert level.name == name
        if version >= 7:
            copies = modules[version_places(side)]
            assert (copies == version_words()[version - 7]).all()
        rows, columns = bit_positions(version)
        bits = (modules ^ mask_of(mask, side))[rows, columns]
        codewords = np.packbits(bits[: len(bits) // 8 * 8]).astype(np.int64)
        places = interleaved(version, level)
        assert sorted(np.concatenate(places)) == list(range(len(codewords)))
        correction = blocks_of(version, level).correction
        assert not any(any(syndromes(codewords[block], correction)) for block in places)
        assert text_of_modules(modules) == TEXT
