"""A door for tests of the server: it keeps a chained, signed journal and speaks the wire."""

import msgspec

from badges.credential.keys import PrivateKey
from badges.record import ScanRecord, StayRef, encode_record
from badges.transparency.chain import chain_next, chain_start
from badges.wire import wire


class FakeDoor:
    """A kiosk's journal without a kiosk. Each method that scans returns the record."""

    def __init__(self, kiosk: str, door: int, hall: int, generation: int = 1) -> None:
        self.kiosk = kiosk
        self.generation = generation
        self.door = door
        self.hall = hall
        self.key = PrivateKey(kiosk.encode().ljust(32, b"."))
        self.records: list[bytes] = []
        self.heads = [chain_start(kiosk, generation)]
        self.acked = 0
        self.granted = 0
        self.returned = 0
        self.entries = 0
        self.counter = 0

    @property
    def free(self) -> int:
        return self.granted - self.returned - self.entries

    def scan(self, at: int, serial: int | None, **changes) -> ScanRecord:
        fields = {
            "kiosk": self.kiosk,
            "generation": self.generation,
            "seq": len(self.records) + 1,
            "direction": "entry",
            "door": self.door,
            "hall": self.hall,
            "scanned_at": at,
            "skew_ms": 0,
            "facts_age_ms": 0,
            "decision": "admitted",
            "serial": serial,
            "issue": None if serial is None else 1,
        }
        record = ScanRecord(**{**fields, **changes})
        raw = encode_record(record)
        self.records.append(raw)
        self.heads.append(chain_next(self.heads[-1], raw))
        if record.direction == "entry" and record.decision == "admitted":
            self.entries += 1
        return record

    def ref(self, record: ScanRecord) -> StayRef:
        return StayRef(self.kiosk, self.generation, record.seq)

    def leave(self, at: int, serial: int, closes: StayRef | None, **changes) -> ScanRecord:
        return self.scan(at, serial, direction="exit", closes=closes, **changes)

    def batch(self, at: int, first: int | None = None, last: int | None = None, **changes):
        """Records `first` to `last` (default: all unacknowledged), signed."""
        first = self.acked + 1 if first is None else first
        last = len(self.records) if last is None else last
        head = self.heads[last]
        fields = {
            "records": [msgspec.Raw(raw) for raw in self.records[first - 1 : last]],
            "first_seq": first,
            "last_seq": len(self.records),
            "head": head,
            "signature": self.key.sign(wire.HEAD_CONTEXT + head),
            "incarnation": 1,
            "places": [wire.PlaceTotals(self.hall, self.granted, self.returned, self.free)],
            "sent_at": at,
        }
        return wire.ScanBatch(**{**fields, **changes})
