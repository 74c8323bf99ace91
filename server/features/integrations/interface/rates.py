"""Limits the requests of each integration."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from badges.limits import NEW, State, Steady
from server.core.event.limits import StoredLimit
from server.storage.database import Database

AT_ONCE = 120
LIMIT = Steady(AT_ONCE, every_ms=100)  # 600 a minute
CLIENTS_MAX = 1_000  # In memory
# With several servers, each takes up to this many requests of a client from the database at once;
# unused ones are lost after BATCH_MS.
BATCH_MAX = 16
BATCH_MS = 3_000
WAIT_MS = 1_000  # A server without requests asks the database again within this time


class Rates:
    """Counts in memory, for an event with one server. Thread-safe."""

    def __init__(
        self,
        limit: Steady = LIMIT,
        clock: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
    ) -> None:
        """`clock` returns monotonic ms."""
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._states: dict[int, State] = {}

    def wait_s(self, client: int) -> float:
        now = self._clock()
        with self._lock:
            state = self._limit.settle(self._states.pop(client, NEW), now)
            wait_ms = max(0, self._limit.next_at(state) - now)
            self._states[client] = state if wait_ms else self._limit.use(state, now)
            _drop_oldest(self._states)
        return wait_ms / 1000


@dataclass
class _Batch:
    size: int = 0
    left: int = 0
    until: int = 0  # Unix ms
    wait_until: int = 0


class SharedRates:
    """Counts in the database, for several servers. Thread-safe.

    Batches of requests grow with use, so most requests write nothing.
    """

    def __init__(self, database: Database, clock: Callable[[], int], limit: Steady = LIMIT) -> None:
        """`clock` returns Unix ms."""
        self._database = database
        self._clock = clock
        self._stored = StoredLimit("requests", limit)
        self._lock = threading.Lock()
        self._batches: dict[int, _Batch] = {}

    def wait_s(self, client: int) -> float:
        now = self._clock()
        with self._lock:
            batch = self._batches.setdefault(client, _Batch())
            is_valid = now < batch.until <= now + BATCH_MS
            if batch.left and is_valid:
                batch.left -= 1
                return 0.0
            if now < batch.wait_until <= now + WAIT_MS:
                return (batch.wait_until - now) / 1000
            is_used_up = is_valid and not batch.left
            size = min(BATCH_MAX, max(1, batch.size * 2 if is_used_up else batch.size // 2))
        taken, next_at = self._take(client, now, size)
        with self._lock:
            batch.size, batch.until = size, now + BATCH_MS
            batch.left += max(0, taken - 1)
            batch.wait_until = 0 if taken else min(next_at, now + WAIT_MS)
            _drop_oldest(self._batches)
        return 0.0 if taken else (next_at - now) / 1000

    def _take(self, client: int, now: int, size: int) -> tuple[int, int]:
        key = str(client)
        taken = self._database.write(lambda db: self._stored.take(db, key, now, size))
        if taken:
            return taken, now
        with self._database.reading() as db:
            return 0, max(now + 1, self._stored.next_at(db, key, now))


def _drop_oldest(by_client: dict[int, State] | dict[int, _Batch]) -> None:
    while len(by_client) > CLIENTS_MAX:
        del by_client[next(iter(by_client))]
