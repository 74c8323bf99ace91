"""Decides which sightings show that a person is out: those made after the person's last entry.

The order of a sighting and an entry is known where one of these holds (docs/design/muster.md):
one kiosk recorded both, both times are by measured clocks in one epoch of the server's time, or
the server had the entry before the sighting was made. Where none does, the sighting is doubtful.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum

from server.core.event import clock
from server.core.event.clock import Epoch
from server.core.occupancy.stays import CLOCK_MARGIN_MS
from server.core.staff import confirmations
from server.storage import dialect
from server.storage.connection import Connection

Source = tuple[str, int]  # a kiosk and its generation


class Order(Enum):
    """Where a sighting is, relative to an entry."""

    BEFORE = "before"
    UNKNOWN = "unknown"
    AFTER = "after"


@dataclass(frozen=True)
class Entry:
    """A person's entry into a hall. Times are Unix ms."""

    source: Source
    seq: int
    at: int
    clock_known: bool
    epoch: int
    number: int | None  # of its scan
    received_at: int | None


@dataclass(frozen=True)
class Sighting:
    """A badge seen at an assembly point, or a person ticked off on the page. Times are Unix ms."""

    at: int
    # The observation was not made earlier. For a tick, when its page was opened.
    not_before: int
    clock_known: bool
    epoch: int
    point: str
    by: str | None
    source: Source | None  # None for a tick
    seq: int
    # For a tick: the newest entry (number) that its page showed.
    shown_entry: int | None

    def order(self, entry: Entry, epoch: Epoch | None) -> Order:
        """Return what is proven. `epoch` is the server's current one."""
        if self.source == entry.source:
            return Order.AFTER if self.seq > entry.seq else Order.BEFORE

        clocks_agree = self.clock_known and entry.clock_known and self.epoch == entry.epoch
        if clocks_agree and self.not_before > entry.at + CLOCK_MARGIN_MS:
            return Order.AFTER
        if clocks_agree and self.at < entry.at - CLOCK_MARGIN_MS:
            return Order.BEFORE

        return Order.AFTER if self._was_told_before(entry, epoch) else Order.UNKNOWN

    def _was_told_before(self, entry: Entry, epoch: Epoch | None) -> bool:
        """Return whether the server had the entry before the sighting was made."""
        if entry.number is None or entry.received_at is None:
            return False
        if self.shown_entry is not None:
            return entry.number <= self.shown_entry
        if epoch is None or not self.clock_known or self.epoch != epoch.number:
            return False
        # What was received before this epoch has its time by a clock that was set since.
        is_older = entry.number < epoch.first
        told_at = epoch.since if is_older else max(epoch.since, entry.received_at)
        return self.at > told_at + CLOCK_MARGIN_MS


def chosen(db: Connection, muster_id: int, serial: int) -> tuple[Sighting, bool] | None:
    """Return the sighting to show of a person, and whether it is proven to be after all entries.

    It is the earliest proven one, else the latest that may be after them.
    """
    sightings = _sightings(db, muster_id, serial)
    if not sightings:
        return None

    entries = _entries(db, muster_id, serial)
    epoch = clock.newest(db)
    possible = []
    for sighting in sightings:
        orders = {sighting.order(entry, epoch) for entry in entries}
        if orders <= {Order.AFTER}:
            return sighting, True
        if Order.BEFORE not in orders:
            possible.append(sighting)

    return (possible[-1], False) if possible else None


def known_entries(db: Connection, serials: Collection[int]) -> dict[int, str]:
    """Return a digest of each person's entries, none for who has none.

    A page of the list carries it, and not a number: a database that was put back uses its numbers
    again.
    """
    rows = db.execute(
        "SELECT DISTINCT serial, kiosk, generation, seq FROM stay"
        f" WHERE {dialect.one_of('serial')}",
        (dialect.many(serials),),
    )
    entries: dict[int, list[str]] = defaultdict(list)
    for serial, kiosk, generation, seq in rows.fetchall():
        entries[serial].append(f"{kiosk} {generation} {seq}")
    return {serial: confirmations.digest(keys) for serial, keys in entries.items()}


def newest_entry(db: Connection, serial: int) -> int:
    """Return the number of the person's entry that the server received last, 0 if none."""
    (number,) = db.execute(
        "SELECT COALESCE(MAX(x.number), 0) FROM stay e JOIN scan x USING (kiosk, generation, seq)"
        " WHERE e.serial = ?",
        (serial,),
    ).fetchone()
    return int(number)


def _sightings(db: Connection, muster_id: int, serial: int) -> Sequence[Sighting]:
    """Return the person's sightings that count, earliest first."""
    rows = db.execute(
        "SELECT s.at, s.not_before, s.clock_known, s.epoch, s.point, s.by, s.shown_entry,"
        " x.kiosk, x.generation, x.seq FROM muster_seen s LEFT JOIN scan x ON x.number = s.number"
        " WHERE s.muster_id = ? AND s.serial = ? AND s.void_badge = 0 AND s.withdrawn = 0"
        " ORDER BY s.at, s.seen_id",
        (muster_id, serial),
    )
    return [
        Sighting(
            at=row["at"],
            not_before=row["not_before"],
            clock_known=bool(row["clock_known"]),
            epoch=row["epoch"],
            point=row["point"],
            by=row["by"],
            source=None if row["kiosk"] is None else (row["kiosk"], row["generation"]),
            seq=row["seq"] or 0,
            shown_entry=row["shown_entry"],
        )
        for row in rows.fetchall()
    ]


def _entries(db: Connection, muster_id: int, serial: int) -> Sequence[Entry]:
    """Return all the person's entries, also those that are over: who left an inner hall may still
    be in the hall around it. Entries after the muster's end do not matter.
    """
    rows = db.execute(
        "SELECT e.kiosk, e.generation, e.seq, e.opened_at, e.clock_known, e.epoch, x.number,"
        " x.received_at FROM stay e JOIN muster m ON m.muster_id = ?"
        " LEFT JOIN scan x USING (kiosk, generation, seq) WHERE e.serial = ?"
        " AND (m.ended_at IS NULL OR e.clock_known = 0 OR e.opened_at <= m.ended_at)",
        (muster_id, serial),
    )
    return [
        Entry(
            source=(row["kiosk"], row["generation"]),
            seq=row["seq"],
            at=row["opened_at"],
            clock_known=bool(row["clock_known"]),
            epoch=row["epoch"],
            number=row["number"],
            received_at=row["received_at"],
        )
        for row in rows.fetchall()
    ]
