"""Counts how often passwords are guessed at. Guesses are counted before they are looked at, and in
memory alone.

Nothing is locked for good. After some wrong guesses the next one has to wait, each time twice as
long. A lane lets one guess at a time be looked at, since each costs 64 MiB and all cores.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

FORGET_MS = 60 * 60_000
COUNTS_MAX = 20_000
WAITING_MAX = 16  # Those who wait in a lane each hold a thread of the server's.
WAITING_HERE_MAX = 4  # The most of them from one address.
WAIT_S = 5.0
NOTES_MAX = 200  # The most entries in the entry log about refused guesses.
NOTES_MS = 60 * 60_000


class WaitError(Exception):
    """Is raised when there were too many guesses. The next one is looked at from `until` on (Unix
    ms).
    """

    def __init__(self, until: int) -> None:
        super().__init__("too many guesses")
        self.until = until


class BusyError(Exception):
    """Is raised when too many passwords are being looked at. Nothing was counted."""


@dataclass(frozen=True)
class Limit:
    """`free` guesses, then a wait of `first_ms` that doubles with each further one to `most_ms`."""

    free: int
    first_ms: int
    most_ms: int


@dataclass(frozen=True)
class Key:
    """Says what guesses are counted for. A right password clears the count of an `own` key, and is
    not counted for the others.
    """

    text: str
    limit: Limit
    own: bool = False


@dataclass
class _Count:
    tries: int = 0
    last_at: int = 0
    until: int = 0


class Guesses:
    """Keeps the counts of one server. Safe to use from many threads."""

    def __init__(self) -> None:
        self.known, self.strangers = Lane(), Lane()
        self._counts: OrderedDict[str, _Count] = OrderedDict()
        self._lock = threading.Lock()
        self._noted: list[int] = []
        self._unlisted = 0

    def charge(self, keys: Sequence[Key], now: int, *, void_until: int | None = None) -> list[int]:
        """Count a guess for each key, and return the counts, before it is looked at.

        Counts no newer than `void_until` are forgotten first. Raises WaitError, with nothing
        counted, where one of the keys has to wait.
        """
        with self._lock:
            counts = [self._count(key, now, void_until) for key in keys]
            until = max(count.until for count in counts)
            if now < until:
                raise WaitError(until)
            for key, count in zip(keys, counts, strict=True):
                count.tries += 1
                count.last_at = now
                over = count.tries - key.limit.free
                if over >= 0:
                    wait = min(key.limit.first_ms << min(over, 20), key.limit.most_ms)
                    count.until = now + wait
            return [count.tries for count in counts]

    def refund(self, keys: Sequence[Key], *, right: bool) -> None:
        """Take a guess back, because the password was right or nobody looked at it."""
        with self._lock:
            for key in keys:
                count = self._counts.get(key.text)
                if count is None:
                    continue
                count.tries -= 1
                if (key.own and right) or count.tries <= 0:
                    del self._counts[key.text]
                elif count.tries < key.limit.free:
                    count.until = 0

    def waits_until(self, text: str, now: int, *, void_until: int | None = None) -> int | None:
        """Return until when the next guess for a key waits, or None where it does not."""
        with self._lock:
            count = self._counts.get(text)
            if count is None or now >= count.until or count.last_at <= (void_until or -1):
                return None
            return count.until

    def take_note(self, now: int) -> int | None:
        """Ask to write a refusal into the entry log, where strangers could have millions written.

        Returns how many before it were left out, or None where this one has to be.
        """
        with self._lock:
            self._noted = [at for at in self._noted if 0 <= now - at < NOTES_MS]
            if len(self._noted) >= NOTES_MAX:
                self._unlisted += 1
                return None
            self._noted.append(now)
            unlisted, self._unlisted = self._unlisted, 0
            return unlisted

    def _count(self, key: Key, now: int, void_until: int | None) -> _Count:
        count = self._counts.setdefault(key.text, _Count())
        self._counts.move_to_end(key.text)
        while len(self._counts) > COUNTS_MAX:
            self._counts.popitem(last=False)
        # After a clock was set back nobody must wait longer than the longest wait.
        count.until = min(count.until, now + key.limit.most_ms)
        void = void_until is not None and count.last_at <= void_until
        if void or now - count.last_at > FORGET_MS:
            count.tries, count.until = 0, 0
        return count


class Lane:
    """Lets one password at a time be looked at. Few wait for their turn, and fewer of them from one
    address.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._waiting: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, address: str) -> Iterator[None]:
        """Wait for the turn. Raises BusyError where too many wait, or it takes too long."""
        with self._lock:
            here = self._waiting[address]
            if here >= WAITING_HERE_MAX or self._waiting.total() >= WAITING_MAX:
                raise BusyError
            self._waiting[address] += 1
        try:
            if not self._turn.acquire(timeout=WAIT_S):
                raise BusyError
            try:
                yield
            finally:
                self._turn.release()
        finally:
            with self._lock:
                self._waiting[address] -= 1
                if not self._waiting[address]:
                    del self._waiting[address]
