"""The ledger: every scan of every kiosk, once, in the order of arrival, with all that follows from
it.

One batch is one step of a transaction: the journal's chain is checked, each record becomes a leaf
of the entry log, stays open and close, places move, what the server would have answered otherwise
becomes a discrepancy, and the doors concerned hear of it. A repeated batch changes nothing.
"""

import sqlite3
from dataclasses import dataclass

import msgspec

from badges import wire
from badges.admission.facts import Calendar
from badges.keys import BadSignatureError, PublicKey
from badges.places import KioskKey, Pool
from badges.record import ScanRecord, StayRef, WireError, decode_record
from badges.transparency import chain_next
from server import discrepancies, entry_log, feed, places, presence

MOVE_MARGIN_MS = 500  # of two kiosks' clocks; nobody is at two doors within that time


class ForkError(Exception):
    """The kiosk's journal is not the one that it sent before: a copied or restored disk."""


class GapError(Exception):
    """The batch begins after `acked_seq` + 1; send from there."""

    def __init__(self, acked_seq: int) -> None:
        super().__init__(f"records are missing: send from sequence {acked_seq + 1}")
        self.acked_seq = acked_seq


@dataclass(frozen=True)
class Sender:
    """The kiosk that sends, as the server knows it."""

    kiosk: str
    generation: int
    public_key: bytes
    state: str
    acked_seq: int
    head: bytes  # of the chain after `acked_seq`

    @property
    def key(self) -> KioskKey:
        return (self.kiosk, self.generation)


@dataclass(frozen=True)
class Ingested:
    acked_seq: int
    halls: tuple[int, ...]  # in which the kiosk has places and said so
    full: tuple[int, ...]  # those in which it wants one and none can come now


def ingest(
    db: sqlite3.Connection,
    sender: Sender,
    batch: wire.ScanBatch,
    *,
    calendar: Calendar,
    now: int,
) -> Ingested:
    """Take a batch. Raises ForkError, GapError or WireError; the caller's step then undoes all."""
    fresh = _verified(sender, batch)
    step = _Step(db, sender, calendar, now)
    for totals in batch.places:
        step.hear(totals, batch.incarnation)
    gone = set(batch.gone)
    for record, chain in fresh:
        step.take(record, chain, gone=record.seq in gone)
    for totals in batch.places:
        step.hear_returned(totals)
    step.save()
    for totals in batch.places:
        places.heard(db, totals.hall, sender.key, totals.free, totals.wants, now)
    acked = fresh[-1][0].seq if fresh else sender.acked_seq
    if fresh:
        db.execute(
            "UPDATE kiosk SET acked_seq = ?, head = ? WHERE kiosk = ? AND generation = ?",
            (acked, fresh[-1][1], *sender.key),
        )
    full = {hall for hall in step.pools if sender.key in places.share(db, hall, now)}
    return Ingested(
        acked,
        halls=tuple(totals.hall for totals in batch.places),
        full=tuple(totals.hall for totals in batch.places if totals.wants and totals.hall in full),
    )


def _verified(sender: Sender, batch: wire.ScanBatch) -> list[tuple[ScanRecord, bytes]]:
    """The records that are new, each with the chain's hash after it."""
    if batch.last_seq < sender.acked_seq:
        raise ForkError
    known = sender.acked_seq - batch.first_seq + 1
    if known < 0:
        raise GapError(sender.acked_seq)
    head = sender.head
    fresh = []
    for seq, raw in enumerate(batch.records[known:], sender.acked_seq + 1):
        record = decode_record(bytes(raw))
        if (record.kiosk, record.generation) != sender.key or record.seq != seq:
            raise WireError(f"scan record {seq}: of another kiosk or out of order")
        head = chain_next(head, bytes(raw))
        fresh.append((record, head))
    if known > len(batch.records):
        return []  # an old batch, once more; its head is behind ours
    if head != batch.head:
        raise ForkError
    try:
        PublicKey(sender.public_key).verify(wire.HEAD_CONTEXT + batch.head, batch.signature)
    except BadSignatureError:
        raise ForkError from None
    return fresh


