"""Checks supervisors' PINs against argon2id hashes on this kiosk, so with or without a network.

A wrong try is on disk before it is looked at, and counts for the user and for the kiosk as a whole.
So pulling the plug wins no tries. docs/doors.md says what the hashes on a stolen kiosk are worth.
"""

import threading
from collections.abc import Callable

import argon2
import msgspec

from badges.wire.wire import SupervisorFacts
from kiosk.supervisor.state_file import Kept, SupervisorFile, Tries
from kiosk.supervisor.texts import SupervisorError

USER_TRIES = 5
KIOSK_TRIES = 10  # All users together have this many tries.
# The lock after the last free try. Each wrong try after that doubles it.
LOCK_MS = 60_000
LOCK_MS_MAX = 15 * 60_000
_KIOSK = "kiosk"


class Pins:
    """Checks PINs, one at a time, on the caller's thread. It is thread-safe."""

    def __init__(
        self,
        file: SupervisorFile,
        *,
        clock: Callable[[], int],
        monotonic: Callable[[], int],
    ) -> None:
        """Take the file and both clocks, which are in ms."""
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
        """Return until when (Unix ms) no PIN of the user is looked at. None as the user stands for
        everybody's PINs.
        """
        key = _KIOSK if user is None else str(user)
        left = self._ends.get(key, 0) - self._monotonic()
        # Whole seconds are shown, so that the text does not change each time it is read.
        return None if left <= 0 else (self._clock() + left + 999) // 1000 * 1000

    def check(self, supervisor: SupervisorFacts, pin: str) -> None:
        """Check a PIN. Raises SupervisorError with `wrong_pin`, or with `pin_locked` without a look
        at the PIN.
        """
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
        """Count a try as wrong, until it proves right."""
        now, mono = self._clock(), self._monotonic()

        def step(kept: Kept) -> Kept:
            more = {key: Tries(_wrong(kept, key) + 1, now) for key in (user, _KIOSK)}
            return msgspec.structs.replace(kept, tries=kept.tries | more)

        kept = self._file.change(step)
        self._ends |= {key: mono + _lock_ms(key, _wrong(kept, key)) for key in (user, _KIOSK)}

    def _forgive(self, user: str) -> None:
        def step(kept: Kept) -> Kept:
            others = {k: t for k, t in kept.tries.items() if k not in (user, _KIOSK)}
            return msgspec.structs.replace(kept, tries=others)

        self._file.change(step)
        for key in (user, _KIOSK):
            self._ends.pop(key, None)

    def _tries_left(self, user: int) -> int:
        limits = ((str(user), USER_TRIES), (_KIOSK, KIOSK_TRIES))
        return min(max(0, most - _wrong(self._file.kept, key)) for key, most in limits)


def _wrong(kept: Kept, key: str) -> int:
    tries = kept.tries.get(key)
    return tries.count if tries else 0


def _lock_ms(key: str, count: int) -> int:
    over = count - (KIOSK_TRIES if key == _KIOSK else USER_TRIES)
    return 0 if over < 0 else min(LOCK_MS_MAX, LOCK_MS << min(over, 10))


def _left(key: str, tries: Tries, now: int) -> int:
    """Return what is left of a lock after a restart, by the wall clock. A clock that was set back
    adds nothing.
    """
    lock_ms = _lock_ms(key, tries.count)
    return min(lock_ms, max(0, tries.at + lock_ms - now))
