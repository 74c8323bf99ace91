"""Moves a kiosk to another door. A supervisor carried it there, and nobody needs to enrol it again.

Its places in the old hall are called back. What it sends of that hall stays valid.
"""

from badges.places.pool import KioskKey
from badges.wire import wire
from badges.wire.supervisor import DoorChoice
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.feed import changes
from server.core.occupancy import grants, pools
from server.core.venue import nesting
from server.storage.connection import Connection
from server.storage.localized import names_of

# The most moves of one kiosk within `WINDOW_MS`. A stolen kiosk must not gather the places of every
# hall.
MOVES_MAX = 10
WINDOW_MS = 60 * 60_000


class NoSuchDoorError(ValueError):
    """Is raised when there is no such door in the event."""


def choices(db: Connection) -> list[DoorChoice]:
    """Return every door, hall by hall."""
    rows = db.execute(
        "SELECT d.door_id, d.names, h.names AS hall_names, d.mode"
        " FROM door d JOIN hall h USING (hall_id) ORDER BY h.code, d.code"
    )
    return [
        DoorChoice(row["door_id"], names_of(row["names"]), names_of(row["hall_names"]), row["mode"])
        for row in rows
    ]


def move(db: Connection, kiosk: KioskKey, door_id: int, *, by: str, now: int) -> None:
    """Put the kiosk at that door from now on. Nothing changes where it stands there already.

    The kiosk hears of it and takes a new snapshot, and with that the new hall's feed. Raises
    NoSuchDoorError.
    """
    name, generation = kiosk
    (old_door,) = db.execute(
        "SELECT door_id FROM kiosk WHERE kiosk = ? AND generation = ?", kiosk
    ).fetchone()
    found = db.execute("SELECT hall_id FROM door WHERE door_id = ?", (door_id,)).fetchone()
    if found is None:
        raise NoSuchDoorError(f"door {door_id}")
    if old_door == door_id:
        return
    db.execute("UPDATE kiosk SET door_id = ? WHERE kiosk = ? AND generation = ?", (door_id, *kiosk))
    for hall_id in nesting.halls_of(db, door_id):
        pools.enrol(db, hall_id, kiosk)
    changes.publish(db, wire.VenueChanged(), kiosk=name)
    subject = {"kiosk": name, "generation": generation, "door": door_id, "from": old_door}
    entry_log.act(db, by, Act.KIOSK_MOVED, subject, now)
    for hall_id in {*nesting.halls_of(db, old_door), *nesting.halls_of(db, door_id)}:
        grants.share(db, hall_id, now)
