"""Schedules functions on the event loop from other threads, in groups."""

import asyncio
from collections import deque
from collections.abc import Callable


class Waker:
    """Calls functions on the event loop's thread, in order.

    One wake-up serves all calls since the last run: a commit causes dozens, and each wake-up
    contends for the interpreter lock.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[Callable[[], object]] = deque()
        self._told = False  # a run of the loop is scheduled and has not begun

    def call(self, function: Callable[[], object]) -> None:
        """Schedule `function`. Thread-safe."""
        self._calls.append(function)
        if not self._told:
            self._told = True
            self._loop.call_soon_threadsafe(self._run)

    def _run(self) -> None:
        # A call added after this line wakes the loop again, possibly for nothing.
        self._told = False
        while self._calls:
            self._calls.popleft()()
