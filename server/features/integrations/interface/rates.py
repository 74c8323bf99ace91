"""Limits how often each machine may ask."""

import threading
import time
from collections.abc import Callable

PER_MINUTE = 600
AT_ONCE = 120
KEPT_MAX = 1_000


class Rates:
    """Gives each asker so many requests a minute, of which some may come at once. Thread-safe."""

    def __init__(
        self,
        per_minute: int = PER_MINUTE,
        at_once: int = AT_ONCE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_s = per_minute / 60
        self._at_once = at_once
        self._monotonic = monotonic
        # The lock guards what is left to each asker, and when that was so (seconds).
        self._lock = threading.Lock()
        self._left: dict[object, tuple[float, float]] = {}

    def wait_s(self, asker: object) -> float:
        """Take one request, and return 0, or how many seconds to wait before the next is taken."""
        now = self._monotonic()
        with self._lock:
            left, at = self._left.pop(asker, (float(self._at_once), now))
            left = min(float(self._at_once), left + (now - at) * self._per_s)
            taken = left >= 1
            self._left[asker] = (left - 1 if taken else left, now)
            if len(self._left) > KEPT_MAX:
                self._left.pop(next(iter(self._left)))
        return 0.0 if taken else (1 - left) / self._per_s
