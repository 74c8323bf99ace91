"""A kiosk's hash chain, in which each hash covers all records before it.

A record of version 2 is in the chain by its own hash, so the chain can be verified after the
record was deleted. Its random salt prevents guessing the record from the hash. A record of
version 1 is in the chain as it is.
"""

import hashlib

from badges.transparency.merkle import HASH_BYTES

CHAIN_CONTEXT = b"hallkeeper/scan/v1\x00"
HASHED_CONTEXT = b"hallkeeper/scan/v2\x00"
# The version is the last field of a record's canonical form, whose fields are sorted.
HASHED_END = b'"v":2}'


def chain_start(kiosk: str, generation: int) -> bytes:
    return hashlib.sha256(CHAIN_CONTEXT + generation.to_bytes(8, "big") + kiosk.encode()).digest()


def chain_next(previous: bytes, record: bytes) -> bytes:
    """The journal's hash after `record` (canonical bytes, of version 1 or 2)."""
    if record.endswith(HASHED_END):
        return chain_next_hashed(previous, record_hash(record))
    _check(previous)
    return hashlib.sha256(CHAIN_CONTEXT + previous + record).digest()


def chain_next_hashed(previous: bytes, hashed: bytes) -> bytes:
    """The journal's hash after a record of version 2, given the record's `record_hash`."""
    _check(previous)
    _check(hashed)
    return hashlib.sha256(HASHED_CONTEXT + previous + hashed).digest()


def record_hash(record: bytes) -> bytes:
    return hashlib.sha256(record).digest()


def _check(hashed: bytes) -> None:
    if len(hashed) != HASH_BYTES:
        raise ValueError(f"a chain hash has {HASH_BYTES} bytes, not {len(hashed)}")
