"""Reads the server's own clock, and finds out whether it was set, which the clock itself can't
tell.

Kiosks measure their clocks against this one, and the ledger orders entries by what they measured.
If it is set, what was measured before and what is measured since can't be compared. So the server's
time has epochs. As long as the clock goes on together with the one that nobody sets (which begins
with the machine), it is one epoch. After that it is another, with a number of its own. This holds
over restarts too.
"""

import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.tables import keep_setting

# Within one epoch the clock may be corrected in steps, by no more than this in all.
JUMP_MS = 200
TOLD_MS = 24 * 3_600_000  # The overview says this long that the clock was set.
_SETTING = "clock"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
# Numbers are drawn at random, because a restored server must not use one a second time.
_NUMBERS = 2**31


class Epoch(msgspec.Struct, frozen=True):
    """Describes an epoch of the server's time. `ahead` is the wall clock minus the one that nobody
    sets, in ms.
    """

    number: int
    ahead: int
    boot: str  # Of the machine. Empty where it has no name.
    since: int  # Unix ms by the clock as it was then.
    # By how much the clock was set. None means that the machine was started since.
    by_ms: int | None = None


class ServerClock:
    """Represents the clock of one process. `wall` and `steady` give ms, and `steady` reads a clock
    that nobody sets.
    """

    def __init__(
        self,
        database: Database,
        *,
        wall: Callable[[], int] | None = None,
        steady: Callable[[], int] | None = None,
        boot: Callable[[], str] | None = None,
    ) -> None:
        self._database = database
        self._wall = wall or _wall_ms
        self._steady = steady or _steady_ms
        self._boot = boot or _boot_id
        self._epoch: Epoch | None = None
        self._lock = threading.Lock()

    def epoch(self) -> int:
        """Return the present epoch's number, which is on disk. Never call it from a step of the
        database.
        """
        with self._lock:
            if self._epoch is None or self._was_set(self._epoch):
                self._epoch = self._database.write(self._begin)
            return self._epoch.number

    def _ahead(self) -> int:
        return self._wall() - self._steady()

    def _was_set(self, epoch: Epoch) -> bool:
        return abs(self._ahead() - epoch.ahead) > JUMP_MS

    def _begin(self, db: Connection) -> Epoch:
        known = newest(db)
        if known is not None and not self._was_set(known):
            return known
        ahead, boot, now = self._ahead(), self._boot(), self._wall()
        same_boot = known is not None and boot == known.boot != ""
        by_ms = ahead - known.ahead if known is not None and same_boot else None
        begun = Epoch(1 + secrets.randbelow(_NUMBERS), ahead, boot, now, by_ms)
        text = msgspec.json.encode(begun).decode()
        keep_setting(db, _SETTING, text)
        if known is not None:
            subject = {"number": begun.number, "by_ms": by_ms}
            entry_log.act(db, "server", Act.CLOCK_SET, subject, now)
        return begun


def newest(db: Connection) -> Epoch | None:
    """Return the epoch that the server was last in, or None before its first."""
    row = db.execute("SELECT value FROM setting WHERE key = ?", (_SETTING,)).fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=Epoch)


def was_set(db: Connection, now: int) -> Epoch | None:
    """Return the epoch that began because the clock was set, where staff should still be told.
    Returns None otherwise.
    """
    epoch = newest(db)
    if epoch is None or epoch.by_ms is None or not 0 <= now - epoch.since < TOLD_MS:
        return None
    return epoch


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _steady_ms() -> int:
    """Read the clock that nobody sets, in ms. It goes on while the machine sleeps, where it can."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1_000_000


def _boot_id() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""
