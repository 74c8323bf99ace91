"""Rate limits for password guesses. A guess is counted before it is checked.

Nothing is locked for good: after some wrong guesses each next one waits twice as long. The counts
are in the database, so all servers of an event share them and a restart keeps them. Each server
checks one guess at a time, since a check takes 64 MiB and all cores.
"""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from server.core.event.budgets import Budget
from server.storage.connection import Connection
from server.storage.database import Database

FORGET_MS = 60 * 60_000
COUNTS_MAX = 20_000
COUNTED_EVERY = 50  # guesses between two searches for excess counts
WAITING_MAX = 16  # Each waiting guess holds a server thread.
WAITING_HERE_MAX = 4  # from one address
WAIT_S = 5.0
# limits the entry log's entries about refused guesses
NOTES = Budget("guesses noted", 200, 60 * 60_000)
_ALL = "all"


class WaitError(Exception):
    """Raised after too many guesses. The next is allowed from `until` (Unix ms)."""

    def __init__(self, until: int) -> None:
        super().__init__("too many guesses")
        self.until = until


class BusyError(Exception):
    """Raised if too many passwords are being checked. Nothing was counted."""


@dataclass(frozen=True)
class Limit:
    """`free` guesses, then a wait of `first_ms` that doubles with each further one up to
    `most_ms`.
    """

    free: int
    first_ms: int
    most_ms: int


