"""Represents single records of an event as values to compare, store and restore, in the form of a
venue file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from badges.credential.credential import ALL_ZONES
from server.core.edits import programme_things
from server.core.people import attendees
from server.core.people.attendees import UnknownAttendeeError
from server.core.venue import store
from server.core.venue.capacity_reasons import Measures
from server.core.venue.fields import ALL, OUTSIDE
from server.storage.connection import Connection, Row

# In an order in which references exist before their users.
VENUE_KINDS = (
    "category", "organisation", "activity_kind", "activity", "hall", "door", "session", "area",
    "exhibitor", "stand",
)  # fmt: skip
_MINUTE_MS = 60_000

Values = dict[str, Any]


class NothingThereError(ValueError):
    pass


@dataclass(frozen=True)
class Thing:
    """Identifies a record that staff edit.

    `key` is a code of the venue, a category's key, an attendee's serial, a session's code for
    speakers, or "session code:serial" for a guest.
    """

    kind: str
    key: str


def guest(session_code: str, serial: int) -> Thing:
    return Thing("guest", f"{session_code}:{serial}")


def values_of(db: Connection, thing: Thing, zone: ZoneInfo) -> Values | None:
    if thing.kind == "category":
        return _category(db, thing.key)
    if thing.kind == "hall":
        return _hall(db, thing.key)
    if thing.kind == "door":
        return _door(db, thing.key)
    if thing.kind == "session":
        return _session(db, thing.key, zone)
    if thing.kind == "attendee":
        return _attendee(db, int(thing.key))
    if thing.kind in programme_things.KINDS:
        return programme_things.stored_values(db, thing.kind, thing.key)
    if thing.kind == "speakers":
        return _speakers(db, thing.key)
    return _guest(db, thing.key)


def code_of(db: Connection, kind: str, number: int) -> str:
    """Raises NothingThereError."""
    column = "category" if kind == "category" else f"{kind}_id"
    row = db.execute(f"SELECT code FROM {kind} WHERE {column} = ?", (number,)).fetchone()
    if row is None:
        raise NothingThereError(f"{kind} {number}")
    return str(row[0])


def number_of(db: Connection, kind: str, code: str) -> int:
    """Raises NothingThereError."""
    column = "category" if kind == "category" else f"{kind}_id"
    row = db.execute(f"SELECT {column} FROM {kind} WHERE code = ?", (code,)).fetchone()
    if row is None:
        raise NothingThereError(f"{kind} {code}")
    return int(row[0])


def local_text(at: int, zone: ZoneInfo) -> str:
    local = datetime.fromtimestamp(at // 1000, zone).replace(tzinfo=None)
    return local.isoformat(sep=" ", timespec="seconds" if local.second else "minutes")


def measured(measures: Measures) -> Values:
    stated = {key: value for key, value in vars(measures).items() if value is not None}
    return {key: int(value) if value == int(value) else value for key, value in stated.items()}


def _names(names: Mapping[str, str], key: str) -> Values:
    chinese = {f"{key}_zh": names["zh"]} if names.get("zh") else {}
    main = names.get("en") or ("" if chinese else next(iter(names.values()), ""))
    return {key: main, **chinese} if main else chinese


def _row(db: Connection, table: str, code: str) -> Row | None:
    row: Row | None = db.execute(f"SELECT * FROM {table} WHERE code = ?", (code,)).fetchone()
    return row


def _category(db: Connection, key: str) -> Values | None:
    for plan in store.categories(db):
        if plan.key == key:
            names = _names(plan.names, "name")
            return {"code": plan.code, "key": key, "letter": plan.letter, "colour": plan.colour,
                    **names}  # fmt: skip
    return None


def _hall(db: Connection, code: str) -> Values | None:
    row = _row(db, "hall", code)
    if row is None:
        return None
    hall = store.hall(db, row["hall_id"])
    values: Values = {
        "code": code,
        **_names(hall.names, "name"),
        "capacity": hall.capacity,
        "fire_limit": hall.fire_limit,
        "categories": _choice(db, "hall", hall.hall_id),
        "sessions_only": hall.sessions_only,
        "anti_passback": hall.anti_passback,
        "exits": hall.exits,
        "leaving": hall.leaving,
    }
    if hall.parent_id is not None:
        values["parent"] = code_of(db, "hall", hall.parent_id)
    if hall.zones != ALL_ZONES:
        values["zones"] = [zone for zone, bit in store.zones(db).items() if hall.zones >> bit & 1]
    if hall.accessible_places:
        values["accessible_places"] = hall.accessible_places
        if hall.accessible_until_min is not None:
            values["accessible_until_min"] = hall.accessible_until_min
    if hall.walk_s is not None:
        values["walk_s"] = hall.walk_s
    if hall.facts_age_max_ms is not None:
        values["facts_age_max_min"] = hall.facts_age_max_ms // _MINUTE_MS
    return values | measured(hall.measures)


def _door(db: Connection, code: str) -> Values | None:
    row = _row(db, "door", code)
    if row is None:
        return None
    door = store.door(db, row["door_id"])
    values: Values = {
        "code": code,
        "hall": code_of(db, "hall", door.hall_id),
        **_names(door.names, "name"),
        "mode": door.mode,
    }
    if door.said:
        values["from"] = OUTSIDE if door.from_id is None else code_of(db, "hall", door.from_id)
    return values


def _session(db: Connection, code: str, zone: ZoneInfo) -> Values | None:
    row = _row(db, "session", code)
    if row is None:
        return None
    stored = store.session(db, row["session_id"])
    activity = db.execute(
        "SELECT code FROM activity WHERE activity_id = ?", (stored.activity_id,)
    ).fetchone()
    values = {} if activity is None else {"activity": activity[0]}
    return values | {
        "code": code,
        "hall": code_of(db, "hall", stored.hall_id),
        **_names(stored.titles, "title"),
        "starts": local_text(stored.starts_at, zone),
        "ends": local_text(stored.ends_at, zone),
        "opens_before_min": (stored.starts_at - stored.opens_at) // _MINUTE_MS,
        "closes_after_min": (stored.closes_at - stored.ends_at) // _MINUTE_MS,
        "categories": _choice(db, "session", stored.session_id),
    }


def _choice(db: Connection, kind: str, number: int) -> str | list[str]:
    """Return the keys of the categories that a hall or session admits, or "all"."""
    rows = db.execute(
        f"SELECT c.code FROM {kind}_category JOIN category c USING (category)"
        f" WHERE {kind}_id = ? ORDER BY category",
        (number,),
    )
    keys = [row[0] for row in rows]
    return ALL if set(keys) == {plan.key for plan in store.categories(db)} else keys


def _attendee(db: Connection, serial: int) -> Values | None:
    try:
        person = attendees.attendee(db, serial)
    except UnknownAttendeeError:
        return None
    values = {column: getattr(person, column) for column in sorted(attendees.CHANGEABLE)}
    return {**values, "revoked": person.revoked_at is not None}


def _speakers(db: Connection, code: str) -> Values | None:
    rows = db.execute(
        "SELECT serial, label, name, role, p.starts_at FROM session_speaker p"
        " JOIN session s USING (session_id) WHERE s.code = ? ORDER BY position",
        (code,),
    ).fetchall()
    return {"speakers": [list(row) for row in rows]} if rows else None


def _guest(db: Connection, key: str) -> Values | None:
    code, _, serial = key.rpartition(":")
    row = db.execute(
        "SELECT invited FROM session_guest JOIN session USING (session_id)"
        " WHERE code = ? AND serial = ?",
        (code, int(serial)),
    ).fetchone()
    return None if row is None else {"invited": bool(row[0])}
