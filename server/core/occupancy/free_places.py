"""Counts the places that doors would give to the next people automatically."""

from badges.places.pool import KioskKey
from server.core.occupancy import pools
from server.core.occupancy.grants import LIVE_MS
from server.core.venue import nesting
from server.storage.connection import Connection


def free_places(db: Connection, hall_id: int, now: int) -> int:
    """The fewest places count, of the hall and of the halls around it that its doors lead into.
    Kept places, and places that silent or ended kiosks hold, are not counted.
    """
    loaded, live = pools.Pools(db), _live(db, now)
    return min(_free(loaded, hall, live, now) for hall in (hall_id, *entered_with(db, hall_id)))


def entered_with(db: Connection, hall_id: int) -> set[int]:
    """Return the halls around this one that an entry by one of its doors enters too."""
    by_door = nesting.outer_by_door(db, nesting.parents_of(db))
    doors = db.execute("SELECT door_id FROM door WHERE hall_id = ?", (hall_id,)).fetchall()
    return {outer for (door_id,) in doors for outer in by_door.get(door_id, ())}


def _free(loaded: pools.Pools, hall_id: int, live: set[KioskKey], now: int) -> int:
    pool = loaded.limited(hall_id, now).ordinary
    free = pool.free if loaded.may_grant(now) and not pool.awaited else min(0, pool.free)
    held = sum(held.held for kiosk, held in pool.kiosks.items() if kiosk in live)
    return max(0, free + held)


def _live(db: Connection, now: int) -> set[KioskKey]:
    rows = db.execute(
        "SELECT kiosk, generation FROM kiosk WHERE state = 'active' AND seen_at >= ?",
        (now - LIVE_MS,),
    )
    return {(row["kiosk"], row["generation"]) for row in rows}
