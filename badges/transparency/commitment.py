"""The commitment that the entry log stores for a record.

It binds a random salt and the record. With both, anyone can verify it. Once both are deleted,
the record can't be found by guessing. docs/entry-log.md specifies it byte by byte.
"""

import hashlib

COMMITMENT_CONTEXT = b"hallkeeper/entry/v1\x00"
SALT_BYTES = 16


def commitment(salt: bytes, body: bytes) -> bytes:
    """The salted hash that the log stores for the record `body` (its stored bytes)."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes, not {len(salt)}")
    return hashlib.sha256(COMMITMENT_CONTEXT + salt + body).digest()
