"""Answers heartbeats that bring nothing new from memory, without a transaction.

Such a heartbeat repeats the state that its kiosk's last batch left in the database. A transaction
would change only the time at which the kiosk was heard, and its health. Those are written for all
kiosks together. The answer has the places of the hall as the last commit left them.

A change in the feed for the kiosk, one of its halls or the whole venue ends that: the next
heartbeat takes a transaction. So does a difference in the kiosk's row, which each write looks for,
as when a copy of its disk was heard by another server. So an answer from memory is as new as the
kiosk's feed. To the places protocol it is an earlier answer that arrives late, which does no harm
(docs/design/places.md, rule 5).
"""

import logging
import math
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from badges.places.pool import KioskKey, Limited, PoolKey
from badges.wire import wire
from badges.wire.version import WireVersion
from server.core.feed.hub import is_venue_change
from server.core.feed.subscription import FeedItem
from server.core.kiosks import contact, runs
from server.core.kiosks.contact import Heard
from server.core.kiosks.runs import Position
from server.core.kiosks.vouching import is_order
from server.core.ledger.ingest import Ingested
from server.core.occupancy import grants, pools
from server.doors.signatures import Signed
from server.repeating import Repeating
from server.storage.connection import Connection
from server.storage.disk import DatabaseError
from server.storage.engines import memory
from server.storage.errors import EngineError, cause, grade
from server.storage.event_state import event_state
from server.web.services import Services

log = logging.getLogger(__name__)

# Much less than the silence after which a door gets no more places (sharing_policy.SILENT_MS).
WRITE_S = 1.0
# A hall is shared this often without news, because rates of arrivals fade, doors become silent,
# and kept places are released at a time.
SHARE_S = 5.0


class Taken(NamedTuple):
    """The result of recording a batch. `position` is that of feed and entry log after all
    batches of the commit.
    """

    kiosk: KioskKey
    state: str
    old_files: str | None  # the version of the page's files that a phone shall leave
    ingested: Ingested
    position: Position


class Last(NamedTuple):
    """The newest position known to be on disk."""

    incarnation: int
    position: Position

    @property
    def rank(self) -> tuple[int, int, int]:
        """Later positions are greater."""
        return self.incarnation, self.position.cursor, self.position.entries


class _Known(NamedTuple):
    """A kiosk's last recorded batch."""

    content: tuple[object, ...]
    places: Sequence[wire.PlaceTotals]
    taken: Taken
    counter: int  # of its request


class _Hall(NamedTuple):
    cursor: int  # the feed's, when the pools were read
    pools: Limited


class _Written(NamedTuple):
    unchanged: Collection[KioskKey]
    halls: Mapping[int, Limited]
    last: Last


