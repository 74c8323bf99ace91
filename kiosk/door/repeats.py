"""Remembers who passed this door seconds before its kiosk restarted.

The record of a scan is on disk before the light, so a crash in between leaves a record whose light
nobody saw. The holder then shows the badge again. It may also be another person with a copy, or
with the badge handed back, while the holder is inside. The journal can't tell them apart. So such a
badge gets no green without a place: an entry is a question to staff, and an exit ends no other
stay.
"""

from collections.abc import Callable

from badges.admission.facts import Scan
from badges.record import ScanRecord
from kiosk.door.facts import credential_of
from kiosk.journal.journal import Journal

REPEAT_MS = 60_000  # since the scan, and since the start of this process
REPEAT_RECORDS = 256  # How many of the newest records are searched.


class Repeats:
    """Holds the last passage of each holder before this process began, until there is a later
    one.
    """

    def __init__(self, journal: Journal, *, monotonic: Callable[[], int]) -> None:
        """`monotonic` gives ms by a clock that nobody sets."""
        self._monotonic = monotonic
        self._started_at = monotonic()
        self._records: dict[int, ScanRecord] = {
            record.serial: record
            for record in reversed(journal.newest(REPEAT_RECORDS))
            if record.serial is not None and record.decision == "admitted"
        }

    def find(self, scan: Scan, hall: int) -> ScanRecord | None:
        """Return the record of before the restart that this scan in the hall may repeat."""
        badge = credential_of(scan)
        if self._monotonic() - self._started_at > REPEAT_MS:
            self._records = {}
        record = self._records.get(badge.serial) if badge else None
        if (
            record is None
            or record.act == "annul"
            or (record.hall, record.direction) != (hall, scan.direction)
            # A scan of a time still to come is of a clock that was set back, and may be new.
            or scan.scanned_at - record.scanned_at > REPEAT_MS
        ):
            return None
        return record

    def forget(self, serial: int) -> None:
        """Forget the holder's passage of before the restart, because there is a later one."""
        self._records.pop(serial, None)
