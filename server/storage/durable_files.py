"""Writes files that are whole or not there, and that are on disk when a call returns. Only their
owner may read them.
"""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file at once. Raises OSError, with the old one left as it was."""
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
    """Write a file that must not exist yet."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Have a file that another wrote on disk."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Have on disk which names the directory holds."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def free_name(directory: Path, stem: str) -> Path:
    """Return the path `stem`-1, or the one with the first number that is free."""
    number = 1
    while (path := directory / f"{stem}-{number}").exists():
        number += 1
    return path
