"""A kiosk's record as the ledger keeps it: its texts are whole.

A kiosk of another make may sign any text, and what is signed can't be refused without losing the
scans after it. The entry log has the record as it came.
"""

import msgspec

from badges.record import ScanRecord, decode_record
from badges.whole_text import whole_text


def kept_record(raw: bytes) -> ScanRecord:
    """Raises WireError."""
    record = decode_record(raw)
    if record.by is None and record.note is None:
        return record
    return msgspec.structs.replace(record, by=_whole(record.by), note=_whole(record.note))


def _whole(text: str | None) -> str | None:
    return None if text is None else whole_text(text)
