"""What supervisors leave on the kiosk's disk beside the journal: wrong PINs, and the shift.

supervisor.json   never a PIN; without it the kiosk begins anew
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from badges.record import Count, Instant
from kiosk.config.files import write_whole

FILE = "supervisor.json"


class Tries(Struct, frozen=True, forbid_unknown_fields=True):
    """Wrong PINs in a row, and when the last one came (kiosk's clock)."""

    count: Count
    at: Instant


class Kept(Struct, frozen=True, forbid_unknown_fields=True):
    tries: Annotated[dict[str, Tries], Meta(max_length=200)] = {}  # by user, and "kiosk" for all
    shift_after: Count = 0  # the shift's scans come after this sequence
    shift_since: Instant | None = None  # None: it began with the journal
    shift_ended_at: Instant | None = None


class SupervisorFile:
    """The file, read once and written whole. Thread-safe."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE
        self._kept = _read(self._path)
        self._writing = threading.Lock()

    @property
    def kept(self) -> Kept:
        return self._kept  # one reference, replaced as a whole

    def change(self, step: Callable[[Kept], Kept]) -> Kept:
        """What `step` makes of it, on disk on return. Raises OSError, with nothing changed."""
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
