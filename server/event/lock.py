"""Holds an event's lock. Only one process serves an event, or brings it back from a backup."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from server.event.settings import EventError
from server.storage import disk

LOCK_NAME = "serving.lock"


class AlreadyServingError(EventError):
    """Is raised where another server has this event open."""


@contextlib.contextmanager
def only_server(event_dir: Path) -> Iterator[None]:
    """Hold the event's lock. Raises AlreadyServingError while another process holds it."""
    path = event_dir / LOCK_NAME
    try:
        opened = path.open("a+")
    except OSError as error:
        found = disk.trouble(error, path)
        raise EventError(str(found or f"{path} can't be written: {error.strerror}.")) from None
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read(20).strip()
            who = f"process {holder}" if holder.isdigit() else "another process"
            raise AlreadyServingError(
                f"this event is already being served by {who}. Stop that one first (Ctrl-C, or "
                f"`kill {holder}`); two servers would give out a hall's places twice."
                if holder.isdigit()
                else f"this event is already being served by {who}. Stop that one first."
            ) from None
        # On a full disk the lock holds without the number in it.
        with contextlib.suppress(OSError):
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
        yield
