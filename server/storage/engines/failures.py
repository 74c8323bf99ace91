"""Counts recent writes that failed because of the database itself."""

import threading
import time
from collections import deque

from server.storage.disk import AwayError, DiskError
from server.storage.errors import LostError, cause, is_busy, is_unexplained

KEPT_S = 60.0


class Failures:
    """Times of failed writes within KEPT_S, and the cause of the last. Thread-safe."""

    def __init__(self) -> None:
        # The lock guards the fields below.
        self._lock = threading.Lock()
        self._times: deque[float] = deque(maxlen=1_000)
        self._cause = ""

    def note(self, error: BaseException) -> None:
        """Count the error, unless the data or the caller's code caused it."""
        away = isinstance(error, (AwayError, DiskError, LostError))
        if not (away or is_unexplained(error) or is_busy(error)):
            return
        with self._lock:
            self._times.append(time.monotonic())
            self._cause = cause(error)

    def within(self, seconds: float = KEPT_S) -> int:
        since = time.monotonic() - seconds
        with self._lock:
            return sum(at >= since for at in self._times)

    @property
    def cause(self) -> str:
        """The cause of the last failure within KEPT_S, or ""."""
        return self._cause if self.within() else ""
