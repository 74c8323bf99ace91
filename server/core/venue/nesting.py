"""Finds the halls in which an entry counts: the door's own, and the surrounding ones that the door
leads into (docs/doors.md).

A door's starting place is in the venue file. The holder's known location does not count, since a
badge may be copied.
"""

from collections.abc import Mapping

from server.storage.connection import Connection


def outer_halls(
    hall: int, parents: Mapping[int, int | None], come_from: int | None
) -> tuple[int, ...]:
    """Return the surrounding halls that a door into `hall` also enters, innermost first.
    `come_from` is the surrounding hall in which the door begins; None means outside of all.
    """
    around: list[int] = []
    above = parents.get(hall)
    while above is not None and above != hall and above not in around:
        around.append(above)
        above = parents.get(above)
    return tuple(around[: around.index(come_from)] if come_from in around else around)


def parents_of(db: Connection) -> dict[int, int | None]:
    return dict(db.execute("SELECT hall_id, parent_id FROM hall").fetchall())


def inside(parents: Mapping[int, int | None], hall: int) -> list[int]:
    """At any depth, sorted."""
    return sorted(other for other in parents if hall in outer_halls(other, parents, None))


def outer_by_door(db: Connection, parents: Mapping[int, int | None]) -> dict[int, tuple[int, ...]]:
    """Doors into no surrounding hall are left out."""
    rows = db.execute(
        "SELECT d.door_id, d.hall_id, f.from_id FROM door d LEFT JOIN door_from f USING (door_id)"
    )
    surrounding = {door: outer_halls(hall, parents, come_from) for door, hall, come_from in rows}
    return {door: outer for door, outer in surrounding.items() if outer}


def outer_of(db: Connection, door_id: int) -> tuple[int, ...]:
    """Return none for an unknown door."""
    row = db.execute(
        "SELECT d.hall_id, f.from_id FROM door d LEFT JOIN door_from f USING (door_id)"
        " WHERE d.door_id = ?",
        (door_id,),
    ).fetchone()
    return () if row is None else outer_halls(row["hall_id"], parents_of(db), row["from_id"])


def halls_of(db: Connection, door_id: int) -> tuple[int, ...]:
    """Return the halls that the door enters, its own first."""
    row = db.execute("SELECT hall_id FROM door WHERE door_id = ?", (door_id,)).fetchone()
    return () if row is None else (row[0], *outer_of(db, door_id))


def unsaid(db: Connection) -> frozenset[int]:
    """Return the doors whose starting place is not configured. They count as from outside."""
    rows = db.execute(
        "SELECT d.door_id FROM door d LEFT JOIN door_from f USING (door_id)"
        " WHERE COALESCE(f.said, 0) = 0"
    )
    return frozenset(row[0] for row in rows)
