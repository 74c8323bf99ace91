"""Limits how often each machine may ask, where several servers answer it.

What is left to a machine stands in the database. A server takes some requests from it at once, more
of them the more the machine asks, and gives them out from memory. So most requests write nothing,
and all servers together keep to one limit.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from server.storage.connection import Connection
from server.storage.database import Database

TAKEN_MAX = 16
# What a server took and did not give out by then is lost to the machine.
TAKEN_MS = 3_000
AHEAD_MS = 60_000
KEPT_MAX = 1_000
WAIT_MS = 1_000  # So long at most nobody looks whether there is something again.
_PARTS = 1_000  # The database counts in thousandths of a request.


@dataclass
class _Taken:
    left: int = 0
    size: int = 0
    until: int = 0  # Unix ms
    wait_until: int = 0  # Until then there is nothing to take.


class SharedRates:
    """Gives each asker so many requests a minute, of which some may come at once. Thread-safe."""

    def __init__(
        self, database: Database, now: Callable[[], int], *, per_minute: int, at_once: int
    ) -> None:
        self._database = database
        self._now = now
        self._per_s = per_minute / 60
        self._most = at_once * _PARTS
        # The lock guards what was taken for each asker.
        self._lock = threading.Lock()
        self._taken: dict[int, _Taken] = {}

    def wait_s(self, asker: int) -> float:
        """Take one request, and return 0, or how many seconds to wait before the next is taken.

        `asker` is the number of a token that stands.
        """
        now = self._now()
        with self._lock:
            taken = self._taken.setdefault(asker, _Taken())
            if taken.left and now < taken.until <= now + TAKEN_MS:
                taken.left -= 1
                return 0.0
            if now < taken.wait_until <= now + WAIT_MS:
                return (taken.wait_until - now) / 1000
            used = not taken.left and now < taken.until
            size = min(TAKEN_MAX, max(1, taken.size * 2 if used else taken.size // 2))
        got, wait_s = self._database.write(lambda db: self._take(db, asker, size, now))
        with self._lock:
            taken.size, taken.until = size, now + TAKEN_MS
            taken.left += max(0, got - 1)
            taken.wait_until = now + min(WAIT_MS, int(wait_s * 1000)) if not got else 0
            while len(self._taken) > KEPT_MAX:
                del self._taken[next(iter(self._taken))]
        return wait_s

    def _take(self, db: Connection, asker: int, size: int, now: int) -> tuple[int, float]:
        """Return how many requests were taken, and how long to wait where none was."""
        row = db.execute(
            "SELECT parts_left, counted_at FROM machine_rate WHERE token_id = ?", (asker,)
        ).fetchone()
        left, at = (self._most, now) if row is None else row
        # Another server's clock may be a little ahead. One that is far ahead was set back since.
        if was_set_back := at > now + AHEAD_MS:
            at = now
        left = min(self._most, left + int(max(0, now - at) * self._per_s))
        got = min(size, left // _PARTS)
        wait_s = 0.0 if got else (_PARTS - left) / _PARTS / self._per_s
        if not got and not was_set_back:
            return 0, wait_s
        db.execute(
            "INSERT INTO machine_rate (token_id, parts_left, counted_at) VALUES (?, ?, ?)"
            " ON CONFLICT (token_id) DO UPDATE SET parts_left = excluded.parts_left,"
            " counted_at = excluded.counted_at",
            (asker, left - got * _PARTS, max(now, at)),
        )
        return got, wait_s
