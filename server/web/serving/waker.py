"""Lets other threads call functions on the event loop, many at once."""

import asyncio
from collections import deque
from collections.abc import Callable


class Waker:
    """Calls functions on the loop's thread, in the order in which they came.

    The loop is woken once for all that came since it last looked. A commit of the ledger has dozens
    of answers and of feeds' news, and each wake would have another thread wait for the interpreter.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[Callable[[], object]] = deque()
        self._told = False  # The loop will look, and has not begun to.

    def call(self, function: Callable[[], object]) -> None:
        """Have `function` called soon. It may be said by any thread."""
        self._calls.append(function)
        if not self._told:
            self._told = True
            self._loop.call_soon_threadsafe(self._run)

    def _run(self) -> None:
        # Whoever adds a call after this line wakes the loop again, which may then find nothing.
        self._told = False
        while self._calls:
            self._calls.popleft()()
