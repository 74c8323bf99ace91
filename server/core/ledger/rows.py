"""Collects batches' rows for the ledger's tables, numbered on arrival and written together. One
statement for many rows costs a fraction of many.
"""

from typing import Any, NamedTuple

import msgspec

from badges.record import ScanRecord
from badges.wire import wire
from server.core.entry_log import entry_log
from server.core.feed import changes
from server.storage.connection import Connection
from server.storage.engines import joint
from server.storage.engines.joint import Collected
from server.storage.tables import write_rows

_SCAN = (
    "number", "kiosk", "generation", "seq", "act", "direction", "door_id", "hall_id", "serial",
    "issue", "category", "session_id", "decision", "reason", "flags", "scanned_at", "received_at",
    "skew_ms", "facts_age_ms", "override_place", "supervisor", "note", "quarantined",
)  # fmt: skip
_DISCREPANCY = ("number", "other_number", "reason", "noticed_at")


class Line(NamedTuple):
    record: ScanRecord
    raw: bytes  # the record's canonical bytes
    chain: bytes  # chain head after it
    # the kiosk's signature of that head, in the last line of a batch
    signature: bytes | None = None


class ScanLeaf(msgspec.Struct):
    """A scan in the entry log. Fields are in canonical order; `record` is unchanged from the
    kiosk.

    `signature` is the kiosk's signature of `chain`. Only the last scan of a batch has one.
    """

    chain: str
    received_at: int
    record: msgspec.Raw
    signature: str | msgspec.UnsetType = msgspec.UNSET
    type: str = "scan"


# The first number of a leaf whose number is not known before the place in the order of commits.
PROVISIONAL = 1 << 62


class Added(Collected):
    tables = ("leaf", "scan", "discrepancy")
    in_order = True

    def __init__(self, db: Connection) -> None:
        super().__init__(db)
        self.leaves: list[tuple[Any, ...]] = []
        self.scans: list[tuple[Any, ...]] = []
        self.discrepancies: list[tuple[Any, ...]] = []
        # In a concurrent transaction: the number of its leaves, and the first of their numbers.
        self._count = 0
        self._first: int | None = None

    @property
    def is_pending(self) -> bool:
        return bool(self.leaves or self.discrepancies)

    def next_number(self) -> int:
        """Return a provisional number for the next leaf of a concurrent transaction."""
        self._count += 1
        return PROVISIONAL + self._count - 1

    def final(self, number: int) -> int:
        """Return a leaf's number in the entry log. In a concurrent transaction this takes the place
        in the order of commits.
        """
        if number < PROVISIONAL:
            return number
        if self._first is None:
            self._first = joint.in_order(self._db)["leaf"]
        return self._first + number - PROVISIONAL

    def put(self) -> None:
        leaves, scans, differing = self.leaves, self.scans, self.discrepancies
        if self._count:
            leaves, scans, differing = (
                [(self.final(number), *rest) for number, *rest in rows]
                for rows in (leaves, scans, differing)
            )
        self.leaves, self.scans, self.discrepancies = [], [], []
        numbers = joint.numbers(self._db)
        if numbers:
            numbers["leaf"] += len(leaves)
        entry_log.extend(self._db, leaves)
        write_rows(self._db, "scan", _SCAN, scans)
        write_rows(self._db, "discrepancy", _DISCREPANCY, differing)


class Rows:
    """The leaves, scans and changes of one batch. Until they are written, only this object may
    number leaves, or in a concurrent transaction those of its group.
    """

    def __init__(self, db: Connection, now: int, *, entries: int, quarantined: bool) -> None:
        self._db = db
        self._now = now
        self._quarantined = quarantined
        self._number = entries
        self._added = joint.shared(db, Added, lambda: Added(db))
        self._changes: list[tuple[int, wire.Change]] = []
        self._is_concurrent = joint.is_concurrent(db)

    @property
    def entries(self) -> int:
        """The number of leaves, including unwritten ones. In a concurrent transaction, those at its
        beginning.
        """
        return self._number

    def leaf(self, kind: str, body: bytes) -> int:
        """Return the leaf's number, which is provisional in a concurrent transaction."""
        if self._is_concurrent:
            number = self._added.next_number()
        else:
            number = self._number
            self._number += 1
        self._added.leaves.append((number, kind, self._now, body))
        return number

    def final(self, number: int) -> int:
        """Return the number to be stored in other tables (`Added.final`)."""
        return self._added.final(number)

    def scan(self, line: Line, *, skew_ms: int | None) -> int:
        """Add a scan with its leaf, and return their number. `skew_ms` is the kiosk's clock error,
        None if unknown or impossible.
        """
        signature = msgspec.UNSET if line.signature is None else line.signature.hex()
        leaf = ScanLeaf(line.chain.hex(), self._now, msgspec.Raw(line.raw), signature)
        number = self.leaf("scan", msgspec.json.encode(leaf))
        record = line.record
        self._added.scans.append(
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
                record.note,
                self._quarantined,
            )
        )
        return number

    def change(self, hall_id: int, change: wire.Change) -> None:
        self._changes.append((hall_id, change))

    def discrepancy(self, number: int, other_number: int | None, reason: str) -> None:
        self._added.discrepancies.append((number, other_number, reason, self._now))

    def write(self) -> None:
        """Write the pending rows. Call it before writing other rows that refer to a scan."""
        self._added.write()
        if self._changes:
            changes.publish_to_halls(self._db, self._changes)
            self._changes = []
