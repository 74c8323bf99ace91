"""The server: ledger, stays and feed in memory, in the order of server/core/ledger/ingest.py."""

from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from badges.places.account import Order
from badges.places.pool import KioskKey, Pool
from tests.simulator.messages import (
    COPIED,
    ENDED,
    MOVED_ON,
    OPENED,
    Answer,
    Batch,
    Change,
    Elsewhere,
    Mark,
    Ordered,
    Record,
    Stay,
    next_head,
    start_head,
)
from tests.simulator.rules import Rules

OPEN, CLOSED, GONE, EARLY = "open", "closed", "gone", "early"
COUNTED, FREED = "counted", "freed"  # ended by a move, without a confirming exit
FOREVER = 1 << 60
WALK_MS = 60_000  # as in server/core/occupancy/copies.py
WINDOW_MS = 600_000


class Interval(NamedTuple):
    """A stay of a badge, with its times as far as the server knows them."""

    stay: Stay
    began: int | None  # None: from an unmeasured clock
    ended: int = FOREVER
    epoch: int = 0


# Content of a backup.
ON_DISK = ("pool", "acked", "heads", "ledger", "stays", "open", "opened_at", "stopped", "feed",
           "away", "away_seen", "counters", "times", "unnamed", "counted_stays", "moves", "hasty",
           "copied", "progress", "runs")  # fmt: skip
NOBODY: tuple[Stay, ...] = ()


