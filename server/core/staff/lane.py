"""Lets a server check one password at a time, because each check takes 64 MiB and all cores."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter

WAITING_MAX = 16  # Each waiting request holds a thread of the server.
WAITING_HERE_MAX = 4  # of one address
WAIT_S = 5.0
_rank = attrgetter("rank")


class BusyError(Exception):
    """Raised if too many passwords wait to be checked. Nothing was counted."""


@dataclass(eq=False)
class _Waiting:
    """A request that waits for its turn. The lowest rank comes first."""

    address: str
    rank: int


class Lane:
    """Lets one password at a time be checked.

    The address with the fewest wrong passwords is next, and a full queue rejects the address with
    the most. So an attacker with some addresses does not delay the others.
    """

    def __init__(self) -> None:
        # It guards all below. It is notified when a turn is over or a request is rejected.
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []  # In the order of their arrival.
        self._current: _Waiting | None = None

    @contextmanager
    def turn(self, address: str, guesses: int = 0) -> Iterator[None]:
        """Hold the turn in the block. `guesses` is the address's number of wrong passwords.

        Raises BusyError if the queue is full of addresses with fewer, and after WAIT_S.
        """
        mine = self._enter(address, guesses)
        try:
            self._await_turn(mine)
            yield
        finally:
            with self._changed:
                self._leave(mine)

    def _enter(self, address: str, guesses: int) -> _Waiting:
        with self._changed:
            requests = [*self._waiting, *([self._current] if self._current else [])]
            here = sum(request.address == address for request in requests)
            mine = _Waiting(address, guesses + here)
            if here >= WAITING_HERE_MAX:
                raise BusyError
            if len(requests) >= WAITING_MAX:
                last = max(reversed(self._waiting), key=_rank, default=mine)
                if last.rank <= mine.rank:
                    raise BusyError
                self._leave(last)
            self._waiting.append(mine)
            return mine

    def _await_turn(self, mine: _Waiting) -> None:
        def is_over() -> bool:
            return mine not in self._waiting or self._is_next(mine)

        with self._changed:
            if not self._changed.wait_for(is_over, WAIT_S) or mine not in self._waiting:
                raise BusyError
            self._waiting.remove(mine)
            self._current = mine

    def _is_next(self, mine: _Waiting) -> bool:
        return self._current is None and min(self._waiting, key=_rank) is mine

    def _leave(self, request: _Waiting) -> None:
        if request in self._waiting:
            self._waiting.remove(request)
        if self._current is request:
            self._current = None
        self._changed.notify_all()
