"""Explains disk errors in plain words with a remedy.

SQLite reports "disk I/O error" or "unable to open database file" for a full or read-only disk. The
file system tells them apart.
"""

import errno
import logging
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from badges.i18n import Phrase
from badges.wire.wire import ErrorCode

log = logging.getLogger(__name__)

NEEDED_BYTES = 64_000_000  # for the write-ahead log of a busy day, and an import
FULL_BYTES = 1_000_000  # with less free, an error of SQLite means a full disk
LOW_BYTES = 1_000_000_000
LOW_PART = 0.1  # a smaller free part is low, unless ten times LOW_BYTES are free
_FULL = {errno.ENOSPC, errno.EDQUOT}


class DatabaseError(Exception):
    """Raised if the database can't be used. The text contains the remedy."""


class DiskError(DatabaseError):
    """Raised if the disk takes no writes. Acknowledged data is safe.

    `code` is for kiosks.
    """

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.code = code


class AwayError(DatabaseError):
    """Raised if a database on another computer can't be reached."""


class SupersededError(DatabaseError):
    """Raised if another server has started serving this event since. Acknowledged data is safe."""

    code = ErrorCode.SUPERSEDED

    def __init__(self, server: str) -> None:
        named = f" ({server})" if server else ""
        super().__init__(
            f"another server{named} has begun to serve this event since this one did. This one "
            "takes and gives out nothing any more. Stop it, or stop the other one and start this "
            "one again."
        )
        self.server = server


@dataclass(frozen=True)
class Room:
    """Free and total bytes of a disk."""

    free: int
    total: int

    @property
    def low(self) -> bool:
        if self.free < LOW_BYTES:
            return True
        return self.free < self.total * LOW_PART and self.free < 10 * LOW_BYTES

    @property
    def warning(self) -> str:
        if not self.low:
            return ""
        return Phrase(
            "The server's disk is nearly full: %(free)s of %(total)s are free. When it is full, "
            "no scans are accepted and nothing can be changed. Free up space.",
            free=size(self.free),
            total=size(self.total),
        )


def room(path: Path) -> Room:
    """For a `path` that does not exist (PostgreSQL), of its directory. Raises OSError."""
    usage = shutil.disk_usage(path if path.exists() else path.parent)
    return Room(usage.free, usage.total)


def write_trouble(directory: Path) -> DiskError | None:
    """Write a small file and remove it. Return why the disk takes no writes, or None."""
    if room(directory).free < NEEDED_BYTES:
        return _full(directory)
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(bytes(FULL_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        # None for a user who may only read.
        return trouble(error, directory)
    return None


def size(count: int) -> str:
    """Such as 640 MB or 12.3 GB."""
    return f"{count / 1e9:,.1f} GB" if count >= LOW_BYTES else f"{count / 1e6:,.0f} MB"


def trouble(error: BaseException, path: Path) -> DiskError | None:
    """The disk error that caused `error`, or None."""
    directory = path if path.is_dir() else path.parent
    if isinstance(error, DiskError):
        return error
    if isinstance(error, OSError):
        if error.errno in _FULL:
            return _full(directory)
        return _read_only(directory) if error.errno == errno.EROFS else None
    if not isinstance(error, sqlite3.Error):
        return None
    # The low byte is the primary error code.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return _full(directory)
    if code not in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return None
    if _mounted_read_only(directory) or code == sqlite3.SQLITE_READONLY:
        return _read_only(directory)
    if _free(directory) < FULL_BYTES:
        return _full(directory)
    return _failing(directory, error) if code == sqlite3.SQLITE_IOERR else None


def _full(directory: Path) -> DiskError:
    return DiskError(
        ErrorCode.DISK_FULL,
        f"the disk with {directory} is full: {size(_free(directory))} are free, and at least "
        f"{size(NEEDED_BYTES)} are needed. Nothing was changed. Make room on it (old backups, "
        "other programs' files), then try again.",
    )


def _read_only(directory: Path) -> DiskError:
    return DiskError(
        ErrorCode.DISK_READ_ONLY,
        f"{directory} can be read but not written. Nothing was changed. Was the disk mounted "
        "read-only (after an error, say), or does the directory belong to another user?",
    )


def _failing(directory: Path, error: sqlite3.Error) -> DiskError:
    name = getattr(error, "sqlite_errorname", "")
    return DiskError(
        ErrorCode.DISK_FAILING,
        f"the disk with {directory} answered with an error ({error}, {name}). Nothing was changed. "
        "Is it failing, or was it taken out? Look at the system's log (`dmesg`).",
    )


def _free(directory: Path) -> int:
    try:
        return room(directory).free
    except OSError:
        return 0


def _mounted_read_only(directory: Path) -> bool:
    try:
        return bool(os.statvfs(directory).f_flag & os.ST_RDONLY)
    except OSError:
        return False


class Watch:
    """Logs once when a disk becomes nearly full, and once when it has space again."""

    def __init__(self, path: Path, look: Callable[[Path], Room] = room) -> None:
        self._path = path
        self._look = look
        self._low = False

    def look(self) -> None:
        try:
            now = self._look(self._path)
        except OSError:
            return
        if now.low and not self._low:
            log.warning("%s", now.warning)
        if self._low and not now.low:
            log.warning("The server's disk has room again: %s are free.", size(now.free))
        self._low = now.low
