"""Decodes a batch and verifies its signature in advance, so that the database's one writer need
not.
"""

from typing import NamedTuple

from badges.credential.keys import BadSignatureError, public_key
from badges.record import ScanRecord
from badges.wire import wire
from server.core.ledger.kept_record import kept_record


class Prepared(NamedTuple):
    batch: wire.ScanBatch
    records: tuple[tuple[ScanRecord, bytes], ...]
    signed_by: bytes | None  # a public key known to have signed the batch's head


def prepare(batch: wire.ScanBatch, key: bytes | None = None) -> Prepared:
    """Decode the records, and check whether `key` signed the last chain hash. Raises WireError."""
    raws = [bytes(sent) for sent in batch.records]
    records = tuple((kept_record(raw), raw) for raw in raws)
    signed = key is not None and bool(records) and is_signed(batch, key)
    return Prepared(batch, records, key if signed else None)


def is_signed(batch: wire.ScanBatch, key: bytes) -> bool:
    try:
        public_key(key).verify(wire.HEAD_CONTEXT + batch.head, batch.signature)
    except BadSignatureError:
        return False
    return True
