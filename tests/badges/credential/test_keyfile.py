"""The two key files: the round trip, and every kind of invalid file."""

import json

import pytest

from badges.credential.keyfile import (
    EventKeys,
    KeyFileError,
    SecretKey,
    decode_keys,
    decode_ring,
    encode_keys,
    encode_ring,
)
from badges.credential.keys import PrivateKey

KEYS = EventKeys(
    bytes(range(16)),
    PrivateKey(b"root".ljust(32)),
    {
        3: SecretKey(PrivateKey(b"third".ljust(32)), 5, 6),
        1: SecretKey(PrivateKey(b"first".ljust(32)), 0, 2**53),
    },
)
SECRET, PUBLIC = encode_keys(KEYS), encode_ring(KEYS)


def edited(raw: bytes, **changes) -> bytes:
    return json.dumps(json.loads(raw) | changes).encode()


def with_key(**changes) -> bytes:
    key = json.loads(SECRET)["badge_keys"][0]
    return edited(SECRET, badge_keys=[key | changes])


def test_keys_come_back():
    assert decode_keys(SECRET) == KEYS
    assert decode_ring(SECRET) == decode_ring(PUBLIC) == KEYS.ring
    assert KEYS.ring.keys[3].public == KEYS.badge_keys[3].private.public
    assert (KEYS.ring.keys[3].not_before, KEYS.ring.keys[3].not_after) == (5, 6)


def test_the_files_contain_their_format():
    assert json.loads(SECRET)["format"] == "hallkeeper-keys/1"
    assert json.loads(PUBLIC)["format"] == "hallkeeper-ring/1"
    assert json.loads(SECRET)["event"] == json.loads(PUBLIC)["event"]


def test_keys_are_never_printed():
    assert "root   " not in repr(KEYS)
    assert "first" not in repr(KEYS)
    assert "PrivateKey()" in repr(KEYS)


MALFORMED = {
    "empty": b"",
    "text": b"secret keys",
    "not UTF-8": b'{"format": "\xff"}',
    "a list": b"[]",
    "no format": b"{}",
    "a newer format": edited(SECRET, format="hallkeeper-keys/2"),
    "an unknown field": edited(SECRET, extra=1),
    "a bad event": edited(SECRET, event="forum"),
    "a short seed": edited(SECRET, root_seed="AAAA"),
    "no base64": edited(SECRET, root_seed="!" * 44),
    "no badge keys": edited(SECRET, badge_keys=[]),
    "a key twice": edited(SECRET, badge_keys=json.loads(SECRET)["badge_keys"][:1] * 2),
    "a large key id": with_key(key_id=256),
    "a negative time": with_key(not_before=-1),
    "a fraction": with_key(not_after=0.5),
    "an unknown field of a key": with_key(extra=1),
    "too large": SECRET + b" " * 100_000,
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_key_files_are_refused(raw):
    for decode in (decode_keys, decode_ring):
        with pytest.raises(KeyFileError) as refused:
            decode(raw)
        assert json.loads(SECRET)["root_seed"] not in str(refused.value)


MALFORMED_RINGS = {
    "another root": (edited(PUBLIC, root="A" * 43 + "="), "not signed by its root"),
    "an altered ring": (edited(PUBLIC, ring="A" * 200), "not signed by its root"),
    "an empty ring": (edited(PUBLIC, ring=""), "not signed by its root"),
    "another event": (edited(PUBLIC, event="f" * 32), "another event"),
}


@pytest.mark.parametrize(("raw", "why"), MALFORMED_RINGS.values(), ids=MALFORMED_RINGS.keys())
def test_malformed_ring_files_are_refused(raw, why):
    with pytest.raises(KeyFileError, match=why):
        decode_ring(raw)


def test_a_public_ring_holds_no_keys():
    with pytest.raises(KeyFileError, match="can't sign"):
        decode_keys(PUBLIC)
