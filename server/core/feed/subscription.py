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
    """A change, for all kiosks unless it has a hall or kiosk."""

    cursor: int
    hall_id: int | None
    kiosk: str | None
    body: str  # a wire.Change as JSON
    sent: bytes  # as a Server-Sent Event, encoded once for all subscribers

    @classmethod
    def of(cls, cursor: int, hall_id: int | None, kiosk: str | None, body: str) -> "FeedItem":
        sent = f"id: {cursor}\ndata: {body}\n\n".encode()
        return cls(cursor, hall_id, kiosk, body, sent)


class CursorGoneError(Exception):
    """Raised if the feed lacks a position. The kiosk must take a snapshot."""


class Subscription:
    """A queue of changes for a kiosk at a hall's door, or (without both) of all changes.

    It ends after the change that retires or moves the kiosk.
    """

    def __init__(
        self,
        hall_id: int | None,
        kiosk: str | None,
        generation: int | None = None,
        outer: Collection[int] = (),
        door_id: int | None = None,
    ) -> None:
        """`outer` has the surrounding halls into which the kiosk's door also leads. `door_id` is
        the door of a kiosk that applies edits of the venue.
        """
        self.hall_id = hall_id
        self.outer = tuple(outer)
        self.door_id = door_id
        self.kiosk = kiosk
        self.generation = generation
        # Holds lists; an empty list wakes the reader. SimpleQueue is in C and costs a fraction of a
        # condition.
        self._queue: queue.SimpleQueue[Sequence[FeedItem]] = queue.SimpleQueue()
        self._waiting = 0  # items in the queue
        # Items that the one reader has taken from the queue and not returned yet.
        self._taken: deque[FeedItem] = deque()
        self._ended = False
        self._told: Callable[[], object] | None = None
        self._lock = threading.Lock()

    @property
    def keys(self) -> tuple[int | str | None, ...]:
        """Return the halls and the kiosk whose changes are needed. None alone means all."""
        return (None,) if self.hears_all else (self.hall_id, *self.outer, self.kiosk)

    @property
    def ended(self) -> bool:
        """Whether no more changes will be queued. Queued ones may still be taken."""
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
        """Queue changes. Return False if the subscription ends.

        It ends after a final change, or when too many wait for a slow reader.
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
        self._ended = True
        self._queue.put(())
        if self._told is not None:
            self._told()

    def _is_last(self, item: FeedItem) -> bool:
        """Return whether it is the kiosk's last change, at least in this hall."""
        if self.generation is None or item.kiosk is None:
            return False
        change = wire.decode_change(item.body)
        if isinstance(change, wire.KioskRetired):
            return change.generation >= self.generation
        return isinstance(change, wire.VenueChanged)

    def tell(self, callback: Callable[[], object]) -> None:
        """Set a function to call, at once and whenever changes may be available. It must be fast,
        and the reader must not block.
        """
        with self._lock:
            self._told = callback
        callback()

    def end(self) -> None:
        """Queued changes may still be taken."""
        with self._lock:
            self._end()

    def take(self, timeout_s: float) -> FeedItem | None:
        """Return the next change, or None at the timeout. Raises CursorGoneError after the end."""
        if not self._taken:
            self._taken.extend(self.take_all(timeout_s))
        return self._taken.popleft() if self._taken else None

    def take_all(self, timeout_s: float) -> list[FeedItem]:
        """Return an empty list at the timeout. Raises CursorGoneError after the end.

        Only one thread may call it.
        """
        if self._ended and self._queue.empty() and not self._taken:
            raise CursorGoneError
        taken: list[FeedItem] = []
        if timeout_s > 0 and not self._taken:
            with contextlib.suppress(queue.Empty):
                taken += self._queue.get(timeout=timeout_s)
        while not self._queue.empty():  # there is no other reader, so it stays non-empty
            taken += self._queue.get_nowait()
        with self._lock:
            self._waiting -= len(taken)
        taken = [*self._taken, *taken]
        self._taken.clear()
        if self._ended and not taken:
            raise CursorGoneError
        return taken