class Heartbeats:
    """Thread-safe. It works from `start` to `close`."""

    def __init__(self, here: Services) -> None:
        self._database = here.database
        self._now = here.now
        self._lanes = here.lanes
        self.is_on = False
        # Mostly set on the writer's thread, in the order of the commits.
        self.last = Last(0, Position("", 0, 0))
        # guards everything below
        self._lock = threading.Lock()
        self._known: dict[KioskKey, _Known] = {}
        self._halls: dict[int, _Hall] = {}
        self._heard: dict[KioskKey, Heard] = {}  # not written yet
        # The feed's newest change, by kiosk and by hall. Of the whole venue: under None.
        self._changed: dict[str | int | None, int] = {}
        self._ordered: dict[str, int] = {}  # the newest order of places, by kiosk
        self._shared_at: dict[int, int] = {}
        self._repeating = Repeating("heartbeats", WRITE_S, self.write)
        here.hub.on_delivery(self._follow)

    def start(self) -> None:
        self.is_on = True
        self._repeating.start()

    def close(self) -> None:
        self.is_on = False
        self._repeating.close()
        try:
            self.write()
        except (EngineError, DatabaseError) as error:
            log.log(grade(error), "the kiosks' last times can't be written: %s", cause(error))

    def take(self, signed: Signed, batch: wire.ScanBatch, incarnation: int) -> Taken | None:
        """Return the result for a heartbeat that brings nothing new. After None the batch must be
        recorded, and its result given to `keep`.

        The request must be verified. `incarnation` is the server's.
        """
        kiosk, counter = signed.stamp.key, signed.stamp.counter
        with self._lock:
            known = self._known.get(kiosk)
            orders: list[wire.PlaceOrder] | None = None
            if (
                known is not None
                and self.is_on
                and known.taken.ingested.incarnation == self.last.incarnation == incarnation
                and _is_heartbeat(batch)
                and _content(batch, signed.version) == known.content
                and self._has_reached(batch.mark)
                and counter > known.counter
            ):
                orders = self._orders(known, batch.places)
            if known is None or orders is None or not self._lanes.answer_once(kiosk, counter):
                self._known.pop(kiosk, None)
                self._heard.pop(kiosk, None)
                return None
            self._note(known.taken, counter, batch)
        self._lanes.remember(signed.address)
        return known.taken._replace(ingested=known.taken.ingested._replace(orders=orders))

    def keep(self, signed: Signed, batch: wire.ScanBatch, taken: Taken) -> None:
        """Remember the state after a recorded batch, once it is on disk."""
        ingested = taken.ingested
        is_all = ingested.acked_seq == batch.last_seq == _last_of(batch)
        with self._lock:
            last = Last(ingested.incarnation, taken.position)
            if last.rank >= self.last.rank:
                self.last = last
            self._keep_halls(ingested.halls, taken.position.cursor)
            if taken.state == "active" and is_all and not _wants(batch):
                taken = taken._replace(ingested=ingested._replace(halls={}, full=()))
                content, counter = _content(batch, signed.version), signed.stamp.counter
                self._known[taken.kiosk] = _Known(content, batch.places, taken, counter)

    def write(self) -> None:
        """Write the kiosks' times and health, and share the halls that are due.

        Raises EngineError or DatabaseError. Then the times are lost, and no kiosk is known.
        """
        with self._lock:
            heard, self._heard = self._heard, {}
            due = self._due(heard)
        if not heard:
            return
        results: list[tuple[_Written | None, BaseException | None]] = []
        ended = threading.Event()

        def done(written: _Written | None, error: BaseException | None) -> None:
            if written is not None:
                self.last = written.last
            results.append((written, error))
            ended.set()

        try:
            self._database.write_then(
                lambda db: _write(db, list(heard.values()), due, self._now()), done, early=True
            )
            ended.wait()
            written, error = results[0]
            if written is None:
                raise error or RuntimeError("nothing was written")
        except BaseException:
            with self._lock:
                self._known.clear()
            raise
        with self._lock:
            for kiosk in heard.keys() - written.unchanged:
                self._known.pop(kiosk, None)
            self._keep_halls(written.halls, written.last.position.cursor)

    def _follow(self, items: Sequence[FeedItem]) -> None:
        with self._lock:
            for item in items:
                if item.kiosk is not None and is_order(item.body):
                    self._ordered[item.kiosk] = item.cursor
                elif item.kiosk is not None:
                    self._changed[item.kiosk] = item.cursor
                elif item.hall_id is not None or is_venue_change(item):
                    self._changed[item.hall_id] = item.cursor

    def _has_reached(self, mark: wire.Mark | UnsetType) -> bool:
        """Return whether the kiosk's mark is not beyond the known position."""
        if isinstance(mark, UnsetType):
            return True
        incarnation, position = self.last
        return (
            (mark.incarnation, mark.run) == (incarnation, position.run)
            and mark.cursor <= position.cursor
            and mark.entries <= position.entries
        )

    def _orders(
        self, known: _Known, places: Sequence[wire.PlaceTotals]
    ) -> list[wire.PlaceOrder] | None:
        """Return the present orders, or None if there is news of the kiosk or for it."""
        kiosk, position = known.taken.kiosk, known.taken.position
        venue, ordered = self._changed.get(None, 0), self._ordered.get(kiosk[0], 0)
        if max(venue, self._changed.get(kiosk[0], 0)) > position.cursor:
            return None
        granted, orders = {}, []
        for order in known.taken.ingested.orders:
            hall = self._halls.get(order.hall)
            changed = max(venue, ordered, self._changed.get(order.hall, 0))
            if hall is None or changed > hall.cursor:
                return None
            key = PoolKey(order.hall, order.kind)
            pool = hall.pools.of(key.kind)
            if kiosk not in pool.kiosks:
                return None
            granted[key] = pool.kiosks[kiosk].granted
            orders.append(pools.order(key, pool, kiosk))
        return orders if _are_known(places, known.places, granted) else None

    def _note(self, taken: Taken, counter: int, batch: wire.ScanBatch) -> None:
        before, now = self._heard.get(taken.kiosk), self._now()
        self._heard[taken.kiosk] = Heard(
            *taken.kiosk, counter, now, contact.whole_health(batch.health), batch.log_size,
            batch.cursor, now, batch.run if isinstance(batch.run, str) else "", taken.state,
            taken.ingested.acked_seq, taken.old_files or "",
            times=1 if before is None else before.times + 1,
            queue=batch.health.queue,
        )  # fmt: skip

    def _keep_halls(self, halls: Mapping[int, Limited], cursor: int) -> None:
        for hall_id, limited in halls.items():
            before = self._halls.get(hall_id)
            if before is None or before.cursor <= cursor:
                self._halls[hall_id] = _Hall(cursor, limited)

    def _due(self, heard: Collection[KioskKey]) -> list[int]:
        """Return some halls of these kiosks that were not shared for long, and note them as
        shared.
        """
        known = (self._known.get(kiosk) for kiosk in heard)
        halls = {order.hall for each in known if each for order in each.taken.ingested.orders}
        now = self._now()
        waiting = sorted(halls, key=lambda hall: self._shared_at.get(hall, 0))
        # Few at a time: scans wait for that.
        most = math.ceil(len(self._halls) * WRITE_S / SHARE_S)
        due = [
            hall
            for hall in waiting[:most]
            if not 0 <= now - self._shared_at.get(hall, 0) < SHARE_S * 1000
        ]
        self._shared_at.update(dict.fromkeys(due, now))
        return due


