"""Changes that kiosks must hear of: written with their cause, and handed to held connections at
once.

`publish` stores a change in the transaction that made it. The hub wakes after each commit (and once
a second, for what another process wrote), reads what is new once, and gives each subscriber what
concerns it.
"""

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Iterable, Iterator

from badges import wire
from server.database import Database
from server.subscription import CursorGoneError, Event, Subscription

KEEP_CHANGES = 100_000
MISSED_MAX = 5_000  # a kiosk that missed more takes a snapshot, which is quicker
FOREIGN_WRITES_S = 1.0
READ_MAX = 1_000
TRIM_EVERY = 1_000  # changes; more at once would hold the others' commits up


def publish(
    db: sqlite3.Connection,
    change: wire.Change,
    *,
    hall_id: int | None = None,
    kiosk: str | None = None,
) -> None:
    """Store a change for one kiosk, for the kiosks of one hall, or for all."""
    db.execute(
        "INSERT INTO change (hall_id, kiosk, body) VALUES (?, ?, ?)",
        (hall_id, kiosk, wire.encode_change(change)),
    )


def publish_to_halls(db: sqlite3.Connection, changes: Iterable[tuple[int, wire.Change]]) -> None:
    """Store changes in their order, each for the kiosks of one hall."""
    db.executemany(
        "INSERT INTO change (hall_id, body) VALUES (?, ?)",
        ((hall_id, wire.encode_change(change)) for hall_id, change in changes),
    )


def cursor(db: sqlite3.Connection) -> int:
    """The newest change's cursor; 0 where there is none."""
    (newest,) = db.execute("SELECT COALESCE(MAX(cursor), 0) FROM change").fetchone()
    return int(newest)


def changes_after(db: sqlite3.Connection, after: int, limit: int = MISSED_MAX) -> list[Event]:
    """Changes after `after`, oldest first. Raises CursorGoneError: too many, or none to be had."""
    (oldest, newest) = db.execute(
        "SELECT COALESCE(MIN(cursor), 1), COALESCE(MAX(cursor), 0) FROM change"
    ).fetchone()
    if after > newest or after < oldest - 1 or newest - after > limit:
        raise CursorGoneError
    return _read(db, after, limit)


def trim(db: sqlite3.Connection, keep: int = KEEP_CHANGES) -> None:
    """Forget the oldest changes; a kiosk that was away longer takes a snapshot."""
    db.execute("DELETE FROM change WHERE cursor <= ?", (cursor(db) - keep,))


def _read(db: sqlite3.Connection, after: int, limit: int) -> list[Event]:
    rows = db.execute(
        "SELECT cursor, hall_id, kiosk, body FROM change WHERE cursor > ? ORDER BY cursor LIMIT ?",
        (after, limit),
    )
    return [Event(*row) for row in rows]


class Hub:
    """Hands new changes to subscribers. One thread; close it with the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subscriptions: set[Subscription] = set()
        self._lock = threading.Lock()
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._closing = False
        self._cursor = cursor(database.reader)
        database.on_commit(lambda: self._wake.put(None))
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End every subscription and stop."""
        self._closing = True
        self._wake.put(None)
        self._thread.join()

    def subscribe(
        self,
        after: int,
        *,
        hall_id: int | None,
        kiosk: str | None,
        generation: int | None = None,
    ) -> Subscription:
        """Listen from `after` on: what was missed is queued first. Raises CursorGoneError.

        A kiosk, named with its `generation`, has one feed: an earlier one of its ends.
        """
        subscription = Subscription(hall_id, kiosk, generation)
        with self._lock:
            missed = changes_after(self._database.reader, after)
            for other in list(self._subscriptions):
                if generation and (other.kiosk, other.generation) == (kiosk, generation):
                    other.end()
                    self._subscriptions.discard(other)
            if subscription.put(
                [one for one in missed if one.cursor <= self._cursor and subscription.concerns(one)]
            ):
                self._subscriptions.add(subscription)
        return subscription

    @property
    def staff_listeners(self) -> int:
        """How many hear everything."""
        with self._lock:
            return sum(one.hears_all for one in self._subscriptions)

    def unsubscribe(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions.discard(subscription)

    @property
    def listeners(self) -> int:
        return len(self._subscriptions)

    def _run(self) -> None:
        trimmed = self._cursor
        while not self._closing:
            self._sleep()
            if self._cursor - trimmed >= TRIM_EVERY:
                trimmed = self._cursor
                self._database.write(trim)
            with self._lock:
                self._deliver(_read(self._database.reader, self._cursor, READ_MAX))
        with self._lock:
            for subscription in self._subscriptions:
                subscription.end()

    def _sleep(self) -> None:
        """Until there was a commit, or another process may have made one."""
        with contextlib.suppress(queue.Empty):
            self._wake.get(timeout=FOREIGN_WRITES_S)
            while True:
                self._wake.get_nowait()

    def _deliver(self, events: list[Event]) -> None:
        """Give each subscription its part at once: it wakes once, however much there is."""
        if not events:
            return
        self._cursor = events[-1].cursor
        if len(events) == READ_MAX:
            self._wake.put(None)  # there may be more
        halls = {event.hall_id for event in events if event.kiosk is None}
        kiosks = {event.kiosk for event in events if event.kiosk is not None}
        to_all = None in halls
        for subscription in list(self._subscriptions):
            named = subscription.hall_id in halls or subscription.kiosk in kiosks
            if not (named or to_all or subscription.hears_all):
                continue
            mine = [event for event in events if subscription.concerns(event)]
            if mine and not subscription.put(mine):
                self._subscriptions.discard(subscription)  # let it come back for a snapshot


def server_sent(subscription: Subscription, keep_alive_s: float) -> Iterator[str]:
    """The subscription as Server-Sent Events (WHATWG HTML §9.2), for as long as it is read.

    What came together is sent together: hundreds of feeds' threads share one interpreter.
    """
    yield ": open\n\n"
    while True:
        try:
            events = subscription.take_all(keep_alive_s)
        except CursorGoneError:
            return
        parts = [f"id: {event.cursor}\ndata: {event.body}\n\n" for event in events]
        yield "".join(parts) if parts else ": \n\n"
