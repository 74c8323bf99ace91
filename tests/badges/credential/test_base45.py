"""Base45: the examples of RFC 9285, and one text for each byte string."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from badges.credential.base45 import ALPHABET, Base45Error, decode, encode


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"AB", "BB8"),
        (b"Hello!!", "%69 VD92EX0"),
        (b"base-45", "UJCLQE7W581"),
        (b"ietf!", "QED8WEX0"),
        (b"\x00", "00"),
        (b"\x00\x00", "000"),
        (b"\xff", "U5"),
        (b"\xff\xff", "FGW"),
    ],
)
def test_examples(data, text):
    """The four with letters are RFC 9285's; FGW is its largest triplet."""
    assert encode(data) == text
    assert decode(text) == data


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("GGW", "triplet"),  # RFC 9285: 65536
        (":::", "triplet"),
        ("::::", "length"),
        ("::", "pair"),
        ("V5", "pair"),  # 256
        ("0", "length"),
        ("BB80", "length"),
        ("bb8", "character"),
        ("BB!", "character"),
        ("BB\n", "character"),
        ("BB\uff18", "character"),  # a full-width 8
        ("BB8\u0660\u0660", "character"),  # Arabic zeros, digits to int()
        ("BB\x00", "character"),
    ],
)
def test_refusals(text, why):
    with pytest.raises(Base45Error, match=why):
        decode(text)


@given(st.binary(max_size=200))
def test_round_trip(data):
    assert decode(encode(data)) == data


@given(st.text(st.sampled_from(ALPHABET), max_size=12))
def test_only_canonical_text_decodes(text):
    try:
        data = decode(text)
    except Base45Error:
        return
    assert encode(data) == text


def test_every_pair_has_one_meaning():
    decoded = {}
    for pair in map("".join, itertools.product(ALPHABET, repeat=2)):
        try:
            decoded[decode(pair)] = pair
        except Base45Error:
            continue
    assert decoded == {bytes([i]): encode(bytes([i])) for i in range(256)}


def test_every_triplet_has_one_meaning():
    good = 0
    for triplet in map("".join, itertools.product(ALPHABET, repeat=3)):
        try:
            data = decode(triplet)
        except Base45Error:
            continue
        assert encode(data) == triplet
        good += 1
    assert good == 0x10000
