"""A small file system to fill to the last byte; needs root and tmpfs."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.tools import need


@contextmanager
def small_disk(path: Path, megabytes: float) -> Iterator[Path]:
    """A directory on a disk of that size. Skips the test if none can be mounted."""
    need("mount")
    path.mkdir()
    options = f"size={int(megabytes * 1024)}k"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def remount(path: Path, how: str) -> None:
    """As `ro`, `rw` or `size=…`."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(path)], check=True)


def fill(directory: Path, leave: int = 0) -> Path:
    """A file that leaves this many bytes of the disk free; delete it to make room."""
    ballast = directory / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(64 * 1024))
        except OSError:
            pass
        file.truncate(max(0, file.tell() - leave))
    return ballast
