"""Runs blocking jobs on threads, which start as needed and end when idle."""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Threads:
    """Runs up to `most` jobs at a time, each on a thread. Further jobs wait."""

    def __init__(self, most: int, idle_s: float) -> None:
        """A thread ends after `idle_s` without a job."""
        self._most = most
        self._idle_s = idle_s
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        # guards both counts
        self._lock = threading.Lock()
        self._count = 0
        self._free = 0  # idle threads, minus jobs assigned to them

    def run(self, job: Callable[[], None]) -> None:
        with self._lock:
            begin = self._free <= 0 and self._count < self._most
            if begin:
                self._count += 1
            else:
                self._free -= 1
            self._jobs.put(job)
        if begin:
            threading.Thread(target=self._work, name="page", daemon=True).start()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except BaseException as error:
                # The job itself must report its errors.
                log.error("a request's thread failed: %s", type(error).__name__)
            del job  # It may hold a whole request for hours.
            with self._lock:
                self._free += 1

    def _next(self) -> Callable[[], None] | None:
        """Return the next job, or None to end this thread."""
        try:
            return self._jobs.get(timeout=self._idle_s)
        except queue.Empty:
            with self._lock:
                with contextlib.suppress(queue.Empty):
                    return self._jobs.get_nowait()
                self._free -= 1
                self._count -= 1
                return None
