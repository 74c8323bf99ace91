"""Finds answers of before a restart that may be given once more, because the power failed before
the light.

The holder presents the badge again, and gets the answer that is on disk. An answer is given again
one time only. That is on disk before the light, and its own scan is a few seconds old at most. The
age counts only where the clock was not set since that scan. A clock that went back would make old
answers young again, and somebody else with the same badge would get in on a place that is used.
"""

from collections.abc import Callable
from pathlib import Path

from msgspec import UNSET

from badges.admission.facts import Scan
from badges.credential.credential import Credential
from badges.record import ScanRecord
from kiosk.journal.journal import Journal
from kiosk.journal.transaction import JournalTransaction

REPEAT_MS = 10_000
REPEAT_RECORDS = 64  # How many of the newest records are searched for the same presentation.
# If the wall clock moves by more than this against the monotonic one, somebody has set it.
SET_MS = 1_000
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return which start of the machine this is, or "" where the system does not say."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


class Repeats:
    """Holds the last scan of each holder before this process began, until there is a later one."""

    def __init__(
        self,
        journal: Journal,
        *,
        clock: Callable[[], int],
        monotonic: Callable[[], int],
        boot: Callable[[], str] = boot_id,
    ) -> None:
        """Take the clocks. `clock` gives Unix ms, `monotonic` gives ms since the machine's start,
        and `boot` tells which start.
        """
        self._clock = clock
        self._monotonic = monotonic
        self._boot = boot()
        self._started_at = monotonic()
        self._ahead_ms = clock() - monotonic()
        self._records: dict[int, ScanRecord] = {}
        with journal.transaction() as transaction:
            since = self._sure_since(transaction)
        if since is None:
            return
        for record in reversed(journal.newest(REPEAT_RECORDS)):
            if record.seq <= since:
                continue
            # The record is from a time that has not come yet, so the clock was set back.
            if record.scanned_at > clock():
                self._records.clear()
                return
            if record.serial is not None:
                self._records[record.serial] = record

    def _sure_since(self, transaction: JournalTransaction) -> int | None:
        """Return the sequence after which the age of scans is known, or None where it is known of
        none.

        After a start of the machine nobody can tell how long it was off. It is only sure that no
        scan is younger than the time that the machine is on now.
        """
        known = transaction.clock()
        if known is None:
            return None
        boot, ahead_ms, since = known
        if boot and boot == self._boot:
            return since if abs(self._ahead_ms - ahead_ms) <= SET_MS else None
        return since if self._started_at <= REPEAT_MS else None

    def note_clock(self, transaction: JournalTransaction) -> None:
        """Note beside each scan how the clock stands, where it was set since the last."""
        ahead_ms = self._clock() - self._monotonic()
        known = transaction.clock()
        if known is None or known[0] != self._boot or abs(known[1] - ahead_ms) > SET_MS:
            transaction.keep_clock(self._boot, ahead_ms)

    def find(self, scan: Scan, badge: Credential) -> ScanRecord | None:
        """Find the record whose answer this presentation may get again. The caller tells
        `Step.repeat` then.
        """
        if not self._records:
            return None
        since_start = self._monotonic() - self._started_at
        set_by = self._clock() - self._monotonic() - self._ahead_ms
        if since_start > REPEAT_MS or abs(set_by) > SET_MS:
            self._records.clear()
            return None
        record = self._records.get(badge.serial)
        return record if record and _is_same(record, scan, badge) else None

    def forget(self, serial: int) -> None:
        """Forget the holder's earlier scan, because there is a later one."""
        self._records.pop(serial, None)


def _is_same(record: ScanRecord, scan: Scan, badge: Credential) -> bool:
    """Tell whether the scan can be the presentation that `record` admitted."""
    return (
        record.act in ("scan", "override")
        and record.decision == "admitted"
        and record.direction == scan.direction
        and record.issue == badge.issue
        and (None if record.day is UNSET else record.day) == badge.day
        and 0 <= scan.scanned_at - record.scanned_at <= REPEAT_MS
    )
