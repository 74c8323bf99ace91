from collections import Counter
from collections.abc import Container, Iterable, Sequence

import msgspec

from badges.admission.facts import Calendar, Flag, Reason
from badges.places.pool import PoolKey
from badges.record import OuterHall, ScanRecord, StayRef
from badges.wire import wire
from server.core.entry_log import entry_log
from server.core.ledger import discrepancies
from server.core.ledger.holders import Holders
from server.core.ledger.rows import Line, Rows
from server.core.muster import muster
from server.core.occupancy import copies, stays, unmatched_exits
from server.core.occupancy.kiosk_accounts import Accounts
from server.core.occupancy.stays import CLOCK_MARGIN_MS, Span
from server.core.people import protocol_guests
from server.storage.connection import Connection
from server.storage.engines import joint
from server.storage.engines.joint import Reading
from server.storage.engines.memory import Memo

# A kiosk that has measured its clock's error is never wrong by more.
AHEAD_MS = 300_000
# Keys of the memo.
_MUSTER_IS_ON, _HAS_EARLY_EXITS = "muster is on", "has early exits"


class BatchRecorder:
    """Records the scans of one batch: `take` each, then `judge_again` once, which writes the
    results.
    """

    def __init__(
        self,
        db: Connection,
        accounts: Accounts,
        calendar: Calendar,
        now: int,
        records: Iterable[ScanRecord],
        *,
        entries: int,
        quarantined: bool,
        memo: Memo,
    ) -> None:
        """`entries` is the entry log's number of leaves. `quarantined`: the kiosk was fenced or
        retired, so its key may be in other hands. Its entries add people, and nothing in its
        scans frees a place.
        """
        self.db = db
        self.sender = accounts.kiosk
        self.now = now
        self.came: dict[int, int] = {}  # people who came to the door, by hall
        self._quarantined = quarantined
        self._memo = memo
        self._accounts = accounts
        self._pools = accounts.pools
        self._rows = Rows(db, now, entries=entries, quarantined=quarantined)
        self._rules = accounts.pools.rules
        asked = (
            (record.serial or 0, self._since(record)) for record in records if is_presented(record)
        )
        self._opened = opened = stays.opened(db)
        self._holders = joint.shared(db, Holders, lambda: Holders(db, opened.write))
        joint.read(db, self._holders.read_ahead(asked))
        self._judge = discrepancies.Judge(db, self._holders, self._rules, calendar, self._rows)
        # An exit can precede its entry only on a restored server.
        restored = accounts.pools.incarnation > 1
        self._early = restored and _has_early_exits(db, memo)
        self._entered: list[stays.Stay] = []
        # Entries of protocol guests, and annulled ones, in order.
        self._guests: list[protocol_guests.Entered | StayRef] = []
        self._calendar = calendar
        self._seen: list[muster.RollCallScan] = []  # at assembly points
        self._moved: set[int] = set()  # people who entered or left a hall
        # Stays whose holder later entered elsewhere.
        self._followed: set[StayRef] = set()

    @property
    def entries(self) -> int:
        return self._rows.entries

    def judge_again(self) -> None:
        """Write the results, and judge the batch's entries again, since the ends of stays are
        known now.
        """
        self._rows.write()
        self._opened.write()
        self._judge.write()
        protocol_guests.note_arrivals(self.db, self._guests, self._calendar)
        if self._seen or self._memo.get(_MUSTER_IS_ON, True):
            joint.require_exclusive(self.db)
            on = muster.note(self.db, self._seen, self._moved, quarantined=self._quarantined)
            self._memo[_MUSTER_IS_ON] = on
        if len(self._entered) == 1 and not self._followed:
            return  # the usual case
        serials = Counter(stay.serial for stay in self._entered if not stay.around)
        for stay in self._entered:
            if serials[stay.serial] > 1 or stay.ref in self._followed:
                self._judge.judge_again(stay)

    def take(self, line: Line, *, gone: bool, gone_outer: Container[int] = ()) -> None:
        """Record one scan. `gone` means that its stay was over before the kiosk sent it
        (docs/design/places.md, rule 4).

        `gone_outer` are the surrounding halls in which the stay was over too.
        """
        record = line.record
        number = self._rows.scan(line, skew_ms=None if self._is_ahead(record) else record.skew_ms)
        admitted = record.decision == "admitted"
        if record.act == "annul" or record.direction == "exit":
            self._exit(number, record, record.hall, record)
            for outer in record.outer_halls:
                self._exit(number, record, outer.hall, outer)
            if record.act == "annul" and record.closes is not None:
                self._annulled(record.serial, record.closes)
        elif is_presented(record):
            assert record.serial is not None
            at = server_time(record, self.now)
            if record.reason == Reason.ROLL_CALL and not self._quarantined:
                joint.require_exclusive(self.db)
                self._seen.append(self._roll_call_scan(number, record.serial, record, at))
            others = self._holders.stays(record.serial, self._since(record))
            if admitted:
                self._enter(number, record, others, gone=gone, gone_outer=gone_outer)
                if record.serial in self._rules.protocol_guests and not self._quarantined:
                    entered = self._rows.final(number)
                    self._guests.append(protocol_guests.Entered(record.serial, entered, at))
            self._judge.judge(number, record, others, at)
        if record.direction == "entry" and (admitted or record.reason == Reason.HALL_FULL):
            for hall in (record.hall, *self._rules.outer_ids(record.door)):
                self.came[hall] = self.came.get(hall, 0) + 1

    def _since(self, record: ScanRecord) -> int:
        """Return the time (Unix ms) from which on other stays matter to this entry."""
        return server_time(record, self.now) - copies.WINDOW_MS

    def _roll_call_scan(
        self, number: int, serial: int, record: ScanRecord, at: int
    ) -> muster.RollCallScan:
        clock_known = self._clock_known(record)
        return muster.RollCallScan(
            number, serial, record.issue or 0, at, clock_known, _epoch(record), record.note or "",
            record.by,
        )  # fmt: skip

    def _annulled(self, serial: int | None, entry: StayRef) -> None:
        """Record that a protocol guest did not enter after all. A kiosk can annul only its own
        entries.
        """
        own = (entry.kiosk, entry.generation) == self.sender
        if own and serial in self._rules.protocol_guests and not self._quarantined:
            self._guests.append(entry)

    def _clock_known(self, record: ScanRecord) -> bool:
        """Return whether this record's time may end other stays. A fenced kiosk's time may not, nor
        a time in the future.
        """
        measured = record.skew_ms is not None and not self._is_ahead(record)
        return measured and not self._quarantined

    def _is_ahead(self, record: ScanRecord) -> bool:
        return record.scanned_at - (record.skew_ms or 0) > self.now + AHEAD_MS

    def _enter(
        self,
        number: int,
        record: ScanRecord,
        others: Sequence[Span],
        *,
        gone: bool,
        gone_outer: Container[int],
    ) -> None:
        key = PoolKey(record.hall, record.kind)
        own, over = self._open(record, key, others, gone=gone)
        self._suspect(number, own, others)
        for outer in record.outer_halls:
            key = PoolKey(outer.hall, outer.kind)
            stay, ended = self._open(record, key, others, gone=outer.hall in gone_outer)
            self._left_later(stay, others, over=ended)
        if not gone:
            for key in self._uncounted(record):
                stay, ended = self._open(record, key, others, gone=False, counted=False)
                self._left_later(stay, others, over=ended)
        self._move(own, others, over=over)

    def _uncounted(self, record: ScanRecord) -> Sequence[PoolKey]:
        """Return the pools of surrounding halls that the record omits, because the kiosk did not
        know that its door leads into them.
        """
        outer = self._rules.outer_ids(record.door)
        if not outer:
            return ()
        reported = {record.hall, *(outer_hall.hall for outer_hall in record.outer_halls)}
        around = self._rules.lineage.get(record.hall, frozenset())
        return [PoolKey(hall) for hall in outer if hall in around and hall not in reported]

    def _open(
        self,
        record: ScanRecord,
        key: PoolKey,
        others: Sequence[Span],
        *,
        gone: bool,
        counted: bool = True,
    ) -> tuple[stays.Stay, bool]:
        """Open a stay in one hall, on a place of the kiosk, or without a place if not `counted`.
        Return the stay, and whether it is over already.
        """
        assert record.serial is not None
        if counted:
            self._pools[key] = self._accounts.own(key).open_stay(self.sender, gone=gone)
        else:
            self._pools[key] = self._accounts.pool(key).count_in()
        ref = StayRef(*self.sender, record.seq)
        at = server_time(record, self.now)
        stay = stays.Stay(
            ref, key.hall_id, record.door, record.serial, at,
            clock_known=self._clock_known(record), kind=key.kind,
            issue=record.issue or 0, epoch=_epoch(record), around=key.hall_id != record.hall,
        )  # fmt: skip
        self._opened.add(stay, gone_at=at if gone else None)
        self._holders.moved(record.serial)
        self._moved.add(record.serial)
        self._entered.append(stay)
        if any(other.hall_id == stay.hall_id and other.opened_at > at for other, _ in others):
            self._followed.add(ref)
        early = stays.take_early_exit(self.db, ref, key.hall_id) if self._early else None
        over = gone or early is not None
        if early is not None and not gone:
            self._settle(self._opened.close(ref, key.hall_id, *early))
        if not over:
            self._rows.change(key.hall_id, wire.StayOpened(stays.facts(stay), key.hall_id))
            ended = None
            if stay.clock_known and self._holders.may_have_unnamed_exit(stay.serial):
                self._opened.write()
                ended = unmatched_exits.exit_of(self.db, stay)
            if ended is not None:
                self._close_inferred(stay, "exit", {"exit": ended[0]}, ended[1])
                over = True
        return stay, over

    def _suspect(self, number: int, stay: stays.Stay, others: Sequence[Span]) -> None:
        finding = copies.find(stay, others, self._rules)
        if finding is None:
            return
        if finding.sure and copies.suspect(
            self.db, stay, finding, self._rows.final(number), self.now
        ):
            self._holders.suspected(stay.serial)
            self._judge.note(number, copies.LIKELY_COPY, finding.other)
        elif copies.is_hasty(self._rules, stay, finding.other):
            self._judge.note(number, copies.FAST_MOVE, finding.other)

    def _exit(
        self, number: int, record: ScanRecord, hall: int, reported: ScanRecord | OuterHall
    ) -> None:
        """Apply an exit to one hall. `reported` is its part for that hall."""
        if reported.closes is not None:
            key = PoolKey(hall, reported.kind)
            self._leave(record, key, reported.closes, credited=reported.credited)
        elif Flag.REPEATED in record.flags:
            return  # It may repeat an exit from before the restart, so it ends no other stay.
        elif record.serial is not None and self._clock_known(record):
            self._leave_unnamed(number, record, record.serial, hall)

    def _leave(self, record: ScanRecord, key: PoolKey, ref: StayRef, *, credited: bool) -> None:
        """Close the stay that an exit or annulment names, in one hall. Exit and entry may arrive
        in any order; the place is freed at most once.
        """
        by, at = "annul" if record.act == "annul" else "exit", server_time(record, self.now)
        own = (ref.kiosk, ref.generation) == self.sender
        hall = key.hall_id
        if self._quarantined and own and self._leave_unproven(key, ref, by, at):
            return
        if credited and not (own and self._is_gone(ref, hall)):
            self._pools[key] = self._accounts.own(key).trust(self.sender)
        if self._quarantined:
            if own:
                self._opened.write()
                stays.set_end(self.db, ref, hall, at)
            return  # Only a door at work, or staff, can end a stay of another door.
        closed = self._opened.close(ref, hall, by, at)
        if closed is None:
            self._opened.write()
            stays.set_end(self.db, ref, hall, at)
            self._holders.somebody_moved()
            # A server that was never restored knows every real stay, so this one is made up.
            if self._pools.incarnation > 1 and stays.remember_early(self.db, ref, hall, by, at):
                self._early = self._memo[_HAS_EARLY_EXITS] = True
        self._settle(closed)

    def _is_gone(self, ref: StayRef, hall: int) -> bool:
        self._opened.write()
        return stays.is_gone(self.db, ref, hall)

    def _leave_unproven(self, key: PoolKey, ref: StayRef, by: str, at: int) -> bool:
        """Close a stay of a fenced or retired kiosk by its own exit. Its place goes back to the
        kiosk's account, and waits there for an attestation. Return False if no stay is open.
        """
        if self.sender not in self._accounts.pool(key).kiosks:
            return True  # No account can take the place, so the stay stays open.
        closed = self._opened.close(ref, key.hall_id, by, at)
        self._settle(closed, unproven=True)
        return closed is not None

    def _leave_unnamed(self, number: int, record: ScanRecord, serial: int, hall: int) -> None:
        at = server_time(record, self.now)
        epoch = _epoch(record)
        number = self._rows.final(number)
        self._opened.write()
        stay = unmatched_exits.meant(self.db, serial, hall, at, epoch)
        if stay is None:
            # The row below refers to the scan.
            self._rows.write()
            unmatched_exits.remember(self.db, number, serial, hall, at, epoch)
            self._holders.left_unnamed(serial)
        else:
            self._close_inferred(stay, "exit", {"exit": number}, at)

    def _move(self, stay: stays.Stay, others: Sequence[Span], *, over: bool) -> None:
        """End stays whose holder was seen in another hall. The two entries may arrive in any
        order.

        A stay ends only if the order of the entries is certain: both clocks measured, in the same
        epoch, and times apart by the margin. Otherwise it stays open, which is the safe side. An
        entry whose own stay is `over` ends others too.
        """
        if not stay.clock_known:
            return
        others = [span for span in others if span[0].epoch == stay.epoch]
        around = self._rules.lineage[stay.hall_id]
        still_open = [other for other, closed_at in others if closed_at is None]
        for other in sorted(still_open, key=lambda span_stay: span_stay.opened_at):
            earlier = other.opened_at < stay.opened_at - CLOCK_MARGIN_MS
            if other.hall_id not in around and other.clock_known and earlier:
                cause = msgspec.to_builtins(stay.ref)
                self._move_on(other, cause, stay)
        self._left_later(stay, others, over=over)

    def _left_later(self, stay: stays.Stay, others: Sequence[Span], *, over: bool) -> None:
        """End a stay whose holder's later entry elsewhere arrived first."""
        if over or not stay.clock_known:
            return
        others = [span for span in others if span[0].epoch == stay.epoch]
        within = self._rules.surroundings[stay.hall_id]
        to = stays.moved_on(others, stay.opened_at + CLOCK_MARGIN_MS, within)
        if to is not None:
            self._move_on(stay, None, to)

    def _move_on(self, stay: stays.Stay, cause: dict[str, object] | None, to: stays.Stay) -> None:
        """End a stay whose holder was seen elsewhere.

        Its place is freed only if the hall counts moves as leaving, and nothing suggests a copied
        badge, with which another person may still be inside.
        """
        counted = (
            stay.hall_id not in self._rules.inferred
            or copies.is_hasty(self._rules, stay, to)
            or copies.is_likely(self.db, stay.serial, stay.issue)
        )
        self._inferred_leaf(stay, "move", cause, to.opened_at, counted=counted)
        moved = self._opened.move_on(stay.ref, stay.hall_id, to.opened_at, counted=counted)
        self._holders.moved(stay.serial)
        if moved is not None and counted:
            change = wire.StayClosed(moved.ref, moved.hall_id, moved.serial, counted=True)
            self._rows.change(moved.hall_id, change)
        elif moved is not None:
            self._settle(moved)

    def _close_inferred(
        self, stay: stays.Stay, by: str, cause: dict[str, object] | None, at: int
    ) -> None:
        """Close a stay that no exit names. `cause` names the scan from which its end is
        inferred.
        """
        self._inferred_leaf(stay, by, cause, at)
        self._holders.moved(stay.serial)
        self._settle(self._opened.close(stay.ref, stay.hall_id, by, at))

    def _inferred_leaf(
        self,
        stay: stays.Stay,
        by: str,
        cause: dict[str, object] | None,
        at: int,
        *,
        counted: bool = False,
    ) -> None:
        """Add the inferred exit to the entry log. `counted` means that the place stays used."""
        body: dict[str, object] = {
            "at": at,
            "by": by,
            "cause": cause,
            "closes": msgspec.to_builtins(stay.ref),
            "type": "inferred_exit",
        }
        if counted:
            body["counted"] = True
        if stay.around:
            body["hall"] = stay.hall_id
        self._rows.leaf("inferred_exit", entry_log.canonical(body))

    def _settle(self, closed: stays.Stay | None, *, unproven: bool = False) -> None:
        """Free the closed stay's place, and notify the doors. If `unproven`, the place goes to the
        sender's account instead.
        """
        if closed is None:
            return
        self._holders.moved(closed.serial)
        self._moved.add(closed.serial)
        key = PoolKey(closed.hall_id, closed.kind)
        pool = self._accounts.pool(key)
        if unproven:
            self._pools[key] = pool.close_unproven(self.sender)
        else:
            self._pools[key] = pool.close_stay(closed.ref)
        change = wire.StayClosed(closed.ref, closed.hall_id, closed.serial)
        self._rows.change(closed.hall_id, change)


def read_ahead(db: Connection, memo: Memo) -> Reading:
    if _MUSTER_IS_ON in memo:
        return
    asked = db.execute(muster.IS_ON)
    yield
    memo[_MUSTER_IS_ON] = bool(asked.fetchone()[0])


def _has_early_exits(db: Connection, memo: Memo) -> bool:
    early: bool | None = memo.get(_HAS_EARLY_EXITS)
    if early is None:
        early = memo[_HAS_EARLY_EXITS] = stays.has_early_exits(db)
    return early


def is_presented(record: ScanRecord) -> bool:
    return record.serial is not None and record.act != "annul" and record.direction != "exit"


def _epoch(record: ScanRecord) -> int:
    """Return the epoch in which the kiosk measured its clock's error, or 0."""
    return 0 if record.epoch is msgspec.UNSET else record.epoch


def server_time(record: ScanRecord, now: int) -> int:
    """Return the scan's time (Unix ms), corrected by the kiosk's clock error if known, and at most
    AHEAD_MS after `now`.
    """
    return max(0, min(record.scanned_at - (record.skew_ms or 0), now + AHEAD_MS))
