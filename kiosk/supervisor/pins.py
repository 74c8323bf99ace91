"""Checks supervisors' PINs against argon2id hashes on this kiosk, with or without a network.

A try is on disk before it is checked, and counts for the user and for the whole kiosk, so
pulling the plug wins no tries. docs/doors.md has the limits of this protection on a stolen
kiosk.
"""

import threading
from collections.abc import Callable

import argon2
import msgspec

from badges.limits import Backoff
from badges.wire.wire import SupervisorFacts
from kiosk.supervisor.state_file import Kept, SupervisorFile, Tries
from kiosk.supervisor.texts import SupervisorError

LOCK_MS = 60_000
LOCK_MS_MAX = 15 * 60_000
NEVER_MS = 2**53  # Only a right PIN clears the count of wrong ones.
USER = Backoff(5, LOCK_MS, LOCK_MS_MAX, NEVER_MS)
KIOSK = Backoff(10, LOCK_MS, LOCK_MS_MAX, NEVER_MS)  # All users together.
_KIOSK = "kiosk"


class Pins:
    """Checks PINs, one at a time, in the caller's thread. Thread-safe."""

    def __init__(
        self,
        file: SupervisorFile,
        *,
        clock: Callable[[], int],
        monotonic: Callable[[], int],
    ) -> None:
        """Both clocks are in ms."""
        self._file = file
        self._clock = clock
        self._monotonic = monotonic
        self._checking = threading.Lock()
        self._hasher = argon2.PasswordHasher()
        # While this process runs, setting the clock shortens no lock.
        self._ends = {
            key: monotonic() + _left(key, tries, clock()) for key, tries in file.kept.tries.items()
        }

    def locked_until(self, user: int | None = None) -> int | None:
        """Return the end (Unix ms) of the user's or the whole kiosk's lock."""
        key = _KIOSK if user is None else str(user)
        left = self._ends.get(key, 0) - self._monotonic()
        # Rounded to whole seconds, so that the text does not change on each read.
        return None if left <= 0 else (self._clock() + left + 999) // 1000 * 1000

    def check(self, supervisor: SupervisorFacts, pin: str) -> None:
        """Raises SupervisorError with `wrong_pin`, or with `pin_locked`, without a check."""
        with self._checking:
            until = max(self.locked_until(supervisor.user) or 0, self.locked_until() or 0)
            if until:
                minutes = max(1, -(-(until - self._clock()) // 60_000))
                raise SupervisorError("pin_locked", minutes=minutes, retry_at=until)
            self._count(str(supervisor.user))
            if not self._is_right(supervisor.pin_hash, pin):
                raise SupervisorError("wrong_pin", tries=self._tries_left(supervisor.user))
            self._forgive(str(supervisor.user))

    def _is_right(self, pin_hash: str, pin: str) -> bool:
        try:
            return self._hasher.verify(pin_hash, pin)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    def _count(self, user: str) -> None:
        now, mono = self._clock(), self._monotonic()

        def step(kept: Kept) -> Kept:
            more = {key: Tries(_wrong(kept, key) + 1, now) for key in (user, _KIOSK)}
            return msgspec.structs.replace(kept, tries=kept.tries | more)

        kept = self._file.change(step)
        self._ends |= {key: mono + _limit(key).wait_ms(_wrong(kept, key)) for key in (user, _KIOSK)}

    def _forgive(self, user: str) -> None:
        def step(kept: Kept) -> Kept:
            others = {k: t for k, t in kept.tries.items() if k not in (user, _KIOSK)}
            return msgspec.structs.replace(kept, tries=others)

        self._file.change(step)
        for key in (user, _KIOSK):
            self._ends.pop(key, None)

    def _tries_left(self, user: int) -> int:
        keys = (str(user), _KIOSK)
        return min(max(0, _limit(key).free - _wrong(self._file.kept, key)) for key in keys)


def _wrong(kept: Kept, key: str) -> int:
    tries = kept.tries.get(key)
    return tries.count if tries else 0


def _limit(key: str) -> Backoff:
    return KIOSK if key == _KIOSK else USER


def _left(key: str, tries: Tries, now: int) -> int:
    """Return the rest of a lock (ms) after a restart, by the wall clock."""
    limit = _limit(key)
    return max(0, limit.next_at(limit.settle((tries.count, tries.at), now)) - now)
