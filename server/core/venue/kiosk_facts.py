from typing import Any

from badges.wire import wire
from server.core.venue import kept_places, store
from server.core.venue.store import HallRow, SessionRow
from server.storage.connection import Connection


def category_facts(db: Connection) -> list[wire.CategoryFacts]:
    return [
        wire.CategoryFacts(plan.code, plan.key, plan.names, plan.letter, plan.colour)
        for plan in store.categories(db)
    ]


def hall_facts(db: Connection, hall_id: int) -> wire.HallFacts:
    return facts_of_hall(db, store.hall(db, hall_id))


def facts_of_hall(db: Connection, row: HallRow) -> wire.HallFacts:
    facts: dict[str, Any] = {
        "hall": row.hall_id,
        "names": row.names,
        "closed": row.closed_at is not None,
        "categories": list(row.categories),
        "zones": row.zones,
        "sessions_only": row.sessions_only,
        "anti_passback": row.anti_passback,
        "exits": row.exits,
        "facts_age_max_ms": row.facts_age_max_ms,
        "capacity": row.capacity,
    }
    if row.accessible_places:
        facts["released"] = list(
            kept_places.released(db, row.hall_id, row.accessible_places, row.accessible_until_min)
        )
    return wire.HallFacts(**facts)


def door_facts(db: Connection, door_id: int) -> wire.DoorFacts:
    row = store.door(db, door_id)
    facts: dict[str, Any] = {"door": row.door_id, "names": row.names, "mode": row.mode}
    return wire.DoorFacts(**facts)


def session_facts(db: Connection, hall_id: int, now: int) -> list[wire.SessionFacts]:
    """Return the hall's current and future sessions, soonest first, with their guests' serials."""
    rows = sorted(store.sessions(db, hall_id, now), key=lambda row: (row.opens_at, row.session_id))
    guests: dict[tuple[int, int], list[int]] = {}
    for session_id, serial, invited in db.execute(
        "SELECT g.session_id, g.serial, g.invited FROM session_guest g JOIN session s"
        " USING (session_id) WHERE s.hall_id = ? AND s.closes_at > ? ORDER BY g.serial",
        (hall_id, now),
    ):
        guests.setdefault((session_id, invited), []).append(serial)
    return [
        facts_of_session(
            row,
            invited=guests.get((row.session_id, 1), []),
            refused=guests.get((row.session_id, 0), []),
        )
        for row in rows
    ]


def facts_of_session(
    row: SessionRow, *, invited: list[int], refused: list[int]
) -> wire.SessionFacts:
    return wire.SessionFacts(
        session=row.session_id,
        titles=row.titles,
        opens_at=row.opens_at,
        closes_at=row.closes_at,
        categories=list(row.categories),
        invited=invited,
        refused=refused,
    )
