"""Keeps threads for what may wait. They begin as they are needed, and end after a while."""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Threads:
    """Runs jobs, each on a thread of its own, up to `most` at a time. Further ones wait."""

    def __init__(self, most: int, idle_s: float) -> None:
        """A thread without a job for `idle_s` ends."""
        self._most = most
        self._idle_s = idle_s
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        # The lock guards both counts.
        self._lock = threading.Lock()
        self._count = 0
        self._free = 0  # Threads that wait, less the jobs that are on their way to them.

    def run(self, job: Callable[[], None]) -> None:
        """Run a job soon."""
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
                # Whoever waits for this job was to be told by the job itself.
                log.error("a request's thread failed: %s", type(error).__name__)
            del job  # It may hold a whole request, and the next one may be hours away.
            with self._lock:
                self._free += 1

    def _next(self) -> Callable[[], None] | None:
        """Return the next job, or None where this thread is to end."""
        try:
            return self._jobs.get(timeout=self._idle_s)
        except queue.Empty:
            with self._lock:
                with contextlib.suppress(queue.Empty):
                    return self._jobs.get_nowait()
                self._free -= 1
                self._count -= 1
                return None
