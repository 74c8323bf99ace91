"""Keeps what supervisors leave on the kiosk's disk beside the journal. That is wrong PINs and the
shift.

supervisor.json never holds a PIN. Without it the kiosk begins anew.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from badges.record import Count, Instant
from kiosk.config.files import write_whole
from kiosk.door.roll_call import RollCall

FILE = "supervisor.json"


class Tries(Struct, frozen=True, forbid_unknown_fields=True):
    """Holds the wrong PINs in a row, and when the last one came (by the kiosk's clock)."""

    count: Count
    at: Instant


class Kept(Struct, frozen=True, forbid_unknown_fields=True):
    # By user. "kiosk" stands for all users together.
    tries: Annotated[dict[str, Tries], Meta(max_length=200)] = {}
    shift_after: Count = 0  # The shift's scans come after this sequence.
    shift_since: Instant | None = None  # None means that it began with the journal.
    shift_ended_at: Instant | None = None
    roll_call: RollCall | None = None  # The kiosk stands at an assembly point.


class SupervisorFile:
    """Keeps the file. It is read once and written whole, and is thread-safe."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE
        self._kept = _read(self._path)
        self._writing = threading.Lock()

    @property
    def kept(self) -> Kept:
        # No lock is needed, because this is one reference that is replaced as a whole.
        return self._kept

    def change(self, step: Callable[[Kept], Kept]) -> Kept:
        """Return what `step` makes of what is kept. It is on disk on return. Raises OSError, with
        nothing changed.
        """
        with self._writing:
            kept = step(self._kept)
            write_whole(self._path, msgspec.json.encode(kept))
            self._kept = kept
        return kept


def _read(path: Path) -> Kept:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Kept)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return Kept()
