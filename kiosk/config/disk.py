"""Tells what is wrong with the kiosk's disk when something can't be written, which is that it is
full or read-only.

SQLite says "disk I/O error" of a full disk too, so the disk itself is asked.
"""

import errno
import os
import shutil
import sqlite3
from pathlib import Path

from kiosk.texts.messages import Code, Message

_FULL = {errno.ENOSPC, errno.EDQUOT}
_NO_ROOM_BYTES = 65_536  # SQLite wants a few pages of 4096 bytes at once.
PRIMARY = 0xFF  # The part of SQLite's extended codes that says what kind of error it is.


def write_trouble(error: Exception, directory: Path) -> Message | None:
    """Return what to tell staff of an error in writing to `directory`. It is None where it is not
    the disk.
    """
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
