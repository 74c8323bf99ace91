"""Signing keys, and the ring of badge keys that doors trust.

Each event has one root key. It signs the ring (and, on the server, the kiosks' identities), so
badge keys can change while doors are offline. Kiosk and server both use PyNaCl for Ed25519 (RFC
8032), because libraries differ in the odd signatures that they accept.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec
import nacl.bindings
import nacl.exceptions
import nacl.signing

RING_CONTEXT = b"hallkeeper/ring/v1\x00"
RING_NUMBER_CONTEXT = b"hallkeeper/ring-number/v1\x00"
KEY_BYTES = 32
SIGNATURE_BYTES = 64
EVENT_ID_BYTES = 16
KEY_ID_MAX = 255
KEPT_KEYS = 4_096


class BadSignatureError(ValueError):
    """Raised if a signature is not by that key over that message."""


@dataclass(frozen=True)
class PublicKey:
    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise ValueError(f"a public key has {KEY_BYTES} bytes, not {len(self.raw)}")

    def verify(self, message: bytes, signature: bytes) -> None:
        """Raises BadSignatureError unless `signature` is this key's over `message`."""
        if len(signature) != SIGNATURE_BYTES:
            raise BadSignatureError("length")
        try:
            nacl.bindings.crypto_sign_open(signature + message, self.raw)
        except nacl.exceptions.BadSignatureError:
            raise BadSignatureError("signature") from None


@lru_cache(maxsize=KEPT_KEYS)
def public_key(raw: bytes) -> PublicKey:
    return PublicKey(raw)


@dataclass(frozen=True)
class PrivateKey:
    """An Ed25519 private key from its 32-byte seed. Never printed."""

    seed: bytes = field(repr=False)
    _key: nacl.signing.SigningKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.seed) != KEY_BYTES:
            raise ValueError(f"a private key's seed has {KEY_BYTES} bytes, not {len(self.seed)}")
        object.__setattr__(self, "_key", nacl.signing.SigningKey(self.seed))

    @property
    def public(self) -> PublicKey:
        return PublicKey(bytes(self._key.verify_key))

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message).signature


@dataclass(frozen=True)
class BadgeKey:
    """A key of the ring, for badges shown from `not_before` to `not_after` (ms, exclusive)."""

    public: PublicKey
    not_before: int
    not_after: int


@dataclass(frozen=True)
class KeyRing:
    """The keys that may have signed this event's badges, by key id (0-255)."""

    event_id: bytes  # 16 bytes
    keys: Mapping[int, BadgeKey]

    def __post_init__(self) -> None:
        short_event_id(self.event_id)
        if not all(0 <= key_id <= KEY_ID_MAX for key_id in self.keys):
            raise ValueError(f"a key id is 0 to {KEY_ID_MAX}")

    @property
    def short_id(self) -> int:
        return short_event_id(self.event_id)


class _RingKey(msgspec.Struct, forbid_unknown_fields=True):
    key_id: int
    public: bytes
    not_before: int
    not_after: int


class _Ring(msgspec.Struct, forbid_unknown_fields=True):
    event_id: bytes
    keys: list[_RingKey]


def short_event_id(event_id: bytes) -> int:
    """The part of the event's UUID that its badges carry.

    Raises ValueError unless the UUID has 16 bytes.
    """
    if len(event_id) != EVENT_ID_BYTES:
        raise ValueError(f"an event's UUID has {EVENT_ID_BYTES} bytes, not {len(event_id)}")
    return int.from_bytes(event_id[:2], "big")


def sign_ring(root: PrivateKey, ring: KeyRing) -> bytes:
    """The root key's signature, 64 bytes, followed by the ring as canonical JSON."""
    body = _encode_ring(ring)
    return root.sign(RING_CONTEXT + body) + body


def open_ring(root: PublicKey, signed: bytes) -> KeyRing:
    """Raises BadSignatureError, or ValueError for a malformed ring."""
    signature, body = signed[:SIGNATURE_BYTES], signed[SIGNATURE_BYTES:]
    root.verify(RING_CONTEXT + body, signature)
    decoded = msgspec.json.decode(body, type=_Ring)
    ring = KeyRing(
        decoded.event_id,
        {
            key.key_id: BadgeKey(PublicKey(key.public), key.not_before, key.not_after)
            for key in decoded.keys
        },
    )
    # Also refuses a ring with one key id twice.
    if _encode_ring(ring) != body:
        raise ValueError("malformed ring")
    return ring


def ring_digest(signed: bytes) -> bytes:
    """The 32 bytes by which a door and a server compare their rings."""
    return hashlib.sha256(signed).digest()


def sign_ring_number(root: PrivateKey, signed: bytes, number: int) -> bytes:
    """The root key's word that this signed ring is the event's ring of that number.

    A door takes no ring of a lower number than its own. The number is beside the ring, not in
    it, because doors of earlier versions refuse a ring with an unknown field.
    """
    return root.sign(_number_message(signed, number))


def check_ring_number(root: PublicKey, signed: bytes, number: int, signature: bytes) -> None:
    """Raises BadSignatureError unless `signature` is by `sign_ring_number`."""
    root.verify(_number_message(signed, number), signature)


def _number_message(signed: bytes, number: int) -> bytes:
    return RING_NUMBER_CONTEXT + number.to_bytes(8, "big") + ring_digest(signed)


def _encode_ring(ring: KeyRing) -> bytes:
    keys = [
        _RingKey(key_id, key.public.raw, key.not_before, key.not_after)
        for key_id, key in sorted(ring.keys.items())
    ]
    return msgspec.json.encode(_Ring(ring.event_id, keys), order="sorted")
