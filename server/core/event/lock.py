"""Locks an event, so that only one process serves or restores it."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from server.core.event.settings import EventError
from server.storage import disk, durable_files

LOCK_NAME = "serving.lock"


class AlreadyServingError(EventError):
    pass


@contextlib.contextmanager
def held(
    path: Path, taken: Callable[[IO[str]], EventError], refused: type[EventError] = EventError
) -> Iterator[IO[str]]:
    """Lock a file until the process ends.

    Raises the exception that `taken` returns if another process or thread holds the lock, and
    `refused` if the file can't be written.
    """
    try:
        with contextlib.suppress(FileExistsError):
            durable_files.write_new(path, b"")
        opened = path.open("a+")
    except OSError as error:
        trouble = disk.trouble(error, path)
        raise refused(str(trouble or f"{path} can't be written: {error.strerror}.")) from None
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise taken(lock) from None
        yield lock


@contextlib.contextmanager
def only_server(event_dir: Path) -> Iterator[None]:
    """Raises AlreadyServingError if another process serves the event."""
    with held(event_dir / LOCK_NAME, _served) as lock:
        # On a full disk the lock works without the process id.
        with contextlib.suppress(OSError):
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
        yield


def _served(lock: IO[str]) -> AlreadyServingError:
    lock.seek(0)
    holder = lock.read(20).strip()
    if not holder.isdigit():
        return AlreadyServingError(
            "this event is already being served by another process. Stop that one first."
        )
    return AlreadyServingError(
        f"this event is already being served by process {holder}. Stop that one first (Ctrl-C, or "
        f"`kill {holder}`); two servers would give out a hall's places twice."
    )
