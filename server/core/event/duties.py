"""Runs the works that only one server of an event does: printing, webhooks, marking of entries, and
retention.

The database decides which server (server/core/event/processes.py).
"""

import threading
from collections.abc import Sequence
from typing import Protocol


class Work(Protocol):
    def start(self) -> None: ...

    def close(self) -> None: ...


class Duties:
    """The background jobs of one server. Thread-safe."""

    def __init__(self, works: Sequence[Work]) -> None:
        self._works = works
        # guards `_running` and `_closed`
        self._lock = threading.Lock()
        self._running = False
        self._closed = False

    def turn(self, *, on: bool) -> None:
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
        self.turn(on=False)
        with self._lock:
            self._closed = True
