"""Counts guesses at passwords and codes, in the database, before each is checked. After some wrong
guesses the next one has to wait (badges/limits.py `Backoff`); nothing is locked for good.
"""

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from badges.limits import NEW, Backoff, State, Window
from server.core.event.limits import StoredLimit
from server.core.staff.lane import Lane
from server.storage import effects
from server.storage.connection import Connection
from server.storage.database import Database

FORGET_MS = 60 * 60_000
COUNTS_MAX = 20_000
TRIM_EVERY = 50  # guesses on this server
# Entries in the entry log about refused guesses.
NOTES = StoredLimit("guesses noted", Window(200, 60 * 60_000))
_WHAT = "guess"
_ALL = "all"


class WaitError(Exception):
    """Raised after too many wrong passwords. The next attempt is allowed from `until` (Unix ms)."""

    def __init__(self, until: int) -> None:
        super().__init__("too many guesses")
        self.until = until


@dataclass(frozen=True)
class Key:
    """A name or address whose wrong passwords are counted. A right password clears an `own` key,
    and is not counted for other keys.
    """

    text: str
    limit: Backoff
    own: bool = False


class Guesses:
    """Counts wrong passwords and codes of an event. Thread-safe."""

    def __init__(self, database: Database, secret: bytes) -> None:
        """Keys are stored as hashes with `secret`, because a typed name may be a password."""
        self.known, self.strangers = Lane(), Lane()
        self._database = database
        self._secret = secret
        # It guards the refusals that this server left out of the entry log, and the guesses since
        # it last trimmed the counts.
        self._lock = threading.Lock()
        self._unlisted = 0
        self._since_trim = TRIM_EVERY

    def check(self, keys: Sequence[Key], now: int, *, void_until: int | None = None) -> list[int]:
        """Return the counts. Raises WaitError if any key has to wait.

        Counts no newer than `void_until` are void. It writes only after a clock was set back.
        """
        with self._database.reading() as db:
            states, ahead = self._load(db, keys, now, void_until)
        if ahead:
            self._database.write(lambda db: self._store(db, keys, states, now))
        return _counts(keys, states, now)

    def charge(self, keys: Sequence[Key], now: int, *, void_until: int | None = None) -> list[int]:
        """Count an attempt for each key, before its password is checked, and return the counts.

        Raises WaitError, with nothing counted, if any key has to wait.
        """
        self.check(keys, now, void_until=void_until)

        def step(db: Connection) -> list[int]:
            states, _ = self._load(db, keys, now, void_until)
            _counts(keys, states, now)
            states = [key.limit.use(state, now) for key, state in zip(keys, states, strict=True)]
            self._store(db, keys, states, now)
            self._trim(db, now)
            return [state[0] for state in states]

        return self._database.write(step)

    def refund(self, db: Connection, keys: Sequence[Key], now: int) -> None:
        """Undo `charge` in the caller's transaction, because the password was right."""
        states, _ = self._load(db, keys, now, None)
        left = [
            NEW if key.own else key.limit.undo(state)
            for key, state in zip(keys, states, strict=True)
        ]
        self._store(db, keys, left, now)

    def waiting(self, db: Connection, keys: Sequence[Key], now: int) -> dict[str, tuple[int, int]]:
        """Return the keys that have to wait, each with its newest attempt and the wait's end (Unix
        ms).
        """
        states, _ = self._load(db, keys, now, None)
        ends = {
            key.text: (state[1], key.limit.next_at(state))
            for key, state in zip(keys, states, strict=True)
            if state
        }
        return {text: (used_at, until) for text, (used_at, until) in ends.items() if until > now}

    def take_note(self, db: Connection, now: int) -> int | None:
        """Limit the refusals in the entry log, which strangers could fill otherwise.

        Return the number of refusals left out before, or None if this one must be left out.
        """
        if not NOTES.take(db, _ALL, now):
            effects.after_commit(db, partial(self._count_unlisted, 1))
            return None
        unlisted = self._unlisted
        effects.after_commit(db, partial(self._count_unlisted, -unlisted))
        return unlisted

    def _count_unlisted(self, more: int) -> None:
        with self._lock:
            # Two notes of one commit report the same number.
            self._unlisted = max(0, self._unlisted + more)

    def _load(
        self, db: Connection, keys: Sequence[Key], now: int, void_until: int | None
    ) -> tuple[list[State], bool]:
        """Return the keys' states, and whether any is in the future because the clock was set
        back.
        """
        loaded = [StoredLimit(_WHAT, key.limit).load(db, self._hash(key), now) for key in keys]
        states = [
            NEW if void_until is not None and used_at <= void_until else state
            for state, used_at in loaded
        ]
        return states, any(used_at > now for _, used_at in loaded)

    def _store(
        self, db: Connection, keys: Sequence[Key], states: Sequence[State], now: int
    ) -> None:
        for key, state in zip(keys, states, strict=True):
            StoredLimit(_WHAT, key.limit).store(db, self._hash(key), state, now)

    def _hash(self, key: Key) -> bytes:
        return hashlib.blake2b(key.text.encode(), key=self._secret, digest_size=16).digest()

    def _trim(self, db: Connection, now: int) -> None:
        db.execute("DELETE FROM limited WHERE what = ? AND used_at < ?", (_WHAT, now - FORGET_MS))
        with self._lock:
            self._since_trim += 1
            if self._since_trim <= TRIM_EVERY:
                return
            self._since_trim = 0
        db.execute(
            "DELETE FROM limited WHERE what = ? AND used_at < COALESCE("
            "(SELECT used_at FROM limited WHERE what = ? ORDER BY used_at DESC LIMIT 1 OFFSET ?),"
            " 0)",
            (_WHAT, _WHAT, COUNTS_MAX - 1),
        )


def _counts(keys: Sequence[Key], states: Sequence[State], now: int) -> list[int]:
    pairs = zip(keys, states, strict=True)
    until = max(key.limit.next_at(state) for key, state in pairs)
    if now < until:
        raise WaitError(until)
    return [state[0] if state else 0 for state in states]
