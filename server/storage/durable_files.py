"""Writes private files that are complete or absent, and on disk when a call returns.

What root makes belongs to the owner of its directory, as SQLite's files do: the server runs as that
user.
"""

import fcntl
import glob
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from server.storage import effects
from server.storage.connection import Connection

ABANDONED_S = 3_600  # after which a prepared file is nobody's any more
_PREPARED = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{16}\.new")


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file atomically. Raises OSError, with the old file unchanged."""
    _put_in_place(prepare(path, data), path)


def replace_after_commit(db: Connection, path: Path, data: bytes) -> None:
    """Replace a file atomically once the step's commit is on disk.

    The data is on disk before the commit, beside the file. Raises OSError, with nothing left.
    """
    prepared = prepare(path, data)
    effects.after_commit(
        db,
        partial(_put_in_place, prepared, path),
        undo=partial(prepared.unlink, missing_ok=True),
    )


def prepare(path: Path, data: bytes) -> Path:
    """Write the data beside `path` under a hidden name of its own, and return that. Raises OSError,
    with nothing left.
    """
    _delete_abandoned(path)
    prepared = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    try:
        write_new(prepared, data)
    except OSError:
        prepared.unlink(missing_ok=True)
        raise
    return prepared


def _delete_abandoned(path: Path) -> None:
    """Delete what processes that died have left over for this path: it may be an old key."""
    for other in path.parent.glob(f".{glob.escape(path.name)}.*.new"):
        with suppress(FileNotFoundError):  # another process may do the same
            if meant_for(other) == path and time.time() - other.stat().st_mtime > ABANDONED_S:
                other.unlink()


def meant_for(path: Path) -> Path:
    """Return the path for which a file was prepared, or the path itself.

    A prepared file is left over if its process dies before the commit.
    """
    match = _PREPARED.fullmatch(path.name)
    return path.with_name(match["name"]) if match else path


def _put_in_place(prepared: Path, path: Path) -> None:
    try:
        prepared.replace(path)
    except OSError:
        prepared.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def write_new(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        _leave_to_owner(file.fileno(), path.parent)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def make_directory(path: Path) -> None:
    path.mkdir(mode=0o700)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _leave_to_owner(descriptor, path.parent)
    finally:
        os.close(descriptor)


def _leave_to_owner(descriptor: int, directory: Path) -> None:
    if os.geteuid() != 0:
        return
    owner = directory.stat()
    with suppress(PermissionError):  # a network disk may refuse root
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def directory_locked(directory: Path, *, shared: bool = False) -> Iterator[None]:
    """Wait for the directory's lock, and hold it. It binds only those who ask for it, in any
    process. Raises OSError.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def free_name(directory: Path, stem: str) -> Path:
    """Return the first path `stem`-1, `stem`-2 and so on that does not exist."""
    number = 1
    while (path := directory / f"{stem}-{number}").exists():
        number += 1
    return path
