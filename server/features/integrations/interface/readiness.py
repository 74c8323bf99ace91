"""Caches the server's readiness, so that frequent probes cost little."""

import threading
import time
from collections.abc import Callable

import msgspec

FRESH_S = 1.0  # A result is reused for this long


class Readiness(msgspec.Struct):
    """Each part is "ok", or its problem in one word."""

    ready: bool
    database: str
    certificate: str
    disk: str


class Finding:
    """Caches the last result. Only one request at a time checks; others don't wait."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._looking = threading.Lock()
        # Set by the holder of the lock.
        self._found = Readiness(False, "unknown", "unknown", "unknown")
        self._found_at = float("-inf")

    def now(self, look: Callable[[], Readiness]) -> Readiness:
        """Return the result of the last FRESH_S, or call `look`.

        During a check, others get the previous result, and after ten seconds "slow".
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
