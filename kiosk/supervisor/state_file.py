"""Supervisors' state on the kiosk's disk, beside the journal: wrong PINs and the shift.

supervisor.json never has a PIN. Without the file the kiosk starts with the defaults.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from badges.record import Count, Instant
from kiosk.config.files import SUPERVISOR_FILE, write_whole
from kiosk.door.roll_call import RollCall


class Tries(Struct, frozen=True, forbid_unknown_fields=True):
    """The number of consecutive wrong PINs, and the time of the last one by the kiosk's clock."""

    count: Count
    at: Instant


class Kept(Struct, frozen=True, forbid_unknown_fields=True):
    # By user. "kiosk" is for all users together.
    tries: Annotated[dict[str, Tries], Meta(max_length=200)] = {}
    shift_after: Count = 0  # sequence before the shift's scans
    shift_since: Instant | None = None  # None: it began with the journal
    shift_ended_at: Instant | None = None
    roll_call: RollCall | None = None  # the kiosk is at an assembly point


class SupervisorFile:
    """The state file, read once and replaced as a whole. Thread-safe."""

    def __init__(self, directory: Path, write: Callable[[Path, bytes], None] = write_whole) -> None:
        """`write` replaces a file; it raises OSError."""
        self._write = write
        self._path = directory / SUPERVISOR_FILE
        self._kept = _read(self._path)
        self._writing = threading.Lock()

    @property
    def kept(self) -> Kept:
        # No lock: this is one reference, replaced as a whole.
        return self._kept

    def change(self, step: Callable[[Kept], Kept]) -> Kept:
        """Apply `step`. The result is on disk on return. Raises OSError, with nothing changed."""
        with self._writing:
            kept = step(self._kept)
            self._write(self._path, msgspec.json.encode(kept))
            self._kept = kept
        return kept


def _read(path: Path) -> Kept:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Kept)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return Kept()
