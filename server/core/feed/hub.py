"""Delivers published changes to open connections: after each commit, and periodically those of
other processes.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Protocol

from badges.wire import wire
from server.core.feed.changes import Sign, as_it_is, changes_after, cursor, read_changes, trim
from server.core.feed.subscription import FeedItem, Subscription
from server.repeating import Repeating
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.engines.durable import make_durable
from server.storage.errors import cause, grade

log = logging.getLogger(__name__)

FOREIGN_WRITES_S = 0.4
READ_MAX = 1_000
# Old changes are deleted in steps. A larger step would delay others' commits.
TRIM_EVERY = 1_000
BEGIN_MAX = 20  # doors whose venue facts are read at once: feeds wait for that
_VENUE_CHANGED = wire.encode_change(wire.VenueChanged())

Edited = dict[tuple[int, int], FeedItem]  # by cursor and door


class Edits(Protocol):
    """Finds how the venue facts of each door changed (server/core/kiosks/venue_edits.py)."""

    def has_begun(self, door_id: int, /) -> bool: ...

    def begin(self, db: Connection, doors: Collection[int], /) -> None: ...

    def find(self, db: Connection, doors: Collection[int], /) -> dict[int, wire.VenueEdited]: ...


class Hub:
    """Delivers changes on the writer's thread or, if that would have to wait, on its own. Close it
    with the database.
    """

    def __init__(
        self, database: Database, sign: Sign = as_it_is, edits: Edits | None = None
    ) -> None:
        """`sign` signs place orders. `edits` finds the edits that kiosks get in place of
        VenueChanged.
        """
        self._database = database
        self._sign = sign
        self._edits = edits
        self._subscriptions: set[Subscription] = set()
        # Subscriptions by hall and by kiosk. Those to everything are under None.
        self._concerned: defaultdict[int | str | None, set[Subscription]] = defaultdict(set)
        self._lock = threading.Lock()
        # Wakes by itself, because other processes may have written.
        self._repeating = Repeating("feed", FOREIGN_WRITES_S, self._work)
        self._on_delivery: list[Callable[[Sequence[FeedItem]], object]] = []
        with database.reading() as db:
            self._cursor = self._trimmed = cursor(db)
        database.on_commit(self._committed)
        database.on_foreign_commit(lambda: self._repeating.wake())
        self._repeating.start()

    def close(self) -> None:
        self._repeating.close()
        with self._lock:
            for subscription in self._subscriptions:
                subscription.end()

    def on_delivery(self, listener: Callable[[Sequence[FeedItem]], object]) -> None:
        """Call `listener` with all changes, before they are queued for any kiosk. It must be fast,
        and may be called on several threads.
        """
        self._on_delivery.append(listener)

    def subscribe(
        self,
        after: int,
        *,
        hall_id: int | None,
        kiosk: str | None,
        generation: int | None = None,
        outer: Collection[int] = (),
        door_id: int | None = None,
    ) -> Subscription:
        """Missed changes after the position `after` are queued first. Raises CursorGoneError.

        A kiosk with `generation` has one feed: an earlier feed of the kiosk ends. With its
        `door_id` it gets edits of the venue, except for those that it missed.
        """
        subscription = Subscription(hall_id, kiosk, generation, outer, door_id)
        with self._lock, self._database.reading() as db:
            # Catch up first, so that the subscription gets no change twice.
            while self._read_on(db):
                pass
            missed = changes_after(db, after, sign=self._sign)
            for other in list(self._concerned[kiosk]):
                if generation and (other.kiosk, other.generation) == (kiosk, generation):
                    other.end()
                    self._remove(other)
            if subscription.put(
                [
                    item
                    for item in missed
                    if item.cursor <= self._cursor and subscription.concerns(item)
                ]
            ):
                self._subscriptions.add(subscription)
                for key in subscription.keys:
                    self._concerned[key].add(subscription)
        if door_id is not None:
            self._repeating.wake()  # To read the venue facts of its door.
        return subscription

    @property
    def cursor(self) -> int:
        """Return the position of the newest change that this server has read."""
        return self._cursor

    def unsubscribe(self, subscription: Subscription) -> None:
        with self._lock:
            self._remove(subscription)

    @property
    def listeners(self) -> int:
        return len(self._subscriptions)

    def _remove(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)
        for key in subscription.keys:
            self._concerned[key].discard(subscription)

    def _committed(self, db: Connection) -> Callable[[], None] | None:
        """Read the committed changes without blocking the writer. Return a function that delivers
        them once they are on disk.
        """
        if not self._lock.acquire(blocking=False):
            self._repeating.wake()
            return None
        try:
            items = read_changes(db, self._cursor, READ_MAX, self._sign)
        finally:
            self._lock.release()
        if any(map(is_venue_change, items)):
            self._repeating.wake()  # To find the edits takes longer than the writer may wait.
            return None
        return partial(self._hand_over, items) if items else None

    def _hand_over(self, items: list[FeedItem]) -> None:
        if not self._lock.acquire(blocking=False):
            self._repeating.wake()
            return
        try:
            # Some may have been delivered meanwhile.
            self._deliver([item for item in items if item.cursor > self._cursor])
        finally:
            self._lock.release()

    def _read_on(self, db: Connection) -> bool:
        """Return whether there were changes. Other servers' commits are made durable first, since
        kiosks keep changes for good.
        """
        items = read_changes(db, self._cursor, READ_MAX, self._sign)
        if items:
            edited = self._find_edits(db, items)
            make_durable(db)
            self._deliver(items, edited)
        return bool(items)

    def _find_edits(self, db: Connection, items: list[FeedItem]) -> Edited:
        edited: Edited = {}
        for item in items:
            if self._edits is None or not is_venue_change(item):
                continue
            listeners = self._concerned_by([item])
            doors = {each.door_id for each in listeners if each.door_id is not None}
            try:
                edits = self._edits.find(db, doors) if doors else {}
            except Exception as error:
                # The kiosks take snapshots, as without an edit.
                log.log(grade(error), "an edit of the venue was not found: %s", cause(error))
                edits = {}
            for door_id, edit in edits.items():
                body = wire.encode_change(edit)
                edited[item.cursor, door_id] = FeedItem.of(item.cursor, item.hall_id, None, body)
        return edited

    def _begin_edits(self, db: Connection) -> None:
        """Read the venue facts of doors that have subscribed lately, some at a time."""
        if self._edits is None:
            return
        doors = {each.door_id for each in self._subscriptions if each.door_id is not None}
        new = [door_id for door_id in doors if not self._edits.has_begun(door_id)]
        if new:
            self._edits.begin(db, new[:BEGIN_MAX])
        if len(new) > BEGIN_MAX:
            self._repeating.wake()

    def _work(self) -> None:
        if self._cursor - self._trimmed >= TRIM_EVERY:
            self._trimmed = self._cursor
            self._database.write(trim)
        with self._lock, self._database.reading() as db:
            self._read_on(db)
            self._begin_edits(db)

    def _deliver(self, items: list[FeedItem], edited: Edited | None = None) -> None:
        """Queue for each subscription its changes, and wake its reader once."""
        if not items:
            return
        for listener in self._on_delivery:
            listener(items)
        self._cursor = items[-1].cursor
        if len(items) == READ_MAX or self._cursor - self._trimmed >= TRIM_EVERY:
            self._repeating.wake()  # there may be more
        for subscription in self._concerned_by(items):
            mine = [item for item in items if subscription.concerns(item)]
            if edited and subscription.door_id is not None:
                door_id = subscription.door_id
                mine = [edited.get((item.cursor, door_id), item) for item in mine]
            if mine and not subscription.put(mine):
                # It fell too far behind. Its kiosk will take a snapshot.
                self._remove(subscription)

    def _concerned_by(self, items: list[FeedItem]) -> set[Subscription]:
        if any(item.hall_id is None and item.kiosk is None for item in items):
            return self._subscriptions.copy()
        keys = {item.hall_id if item.kiosk is None else item.kiosk for item in items}
        subscriptions = self._concerned[None].copy()
        return subscriptions.union(
            *(self._concerned[key] for key in keys if key in self._concerned)
        )


def is_venue_change(item: FeedItem) -> bool:
    return item.kiosk is None and item.body == _VENUE_CHANGED
