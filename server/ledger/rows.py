"""Collects what one batch adds to the ledger's tables. It is numbered as it comes and written
together, for one statement for many rows costs a fraction of many statements.
"""

from typing import NamedTuple

import msgspec

from badges.record import ScanRecord
from badges.wire import wire
from server.entry_log import entry_log
from server.feed import changes
from server.storage.connection import Connection
from server.storage.tables import insert_many

_SCAN = (
    "number", "kiosk", "generation", "seq", "act", "direction", "door_id", "hall_id", "serial",
    "issue", "category", "session_id", "decision", "reason", "flags", "scanned_at", "received_at",
    "skew_ms", "facts_age_ms", "override_place", "supervisor", "note", "quarantined",
)  # fmt: skip


class Line(NamedTuple):
    """Holds one verified line of a kiosk's journal."""

    record: ScanRecord
    raw: bytes  # The record's canonical bytes.
    chain: bytes  # The chain's head after it.
    signature: bytes | None = None  # The kiosk's, of that head. The last line of a batch has it.


class ScanLeaf(msgspec.Struct):
    """Represents a scan as the entry log has it. Its fields are in canonical order, and the record
    is kept as it came.

    `signature` is the kiosk's, of `chain`. The last scan of a batch has it.
    """

    chain: str
    received_at: int
    record: msgspec.Raw
    signature: str | msgspec.UnsetType = msgspec.UNSET
    type: str = "scan"


class Rows:
    """Leaves, scans and changes of one step. Only this one numbers leaves meanwhile."""

    def __init__(self, db: Connection, now: int, *, entries: int, quarantined: bool) -> None:
        """`entries` is how many leaves the entry log has."""
        self._db = db
        self._now = now
        self._quarantined = quarantined
        self._number = entries
        self._leaves: list[tuple[int, str, bytes]] = []
        self._scans: list[tuple[object, ...]] = []
        self._changes: list[tuple[int, wire.Change]] = []

    @property
    def entries(self) -> int:
        """Return how many leaves there are with these."""
        return self._number

    def leaf(self, kind: str, body: bytes) -> int:
        """Add a leaf and return its number."""
        number = self._number
        self._leaves.append((number, kind, body))
        self._number += 1
        return number

    def scan(self, line: Line, *, skew_ms: int | None) -> int:
        """Add a scan with its leaf, and return their number. `skew_ms` is None where the kiosk's
        clock error is unknown or can't be right.
        """
        signature = msgspec.UNSET if line.signature is None else line.signature.hex()
        leaf = ScanLeaf(line.chain.hex(), self._now, msgspec.Raw(line.raw), signature)
        number = self.leaf("scan", msgspec.json.encode(leaf))
        record = line.record
        self._scans.append(
            (
                number,
                record.kiosk,
                record.generation,
                record.seq,
                record.act,
                record.direction,
                record.door,
                record.hall,
                record.serial,
                record.issue,
                record.category,
                record.session,
                record.decision,
                record.reason,
                " ".join(record.flags),
                record.scanned_at,
                self._now,
                skew_ms,
                record.facts_age_ms,
                record.override_place,
                record.by,
                # Not every engine keeps the character NUL in a text. The leaf has it.
                record.note and record.note.replace("\0", "\N{SYMBOL FOR NULL}"),
                self._quarantined,
            )
        )
        return number

    def change(self, hall_id: int, change: wire.Change) -> None:
        """Add a change that the hall's doors are to hear."""
        self._changes.append((hall_id, change))

    def write(self) -> None:
        """Write what was added since. A row that names a scan may be written after this alone."""
        entry_log.extend(self._db, self._leaves, self._now)
        insert_many(self._db, "scan", _SCAN, self._scans)
        changes.publish_to_halls(self._db, self._changes)
        self._leaves, self._scans, self._changes = [], [], []
