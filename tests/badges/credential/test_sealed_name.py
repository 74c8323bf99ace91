"""Sealed names: readable with the badge in front of the kiosk, and with nothing else."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from badges.credential.credential import ForgedError, lookup_id, open_name, seal_name

ALICE = bytes(range(64))
BOB = bytes(range(1, 65))


@given(st.binary(min_size=64, max_size=64), st.binary(max_size=300))
def test_the_badge_opens_its_name(signature, plain):
    assert open_name(signature, seal_name(signature, plain)) == plain


@pytest.mark.parametrize(
    "plain", [b"", b"\x80", b"\x00", b"\x80\x00\x80\x00", bytes(64), "李雷".encode(), b"x" * 63]
)
def test_padding_is_taken_off_exactly(plain):
    assert open_name(ALICE, seal_name(ALICE, plain)) == plain


def test_another_badge_does_not():
    sealed = seal_name(ALICE, b"Alice Adams")
    with pytest.raises(ForgedError):
        open_name(BOB, sealed)


def test_every_changed_byte_is_refused():
    sealed = seal_name(ALICE, b"Alice Adams")
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(ForgedError):
            open_name(ALICE, bytes(changed))


@pytest.mark.parametrize("sealed", [b"", b"x", bytes(15), bytes(16), bytes(80)])
def test_unsealed_bytes_are_refused(sealed):
    with pytest.raises(ForgedError):
        open_name(ALICE, sealed)


def test_a_kiosk_stores_nothing_readable():
    plain = b"Alice Adams, Example GmbH"
    stored = lookup_id(ALICE) + seal_name(ALICE, plain)
    assert not any(plain[at : at + 4] in stored for at in range(len(plain) - 3))
    assert not any(ALICE[at : at + 4] in stored for at in range(len(ALICE) - 3))


def test_the_look_up_id_is_not_the_key():
    assert len(lookup_id(ALICE)) == 16
    assert lookup_id(ALICE) != lookup_id(BOB)
    key = hashlib.blake2b(ALICE, digest_size=32, person=b"hk-name").digest()
    assert lookup_id(ALICE) != key[:16]


def test_the_length_reveals_little():
    lengths = {len(seal_name(ALICE, b"x" * n)) for n in range(64)}
    assert lengths == {64 + 16}
    assert len(seal_name(ALICE, b"x" * 64)) == 128 + 16


def test_the_same_name_looks_different_for_two_people():
    assert seal_name(ALICE, b"Kim Lee") != seal_name(BOB, b"Kim Lee")
