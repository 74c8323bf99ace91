"""Moves a kiosk to another door, without a new enrolment.

Its free places in the old hall are recalled. Records that it sends for that hall stay valid.
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

# Maximum moves of one kiosk within `WINDOW_MS`, so that a stolen kiosk can't collect places of
# every hall.
MOVES_MAX = 10
WINDOW_MS = 60 * 60_000


class NoSuchDoorError(ValueError):
    pass


def choices(db: Connection) -> list[DoorChoice]:
    rows = db.execute(
        "SELECT d.door_id, d.names, h.names AS hall_names, d.mode"
        " FROM door d JOIN hall h USING (hall_id) ORDER BY h.code, d.code"
    )
    return [
        DoorChoice(row["door_id"], names_of(row["names"]), names_of(row["hall_names"]), row["mode"])
        for row in rows
    ]


def move(db: Connection, kiosk: KioskKey, door_id: int, *, by: str, now: int) -> None:
    """Assign the kiosk to that door, unless it already is. The kiosk is notified, takes a new
    snapshot, and follows the new hall's feed.

    Raises NoSuchDoorError.
    """
    name, generation = kiosk
    (old_door,) = db.execute(
        "SELECT door_id FROM kiosk WHERE kiosk = ? AND generation = ?", kiosk
    ).fetchone()
    door = db.execute("SELECT hall_id FROM door WHERE door_id = ?", (door_id,)).fetchone()
    if door is None:
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
