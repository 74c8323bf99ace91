"""Remembers whose cards are shown on the page of how cards look.

To look through a large roster takes half a second and a process of its own. Who has the longest
names changes little, so for a minute it is known. The names themselves are read anew each time.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from server.core.people.attendees import whole_name
from server.features.cards.designing.preview import Shown
from server.storage.connection import Connection

KNOWN_S = 60.0


class Chosen:
    """Keeps who was chosen last, without a name. It is thread-safe."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: list[Shown] = []
        self._until = 0.0

    def people(self, db: Connection, choose: Callable[[], list[Shown]]) -> list[Shown]:
        """Return those whom `choose` chose a minute ago at most, with their names of now. Whoever
        is no longer on the roster, or may no longer come in, is left out.
        """
        with self._lock:
            known = self._known if self._monotonic() < self._until else []
        if not known:
            known = [replace(one, name="") for one in choose()]
            with self._lock:
                self._known, self._until = known, self._monotonic() + KNOWN_S
        marks = ",".join("?" * len(known))
        rows = db.execute(
            "SELECT serial, given_name, family_name FROM attendee"
            f" WHERE revoked_at IS NULL AND serial IN ({marks})",
            [one.serial for one in known],
        )
        names = {serial: whole_name(given, family) for serial, given, family in rows}
        return [replace(one, name=names[one.serial]) for one in known if one.serial in names]
