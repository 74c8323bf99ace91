"""Keeps what one listener to the feed is still to hear. It is handed from the writer's thread to
the listener's own.
"""

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from badges.wire import wire

QUEUE_MAX = 10_000


@dataclass(frozen=True)
class FeedItem:
    """Represents one change with its cursor in the feed. Without a hall and a kiosk it is for
    everyone.
    """

    cursor: int
    hall_id: int | None
    kiosk: str | None
    body: str  # A wire.Change as JSON.
    sent: bytes  # As a Server-Sent Event, made once for everybody who hears it.

    @classmethod
    def of(cls, cursor: int, hall_id: int | None, kiosk: str | None, body: str) -> "FeedItem":
        sent = f"id: {cursor}\ndata: {body}\n\n".encode()
        return cls(cursor, hall_id, kiosk, body, sent)


class CursorGoneError(Exception):
    """Is raised when the feed no longer reaches back to that cursor, or never reached it. Then the
    kiosk takes a snapshot.
    """


class Subscription:
    """Represents one listener. It is a kiosk at a hall's door, or (where both are None) one that
    hears everything.

    A kiosk at a door that leads into several halls hears of each of them. Its feed ends with the
    word that it is retired, or stands at another door.
    """

    def __init__(
        self,
        hall_id: int | None,
        kiosk: str | None,
        generation: int | None = None,
        outer: Collection[int] = (),
    ) -> None:
        """Make a subscription. `outer` has the halls around that the kiosk's door leads into as
        well.
        """
        self.hall_id = hall_id
        self.outer = tuple(outer)
        self.kiosk = kiosk
        self.generation = generation
        # The queue holds lists, and an empty list wakes whoever waits. This queue is written in C
        # and costs a fraction of a condition, which matters because hundreds of feeds' threads
        # share one interpreter.
        self._queue: queue.SimpleQueue[Sequence[FeedItem]] = queue.SimpleQueue()
        self._waiting = 0  # How many items the queue holds.
        # Items that the queue's one reader has taken out of it, and not handed on yet.
        self._taken: deque[FeedItem] = deque()
        self._ended = False
        self._told: Callable[[], object] | None = None
        self._lock = threading.Lock()

    @property
    def keys(self) -> tuple[int | str | None, ...]:
        """Return the halls and the kiosk whose changes concern it. None alone means that
        everybody's do.
        """
        return (None,) if self.hears_all else (self.hall_id, *self.outer, self.kiosk)

    @property
    def ended(self) -> bool:
        """Say whether nothing more is added. What waits may still be taken."""
        return self._ended

    @property
    def hears_all(self) -> bool:
        return self.hall_id is None and self.kiosk is None

    def concerns(self, item: FeedItem) -> bool:
        if self.hears_all:
            return True
        if item.kiosk is not None:
            return item.kiosk == self.kiosk
        if item.hall_id is None or item.hall_id == self.hall_id:
            return True
        return item.hall_id in self.outer

    def put(self, items: Sequence[FeedItem]) -> bool:
        """Add items to the queue, and return False where the feed ends.

        It ends with one of the items, or because too many wait for somebody who reads too slowly.
        """
        with self._lock:
            if self._ended:
                return False
            last = next((n for n, item in enumerate(items) if self._is_last(item)), None)
            if last is not None:
                items = items[: last + 1]
            if self._waiting + len(items) > QUEUE_MAX:
                self._end()
                return False
            self._waiting += len(items)
            if items:
                self._queue.put(items)
                if self._told is not None:
                    self._told()
            if last is not None:
                self._end()
            return not self._ended

    def _end(self) -> None:
        """End the feed after what was queued, so that the last word is read."""
        self._ended = True
        self._queue.put(())
        if self._told is not None:
            self._told()

    def _is_last(self, item: FeedItem) -> bool:
        """Say whether a kiosk may hear nothing after this event, at least not of this hall."""
        if self.generation is None or item.kiosk is None:
            return False
        change = wire.decode_change(item.body)
        if isinstance(change, wire.KioskRetired):
            return change.generation >= self.generation
        return isinstance(change, wire.VenueChanged)

    def tell(self, told: Callable[[], object]) -> None:
        """Have `told` called whenever there may be something to take, beginning now. It must be
        quick, and whoever is told takes without waiting.
        """
        with self._lock:
            self._told = told
        told()

    def end(self) -> None:
        """End the subscription. What waits may still be taken."""
        with self._lock:
            self._end()

    def take(self, timeout_s: float) -> FeedItem | None:
        """Take the next item, or None at the time-out. Raises CursorGoneError after the end."""
        if not self._taken:
            self._taken.extend(self.take_all(timeout_s))
        return self._taken.popleft() if self._taken else None

    def take_all(self, timeout_s: float) -> list[FeedItem]:
        """Take what waits, nothing at the time-out. Raises CursorGoneError when the feed ended.

        One thread alone may take.
        """
        if self._ended and self._queue.empty() and not self._taken:
            raise CursorGoneError
        found: list[FeedItem] = []
        if timeout_s > 0 and not self._taken:
            with contextlib.suppress(queue.Empty):
                found += self._queue.get(timeout=timeout_s)
        while not self._queue.empty():  # Nobody else takes, so it stays so.
            found += self._queue.get_nowait()
        with self._lock:
            self._waiting -= len(found)
        found = [*self._taken, *found]
        self._taken.clear()
        if self._ended and not found:
            raise CursorGoneError
        return found
