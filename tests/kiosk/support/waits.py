"""A condition that reports its waiters, so that tests need not guess durations."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Watched(threading.Condition):
    """Counts each beginning of a wait, also after an unrelated notification.

    It records the maximum length of each pause, and ends the next `skipped` of them at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self.pauses: list[float | None] = []
        self.skipped = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.begun += 1
        return super().wait(timeout)

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        self.pauses.append(timeout)
        if self.skipped:
            self.skipped -= 1
            return predicate()
        return super().wait_for(predicate, timeout)

    def until_begun(
        self, count: int, thread: threading.Thread | None = None, within_s: float = 240.0
    ) -> None:
        """Return when a thread waits, for the `count`th time or later, or when the `thread` has
        ended.
        """
        deadline = time.monotonic() + within_s
        while self.begun < count and (thread is None or thread.is_alive()):
            assert time.monotonic() < deadline, f"{self.begun} waits in place of {count}"
            time.sleep(0.001)
        # A waiter that has begun releases it when its wait ends.
        with self:
            pass
