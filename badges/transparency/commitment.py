"""Computes the commitment to a record, which is what the entry log holds of it.

The commitment binds a random salt and the record. Whoever has both can check it. Once both are
deleted, nobody can find out by trying which record it was. docs/entry-log.md has it byte by byte.
"""

import hashlib

COMMITMENT_CONTEXT = b"hallkeeper/entry/v1\x00"
SALT_BYTES = 16


def commitment(salt: bytes, body: bytes) -> bytes:
    """Return the entry of the log for the record `body` (its bytes as they are kept)."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes, not {len(salt)}")
    return hashlib.sha256(COMMITMENT_CONTEXT + salt + body).digest()
