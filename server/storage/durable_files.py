"""Writes private files that are complete or absent, and on disk when a call returns.

What root makes belongs to the owner of its directory, as SQLite's files do: the server runs as that
user.
"""

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file atomically. Raises OSError, with the old file unchanged."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    try:
        write_new(new, data)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
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


def free_name(directory: Path, stem: str) -> Path:
    """Return the first path `stem`-1, `stem`-2 and so on that does not exist."""
    number = 1
    while (path := directory / f"{stem}-{number}").exists():
        number += 1
    return path
