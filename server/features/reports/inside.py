"""Lists who is inside a hall, by the records. A line is an open stay."""

from dataclasses import dataclass
from functools import lru_cache

from server.core.people.attendees import whole_name
from server.storage.connection import Connection, Row
from server.storage.localized import names_of


@dataclass(frozen=True)
class Inside:
    """Represents one person inside. `name` and `organisation` are empty where names were not asked
    for, or where no roster has the serial.
    """

    serial: int
    name: str
    organisation: str
    category: int | None
    opened_at: int  # Unix ms, by the server's clock
    door_names: dict[str, str]  # of the door by which they came
    around: bool  # They came by a door of a hall within this one.


def count(db: Connection, hall_id: int) -> int:
    """Return how many lines the list has."""
    (found,) = db.execute(
        "SELECT COUNT(*) FROM stay WHERE hall_id = ? AND closed_at IS NULL", (hall_id,)
    ).fetchone()
    return int(found)


def page(db: Connection, hall_id: int, *, named: bool, limit: int, offset: int = 0) -> list[Inside]:
    """Return a part of the list. It is in the order of names, or of badge numbers where names are
    not asked for.
    """
    order = "a.family_name, a.given_name, s.serial" if named else "s.serial"
    # Only what orders the list is read of all, and the rest of the part alone.
    chosen = (
        "SELECT s.serial, s.opened_at, s.door_id, s.around FROM stay s"
        f"{' LEFT JOIN attendee a ON a.serial = s.serial' if named else ''}"
        f" WHERE s.hall_id = ? AND s.closed_at IS NULL ORDER BY {order}, s.opened_at"
        " LIMIT ? OFFSET ?"
    )
    rows = db.execute(
        "SELECT p.*, d.names AS door_names, a.given_name, a.family_name, a.organisation,"
        f" a.category FROM ({chosen}) AS p LEFT JOIN attendee a ON a.serial = p.serial"
        " LEFT JOIN door d ON d.door_id = p.door_id"
        f" ORDER BY {order.replace('s.', 'p.')}, p.opened_at",
        (hall_id, limit, offset),
    )
    return [_inside(row, named) for row in rows]


def everybody(db: Connection, hall_id: int, *, named: bool) -> list[Inside]:
    """Return the whole list, in the order of `page`, as it is at one moment."""
    rows = db.execute(
        "SELECT s.serial, s.opened_at, s.around, d.names AS door_names, a.given_name,"
        " a.family_name, a.organisation, a.category FROM stay s"
        " LEFT JOIN attendee a ON a.serial = s.serial LEFT JOIN door d ON d.door_id = s.door_id"
        " WHERE s.hall_id = ? AND s.closed_at IS NULL"
        f" ORDER BY {'a.family_name, a.given_name, ' if named else ''}s.serial, s.opened_at",
        (hall_id,),
    )
    return [_inside(row, named) for row in rows]


def _inside(row: Row, named: bool) -> Inside:
    known = named and row["given_name"] is not None
    return Inside(
        serial=row["serial"],
        name=whole_name(row["given_name"], row["family_name"]) if known else "",
        organisation=row["organisation"] if known else "",
        category=row["category"],
        opened_at=row["opened_at"],
        door_names=_names(row["door_names"]),
        around=bool(row["around"]),
    )


@lru_cache(1024)
def _names(text: str | None) -> dict[str, str]:
    """Return a door's names. Few doors stand in many lines, so the result is shared and must never
    be changed.
    """
    return names_of(text) if text else {}
