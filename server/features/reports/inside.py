"""Lists the people inside a hall. Each line is an open stay."""

from dataclasses import dataclass

from server.core.people.attendees import whole_name
from server.storage.connection import Connection, Row
from server.storage.localized import shared_names


@dataclass(frozen=True)
class Inside:
    """A person inside. `name` and `organisation` are empty without `named`, or outside the
    roster.
    """

    serial: int
    name: str
    organisation: str
    category: int | None
    opened_at: int  # Unix ms, by the server's clock
    door_names: dict[str, str]  # Of the door by which they came
    around: bool  # They came through a nested hall's door


def count(db: Connection, hall_id: int) -> int:
    (total,) = db.execute(
        "SELECT COUNT(*) FROM stay WHERE hall_id = ? AND closed_at IS NULL", (hall_id,)
    ).fetchone()
    return int(total)


def page(db: Connection, hall_id: int, *, named: bool, limit: int, offset: int = 0) -> list[Inside]:
    """Return a page of the list, by name, without `named` by badge number."""
    order = "a.family_name, a.given_name, s.serial" if named else "s.serial"
    # Reads only sort columns for all lines, the rest for this page.
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
    """Return the whole list in the order of `page`, in one state."""
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
    on_roster = named and row["given_name"] is not None
    return Inside(
        serial=row["serial"],
        name=whole_name(row["given_name"], row["family_name"]) if on_roster else "",
        organisation=row["organisation"] if on_roster else "",
        category=row["category"],
        opened_at=row["opened_at"],
        door_names=shared_names(row["door_names"]),
        around=bool(row["around"]),
    )
