"""Limits on how often something may be done.

A limit is pure. The caller stores a small state for each key, `NEW` at first, and settles it at
the time of the question. After a clock was set back, no wait is longer than the limit's longest.
Times are in ms.
"""

from dataclasses import dataclass
from typing import Protocol

State = tuple[int, ...]
NEW: State = ()


class Limit(Protocol):
    def settle(self, state: State, now: int) -> State:
        pass

    def next_at(self, state: State) -> int:
        """Return the time of the next allowed use. `state` must be settled."""

    def use(self, state: State, now: int) -> State:
        pass


@dataclass(frozen=True)
class Window:
    """A rate limit: at most `most` uses within any `window_ms`. The state has the time of each
    use.
    """

    most: int
    window_ms: int

    def settle(self, state: State, now: int) -> State:
        return tuple(min(at, now) for at in state if at > now - self.window_ms)

    def next_at(self, state: State) -> int:
        return state[-self.most] + self.window_ms if len(state) >= self.most else 0

    def use(self, state: State, now: int) -> State:
        return (*state, now)


@dataclass(frozen=True)
class Steady:
    """A rate limit: `at_once` uses at once, and one more every `every_ms`.

    The state has the time at which all are available again (the generic cell rate algorithm, ITU-T
    I.371).
    """

    at_once: int
    every_ms: int

    def settle(self, state: State, now: int) -> State:
        full_at = state[0] if state else now
        return (max(now, min(full_at, now + self.at_once * self.every_ms)),)

    def next_at(self, state: State) -> int:
        return state[0] - (self.at_once - 1) * self.every_ms

    def use(self, state: State, now: int) -> State:
        return (max(state[0], now) + self.every_ms,)


@dataclass(frozen=True)
class Backoff:
    """A rate limit: `free` uses, then a wait of `first_ms`, which doubles with each use up to
    `most_ms`.

    The state has the number of uses and the time of the newest. After `forget_ms` without a use,
    the number is 0 again.
    """

    free: int
    first_ms: int
    most_ms: int
    forget_ms: int

    def settle(self, state: State, now: int) -> State:
        if not state or now - state[1] > self.forget_ms:
            return NEW
        return state[0], min(state[1], now)

    def next_at(self, state: State) -> int:
        return state[1] + self.wait_ms(state[0]) if state else 0

    def use(self, state: State, now: int) -> State:
        return (state[0] + 1 if state else 1, now)

    def undo(self, state: State) -> State:
        """Take one use back. The time of the newest stays."""
        return (state[0] - 1, state[1]) if state and state[0] > 1 else NEW

    def wait_ms(self, count: int) -> int:
        over = count - self.free
        return 0 if over < 0 else min(self.first_ms << min(over, 20), self.most_ms)
