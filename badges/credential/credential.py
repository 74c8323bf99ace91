"""The credential: the signed text in a badge's QR code, 122 characters, nothing personal.

The text is `HK` and the base45 of 80 bytes: 16 bytes of fields, and 64 bytes of Ed25519 signature
over a context, the event's UUID (not carried) and the fields. `open_credential` is the only way to
read it, and verifies or raises.
"""

import hashlib
import struct
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import ClassVar

import nacl.bindings
import nacl.exceptions

from badges.credential import base45
from badges.credential.keys import BadSignatureError, KeyRing, PrivateKey, short_event_id

PREFIX = "HK"
TEXT_CHARS = 122
FIELD_BYTES = 16
CREDENTIAL_BYTES = 80
VERSION = 1
CONTEXT = b"hallkeeper/badge/v1\x00"

# Version and kind, key id, the event's short id, serial (high byte, then low 16 bits), issue,
# category, flags, valid days, zone groups.
_FIELDS = struct.Struct(">BBHBHBBBHI")
# Plain integers: the complement of an IntFlag drops unknown flags, so they would slip through.
_KNOWN_FLAGS = 0b11
ALL_DAYS = 0xFFFF  # the bits of 16 days
ALL_ZONES = 0xFFFFFFFF  # the bits of 32 zone groups
_RANGES = {
    "key_id": (0, 0xFF),
    "serial": (0, 0xFFFFFF),
    "issue": (1, 0xFF),
    "category": (0, 0xFF),
    "valid_days": (0, ALL_DAYS),
    "zones": (0, ALL_ZONES),
}
# Sealed names are padded to a multiple of this, to hide their length.
_SEALED_PAD = 64


class Kind(IntEnum):
    PRINTED = 0
    PHONE = 1
    STAFF = 2
    DAY = 3


_KINDS = frozenset(int(kind) for kind in Kind)


class CredentialFlag(IntFlag):
    ATTENTION = 1
    ESCORT = 2


class CredentialError(ValueError):
    """Raised if the text has no valid credential of this event."""

    reason: ClassVar[str]  # the decision's reason (admission.facts.Reason)


class NotABadgeError(CredentialError):
    """Raised if the text is no Hallkeeper credential, or malformed."""

    reason = "not_a_badge"


class OtherEventError(CredentialError):
    """Raised for a well-formed credential of another event."""

    reason = "other_event"


class ForgedError(CredentialError):
    """Raised if the text claims this event, but no key of the ring signed it."""

    reason = "forged"


@dataclass(frozen=True)
class Credential:
    """The fields of a verified credential (docs/design/credential.md)."""

    serial: int  # 24 bits, one per attendee
    # 1 to 255. A higher issue voids the lower ones. A day credential has the issue of the badge
    # that it replaces.
    issue: int
    category: int
    valid_days: int  # 16-bit map, bit 0 is the event's first day
    zones: int  # 32-bit map of zone groups
    key_id: int
    kind: Kind = Kind.PRINTED
    flags: CredentialFlag = CredentialFlag(0)  # noqa: RUF009 - immutable
    signature: bytes = field(default=b"", repr=False, compare=False)

    @property
    def day(self) -> int | None:
        """A day credential's day, 0 for the event's first. None for other kinds, and without
        exactly one day, which no door admits.
        """
        if self.kind is not Kind.DAY or self.valid_days.bit_count() != 1:
            return None
        return self.valid_days.bit_length() - 1

    def pack(self, event_id: bytes) -> bytes:
        """Raises ValueError for fields that no door would accept."""
        for name, (lowest, highest) in _RANGES.items():
            if not lowest <= getattr(self, name) <= highest:
                raise ValueError(f"{name} is {lowest} to {highest}, not {getattr(self, name)}")
        if int(self.flags) & ~_KNOWN_FLAGS:
            raise ValueError(f"unknown flags: {int(self.flags):#x}")
        return _FIELDS.pack(
            VERSION << 4 | Kind(self.kind),
            self.key_id,
            short_event_id(event_id),
            self.serial >> 16,
            self.serial & 0xFFFF,
            self.issue,
            self.category,
            self.flags,
            self.valid_days,
            self.zones,
        )


def issue_credential(key: PrivateKey, event_id: bytes, credential: Credential) -> str:
    """`event_id` is a 16-byte UUID. Return 122 characters."""
    fields = credential.pack(event_id)
    signature = key.sign(CONTEXT + event_id + fields)
    return PREFIX + base45.encode(fields + signature)


def open_credential(ring: KeyRing, text: str) -> Credential:
    """Return the credential in `text`, verified against `ring`.

    Raises NotABadgeError, OtherEventError or ForgedError. The caller must check that the key has
    not expired.
    """
    raw = _decode(text)
    (head, key_id, short_id, serial_high, serial_low, issue, category, flags, days, zones) = (
        _FIELDS.unpack_from(raw)
    )
    if short_id != ring.short_id:
        raise OtherEventError(f"event {short_id:04x}")
    badge_key = ring.keys.get(key_id)
    if badge_key is None:
        raise ForgedError("key")
    fields, signature = raw[:FIELD_BYTES], raw[FIELD_BYTES:]
    try:
        badge_key.public.verify(CONTEXT + ring.event_id + fields, signature)
    except BadSignatureError:
        raise ForgedError("signature") from None
    return Credential(
        serial=serial_high << 16 | serial_low,
        issue=issue,
        category=category,
        valid_days=days,
        zones=zones,
        key_id=key_id,
        kind=Kind(head & 0x0F),
        flags=CredentialFlag(flags),
        signature=signature,
    )


def _decode(text: str) -> bytes:
    """Does not verify the signature. Raises NotABadgeError."""
    if len(text) != TEXT_CHARS or not text.startswith(PREFIX):
        raise NotABadgeError("malformed")
    try:
        raw = base45.decode(text[len(PREFIX) :])
    except base45.Base45Error:
        raise NotABadgeError("malformed") from None
    version, kind = divmod(raw[0], 16)
    if version != VERSION or kind not in _KINDS or raw[7] == 0 or raw[9] & ~_KNOWN_FLAGS:
        raise NotABadgeError("malformed")
    return raw


def lookup_id(signature: bytes) -> bytes:
    """The 16 bytes by which a kiosk finds a badge's encrypted name."""
    return hashlib.blake2b(signature, digest_size=16, person=b"hk-lookup").digest()


def seal_name(signature: bytes, plain: bytes) -> bytes:
    """Encrypt `plain` with secretbox, under a key derived from the badge's signature.

    So only the badge itself opens the name. Each key encrypts one plaintext, hence the zero
    nonce: a corrected name needs a new issue.
    """
    padded = plain + b"\x80"
    padded += bytes(-len(padded) % _SEALED_PAD)
    return nacl.bindings.crypto_secretbox(padded, bytes(24), _name_key(signature))


def open_name(signature: bytes, sealed: bytes) -> bytes:
    """Raises ForgedError if it was sealed for another badge."""
    try:
        padded = nacl.bindings.crypto_secretbox_open(sealed, bytes(24), _name_key(signature))
    except nacl.exceptions.CryptoError:
        raise ForgedError("sealed name") from None
    return padded[: padded.rindex(b"\x80")]


def _name_key(signature: bytes) -> bytes:
    return hashlib.blake2b(signature, digest_size=32, person=b"hk-name").digest()
