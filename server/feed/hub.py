"""Changes that kiosks must hear of: written with their cause, and handed to held connections at
once.

`publish` stores a change in the transaction that made it. After each commit (and once a second, for
what another process wrote) the hub reads what is new once, and gives each subscriber what concerns
it.
"""

import contextlib
import logging
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Generator, Iterable, Iterator

from badges.wire import wire
from server.feed.subscription import CursorGoneError, Event, Subscription
from server.storage.connection import Connection
from server.storage.database import Database

log = logging.getLogger(__name__)

KEEP_CHANGES = 100_000
MISSED_MAX = 5_000  # a kiosk that missed more takes a snapshot, which is quicker
FOREIGN_WRITES_S = 1.0
READ_MAX = 1_000
TRIM_EVERY = 1_000  # changes; more at once would hold the others' commits up


def publish(
    db: Connection,
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


def publish_to_halls(db: Connection, changes: Iterable[tuple[int, wire.Change]]) -> None:
    """Store changes in their order, each for the kiosks of one hall."""
    db.executemany(
        "INSERT INTO change (hall_id, body) VALUES (?, ?)",
        ((hall_id, wire.encode_change(change)) for hall_id, change in changes),
    )


def publish_all(db: Connection, changes: Iterable[wire.Change]) -> None:
    """Store changes in their order, each for all kiosks."""
    db.executemany(
        "INSERT INTO change (body) VALUES (?)",
        ((wire.encode_change(change),) for change in changes),
    )


def cursor(db: Connection) -> int:
    """The newest change's cursor; 0 where there is none."""
    (newest,) = db.execute("SELECT COALESCE(MAX(cursor), 0) FROM change").fetchone()
    return int(newest)


Sign = Callable[[str | None, str], str]  # a change for a kiosk, as that kiosk is to read it


def _as_it_is(kiosk: str | None, body: str) -> str:
    return body


def changes_after(
    db: Connection, after: int, limit: int = MISSED_MAX, sign: Sign = _as_it_is
) -> list[Event]:
    """Changes after `after`, oldest first. Raises CursorGoneError: too many, or none to be had."""
    (oldest, newest) = db.execute(
        "SELECT COALESCE(MIN(cursor), 1), COALESCE(MAX(cursor), 0) FROM change"
    ).fetchone()
    if after > newest or after < oldest - 1 or newest - after > limit:
        raise CursorGoneError
    return _read(db, after, limit, sign)


def trim(db: Connection, keep: int = KEEP_CHANGES) -> None:
    """Forget the oldest changes; a kiosk that was away longer takes a snapshot."""
    db.execute("DELETE FROM change WHERE cursor <= ?", (cursor(db) - keep,))


def _read(db: Connection, after: int, limit: int, sign: Sign) -> list[Event]:
    rows = db.execute(
        "SELECT cursor, hall_id, kiosk, body FROM change WHERE cursor > ? ORDER BY cursor LIMIT ?",
        (after, limit),
    )
    return [Event.of(row[0], row[1], row[2], sign(row[2], row[3])) for row in rows]


class Hub:
    """Hands new changes to subscribers: on the writer's thread, as soon as they are committed, or
    on one of its own, where that would have to wait. Close it with the database.
    """

    def __init__(self, database: Database, sign: Sign = _as_it_is) -> None:
        """`sign` puts the server's signature into what is an order of places."""
        self._database = database
        self._sign = sign
        self._subscriptions: set[Subscription] = set()
        # By hall, by kiosk, and under None those that hear everything.
        self._concerned: defaultdict[int | str | None, set[Subscription]] = defaultdict(set)
        self._lock = threading.Lock()
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._closing = False
        with database.reading() as db:
            self._cursor = self._trimmed = cursor(db)
        database.on_commit(self._committed)
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
        outer: Collection[int] = (),
    ) -> Subscription:
        """Listen from `after` on: what was missed is queued first. Raises CursorGoneError.

        A kiosk, named with its `generation`, has one feed: an earlier one of its ends.
        """
        subscription = Subscription(hall_id, kiosk, generation, outer)
        with self._lock, self._database.reading() as db:
            while events := _read(db, self._cursor, READ_MAX, self._sign):
                self._deliver(events)  # what it knows already must not come to it as news
            missed = changes_after(db, after, sign=self._sign)
            for other in list(self._concerned[kiosk]):
                if generation and (other.kiosk, other.generation) == (kiosk, generation):
                    other.end()
                    self._remove(other)
            if subscription.put(
                [one for one in missed if one.cursor <= self._cursor and subscription.concerns(one)]
            ):
                self._subscriptions.add(subscription)
                for key in subscription.keys:
                    self._concerned[key].add(subscription)
        return subscription

    @property
    def staff_listeners(self) -> int:
        """How many hear everything."""
        with self._lock:
            return len(self._concerned[None])

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

    def _committed(self, db: Connection) -> None:
        """On the writer's thread, which waits for nobody: somebody may be reading what they missed
        under the lock.
        """
        if not self._lock.acquire(blocking=False):
            self._wake.put(None)
            return
        try:
            self._deliver(_read(db, self._cursor, READ_MAX, self._sign))
        finally:
            self._lock.release()

    def _run(self) -> None:
        while not self._closing:
            self._sleep()
            try:
                self._work()
            except Exception as error:  # a thread that died would end no feed, nor look on
                log.error("the feed failed, and goes on: %s", type(error).__name__)
        with self._lock:
            for subscription in self._subscriptions:
                subscription.end()

    def _work(self) -> None:
        if self._cursor - self._trimmed >= TRIM_EVERY:
            self._trimmed = self._cursor
            self._database.write(trim)
        with self._lock, self._database.reading() as db:
            self._deliver(_read(db, self._cursor, READ_MAX, self._sign))

    def _sleep(self) -> None:
        """Until there is something to do, or another process may have made changes."""
        with contextlib.suppress(queue.Empty):
            self._wake.get(timeout=FOREIGN_WRITES_S)
            while True:
                self._wake.get_nowait()

    def _deliver(self, events: list[Event]) -> None:
        """Give each subscription its part at once: it wakes once, however much there is."""
        if not events:
            return
        self._cursor = events[-1].cursor
        if len(events) == READ_MAX or self._cursor - self._trimmed >= TRIM_EVERY:
            self._wake.put(None)  # there may be more
        for subscription in self._concerned_by(events):
            mine = [event for event in events if subscription.concerns(event)]
            if mine and not subscription.put(mine):
                self._remove(subscription)  # let it come back for a snapshot

    def _concerned_by(self, events: list[Event]) -> set[Subscription]:
        if any(event.hall_id is None and event.kiosk is None for event in events):
            return self._subscriptions.copy()
        keys = {event.hall_id if event.kiosk is None else event.kiosk for event in events}
        found = self._concerned[None].copy()
        return found.union(*(self._concerned[key] for key in keys if key in self._concerned))


class Stream:
    """A subscription as Server-Sent Events (WHATWG HTML §9.2), for as long as it is read.

    What came together is sent together: hundreds of feeds' threads share one interpreter.
    """

    def __init__(self, hub: Hub, subscription: Subscription, keep_alive_s: float) -> None:
        self._hub = hub
        self._subscription = subscription
        self._parts = _server_sent(subscription, keep_alive_s)

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        self._parts.close()
        self._hub.unsubscribe(self._subscription)


def _server_sent(subscription: Subscription, keep_alive_s: float) -> Generator[bytes, None, None]:
    yield b": open\n\n"
    while True:
        try:
            events = subscription.take_all(keep_alive_s)
        except CursorGoneError:
            return
        yield b"".join([event.sent for event in events]) or b": \n\n"
