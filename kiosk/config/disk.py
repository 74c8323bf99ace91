"""Detects a full or read-only disk after a failed write.

SQLite also reports a full disk as "disk I/O error", so the disk itself is checked.
"""

import errno
import os
import shutil
import sqlite3
from pathlib import Path

from kiosk.texts.messages import Code, Message

_FULL = {errno.ENOSPC, errno.EDQUOT}
_NO_ROOM_BYTES = 65_536  # SQLite needs a few pages of 4096 bytes at once
PRIMARY = 0xFF  # the kind of error in SQLite's extended codes


def is_corrupt(error: sqlite3.Error) -> bool:
    """Whether SQLite reads nonsense in the file."""
    kind = getattr(error, "sqlite_errorcode", 0) & PRIMARY
    return kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def write_trouble(error: Exception, directory: Path) -> Message | None:
    """The message for staff; None if the disk is not the cause."""
    if isinstance(error, OSError):
        if error.errno in _FULL:
            return Message(Code.DISK_FULL, directory=str(directory))
        return _read_only(directory) if error.errno == errno.EROFS else None
    if not isinstance(error, sqlite3.Error):
        return None
    kind = getattr(error, "sqlite_errorcode", 0) & PRIMARY
    if kind == sqlite3.SQLITE_FULL:
        return Message(Code.DISK_FULL, directory=str(directory))
    if kind in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and _is_full(directory):
        return Message(Code.DISK_FULL, directory=str(directory))
    if kind == sqlite3.SQLITE_READONLY or (
        kind in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and _is_mounted_read_only(directory)
    ):
        return _read_only(directory)
    return None


def _read_only(directory: Path) -> Message:
    return Message(Code.DISK_READ_ONLY, directory=str(directory))


def _is_full(directory: Path) -> bool:
    try:
        return shutil.disk_usage(directory).free < _NO_ROOM_BYTES
    except OSError:
        return False


def _is_mounted_read_only(directory: Path) -> bool:
    try:
        return bool(os.statvfs(directory).f_flag & os.ST_RDONLY)
    except OSError:
        return False