class ModelServer:
    """One hall's server in one incarnation. A restore makes another from a backup."""

    def __init__(
        self, capacity: int, rules: Rules, *, counted: bool, inferred: bool = False
    ) -> None:
        self.rules = rules
        self.infers = inferred  # a move counts as leaving
        self.right_clocks = True  # of all doors; for the checkers
        self.clock_ms = 0  # ahead of the true time
        self.epoch = 0  # of its clock
        self.counted = counted  # requests without a higher counter are refused
        self.pool: Pool = rules.pool(capacity)
        self.acked: dict[KioskKey, int] = {}
        self.heads: dict[KioskKey, int] = {}
        self.ledger: dict[KioskKey, tuple[int, ...]] = {}  # every record, once
        self.stays: dict[Stay, str] = {}
        self.open: dict[int, tuple[Stay, ...]] = {}  # by badge
        self.opened_at: dict[Stay, int] = {}
        self.stopped: frozenset[KioskKey] = frozenset()  # retired, fenced or forked
        self.feed: list[Change] = []
        self.away: dict[int, tuple[Elsewhere, ...]] = {}  # entries elsewhere, by badge
        self.counted_stays: dict[int, tuple[Stay, ...]] = {}  # moved on, by badge
        self.moves = 0  # m: places freed by moves, without a confirming exit
        self.hasty: dict[int, tuple[int, ...]] = {}  # moves faster than people walk, by badge
        self.copied: frozenset[int] = frozenset()  # badges that are likely copies
        self.away_seen = 0
        self.counters: dict[KioskKey, int] = {}
        self.times: dict[int, tuple[Interval, ...]] = {}  # every stay, by badge
        # exits without a matching stay yet, by badge
        self.unnamed: dict[int, tuple[Record, ...]] = {}
        self.meant: list[tuple[Stay, Record]] = []  # stays ended by such exits, for the checkers
        self.doubted: set[Stay] = set()  # exits by stopped kiosks, for the checkers
        self.freed: list[Stay] = []  # places returned to the pool, for the checkers
        # Of those, by an entry elsewhere, and whether of a likely copy.
        self.inferred: list[tuple[Stay, Elsewhere, bool]] = []
        self.before_order: Pool | None = None  # only for mutants
        self.progress = 0  # counts commits that kiosks hear of, for marks
        self.runs: dict[int, int] = {}  # each start, and the server's progress then
        self.run = 0
        self.next_incarnation: Callable[[], int] = lambda: self.pool.incarnation + 1
        self.begin(0)

    def enrol(self, kiosk: str) -> KioskKey:
        """A new generation. An earlier active one is retired."""
        old = [key for key in self.acked if key[0] == kiosk]
        for stopped in old:
            self.fence(stopped)
        key = (kiosk, 1 + max((generation for _, generation in old), default=0))
        self.pool = self.pool.enrol(key)
        self.acked[key] = 0
        self.heads[key] = start_head(key)
        self.ledger[key] = ()
        return key

    def fence(self, key: KioskKey) -> None:
        self.stopped |= {key}
        self.pool = self.pool.fence(key)

    def begin(self, run: int) -> None:
        """A start of the server's process."""
        self.run = run
        self.runs[run] = self.progress

    def shows_more(self, batch: Batch) -> bool:
        """Whether the kiosk has newer signed data than this server
        (server/core/second_disk/set_back.py).
        """
        here, mark = self.pool.incarnation, batch.mark
        if mark is not None and self.rules.believes_marks:
            if mark.incarnation > here:
                return True
            if mark.incarnation == here and mark.progress > self._came_to(mark.run):
                return True
        return self.rules.believes_grants and self._claims_more(batch)

    def _came_to(self, run: int) -> int:
        """The progress in that run; nothing for an unknown run."""
        if not self.rules.knows_its_runs:
            return self.progress
        if run not in self.runs:
            return -1
        later = [start for other, start in self.runs.items() if other > run]
        return min(later, default=self.progress)

    def _claims_more(self, batch: Batch) -> bool:
        if batch.incarnation != self.pool.incarnation or batch.key in self.pool.awaited:
            return batch.incarnation > self.pool.incarnation
        return batch.granted > self.pool.kiosks[batch.key].granted

    def grant(self, key: KioskKey, places: int) -> Ordered:
        """Grant places, on disk before the order is sent (docs/design/places.md, rule 6)."""
        before = self.pool
        if key not in self.stopped or self.rules.grants_to_stopped:
            self.pool = self.pool.grant(key, places)
        self.progress += self.pool is not before
        if not self.rules.commit_before_order:
            self.before_order = before
        if self.rules.orders_are_totals:
            return Ordered(key, self.pool.order(key))
        given = self.pool.kiosks[key].granted - before.kiosks[key].granted
        return Ordered(key, Order(given, 0, self.pool.incarnation))

    def recall(self, key: KioskKey, places: int) -> Ordered:
        order = self.pool.order(key, places)
        if not self.rules.orders_are_totals:
            order = replace(order, granted=0)
        return Ordered(key, order)

    def crash(self) -> None:
        """Crash. With the production rules, everything is on disk."""
        if self.before_order is not None:
            self.pool = self.before_order
            self.before_order = None

    def hears(self, batch: Batch) -> bool:
        """Whether the request is no replay, and of a known kiosk."""
        is_enrolled = batch.key in self.acked
        return is_enrolled and not (
            self.counted and batch.counter <= self.counters.get(batch.key, 0)
        )

    def receive(self, batch: Batch) -> Answer | None:
        """Take one batch in one transaction. None for a replay."""
        key = batch.key
        if not self.hears(batch):
            return None
        if self.counted:
            self.counters[key] = batch.counter
        self.before_order = None
        if self.shows_more(batch):
            self.become(self.next_incarnation())
        acked = self.acked[key]
        repeated = acked - batch.first_seq + 1
        if repeated < 0 and self.rules.in_order_once:
            return self._answer(batch, taken=False)
        fresh = batch.records[repeated:] if self.rules.in_order_once else batch.records
        if self.rules.notices_forks and self._is_fork(batch, repeated, fresh):
            self.fence(key)
            return self._answer(batch, taken=False)._replace(fork=True)
        self.pool = self.pool.hear(key, granted=batch.granted, incarnation=batch.incarnation)
        for record in fresh:
            self._take(key, record, gone=record.seq in batch.gone)
        if fresh:
            self.acked[key] = fresh[-1].seq
            self.progress += 1
        if self.acked[key] >= batch.last_seq:
            self.pool = self.pool.hear_returned(key, batch.returned)
        return self._answer(batch, taken=True)

    def _is_fork(self, batch: Batch, repeated: int, fresh: list[Record]) -> bool:
        """Rule 9: a journal shorter than what it once sent, or different."""
        if self.counted and batch.last_seq < self.acked[batch.key]:
            return True
        if self.counted and batch.returned < self.pool.kiosks[batch.key].returned:
            return True
        if repeated > len(batch.records):
            return False  # an old batch, repeated
        head = self.heads[batch.key]
        for record in fresh:
            head = next_head(head, record)
        if head != batch.head:
            return True
        self.heads[batch.key] = batch.head
        return False

    def _answer(self, batch: Batch, *, taken: bool) -> Answer:
        order = self.pool.order(batch.key)
        if not self.rules.orders_are_totals:
            order = replace(order, granted=0)
        return Answer(
            batch.key,
            self.acked[batch.key],
            self.pool.incarnation,
            order if taken else None,
            batch.key in self.stopped,
            False,
            self.feed,
            len(self.feed),
            self._snapshot() if batch.wants_snapshot and taken else None,
            self.clock_ms,
            self.epoch,
            Mark(self.pool.incarnation, self.run, self.progress),
        )

    def _snapshot(self) -> tuple[Change, ...]:
        here = [(stay, badge) for badge, stays in self.open.items() for stay in stays]
        gone = [(stay, badge) for badge, stays in self.counted_stays.items() for stay in stays]
        return (
            *(Change(OPENED, stay, badge) for stay, badge in (*here, *gone)),
            *(Change(MOVED_ON, stay, badge) for stay, badge in gone),
            *(Change(COPIED, None, badge) for badge in self.copied),
        )

    def _take(self, key: KioskKey, record: Record, *, gone: bool) -> None:
        self.ledger[key] += (record.uid,)
        if self._doubts(key):
            record = record._replace(sure=False)
        if record.kind == "entry":
            self._enter(Stay(*key, record.seq, record.uid), record, gone=gone)
        elif record.kind == "exit":
            self._leave(key, record)

    def _enter(self, stay: Stay, record: Record, *, gone: bool) -> None:
        early = self.stays.get(stay) == EARLY
        self.pool = self.pool.open_stay((stay.kiosk, stay.generation), gone=gone)
        began = record.at if record.sure or not self.rules.infers_from_sure_clocks else None
        times = self.times.get(record.badge, ())
        if gone:
            self.stays[stay] = GONE
            self.times[record.badge] = (*times, Interval(stay, began, record.at, record.epoch))
            return
        self.times[record.badge] = (*times, Interval(stay, began, epoch=record.epoch))
        self.stays.pop(stay, None)  # so that the key has the entry's own uid
        self.stays[stay] = OPEN
        if record.sure or not self.rules.infers_from_sure_clocks:
            self.opened_at[stay] = record.at
        self.open[record.badge] = (*self.open.get(record.badge, NOBODY), stay)
        if early:
            self._close(stay, record.badge, record.at)
            return
        self.feed.append(Change(OPENED, stay, record.badge))
        if self._ended_unnamed(stay, record.badge):
            return
        opened_at = self.opened_at.get(stay)
        later = [
            entry
            for entry in self.away.get(record.badge, ())
            if opened_at and entry.at > opened_at and self._comparable(entry.epoch, record.epoch)
        ]
        if later:
            self._infer(stay, record.badge, min(later, key=lambda entry: entry.at))

    def _comparable(self, first: int, second: int) -> bool:
        return first == second or not self.rules.orders_in_one_epoch

    def _doubts(self, key: KioskKey) -> bool:
        """Whether the kiosk is fenced or retired, so that its key may be in other hands."""
        return key in self.stopped and self.rules.stopped_frees_nothing

    def _leave(self, key: KioskKey, record: Record) -> None:
        """An exit closes the stay that it names once, in whatever order they arrive."""
        stay = self._named(record)
        if stay is None:
            self._leave_unnamed(record)
            return
        state = self.stays.get(stay)
        own = (stay.kiosk, stay.generation) == key
        if self._doubts(key):
            if own and state in (OPEN, COUNTED):
                self._close(stay, record.badge, record.at, by=key)
                return
            if record.credited and not (own and state == GONE):
                self.pool = self.pool.trust(key)
            if not own:
                self.doubted.add(stay)
            return
        trusted = record.credited and not (own and state == GONE)
        if trusted and self.rules.counts_trusted:
            self.pool = self.pool.trust(key)
        if state == FREED:
            self._confirm(stay)
        if state in (OPEN, COUNTED) or (state == CLOSED and not self.rules.stay_closes_once):
            if not trusted:
                self.freed.append(stay)
            self._close(stay, record.badge, record.at)
        elif state is None and self.pool.incarnation > 1 and self.rules.remembers_early_exits:
            self.stays[stay] = EARLY
            if not trusted:
                self.freed.append(stay)

    def _named(self, record: Record) -> Stay | None:
        stay = record.closes
        if stay is None and self.rules.closes_by_badge:
            open_now = self.open.get(record.badge)
            return open_now[-1] if open_now else None
        if stay is not None and not self.rules.stay_has_generation:
            alike = [s for s in self.stays if (s.kiosk, s.seq) == (stay.kiosk, stay.seq)]
            return max(alike, key=lambda s: s.generation, default=None)
        return stay

    def _leave_unnamed(self, record: Record) -> None:
        """An exit at a door that did not know the stay
        (server/core/occupancy/unmatched_exits.py).
        """
        if not record.sure and self.rules.infers_from_sure_clocks:
            return
        stay = self._meant(record)
        if stay is None:
            self.unnamed[record.badge] = (*self.unnamed.get(record.badge, ()), record)
        else:
            self._end_meant(stay, record)

    def _ended_unnamed(self, stay: Stay, badge: int) -> bool:
        for record in sorted(self.unnamed.get(badge, ()), key=lambda record: record.at):
            if self._meant(record) == stay:
                kept = (
                    exit_record for exit_record in self.unnamed[badge] if exit_record is not record
                )
                self.unnamed[badge] = tuple(kept)
                self._end_meant(stay, record)
                return True
        return False

    def _meant(self, record: Record) -> Stay | None:
        """The one stay that fits the exit: open, begun before it, and the only one at that time."""
        times = self.times.get(record.badge, ())
        if any(
            interval.began is None or not self._comparable(interval.epoch, record.epoch)
            for interval in times
        ):
            return None
        still_open = [interval for interval in times if interval.ended == FOREVER]
        moved = [
            interval for interval in times if self.stays.get(interval.stay) in (COUNTED, FREED)
        ]
        moved = [interval for interval in moved if (interval.began or 0) < record.at]
        if len(still_open) > 1 or not (still_open or moved):
            return None
        meant = (
            still_open[0] if still_open else max(moved, key=lambda interval: interval.began or 0)
        )
        began = meant.began
        if began is None or (began >= record.at and self.rules.exit_means_earlier):
            return None
        overlaps = (
            interval is not meant and (interval.began or 0) < record.at and interval.ended > began
            for interval in times
        )
        return None if any(overlaps) else meant.stay

    def _end_meant(self, stay: Stay, record: Record) -> None:
        self.meant.append((stay, record))
        if self.stays[stay] == FREED:
            self._confirm(stay)
            return
        self.freed.append(stay)
        self._close(stay, record.badge, record.at)

    def _confirm(self, stay: Stay) -> None:
        """A person left by a stay whose place a move had given back."""
        self.stays[stay] = CLOSED
        self.moves -= 1
        if not self.rules.frees_once and self.pool.open_stays:
            self.pool = self.pool.close_stay(stay)

    def _close(self, stay: Stay, badge: int, at: int, *, by: KioskKey | None = None) -> None:
        """`by` is a stopped kiosk, to whose account the place goes."""
        self.stays[stay] = CLOSED
        self._end_presence(stay, badge, at)
        moved_on = self.counted_stays.get(badge, NOBODY)
        if stay in moved_on:
            self.counted_stays[badge] = tuple(s for s in moved_on if s != stay)
        if by is not None:
            self.pool = self.pool.close_unproven(by)
        else:
            self.pool = self.pool.close_stay(stay if self.rules.names_attested else None)
        self.feed.append(Change(ENDED, stay, badge))

    def _end_presence(self, stay: Stay, badge: int, at: int) -> None:
        self.times[badge] = tuple(
            interval._replace(ended=min(interval.ended, at)) if interval.stay == stay else interval
            for interval in self.times[badge]
        )
        self.open[badge] = tuple(s for s in self.open.get(badge, NOBODY) if s != stay)

    def _infer(self, stay: Stay, badge: int, entry: Elsewhere) -> None:
        """The holder was seen elsewhere (BatchRecorder._move_on)."""
        rules = self.rules
        if self._keeps_place(stay, badge, entry):
            self.stays[stay] = COUNTED
            self._end_presence(stay, badge, entry.at)
            self.counted_stays[badge] = (*self.counted_stays.get(badge, NOBODY), stay)
            self.feed.append(Change(MOVED_ON, stay, badge))
            return
        self.inferred.append((stay, entry, badge in self.copied))
        self.freed.append(stay)
        self._close(stay, badge, entry.at)
        self.stays[stay] = FREED
        self.moves += rules.counts_moves

    def _keeps_place(self, stay: Stay, badge: int, entry: Elsewhere) -> bool:
        rules = self.rules
        if not self.infers and rules.move_keeps_place:
            return True
        is_hasty = entry.at - self.opened_at.get(stay, entry.at) < WALK_MS
        if is_hasty:
            self._suspect(badge, entry.at)
        if badge in self.copied and rules.copy_frees_nothing:
            return True
        return is_hasty and rules.hasty_frees_nothing

    def _suspect(self, badge: int, at: int) -> None:
        """The second hasty move within a while (from server/core/occupancy/copies.py, only the part
        that frees places).
        """
        before = self.hasty.get(badge, ())
        self.hasty[badge] = (*before, at)
        if badge not in self.copied and any(abs(at - earlier) <= WINDOW_MS for earlier in before):
            self.copied |= {badge}
            self.feed.append(Change(COPIED, None, badge))

    def entered_elsewhere(self, entry: Elsewhere) -> None:
        """An entry into another hall ends earlier presences of the badge."""
        self.away_seen += 1
        self.progress += 1
        if not entry.sure and self.rules.infers_from_sure_clocks:
            return
        badge, at = entry.badge, entry.at
        self.away[badge] = (*self.away.get(badge, ()), entry)
        epochs = {interval.stay: interval.epoch for interval in self.times.get(badge, ())}
        for stay in self.open.get(badge, NOBODY):
            comparable = self._comparable(entry.epoch, epochs.get(stay, 0))
            if comparable and self.opened_at.get(stay, at) < at:  # as in `_enter`
                self._infer(stay, badge, entry)

    def backup(self) -> dict[str, object]:
        values = ((name, getattr(self, name)) for name in ON_DISK)
        return {n: v.copy() if isinstance(v, list | dict) else v for n, v in values}

    def put_back(self, backup: dict[str, object]) -> None:
        """The file was replaced by a copy. The server does not know that it is not the newest."""
        for name, value in backup.items():
            setattr(self, name, value.copy() if isinstance(value, list | dict) else value)
        self.before_order = None

    def restore(
        self, backup: dict[str, object], incarnation: int, *, was_put_back: bool = False
    ) -> None:
        """Start again from a backup. Old answers keep the feed from which they were made."""
        self.put_back(backup)
        self.become(incarnation, was_put_back=was_put_back)

    def become(self, incarnation: int, *, was_put_back: bool = True) -> None:
        """Become the next incarnation. `was_put_back`: its state may have run as an old copy."""
        doubted = was_put_back and self.rules.doubts_fences
        self.pool = self.pool.restored(incarnation, was_put_back=doubted)
