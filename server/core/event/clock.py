"""Divides the server's time into epochs at steps of its wall clock
(docs/design/clocks-and-restores.md, Clocks).

Kiosks' clock measurements can't be compared across a step. An epoch lasts while the wall clock and
the monotonic boot clock advance together, also across restarts of the server.
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

# Sum of the small corrections that are allowed within one epoch.
JUMP_MS = 200
TOLD_MS = 24 * 3_600_000  # For this long the overview reports that the clock was set.
_SETTING = "clock"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
# Drawn at random, because a restored server must not reuse a number.
_NUMBERS = 2**31


class Epoch(msgspec.Struct, frozen=True):
    """A span in which the server's clock was not set. `ahead` is the wall clock minus the
    monotonic clock, in ms.
    """

    number: int
    ahead: int
    boot: str  # of the computer, or "" if unknown
    since: int  # Unix ms, by the clock at that time
    # The size of the step. None if the computer was restarted since.
    by_ms: int | None = None
    # Entries of the log below this number were received before. 0 if unknown.
    first: int = 0


class ServerClock:
    """The clock of one process. `wall` and `steady` return ms; `steady` is monotonic."""

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
        """Return the current epoch's number, once it is on disk. It writes, so never call it
        within a write.
        """
        with self._lock:
            if self._epoch is None or self._was_set(self._epoch):
                self._epoch = self._database.write(self._begin)
            return self._epoch.number

    def known_epoch(self) -> int | None:
        """Return the current epoch's number without waiting, or None if `epoch` must begin it."""
        epoch = self._epoch
        return None if epoch is None or self._was_set(epoch) else epoch.number

    def _ahead(self) -> int:
        return self._wall() - self._steady()

    def _was_set(self, epoch: Epoch) -> bool:
        return abs(self._ahead() - epoch.ahead) > JUMP_MS

    def _begin(self, db: Connection) -> Epoch:
        last = newest(db)
        if last is not None and not self._was_set(last):
            return last
        ahead, boot, now = self._ahead(), self._boot(), self._wall()
        same_boot = last is not None and boot == last.boot != ""
        by_ms = ahead - last.ahead if last is not None and same_boot else None
        number, first = 1 + secrets.randbelow(_NUMBERS), entry_log.size(db)
        begun = Epoch(number, ahead, boot, now, by_ms, first)
        text = msgspec.json.encode(begun).decode()
        keep_setting(db, _SETTING, text)
        if last is not None:
            subject = {"number": begun.number, "by_ms": by_ms}
            entry_log.act(db, "server", Act.CLOCK_SET, subject, now)
        return begun


def newest(db: Connection) -> Epoch | None:
    row = db.execute("SELECT value FROM setting WHERE key = ?", (_SETTING,)).fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=Epoch)


def was_set(db: Connection, now: int) -> Epoch | None:
    """Return the current epoch if a recent clock step began it."""
    epoch = newest(db)
    if epoch is None or epoch.by_ms is None or not 0 <= now - epoch.since < TOLD_MS:
        return None
    return epoch


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _steady_ms() -> int:
    """Return a monotonic time that, where the system supports it, includes suspend."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1_000_000


def _boot_id() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""
