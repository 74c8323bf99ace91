"""A condition that tells who waits for it, so that no test has to guess how long that takes."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Watched(threading.Condition):
    """Counts each beginning of a wait, also the one after a call that was none of the waiter's.

    It notes how long each pause was to last at most, and lets the next `skipped` of them end at
    once.
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
        """Return once somebody waits, and that for the `count`th time at least, or once the
        `thread` has ended.
        """
        deadline = time.monotonic() + within_s
        while self.begun < count and (thread is None or thread.is_alive()):
            assert time.monotonic() < deadline, f"{self.begun} waits in place of {count}"
            time.sleep(0.001)
        # Whoever has begun lets go of it when the wait has.
        with self:
            pass
