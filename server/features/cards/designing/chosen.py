"""Caches for a minute the people whose cards the design page shows.

Choosing them from a large roster takes half a second.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from server.core.people.attendees import whole_name
from server.features.cards.designing.preview import Shown
from server.storage import dialect
from server.storage.connection import Connection

KNOWN_S = 60.0


class Chosen:
    """Caches the chosen people without their names. Thread-safe."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: list[Shown] = []
        self._until = 0.0

    def people(self, db: Connection, choose: Callable[[], list[Shown]]) -> list[Shown]:
        """Return the people that `choose` returned within the last minute, with current names,
        without revoked and removed people.
        """
        with self._lock:
            chosen = self._known if self._monotonic() < self._until else []
        if not chosen:
            chosen = [replace(person, name="") for person in choose()]
            with self._lock:
                self._known, self._until = chosen, self._monotonic() + KNOWN_S
        rows = db.execute(
            "SELECT serial, given_name, family_name FROM attendee"
            f" WHERE revoked_at IS NULL AND {dialect.one_of('serial')}",
            (dialect.many(person.serial for person in chosen),),
        )
        names = {serial: whole_name(given, family) for serial, given, family in rows}
        return [
            replace(person, name=names[person.serial])
            for person in chosen
            if person.serial in names
        ]