class _Step:
    """One batch on its way into the ledger: the pools that it moves, loaded once, saved once."""

    def __init__(
        self, db: sqlite3.Connection, sender: Sender, calendar: Calendar, now: int
    ) -> None:
        self.db = db
        self.sender = sender
        self.now = now
        self.pools: dict[int, Pool] = {}
        self._before: dict[int, Pool] = {}
        self._judge = discrepancies.Judge(db, calendar)

    def pool(self, hall_id: int) -> Pool:
        """The hall's pool as it stands in this step. Raises WireError for a hall that is
        not there.
        """
        if hall_id not in self.pools:
            try:
                pool = places.load(self.db, hall_id)
            except places.UnknownHallError:
                raise WireError("scan record: no such hall") from None
            self._before[hall_id] = self.pools[hall_id] = pool
        return self.pools[hall_id]

    def hear(self, totals: wire.PlaceTotals, incarnation: int) -> None:
        """The kiosk's total of grants, before its records."""
        pool = self._account(totals.hall)
        self.pools[totals.hall] = pool.hear(
            self.sender.key, granted=totals.granted, incarnation=incarnation
        )

    def hear_returned(self, totals: wire.PlaceTotals) -> None:
        """The kiosk's total of returned places, after its records."""
        pool = self.pool(totals.hall)
        self.pools[totals.hall] = pool.hear_returned(self.sender.key, totals.returned)

    def _account(self, hall_id: int) -> Pool:
        pool = self.pool(hall_id)
        if self.sender.key not in pool.kiosks:
            raise WireError("this kiosk has no places in that hall")
        return pool

    def save(self) -> None:
        for hall_id, pool in self.pools.items():
            places.save(self.db, hall_id, self._before[hall_id], pool)
            self._before[hall_id] = pool

    def take(self, record: ScanRecord, chain: bytes, *, gone: bool) -> None:
        number = self._log(record, chain)
        self._insert(number, record)
        admitted = record.decision == "admitted"
        if record.act == "annul" or record.direction == "exit":
            if record.closes is not None:
                self._close(record.closes, "annul" if record.act == "annul" else "exit", record)
        elif admitted and record.serial is not None:
            self._enter(record, gone=gone)
        self._judge.judge(number, record, self.now)

    def _log(self, record: ScanRecord, chain: bytes) -> int:
        body = entry_log.canonical(
            {
                "chain": chain.hex(),
                "received_at": self.now,
                "record": msgspec.to_builtins(record),
                "type": "scan",
            }
        )
        return entry_log.append(self.db, "scan", body, self.now)

    def _insert(self, number: int, record: ScanRecord) -> None:
        self.db.execute(
            "INSERT INTO scan (number, kiosk, generation, seq, act, direction, door_id, hall_id,"
            " serial, issue, category, session_id, decision, reason, flags, scanned_at,"
            " received_at, skew_ms, facts_age_ms, quarantined)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                self.now,
                record.skew_ms,
                record.facts_age_ms,
                self.sender.state == "fenced",
            ),
        )

    def _enter(self, record: ScanRecord, *, gone: bool) -> None:
        assert record.serial is not None
        key = self.sender.key
        self.pools[record.hall] = self._account(record.hall).open_stay(key, gone=gone)
        ref = StayRef(*key, record.seq)
        at = _server_time(record)
        measured = record.skew_ms is not None
        stay = presence.Stay(ref, record.hall, record.door, record.serial, at, measured)
        presence.add(self.db, stay, gone_at=at if gone else None)
        if not gone:
            opened = wire.StayOpened(presence.facts(stay), record.hall)
            feed.publish(self.db, opened, hall_id=record.hall)
        self._move(stay, gone=gone)

    def _move(self, stay: presence.Stay, *, gone: bool) -> None:
        """People do not scan out: an entry elsewhere ends a stay, in whichever order they
        arrive.

        Only where it is sure which entry came first: both kiosks had measured their clocks, and
        the times lie apart. Otherwise the stay stays open, which errs on the safe side.
        """
        if not stay.clock_known:
            return
        around = presence.lineage(self.db, stay.hall_id)
        for other in presence.open_stays(self.db, stay.serial):
            earlier = other.opened_at < stay.opened_at - MOVE_MARGIN_MS
            if other.hall_id not in around and other.clock_known and earlier:
                self._close_inferred(other.ref, stay.ref, stay.opened_at)
        if gone:
            return
        within = presence.surroundings(self.db, stay.hall_id)
        left_at = presence.moved_on(self.db, stay.serial, stay.opened_at + MOVE_MARGIN_MS, within)
        if left_at is not None:
            self._close_inferred(stay.ref, None, left_at)

    def _close_inferred(self, ref: StayRef, cause: StayRef | None, at: int) -> None:
        body = {
            "at": at,
            "cause": None if cause is None else msgspec.to_builtins(cause),
            "closes": msgspec.to_builtins(ref),
            "type": "inferred_exit",
        }
        entry_log.append(self.db, "inferred_exit", entry_log.canonical(body), self.now)
        self._settle(presence.close(self.db, ref, "move", at))

    def _close(self, ref: StayRef, by: str, record: ScanRecord) -> None:
        self._settle(presence.close(self.db, ref, by, _server_time(record)))

    def _settle(self, closed: presence.Stay | None) -> None:
        """A stay that was open here is closed: its place is the pool's again."""
        if closed is None:
            return
        self.pools[closed.hall_id] = self.pool(closed.hall_id).close_stay()
        change = wire.StayClosed(closed.ref, closed.hall_id, closed.serial)
        feed.publish(self.db, change, hall_id=closed.hall_id)


def _server_time(record: ScanRecord) -> int:
    """When it happened by the server's clock, as far as the kiosk knew its own error."""
    return max(0, record.scanned_at - (record.skew_ms or 0))
