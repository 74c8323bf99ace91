from collections.abc import Callable, Collection
from contextlib import suppress

from badges.wire import wire
from badges.wire.venue_edit import find_edit
from server.core.event.directory import Event
from server.core.kiosks.snapshot import VenueReader
from server.core.venue.store import UnknownDoorError
from server.storage.connection import Connection


class VenueEdits:
    """Caches the venue facts last sent to each door's kiosks, to find edits.

    A kiosk with other facts notices by the edit's digest. Used under the feed's lock.
    """

    def __init__(self, event: Event, now: Callable[[], int]) -> None:
        self.event = event
        self._now = now
        self._facts: dict[int, wire.Snapshot | None] = {}  # None: there is no such door.

    def begin(self, db: Connection, doors: Collection[int]) -> None:
        """Read the facts of doors, assuming that their kiosks have the same."""
        reader = VenueReader(db, self.event, self._now())
        for door_id in doors:
            self._read(reader, door_id)

    def has_begun(self, door_id: int) -> bool:
        return door_id in self._facts

    def find(self, db: Connection, doors: Collection[int]) -> dict[int, wire.VenueEdited]:
        """Return, by door, the edit since the last call, even if empty.

        Doors whose kiosks need a new snapshot are left out, such as doors moved to another hall.
        """
        now = self._now()
        reader = VenueReader(db, self.event, now)
        edits: dict[int, wire.VenueEdited] = {}
        for door_id in doors:
            before = self._facts.get(door_id)
            after = self._read(reader, door_id)
            edit = None if before is None or after is None else find_edit(before, after, now)
            if edit is not None:
                edits[door_id] = edit
        return edits

    def _read(self, reader: VenueReader, door_id: int) -> wire.Snapshot | None:
        facts = None
        with suppress(UnknownDoorError):
            facts = reader.door(door_id)
        self._facts[door_id] = facts
        return facts
