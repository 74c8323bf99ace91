"""Does beforehand what a batch needs that has nothing to do with the database: its records are
decoded, and its signature is verified. So the one writer, for whom all others wait, need not.
"""

from typing import NamedTuple

from badges.credential.keys import BadSignatureError, public_key
from badges.record import ScanRecord, decode_record
from badges.wire import wire


class Prepared(NamedTuple):
    """Holds a batch with its records, each with its canonical bytes."""

    batch: wire.ScanBatch
    records: tuple[tuple[ScanRecord, bytes], ...]
    signed_by: bytes | None  # The public key of whom it is known that they signed the batch's head.


def prepare(batch: wire.ScanBatch, key: bytes | None = None) -> Prepared:
    """Decode the records, and find out whether `key` signed the batch's head. Raises WireError."""
    raws = [bytes(sent) for sent in batch.records]
    records = tuple((decode_record(raw), raw) for raw in raws)
    signed = key is not None and bool(records) and is_signed(batch, key)
    return Prepared(batch, records, key if signed else None)


def is_signed(batch: wire.ScanBatch, key: bytes) -> bool:
    """Say whether `key` signed the batch's head."""
    try:
        public_key(key).verify(wire.HEAD_CONTEXT + batch.head, batch.signature)
    except BadSignatureError:
        return False
    return True