@dataclass(frozen=True)
class Key:
    """A subject of counting, such as a name or an address. A right password clears an `own` key,
    and is not counted for other keys.
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
    """The counts of an event. Thread-safe."""

    def __init__(self, database: Database, secret: bytes) -> None:
        """Take a secret of the event, which hides the subjects of the counts."""
        self.known, self.strangers = Lane(), Lane()
        self._database = database
        self._secret = secret
        # The lock guards the number of refusals not logged, and of guesses since the last search
        # for excess counts.
        self._lock = threading.Lock()
        self._unlisted = 0
        self._since = COUNTED_EVERY

    def check(self, keys: Sequence[Key], now: int, *, void_until: int | None = None) -> list[int]:
        """Return the counts of the keys. Raises WaitError if a key has to wait.

        Reads only, however many guesses there are.
        """
        with self._database.reading() as db:
            stored = [self._find(db, key) for key in keys]
        counted = zip(keys, stored, strict=True)
        if any(count and count.until > now + key.limit.most_ms for key, count in counted):
            self._database.write(lambda db: self._cut_short(db, keys, now))
            with self._database.reading() as db:
                stored = [self._find(db, key) for key in keys]
        return [count.tries for count in self._counts(stored, keys, now, void_until)]

    def charge(self, keys: Sequence[Key], now: int, *, void_until: int | None = None) -> list[int]:
        """Count a guess for each key before it is checked, and return the counts.

        Counts no newer than `void_until` are dropped first. Raises WaitError, with nothing counted,
        if a key has to wait.
        """
        self.check(keys, now, void_until=void_until)

        def step(db: Connection) -> list[int]:
            stored = [self._find(db, key) for key in keys]
            counts = self._counts(stored, keys, now, void_until)
            for key, count in zip(keys, counts, strict=True):
                count.tries += 1
                count.last_at = now
                over = count.tries - key.limit.free
                if over >= 0:
                    wait = min(key.limit.first_ms << min(over, 20), key.limit.most_ms)
                    count.until = now + wait
                self._keep(db, key, count)
            db.execute("DELETE FROM guess WHERE last_at < ?", (now - FORGET_MS,))
            if self._is_time():
                _forget_the_oldest(db)
            return [count.tries for count in counts]

        return self._database.write(step)

    def refund(self, db: Connection, keys: Sequence[Key], *, right: bool) -> None:
        """Uncount a guess, in the caller's transaction, if the password was right or was not
        checked.
        """
        for key in keys:
            count = self._find(db, key)
            if count is None:
                continue
            count.tries -= 1
            if (key.own and right) or count.tries <= 0:
                db.execute("DELETE FROM guess WHERE what = ?", (self._what(key.text),))
                continue
            if count.tries < key.limit.free:
                count.until = 0
            self._keep(db, key, count)

    def waiting(self, db: Connection, texts: Sequence[str], now: int) -> dict[str, tuple[int, int]]:
        """Return (last guess, waits until) of each key that has to wait."""
        rows = db.execute("SELECT what, last_at, until FROM guess WHERE until > ?", (now,))
        delays = {bytes(digest): (int(last_at), int(until)) for digest, last_at, until in rows}
        return {text: delays[digest] for text in texts if (digest := self._what(text)) in delays}

    def take_note(self, db: Connection, now: int) -> int | None:
        """Decide whether to log a refusal, since strangers could cause millions of entries.

        Returns how many were skipped before it, or None to skip this one.
        """
        noted = NOTES.take(db, _ALL, now)
        with self._lock:
            if not noted:
                self._unlisted += 1
                return None
            unlisted, self._unlisted = self._unlisted, 0
            return unlisted

    def _counts(
        self, stored: Sequence[_Count | None], keys: Sequence[Key], now: int, void_until: int | None
    ) -> list[_Count]:
        """Return the current counts. Raises WaitError."""
        counts = []
        for key, kept in zip(keys, stored, strict=True):
            count = kept or _Count()
            count.until = min(count.until, now + key.limit.most_ms)
            void = void_until is not None and count.last_at <= void_until
            if void or now - count.last_at > FORGET_MS:
                count.tries, count.until = 0, 0
            counts.append(count)
        until = max(count.until for count in counts)
        if now < until:
            raise WaitError(until)
        return counts

    def _cut_short(self, db: Connection, keys: Sequence[Key], now: int) -> None:
        """After the clock was set back, limit waits to the longest one from now."""
        for key in keys:
            most = now + key.limit.most_ms
            db.execute(
                "UPDATE guess SET until = ? WHERE what = ? AND until > ?",
                (most, self._what(key.text), most),
            )

    def _find(self, db: Connection, key: Key) -> _Count | None:
        row = db.execute(
            "SELECT tries, last_at, until FROM guess WHERE what = ?", (self._what(key.text),)
        ).fetchone()
        return None if row is None else _Count(*row)

    def _keep(self, db: Connection, key: Key, count: _Count) -> None:
        db.execute(
            "INSERT INTO guess (what, tries, last_at, until) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (what) DO UPDATE SET tries = excluded.tries,"
            " last_at = excluded.last_at, until = excluded.until",
            (self._what(key.text), count.tries, count.last_at, count.until),
        )

    def _what(self, text: str) -> bytes:
        """Return the keyed hash of a key. A typed name may be a password."""
        return hashlib.blake2b(text.encode(), key=self._secret, digest_size=16).digest()

    def _is_time(self) -> bool:
        with self._lock:
            self._since += 1
            if self._since <= COUNTED_EVERY:
                return False
            self._since = 0
            return True


def _forget_the_oldest(db: Connection) -> None:
    db.execute(
        "DELETE FROM guess WHERE last_at < COALESCE("
        "(SELECT last_at FROM guess ORDER BY last_at DESC LIMIT 1 OFFSET ?), 0)",
        (COUNTS_MAX - 1,),
    )


@dataclass(eq=False)
class _Waiting:
    """A guess that waits. The lowest rank is served first."""

    address: str
    rank: int


class Lane:
    """Checks one password at a time. Few may wait, and fewer from one address.

    The address with the fewest guesses is served first. So an attacker with a few addresses delays
    no one else: if the lane is full, the guess with the highest rank is rejected.
    """

    def __init__(self) -> None:
        # Guards all below. Notified when a turn ends or a guess is rejected.
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []  # in order of arrival
        self._looks: _Waiting | None = None

    @contextmanager
    def turn(self, address: str, guesses: int = 0) -> Iterator[None]:
        """Wait for the turn of an address with so many wrong guesses.

        Raises BusyError if the lane is full of lower ranks, or after WAIT_S.
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
            all_here = [*self._waiting, *([self._looks] if self._looks else [])]
            here = sum(waiting.address == address for waiting in all_here)
            mine = _Waiting(address, guesses + here)
            if here >= WAITING_HERE_MAX:
                raise BusyError
            if len(all_here) >= WAITING_MAX:
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
            self._looks = mine

    def _is_next(self, mine: _Waiting) -> bool:
        return self._looks is None and min(self._waiting, key=_rank) is mine

    def _leave(self, waiting: _Waiting) -> None:
        if waiting in self._waiting:
            self._waiting.remove(waiting)
        if self._looks is waiting:
            self._looks = None
        self._changed.notify_all()


def _rank(waiting: _Waiting) -> int:
    return waiting.rank