def heartbeats_of(here: Services) -> Heartbeats:
    return here.own(Heartbeats, lambda: Heartbeats(here))


def _is_heartbeat(batch: wire.ScanBatch) -> bool:
    """Return whether the batch has only the kiosk's state, and no person waits for a place."""
    return (
        not batch.records
        and not batch.gone
        and batch.gone_outer is UNSET
        and batch.note is UNSET
        and batch.cosigned is UNSET
        and not _wants(batch)
    )


def _wants(batch: wire.ScanBatch) -> bool:
    """Return whether a person waits at the door for a place."""
    return any(totals.wants for totals in batch.places)


def _content(batch: wire.ScanBatch, version: WireVersion | None) -> tuple[object, ...]:
    """Return all that a heartbeat states, but for its places, health and positions."""
    return (
        _last_of(batch), batch.last_seq, batch.head, batch.incarnation, batch.resting, batch.run,
        version,
    )  # fmt: skip


def _are_known(
    places: Sequence[wire.PlaceTotals],
    before: Sequence[wire.PlaceTotals],
    granted: Mapping[PoolKey, int],
) -> bool:
    """Return whether the kiosk's totals are those of `before`, perhaps with all that was granted
    since. `granted` are the present totals.
    """
    if len(places) != len(before):
        return False
    for totals, former in zip(places, before, strict=True):
        key = PoolKey(totals.hall, totals.kind)
        since = totals.granted - former.granted
        if (
            key != PoolKey(former.hall, former.kind)
            or totals.returned != former.returned
            or totals.free != former.free + since
            or (since and totals.granted != granted.get(key))
        ):
            return False
    return True


def _last_of(batch: wire.ScanBatch) -> int:
    return batch.first_seq + len(batch.records) - 1


def _write(db: Connection, heard: Sequence[Heard], halls: Sequence[int], now: int) -> _Written:
    memo, state = memory.memo_of(db), event_state(db)
    unchanged = contact.note_heard(db, heard, memo)
    shared = grants.share_again(db, halls, now, state, memo)
    contact.keep(db, state, memo)
    return _Written(unchanged, shared, Last(state.incarnation, runs.position(db)))
