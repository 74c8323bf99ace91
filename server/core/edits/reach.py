from dataclasses import dataclass

from server.core.venue import nesting
from server.storage.connection import Connection


@dataclass(frozen=True)
class DoorReach:
    kiosk: str
    door_names: str  # JSON by language
    seen_at: int | None
    has_it: bool


def reach(db: Connection, cursor: int, hall_id: int | None = None) -> list[DoorReach]:
    """List the active kiosks that need the change at that position in the feed, those without it
    first.

    With `hall_id`, only kiosks at doors into that hall.
    """
    rows = db.execute(
        "SELECT k.kiosk, k.door_id, d.hall_id, d.names AS door_names, k.seen_at,"
        " k.cursor >= ? AS has_it FROM kiosk k JOIN door d USING (door_id)"
        " WHERE k.state = 'active' ORDER BY has_it, k.kiosk",
        (cursor,),
    ).fetchall()
    outer = {} if hall_id is None else nesting.outer_by_door(db, nesting.parents_of(db))
    return [
        DoorReach(row["kiosk"], row["door_names"], row["seen_at"], bool(row["has_it"]))
        for row in rows
        if hall_id in (None, row["hall_id"], *outer.get(row["door_id"], ()))
    ]
