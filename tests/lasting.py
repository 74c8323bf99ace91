"""Knows what tests share on purpose and leave open from one to the next."""

import os
from contextlib import suppress
from pathlib import Path

_FILES: set[str] = set()
_FOLDERS: list[str] = []


def lasts(number: int) -> None:
    """Let no test be told that it has left this open file or socket."""
    _FILES.add(os.readlink(f"/proc/self/fd/{number}"))


def all_lasts_in(folder: Path) -> None:
    """Let no test be told that it has left a file of this folder open.

    Whoever lends these files looks for that itself (`open_in`, tests/once/databases/slots.py).
    """
    _FOLDERS.append(f"{folder.resolve()}/")


def open_in(folder: Path) -> list[str]:
    """Name the files of this folder that the process has open, once for each descriptor."""
    found = []
    for one in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            found.append(os.readlink(one))
    return sorted(one for one in found if one.startswith(f"{folder.resolve()}/"))


def is_lasting(target: str) -> bool:
    return target in _FILES or target.startswith(tuple(_FOLDERS))
