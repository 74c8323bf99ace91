"""Computes a kiosk's hash chain, in which each record's hash covers all records before it."""

import hashlib

from badges.transparency.merkle import HASH_BYTES

CHAIN_CONTEXT = b"hallkeeper/scan/v1\x00"


def chain_start(kiosk: str, generation: int) -> bytes:
    """Return what a kiosk's journal begins with, which is the hash before its first record."""
    return hashlib.sha256(CHAIN_CONTEXT + generation.to_bytes(8, "big") + kiosk.encode()).digest()


def chain_next(previous: bytes, record: bytes) -> bytes:
    """Return the chain's hash after `record` (canonical bytes)."""
    if len(previous) != HASH_BYTES:
        raise ValueError(f"a chain hash has {HASH_BYTES} bytes, not {len(previous)}")
    return hashlib.sha256(CHAIN_CONTEXT + previous + record).digest()
