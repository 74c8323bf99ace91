"""One record after another into the ledger: its leaf, its row, its stay, its place, its
discrepancy, and what the doors concerned hear of it.
"""

import sqlite3
from collections import Counter

import msgspec

from badges import wire
from badges.admission import Reason
from badges.admission.facts import Calendar
from badges.places import KioskKey, Pool, PoolKey
from badges.record import ScanRecord, StayRef, WireError
from server import discrepancies, entry_log, feed, places, presence, unnamed
from server.presence import CLOCK_MARGIN_MS

AHEAD_MS = 300_000  # by more no kiosk's clock is wrong that has measured its error


class Step:
    """One batch on its way into the ledger: the pools that it moves, loaded once, saved once."""

    def __init__(
        self,
        db: sqlite3.Connection,
        sender: KioskKey,
        calendar: Calendar,
        now: int,
        *,
        quarantined: bool,
    ) -> None:
        """`sender` is the kiosk; `quarantined` marks its scans: it was fenced as lost."""
        self.db = db
        self.sender = sender
        self.now = now
        self.came: Counter[int] = Counter()  # people that came to the door, by hall
        self._quarantined = quarantined
        self._fenced: int | None = None  # the act's leaf, once it was looked for
        self._pools: dict[PoolKey, Pool] = {}
        self._before: dict[PoolKey, Pool] = {}
        self._entered: list[presence.Stay] = []
        self._judge = discrepancies.Judge(db, calendar)

    @property
    def halls(self) -> frozenset[int]:
        """Those whose places may have moved."""
        return frozenset(key.hall_id for key in self._pools)

    def hear(self, totals: wire.PlaceTotals, incarnation: int) -> None:
        """The kiosk's total of grants, before its records."""
        key = PoolKey(totals.hall, totals.override)
        pool = self._account(key)
        self._pools[key] = pool.hear(self.sender, granted=totals.granted, incarnation=incarnation)

    def has_forgotten(self, totals: wire.PlaceTotals) -> bool:
        """Whether the kiosk says that it returned fewer places than before."""
        pool = self._account(PoolKey(totals.hall, totals.override))
        return totals.returned < pool.kiosks[self.sender].returned

    def hear_returned(self, totals: wire.PlaceTotals) -> None:
        """The kiosk's total of returned places, after its records."""
        key = PoolKey(totals.hall, totals.override)
        self._pools[key] = self._account(key).hear_returned(self.sender, totals.returned)

    def save(self) -> None:
        for key, pool in self._pools.items():
            places.save(self.db, key, self._before[key], pool)
            self._before[key] = pool

    def judge_again(self) -> None:
        """With all records of the batch: how long each stay lasted is known, or it is open."""
        for stay in self._entered:
            self._judge.judge_again(stay, self.now)

    def take(self, record: ScanRecord, chain: bytes, *, gone: bool) -> None:
        """Take one record; `gone`: its stay was over before the kiosk offered it (rule 4)."""
        number = self._log(record, chain)
        self._insert(number, record)
        admitted = record.decision == "admitted"
        if record.act == "annul" or record.direction == "exit":
            if record.closes is not None:
                self._leave(record, record.closes)
            elif record.serial is not None and self._clock_known(record):
                self._leave_unnamed(number, record, record.serial)
        elif admitted and record.serial is not None:
            self._enter(record, gone=gone)
        if record.direction == "entry" and (admitted or record.reason == Reason.HALL_FULL):
            self.came[record.hall] += 1
        self._judge.judge(number, record, self.now)

    def _pool(self, key: PoolKey) -> Pool:
        """The pool as it stands in this step. Raises WireError for a hall that is not there."""
        if key not in self._pools:
            try:
                pool = places.load(self.db, key)
            except places.UnknownHallError:
                raise WireError("scan record: no such hall") from None
            self._before[key] = self._pools[key] = pool
        return self._pools[key]

    def _account(self, key: PoolKey) -> Pool:
        pool = self._pool(key)
        if self.sender not in pool.kiosks:
            if not places.was_restored_without_acts(self.db):
                raise WireError("this kiosk has no places in that hall")
            pool = self._pools[key] = pool.enrol(self.sender)
        return pool

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
            " received_at, skew_ms, facts_age_ms, override_place, supervisor, note, quarantined)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                None if self._is_ahead(record) else record.skew_ms,
                record.facts_age_ms,
                record.override_place,
                record.by,
                record.note,
                self._quarantined,
            ),
        )

    def _clock_known(self, record: ScanRecord) -> bool:
        """Whether others' stays may end by the time of this record: not by a fenced kiosk's, nor by
        one that comes before it was made.
        """
        known = record.skew_ms is not None and not self._is_ahead(record)
        return known and not self._quarantined

    def _is_ahead(self, record: ScanRecord) -> bool:
        return record.scanned_at - (record.skew_ms or 0) > self.now + AHEAD_MS

    def _enter(self, record: ScanRecord, *, gone: bool) -> None:
        assert record.serial is not None
        key = PoolKey(record.hall, record.override_place)
        self._pools[key] = self._account(key).open_stay(self.sender, gone=gone)
        ref = StayRef(*self.sender, record.seq)
        at = _server_time(record, self.now)
        stay = presence.Stay(
            ref, record.hall, record.door, record.serial, at,
            clock_known=self._clock_known(record), override=record.override_place,
        )  # fmt: skip
        presence.add(self.db, stay, gone_at=at if gone else None)
        self._entered.append(stay)
        early = presence.early_exit(self.db, ref)
        over = gone or early is not None
        if early is not None and not gone:
            self._settle(presence.close(self.db, ref, *early))
        if not over:
            opened = wire.StayOpened(presence.facts(stay), record.hall)
            feed.publish(self.db, opened, hall_id=record.hall)
            ended = unnamed.exit_of(self.db, stay) if stay.clock_known else None
            if ended is not None:
                self._close_inferred(stay.ref, "exit", {"exit": ended[0]}, ended[1])
                over = True
        self._move(stay, over=over)

    def _leave(self, record: ScanRecord, ref: StayRef) -> None:
        """An exit or an annulment: it closes the stay that it names, once, in whatever order
        they arrive.
        """
        by, at = "annul" if record.act == "annul" else "exit", _server_time(record, self.now)
        own = (ref.kiosk, ref.generation) == self.sender
        if record.credited and not (own and presence.is_gone(self.db, ref)):
            key = PoolKey(record.hall, record.override_place)
            self._pools[key] = self._account(key).trust(self.sender)
        if self._cannot_know(ref):
            return
        closed = presence.close(self.db, ref, by, at)
        if closed is None:
            presence.ended(self.db, ref, at)
            if places.incarnation(self.db) > 1:  # else the stay would be here, or is made up
                presence.remember_early(self.db, ref, by, at)
        self._settle(closed)

    def _cannot_know(self, ref: StayRef) -> bool:
        """Whether a fenced kiosk names another door's stay that began since: it hears of none."""
        if not self._quarantined or (ref.kiosk, ref.generation) == self.sender:
            return False
        entry = self.db.execute(
            "SELECT number FROM scan WHERE kiosk = ? AND generation = ? AND seq = ?",
            (ref.kiosk, ref.generation, ref.seq),
        ).fetchone()
        if self._fenced is None:
            self._fenced = entry_log.newest_act(self.db, "kiosk.fence", self.sender)
        return entry is not None and self._fenced is not None and entry[0] > self._fenced

    def _leave_unnamed(self, number: int, record: ScanRecord, serial: int) -> None:
        at = _server_time(record, self.now)
        stay = unnamed.meant(self.db, serial, record.hall, at)
        if stay is None:
            unnamed.remember(self.db, number, serial, record.hall, at)
        else:
            self._close_inferred(stay.ref, "exit", {"exit": number}, at)

    def _move(self, stay: presence.Stay, *, over: bool) -> None:
        """People do not scan out: an entry elsewhere ends a stay, in whichever order they
        arrive; also one whose own stay is `over` by now.

        Only where it is sure which entry came first: both kiosks had measured their clocks, and
        the times lie apart. Otherwise the stay stays open, which errs on the safe side.
        """
        if not stay.clock_known:
            return
        around = presence.lineage(self.db, stay.hall_id)
        for other in presence.open_stays(self.db, stay.serial):
            earlier = other.opened_at < stay.opened_at - CLOCK_MARGIN_MS
            if other.hall_id not in around and other.clock_known and earlier:
                cause = msgspec.to_builtins(stay.ref)
                self._close_inferred(other.ref, "move", cause, stay.opened_at)
        if over:
            return
        within = presence.surroundings(self.db, stay.hall_id)
        left_at = presence.moved_on(self.db, stay.serial, stay.opened_at + CLOCK_MARGIN_MS, within)
        if left_at is not None:
            self._close_inferred(stay.ref, "move", None, left_at)

    def _close_inferred(
        self, ref: StayRef, by: str, cause: dict[str, object] | None, at: int
    ) -> None:
        """End a stay that no exit names. `cause` is the entry elsewhere, or the exit's leaf."""
        body = {
            "at": at,
            "by": by,
            "cause": cause,
            "closes": msgspec.to_builtins(ref),
            "type": "inferred_exit",
        }
        entry_log.append(self.db, "inferred_exit", entry_log.canonical(body), self.now)
        self._settle(presence.close(self.db, ref, by, at))

    def _settle(self, closed: presence.Stay | None) -> None:
        """A stay that was open here is closed: its place is the pool's again."""
        if closed is None:
            return
        key = PoolKey(closed.hall_id, closed.override)
        self._pools[key] = self._pool(key).close_stay(closed.stay_id)
        change = wire.StayClosed(closed.ref, closed.hall_id, closed.serial)
        feed.publish(self.db, change, hall_id=closed.hall_id)


def _server_time(record: ScanRecord, now: int) -> int:
    """When it happened by the server's clock, as far as the kiosk knew its own error; a time that
    can't be told to the other doors is none.
    """
    return max(0, min(record.scanned_at - (record.skew_ms or 0), now + AHEAD_MS))
