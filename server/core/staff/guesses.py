"""Counts how often passwords are guessed at. Guesses are counted before they are looked at.

Nothing is locked for good. After some wrong guesses the next one has to wait, each time twice as
long. The counts stand in the database, so that all servers of an event count together and a restart
forgets nothing. A lane lets one guess at a time be looked at on a server, since each costs 64 MiB
and all cores.
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
COUNTED_EVERY = 50  # So many guesses after the last time, this server looks for too many counts.
WAITING_MAX = 16  # Those who wait in a lane each hold a thread of the server's.
WAITING_HERE_MAX = 4  # The most of them from one address.
WAIT_S = 5.0
# The most entries in the entry log about refused guesses.
NOTES = Budget("guesses noted", 200, 60 * 60_000)
_ALL = "all"


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
    """Keeps the counts of an event. Safe to use from many threads."""

    def __init__(self, database: Database, secret: bytes) -> None:
        """Take a secret of the event. Nobody can tell from a count whose it is without that."""
        self.known, self.strangers = Lane(), Lane()
        self._database = database
        self._secret = secret
        # The lock guards how many refusals this server left out of the entry log, and how many
        # guesses came since it looked for too many counts.
        self._lock = threading.Lock()
        self._unlisted = 0
        self._since = COUNTED_EVERY

    def check(self, keys: Sequence[Key], now: int, *, void_until: int | None = None) -> list[int]:
        """Return the counts of the keys. Raises WaitError where one of them has to wait.

        It only reads, however often somebody guesses.
        """
        with self._database.reading() as db:
            found = [self._find(db, key) for key in keys]
        counted = zip(keys, found, strict=True)
        if any(count and count.until > now + key.limit.most_ms for key, count in counted):
            self._database.write(lambda db: self._cut_short(db, keys, now))
            with self._database.reading() as db:
                found = [self._find(db, key) for key in keys]
        return [count.tries for count in self._counts(found, keys, now, void_until)]

    def charge(self, keys: Sequence[Key], now: int, *, void_until: int | None = None) -> list[int]:
        """Count a guess for each key, and return the counts, before it is looked at.

        Counts no newer than `void_until` are forgotten first. Raises WaitError, with nothing
        counted, where one of the keys has to wait.
        """
        self.check(keys, now, void_until=void_until)

        def step(db: Connection) -> list[int]:
            found = [self._find(db, key) for key in keys]
            counts = self._counts(found, keys, now, void_until)
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
        """Take a guess back in the caller's transaction, because the password was right or nobody
        looked at it.
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
        """Return which of the keys wait, each with its last guess and until when it waits."""
        rows = db.execute("SELECT what, last_at, until FROM guess WHERE until > ?", (now,))
        found = {bytes(what): (int(last_at), int(until)) for what, last_at, until in rows}
        return {text: found[what] for text in texts if (what := self._what(text)) in found}

    def take_note(self, db: Connection, now: int) -> int | None:
        """Ask to write a refusal into the entry log, where strangers could have millions written.

        Returns how many before it were left out here, or None where this one has to be.
        """
        noted = NOTES.take(db, _ALL, now)
        with self._lock:
            if not noted:
                self._unlisted += 1
                return None
            unlisted, self._unlisted = self._unlisted, 0
            return unlisted

    def _counts(
        self, found: Sequence[_Count | None], keys: Sequence[Key], now: int, void_until: int | None
    ) -> list[_Count]:
        """Return the counts as they stand now. Raises WaitError."""
        counts = []
        for key, kept in zip(keys, found, strict=True):
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
        """After a clock was set back nobody must wait longer than the longest wait from now."""
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
        """Return what stands for a key in the database. A typed name may be a password."""
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
    """Waits for a turn. The lower the rank, the sooner it comes."""

    address: str
    rank: int


class Lane:
    """Lets one password at a time be looked at. Few wait for their turn, and fewer of them from one
    address.

    The turn is that of the address with the fewest guesses. So whoever guesses from some addresses
    keeps nobody waiting who comes from another: where the lane is full, the one with the most
    guesses is sent away.
    """

    def __init__(self) -> None:
        # It guards all below, and is told whenever the turn is over or somebody is sent away.
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []  # The first that came is the first here.
        self._looks: _Waiting | None = None

    @contextmanager
    def turn(self, address: str, guesses: int = 0) -> Iterator[None]:
        """Wait for the turn of an address with so many wrong guesses. Raises BusyError where too
        many wait who have fewer, or it takes too long.
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
            here = sum(one.address == address for one in all_here)
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

    def _leave(self, one: _Waiting) -> None:
        if one in self._waiting:
            self._waiting.remove(one)
        if self._looks is one:
            self._looks = None
        self._changed.notify_all()


def _rank(one: _Waiting) -> int:
    return one.rank
