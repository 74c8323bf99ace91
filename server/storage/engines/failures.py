"""Counts the writes that failed lately for a reason of the database's own."""

import threading
import time
from collections import deque
from collections.abc import Callable

from server.storage.disk import AwayError, DiskError
from server.storage.errors import LostError, cause, is_busy, is_unexplained

KEPT_S = 60.0


class Failures:
    """Keeps when writes failed within KEPT_S, and why the last one did. Thread-safe."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        # The lock guards what follows.
        self._lock = threading.Lock()
        self._times: deque[float] = deque(maxlen=1_000)
        self._cause = ""

    def note(self, error: BaseException) -> None:
        """Count the error, unless the data or the step are its reason."""
        if not isinstance(error, (AwayError, DiskError, LostError)):
            if not (is_unexplained(error) or is_busy(error)):
                return
        with self._lock:
            self._times.append(self._monotonic())
            self._cause = cause(error)

    def within(self, seconds: float = KEPT_S) -> int:
        """Return how many there were in the last seconds."""
        since = self._monotonic() - seconds
        with self._lock:
            return sum(at >= since for at in self._times)

    @property
    def cause(self) -> str:
        """Return why the last write failed that did so within KEPT_S. It is "" without one."""
        return self._cause if self.within() else ""
