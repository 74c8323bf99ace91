"""The two files of `hallkeeper-badges`: an event's secret keys, and the public ring.

Both are JSON and contain their format and version. The server keeps its keys in its own
directory.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from badges.credential.keys import (
    BadgeKey,
    BadSignatureError,
    KeyRing,
    PrivateKey,
    PublicKey,
    open_ring,
)
from badges.credential.keys import sign_ring as _sign_ring

FILE_BYTES_MAX = 100_000

_Key = Annotated[bytes, Meta(min_length=32, max_length=32)]
_Instant = Annotated[int, Meta(ge=0, le=2**53)]
_KeyId = Annotated[int, Meta(ge=0, le=255)]


class KeyFileError(ValueError):
    """Raised for a file that is neither a secret key file nor a public ring. The text never has a
    value of the file.
    """


@dataclass(frozen=True)
class SecretKey:
    """A badge key that can sign, and the period in which doors trust it (Unix ms)."""

    private: PrivateKey
    not_before: int
    not_after: int


@dataclass(frozen=True)
class EventKeys:
    event_id: bytes
    root: PrivateKey
    badge_keys: Mapping[int, SecretKey]

    @property
    def ring(self) -> KeyRing:
        return KeyRing(
            self.event_id,
            {
                key_id: BadgeKey(key.private.public, key.not_before, key.not_after)
                for key_id, key in self.badge_keys.items()
            },
        )


class _SecretEntry(Struct, forbid_unknown_fields=True):
    key_id: _KeyId
    seed: _Key
    not_before: _Instant
    not_after: _Instant


class _Secret(Struct, forbid_unknown_fields=True, tag_field="format", tag="hallkeeper-keys/1"):
    event: UUID
    root_seed: _Key
    badge_keys: Annotated[list[_SecretEntry], Meta(min_length=1)]


class _Public(Struct, forbid_unknown_fields=True, tag_field="format", tag="hallkeeper-ring/1"):
    event: UUID
    root: _Key
    ring: bytes


_FILE: msgspec.json.Decoder[_Secret | _Public] = msgspec.json.Decoder(_Secret | _Public)


def encode_keys(keys: EventKeys) -> bytes:
    entries = [
        _SecretEntry(key_id, key.private.seed, key.not_before, key.not_after)
        for key_id, key in sorted(keys.badge_keys.items())
    ]
    return _lines(_Secret(UUID(bytes=keys.event_id), keys.root.seed, entries))


def encode_ring(keys: EventKeys) -> bytes:
    """The ring, signed by the root key."""
    signed = _sign_ring(keys.root, keys.ring)
    return _lines(_Public(UUID(bytes=keys.event_id), keys.root.public.raw, signed))


def decode_keys(raw: bytes) -> EventKeys:
    """Raises KeyFileError, also for a public ring."""
    file = _decode(raw)
    if isinstance(file, _Public):
        raise KeyFileError("it is a public ring, which can't sign; use the secret key file")
    keys = {
        entry.key_id: SecretKey(PrivateKey(entry.seed), entry.not_before, entry.not_after)
        for entry in file.badge_keys
    }
    if len(keys) != len(file.badge_keys):
        raise KeyFileError("it has a key id twice")
    return EventKeys(file.event.bytes, PrivateKey(file.root_seed), keys)


def decode_ring(raw: bytes) -> KeyRing:
    """Read the ring of badge keys from either file and verify its signature. Raises
    KeyFileError.
    """
    file = _decode(raw)
    if isinstance(file, _Secret):
        return decode_keys(raw).ring
    try:
        ring = open_ring(PublicKey(file.root), file.ring)
    except BadSignatureError:
        raise KeyFileError("its ring is not signed by its root key") from None
    except ValueError:
        raise KeyFileError("its ring is malformed") from None
    if ring.event_id != file.event.bytes:
        raise KeyFileError("its ring is another event's")
    return ring


def _decode(raw: bytes) -> _Secret | _Public:
    if len(raw) > FILE_BYTES_MAX:
        raise KeyFileError("it is too large")
    try:
        return _FILE.decode(raw)
    except msgspec.ValidationError as error:
        raise KeyFileError(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise KeyFileError("it is not JSON") from None


def _lines(file: Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n"
