"""Starts what one server of an event does for all of them, and stops it where another one does it.

That is printing, webhooks, marking of entries, and retention. Which server it is stands in the
database (server/core/event/processes.py).
"""

import threading
from collections.abc import Sequence
from typing import Protocol


class Work(Protocol):
    """Describes what can be started, stopped, and started again."""

    def start(self) -> None: ...

    def close(self) -> None: ...


class Duties:
    """Keeps the works of one server. Thread-safe."""

    def __init__(self, works: Sequence[Work]) -> None:
        self._works = works
        # The lock guards whether the works run.
        self._lock = threading.Lock()
        self._running = False
        self._closed = False

    def turn(self, *, on: bool) -> None:
        """Start or stop the works, where they are not so already."""
        with self._lock:
            if on == self._running or self._closed:
                return
            self._running = on
            for work in self._works:
                if on:
                    work.start()
                else:
                    work.close()

    def close(self) -> None:
        """Stop the works for good."""
        self.turn(on=False)
        with self._lock:
            self._closed = True
