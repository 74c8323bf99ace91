"""Remembers badges that passed this door seconds before its kiosk restarted.

The scan's record is on disk before the light, so after a crash in between the light was not seen.
The holder shows the badge again. But it may also be another person with a copy, or with the
badge handed back, while the holder is inside. The journal can't distinguish these. So such a
badge gets no green without a place: an entry is a question to staff, and an exit ends no other
stay.
"""

from collections.abc import Callable

from badges.admission.facts import Scan
from badges.record import ScanRecord
from kiosk.door.facts import credential_of
from kiosk.journal.journal import Journal

REPEAT_MS = 60_000  # since the scan, and since the start of this process
REPEAT_RECORDS = 256  # the newest records that are searched


class Repeats:
    """Each holder's last passage before this process began, until they pass again."""

    def __init__(self, journal: Journal, *, monotonic: Callable[[], int]) -> None:
        """`monotonic` is in ms."""
        self._monotonic = monotonic
        self._started_at = monotonic()
        self._records: dict[int, ScanRecord] = {
            record.serial: record
            for record in reversed(journal.newest(REPEAT_RECORDS))
            if record.serial is not None and record.decision == "admitted"
        }

    def find(self, scan: Scan, hall: int) -> ScanRecord | None:
        """The record from before the restart that this scan may repeat."""
        badge = credential_of(scan)
        if self._monotonic() - self._started_at > REPEAT_MS:
            self._records = {}
        record = self._records.get(badge.serial) if badge else None
        if (
            record is None
            or record.act == "annul"
            or (record.hall, record.direction) != (hall, scan.direction)
            # A later time means that the clock was set back; it may still be a repeat.
            or scan.scanned_at - record.scanned_at > REPEAT_MS
        ):
            return None
        return record

    def forget(self, serial: int) -> None:
        """Called once there is a later passage."""
        self._records.pop(serial, None)
