"""A door: the kiosk's journal and replica in memory, in the order of kiosk/journal/journal.py."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from badges.places.account import Account, NoPlaceError, Order
from badges.places.pool import KioskKey
from tests.simulator.messages import (
    MOVED_ON,
    OPENED,
    Answer,
    Batch,
    Change,
    Mark,
    Record,
    Stay,
    next_head,
    start_head,
)
from tests.simulator.rules import Rules

NOBODY: tuple[Stay, ...] = ()
NONE: frozenset[int] = frozenset()
ON_DISK = ("account", "records", "heads", "acked", "offered", "own", "named", "known", "credited",
           "moved", "copied", "view", "cursor", "wants_snapshot", "mark")  # fmt: skip


def later(first: Mark | None, second: Mark | None) -> Mark | None:
    """As badges.wire.wire.later_mark."""
    if first is None or second is None or first is second:
        return first or second
    if (first.incarnation, first.progress) > (second.incarnation, second.progress):
        return first
    return second


class ModelDoor:
    """One kiosk in one generation, at one hall."""

    def __init__(self, key: KioskKey, rules: Rules, *, trusting: bool, hard: bool) -> None:
        self.key = key
        self.rules = rules
        self.trusting = trusting
        self.hard = hard
        # On disk.
        self.account: Account = rules.account()
        self.records: list[Record] = []
        self.heads = [start_head(key)]
        self.acked = 0
        self.offered = 0
        self.own: dict[int, tuple[Stay, ...]] = {}  # open stays that began here, by badge
        self.named: set[Stay] = set()  # others' stays closed by an exit here
        self.known: dict[int, tuple[Stay, ...]] = {}  # others' open stays, by badge
        self.moved: set[Stay] = set()  # of both: the holder was seen at another hall since
        self.copied: set[int] = set()  # badges that are likely copies
        self.credited: dict[int, int] = {}  # entries taken back here, with the exit's sequence
        self.view = -1  # incarnation and position of the followed feed
        self.cursor = 0
        self.wants_snapshot = True
        self.mark: Mark | None = None  # the newest one stored with another change
        # Only in the simulated world.
        self.heard: Mark | None = None  # the newest, in memory
        self.counter = 0
        self.asks = False  # asks a server that lacks records for its last one
        self.up = True
        self.stopped = False  # off, or in staff's hands: admits no one
        self.destroyed = False
        self.forked = False  # detected by itself or the server
        self.images: list[dict[str, Any]] = []
        self.rolled_back = False
        self.clock_ms = 0  # ahead of the server's
        self.skew_ms = 0  # as last measured
        self.sure = False  # whether it is certain
        self.epoch = 0  # of the server's time, when it was measured
        self.unsaved: tuple[Account, int] | None = None  # only for mutants
        # Whether a returned place belongs to a person who is inside already.
        self.is_owed: Callable[[], bool] = lambda: False

    def presence(self, badge: int, *, moved: bool = False) -> Stay | None:
        """The holder's stay as known here (kiosk/door/facts.py), else the newest whose holder moved
        on.
        """
        for stay in reversed(self.own.get(badge, NOBODY)):
            if (stay in self.moved) is moved:
                return stay
        for stay in reversed(self.known.get(badge, NOBODY)):
            if stay not in self.named and (stay in self.moved) is moved:
                return stay
        return None

    def enter(self, badge: int, uid: int, now: int) -> Stay | None:
        """Admit the holder, on disk before the light; None if the door stays shut."""
        if self.stopped or self.forked or (self.hard and self.refuses(badge)):
            return None
        before = self.account
        try:
            self.account = before.enter()
        except NoPlaceError:
            return None
        if not self.rules.commit_before_light:
            self.unsaved = (before, len(self.records))
        record = self._append("entry", badge, uid, None, False, now)
        stay = Stay(*self.key, record.seq, uid)
        self.own[badge] = (*self.own.get(badge, NOBODY), stay)
        return stay

    def refuses(self, badge: int) -> bool:
        return badge in self.copied or self.presence(badge) is not None

    def refuse(self, badge: int, uid: int, now: int) -> None:
        self._append("denied", badge, uid, None, False, now)

    def leave(self, badge: int, uid: int, now: int, *, offline: bool) -> Record:
        """Record an exit. It names the stay that it closes, if one is known here."""
        stay = self.presence(badge) or self.presence(badge, moved=True)
        return self._append("exit", badge, uid, stay, self._close(badge, stay, offline), now)

    def _close(self, badge: int, stay: Stay | None, offline: bool) -> bool:
        """Close the stay here. True if its place came back to this door at once."""
        own = stay is not None and (stay.kiosk, stay.generation) == self.key
        if stay is not None and own:
            self._end_own(badge, stay)
        elif stay is not None and self.rules.remembers_named:
            self.named.add(stay)
        if self.rules.leaves_owed and self.is_owed():
            return False
        if self.rules.may_credit(
            stay, kiosk=self.key[0], generation=self.key[1], offered=self.offered, closed=False
        ):
            self.account = self.account.credit()
            if stay is not None and own:
                self.credited[stay.seq] = len(self.records) + 1
        elif self.trusting and self.rules.may_trust(stay, offline=offline, closed=False):
            self.account = self.account.trust()
        else:
            return False
        if self.account.fenced:
            self.account = self.account.fence()
        return True

    def _append(
        self, kind: str, badge: int, uid: int, closes: Stay | None, credited: bool, now: int
    ) -> Record:
        at = now + self.clock_ms - self.skew_ms
        number = len(self.records) + 1
        record = Record(number, kind, badge, uid, closes, credited, at, self.sure, self.epoch)
        self.records.append(record)
        self.heads.append(next_head(self.heads[-1], record))
        return record

    def offer(self, limit: int) -> Batch:
        """The next batch. It is on disk that it is offered before it is sent
        (docs/design/places.md, rule 3).
        """
        first = 1 if self.asks else self.acked + 1
        last = 0 if self.asks else min(len(self.records), self.acked + limit)
        self.offered = max(self.offered, last)
        self.unsaved = None
        self.counter += 1
        return Batch(
            self.key,
            self.counter,
            first,
            self.records[first - 1 : last],
            self._gone(first, last) if self.credited else NONE,
            self.heads[max(last, first - 1)],
            len(self.records),
            self.account.granted,
            self.account.returned,
            self.account.incarnation,
            self.wants_snapshot,
            later(self.mark, self.heard) if self.rules.shows_marks else None,
            later(self.mark, self.heard),
        )

    def _gone(self, first: int, last: int) -> frozenset[int]:
        return frozenset(
            seq
            for seq, exit_seq in self.credited.items()
            if first <= seq <= last and (self.rules.gone_whole_journal or exit_seq <= last)
        )

    def take(self, answer: Answer) -> None:
        """Apply the server's answer (Journal.acked, then the replica). An older server's is
        ignored.
        """
        if answer.incarnation < self.account.incarnation:
            return
        if answer.fork or answer.acked > self.offered:
            self.forked = True
            return
        self.asks = answer.order is None
        if answer.order is None:
            return
        before = (self.acked, self.account)
        self.heard = later(later(self.mark, self.heard), answer.mark)
        if self.rules.sends_again:
            self.acked = answer.acked
        else:
            self.acked = max(self.acked, answer.acked)
        self.obey(answer.order)
        if answer.incarnation > self.account.incarnation:
            self.account = replace(self.account, incarnation=answer.incarnation)
        if answer.fenced and not self.account.fenced:
            self.account = self.account.fence()
        if (self.acked, self.account) != before:
            self.mark = self.heard
        self.skew_ms, self.sure = self.clock_ms - answer.clock_ms, True
        self.epoch = answer.epoch
        self._follow(answer)

    def obey(self, order: Order) -> None:
        """A fenced kiosk ignores orders (kiosk/journal/journal.py)."""
        if not self.account.fenced and not self.forked:
            self.account = self.account.obey(order)
            self._notice_restore()

    def _notice_restore(self) -> None:
        if self.account.incarnation != self.view and self.rules.snapshot_after_restore:
            self.wants_snapshot = True

    def _follow(self, answer: Answer) -> None:
        """Apply the feed; after a restore, only from a snapshot on."""
        self._notice_restore()
        if answer.incarnation != self.view:
            if answer.snapshot is not None:
                self._load(answer.snapshot, answer.acked)
                self.wants_snapshot = False
            elif self.rules.snapshot_after_restore or self.view < 0:
                return
            self.view, self.cursor = answer.incarnation, min(answer.cursor, self.cursor)
            if answer.snapshot is not None:
                self.cursor = answer.cursor
        for change in answer.feed[self.cursor : answer.cursor]:
            self._apply(change)
        self.cursor = max(self.cursor, answer.cursor)

    def _load(self, snapshot: tuple[Change, ...], acked: int) -> None:
        """Load all stays that use a place, and likely copies, from a server that had this journal
        up to `acked`.
        """
        self.known, self.moved, self.copied = {}, set(), set()
        for change in snapshot:
            self._apply(change)
        open_now = {change.stay for change in snapshot}
        for badge, stays in list(self.own.items()):
            for stay in stays:
                if stay.seq <= acked and stay not in open_now:
                    self._end_own(badge, stay)

    def _apply(self, change: Change) -> None:
        kind, stay, badge = change
        if stay is None:
            self.copied.add(badge)
        elif kind == MOVED_ON:
            self.moved.add(stay)
        elif (stay.kiosk, stay.generation) == self.key:
            if kind != OPENED:
                self._end_own(badge, stay)
        elif kind == OPENED:
            self.known[badge] = (*self.known.get(badge, NOBODY), stay)
        else:
            self.known[badge] = tuple(s for s in self.known.get(badge, NOBODY) if s != stay)

    def _end_own(self, badge: int, stay: Stay) -> None:
        self.own[badge] = tuple(own for own in self.own.get(badge, NOBODY) if own != stay)

    def crash(self) -> None:
        """Lose everything that was not on disk: with the production rules, nothing."""
        self.sure = False
        self.heard = None
        if not self.rules.offered_is_durable:
            self.offered = self.acked
        if self.unsaved is not None:
            self.account, kept = self.unsaved
            for record in self.records[kept:]:
                self._end_own(record.badge, Stay(*self.key, record.seq))
            del self.records[kept:], self.heads[kept + 1 :]
            self.unsaved = None

    def image(self) -> dict[str, Any]:
        return {
            name: value.copy() if isinstance(value, list | dict | set) else value
            for name, value in ((name, getattr(self, name)) for name in ON_DISK)
        }

    def roll_back(self, image: dict[str, Any]) -> int:
        """Replace the disk by an old copy. Returns the number of forgotten entries and returned
        places.

        The counter is not rolled back: a refused request is retried with a higher one.
        """
        now = self.account
        then: Account = image["account"]
        for name, value in image.items():
            setattr(self, name, value.copy() if isinstance(value, list | dict | set) else value)
        self.rolled_back = True
        self.heard = None
        return now.entries - then.entries + now.returned - then.returned
