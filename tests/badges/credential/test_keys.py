"""Keys, and the ring that the event's root signs."""

import base64
import json

import pytest

from badges.credential.keys import (
    RING_CONTEXT,
    BadgeKey,
    BadSignatureError,
    KeyRing,
    PrivateKey,
    PublicKey,
    open_ring,
    short_event_id,
    sign_ring,
)

EVENT = bytes(range(16))
ROOT = PrivateKey(b"root key".ljust(32))
KEY = PrivateKey(b"badge key".ljust(32))
RING = KeyRing(EVENT, {9: BadgeKey(KEY.public, 5, 6), 0: BadgeKey(ROOT.public, 0, 2**53)})


def test_sign_and_verify():
    signature = KEY.sign(b"message")
    KEY.public.verify(b"message", signature)
    for message, other in ((b"message ", signature), (b"message", signature[::-1])):
        with pytest.raises(BadSignatureError):
            KEY.public.verify(message, other)
    with pytest.raises(BadSignatureError):
        ROOT.public.verify(b"message", signature)


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_a_signature_has_64_bytes(length):
    with pytest.raises(BadSignatureError):
        KEY.public.verify(b"", bytes(length))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_has_32_bytes(length):
    with pytest.raises(ValueError, match="32 bytes"):
        PublicKey(bytes(length))
    with pytest.raises(ValueError, match="32 bytes"):
        PrivateKey(bytes(length))


def test_a_private_key_is_never_printed():
    seed = bytes(range(32))
    shown = f"{PrivateKey(seed)!r} {PrivateKey(seed)}"
    assert shown == "PrivateKey() PrivateKey()"


def test_keys_compare_by_their_bytes():
    assert PrivateKey(KEY.seed) == KEY != ROOT
    assert KEY.public == PublicKey(KEY.public.raw) != ROOT.public
    assert len({KEY.public, PublicKey(KEY.public.raw)}) == 1


def test_a_ring_comes_back():
    signed = sign_ring(ROOT, RING)
    ring = open_ring(ROOT.public, signed)
    assert ring == RING
    assert ring.short_id == short_event_id(EVENT) == 0x0001
    assert sign_ring(ROOT, ring) == signed


def test_a_ring_without_keys():
    assert open_ring(ROOT.public, sign_ring(ROOT, KeyRing(EVENT, {}))).keys == {}


def test_a_ring_by_another_root():
    with pytest.raises(BadSignatureError):
        open_ring(KEY.public, sign_ring(ROOT, RING))


def test_every_changed_byte_of_a_ring_is_refused():
    signed = sign_ring(ROOT, RING)
    for at in range(len(signed)):
        changed = bytearray(signed)
        changed[at] ^= 1
        with pytest.raises(BadSignatureError):
            open_ring(ROOT.public, bytes(changed))
    for cut in (0, 63, 64, len(signed) - 1):
        with pytest.raises(BadSignatureError):
            open_ring(ROOT.public, signed[:cut])


def ring_body(**changes) -> dict:
    key = {
        "key_id": 1,
        "not_after": 9,
        "not_before": 0,
        "public": base64.b64encode(KEY.public.raw).decode(),
    }
    keys = [key | changes.pop("key", {}), *changes.pop("more", [])]
    return {"event_id": base64.b64encode(EVENT).decode(), "keys": keys} | changes


def compact(body) -> bytes:
    return json.dumps(body, separators=(",", ":"), sort_keys=True).encode()


def signed_body(body: bytes) -> bytes:
    return ROOT.sign(RING_CONTEXT + body) + body


def test_the_canonical_body_is_this():
    ring = open_ring(ROOT.public, signed_body(compact(ring_body())))
    assert ring == KeyRing(EVENT, {1: BadgeKey(KEY.public, 0, 9)})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        compact(ring_body(event_id="AAAA")),
        compact(ring_body(event_id="not base64")),
        compact(ring_body(keys={})),
        compact(ring_body(extra=1)),
        compact(ring_body(key={"key_id": 256})),
        compact(ring_body(key={"key_id": -1})),
        compact(ring_body(key={"key_id": "1"})),
        compact(ring_body(key={"public": "AAAA"})),
        compact(ring_body(key={"not_after": None})),
        compact(ring_body(key={"not_after": 0.5})),
        compact(ring_body(key={"extra": 1})),
        compact(ring_body(more=ring_body()["keys"])),
        compact(ring_body(more=[ring_body()["keys"][0] | {"key_id": 0}])),
        json.dumps(ring_body(), sort_keys=True).encode(),
        json.dumps(dict(reversed(ring_body().items())), separators=(",", ":")).encode(),
        compact(ring_body()) + b"\n",
    ],
)
def test_signed_bodies_that_are_malformed(body):
    """Rightly signed, so what refuses is the parser: other values, orders, spaces, double ids."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is msgspec's or ours
        open_ring(ROOT.public, signed_body(body))
    assert not isinstance(caught.value, BadSignatureError)


@pytest.mark.parametrize("key_id", [-1, 256])
def test_a_key_id_is_a_byte(key_id):
    with pytest.raises(ValueError, match="0 to 255"):
        KeyRing(EVENT, {key_id: RING.keys[9]})


@pytest.mark.parametrize("event_id", [b"", bytes(15), bytes(17)])
def test_an_event_id_has_16_bytes(event_id):
    with pytest.raises(ValueError, match="16 bytes"):
        KeyRing(event_id, {})


def test_a_rings_signature_signs_nothing_else():
    """The same bytes under another context are no ring."""
    body = compact(ring_body())
    for context in (b"", b"hallkeeper/badge/v1\x00", b"hallkeeper/ring/v2\x00"):
        with pytest.raises(BadSignatureError):
            open_ring(ROOT.public, ROOT.sign(context + body) + body)
