"""Keeps for a moment whether the server is ready, so that nobody's questions cost it much."""

import threading
import time
from collections.abc import Callable

import msgspec

FRESH_S = 1.0  # A finding is told for so long, however often somebody asks.


class Readiness(msgspec.Struct):
    """Says what works, each as "ok" or in one word what is wrong."""

    ready: bool
    database: str
    certificate: str
    disk: str


class Finding:
    """Keeps the last finding. One request at a time looks, and nobody else waits for it."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._looking = threading.Lock()
        # Set by whoever holds the lock.
        self._found = Readiness(False, "unknown", "unknown", "unknown")
        self._found_at = float("-inf")

    def now(self, look: Callable[[], Readiness]) -> Readiness:
        """Return what was found within FRESH_S, or what `look` finds.

        While somebody looks, others get what was found before, and after ten seconds "slow".
        """
        if self._monotonic() - self._found_at < FRESH_S:
            return self._found
        if not self._looking.acquire(blocking=False):
            if self._monotonic() - self._found_at < 10 * FRESH_S:
                return self._found
            return Readiness(False, "slow", "unknown", "unknown")
        try:
            self._found = look()
            self._found_at = self._monotonic()
            return self._found
        finally:
            self._looking.release()
