"""Updates accounts and counts after a change of halls or doors.

Kiosks have accounts in every hall that their doors lead into, and people count in every hall that
they are in.
"""

from collections.abc import Mapping

from badges.places.pool import PoolKey
from badges.wire import wire
from server.core.feed import changes
from server.core.occupancy import pools, stays
from server.core.venue import nesting
from server.storage.connection import Connection

Paths = Mapping[int, tuple[int, ...]]  # by door, the surrounding halls that it leads into


def paths(db: Connection) -> Paths:
    """Read it before a change, for `settle`."""
    return nesting.outer_by_door(db, nesting.parents_of(db))


def settle(db: Connection, before: Paths) -> None:
    """After a change of nesting, open accounts, count people in surrounding halls, and notify
    doors.

    Nobody is counted out: a person wrongly counted in a hall stays so until they leave or the hall
    is cleared. The opposite error could overfill the hall.
    """
    after = paths(db)
    changed = [door for door in {*before, *after} if before.get(door) != after.get(door)]
    gained = {door: set(after.get(door, ())) - set(before.get(door, ())) for door in changed}
    for door, halls in sorted(gained.items()):
        for hall in sorted(halls):
            _enrol(db, door, hall)
            _count_in(db, door, hall)
    halls = {hall for door in changed for hall in (*before.get(door, ()), *after.get(door, ()))}
    db.executemany(
        "UPDATE hall SET change_cursor = ? WHERE hall_id = ?",
        ((changes.cursor(db), hall) for hall in sorted(halls)),
    )


def _enrol(db: Connection, door: int, hall: int) -> None:
    rows = db.execute(
        "SELECT kiosk, generation FROM kiosk WHERE door_id = ? AND state = 'active'", (door,)
    ).fetchall()
    for kiosk, generation in rows:
        pools.enrol(db, hall, (kiosk, generation))


def _count_in(db: Connection, door: int, hall: int) -> None:
    """Count people who entered through `door` as inside the surrounding `hall` too."""
    key = PoolKey(hall)
    before = pool = pools.load(db, key)
    inner = nesting.inside(nesting.parents_of(db), hall)
    for stay in stays.uncounted(db, door, hall, inner):
        stays.add(db, stay)
        pool = pool.count_in()
        changes.publish(db, wire.StayOpened(stays.facts(stay), hall), hall_id=hall)
    pools.save(db, key, before, pool)
