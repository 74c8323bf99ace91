"""Writes private files that are complete or absent, and on disk when a call returns.

What root makes belongs to the owner of its directory, as SQLite's files do: the server runs as that
user.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file atomically. Raises OSError, with the old file unchanged."""
    prepare(path, data)
    put_in_place(path)


def prepare(path: Path, data: bytes) -> None:
    """Write the file that `put_in_place` will put at `path`. Raises OSError, with nothing left."""
    new = _prepared(path)
    new.unlink(missing_ok=True)
    try:
        write_new(new, data)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def put_in_place(path: Path) -> None:
    """Replace `path` atomically by the prepared file. Raises OSError, with the old file
    unchanged.
    """
    try:
        _prepared(path).replace(path)
    except OSError:
        discard(path)
        raise
    sync_directory(path.parent)


def discard(path: Path) -> None:
    """Delete the file that was prepared for `path`, if there is one."""
    _prepared(path).unlink(missing_ok=True)


def _prepared(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


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
