"""Lists who is expected soon and not inside yet: speakers, people who are invited by name, and
protocol guests. It says when and where each was seen last.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from server.core.people.attendees import whole_name
from server.storage import dialect
from server.storage.connection import Connection, Row
from server.storage.localized import names_of

AHEAD_MS = 2 * 3600_000
ROWS_MAX = 150
# Nothing is known of whose badge it was where the code was no badge or forged.
_NOT_THEM = "('not_a_badge', 'forged', 'other_event')"


@dataclass(frozen=True)
class Seen:
    """Says where a badge was read last, and what the door answered."""

    at: int  # Unix ms, by the door's clock
    direction: str
    decision: str
    reason: str | None
    door_names: dict[str, str]
    hall_names: dict[str, str]


@dataclass(frozen=True)
class Awaited:
    """Represents somebody who is expected. `serial` is None for a speaker whom no roster has, of
    whom no door can know.
    """

    serial: int | None
    name: str
    organisation: str
    why: str  # a role of a speaker, or "invited", or "protocol"
    at: int | None  # when they are expected (Unix ms); None of protocol guests: today
    session_id: int | None
    session_titles: dict[str, str]
    hall_id: int | None
    hall_names: dict[str, str]
    seen: Seen | None = None
    elsewhere: dict[str, str] | None = None  # the hall where they are now, if not where expected


@dataclass(frozen=True)
class Asked:
    """Describes whose absence is asked about: of one hall or session, or (None) of all."""

    hall_id: int | None = None
    session_id: int | None = None


def not_come(db: Connection, asked: Asked, now: int) -> list[Awaited]:
    """Return who speaks or is invited by name in sessions that run now or start within two hours,
    and has no stay in the session's hall. The soonest comes first.
    """
    where = ["s.starts_at <= ?", "s.ends_at > ?"]
    values: list[int] = [now + AHEAD_MS, now]
    for column, value in (("hall_id", asked.hall_id), ("session_id", asked.session_id)):
        if value is not None:
            where.append(f"s.{column} = ?")
            values.append(value)
    sessions = (
        "SELECT s.session_id, s.hall_id, s.titles, s.starts_at FROM session s"
        f" WHERE {' AND '.join(where)}"
    )
    rows = db.execute(
        f"WITH soon AS ({sessions}), wanted AS ("
        " SELECT p.serial, p.name AS said, p.role AS why, COALESCE(p.starts_at, n.starts_at) AS at,"
        " n.session_id, n.hall_id, n.titles FROM soon n"
        " JOIN session_speaker p ON p.session_id = n.session_id"
        " UNION ALL SELECT g.serial, '', 'invited', n.starts_at, n.session_id, n.hall_id, n.titles"
        " FROM soon n JOIN session_guest g ON g.session_id = n.session_id AND g.invited = 1"
        " WHERE NOT EXISTS (SELECT 1 FROM session_speaker p"
        " WHERE p.session_id = n.session_id AND p.serial = g.serial))"
        " SELECT w.*, h.names AS hall_names, a.given_name, a.family_name, a.organisation"
        " FROM wanted w JOIN hall h ON h.hall_id = w.hall_id"
        " LEFT JOIN attendee a ON a.serial = w.serial"
        " WHERE w.at <= ? AND a.revoked_at IS NULL AND (w.serial IS NULL OR NOT EXISTS ("
        "SELECT 1 FROM stay y WHERE y.serial = w.serial AND y.hall_id = w.hall_id"
        f" AND y.closed_at IS NULL AND {_OPEN}))"
        " ORDER BY w.at, w.why = 'invited', w.session_id, a.family_name, a.given_name, w.serial"
        " LIMIT ?",
        (*values, now + AHEAD_MS, ROWS_MAX + 1),
    ).fetchall()
    return [_awaited(db, row) for row in rows]


def guests_not_inside(db: Connection, serials: Iterable[int] | None) -> list[Awaited]:
    """Return the protocol guests who are in no hall, by name. `serials` are those whom the user may
    know of, and None stands for all.
    """
    # The few guests are looked up among the people, and not the other way round.
    limit = "" if serials is None else f" AND {dialect.one_of('g.serial')}"
    rows = db.execute(
        "SELECT g.serial, '' AS said, 'protocol' AS why, NULL AS at, NULL AS session_id,"
        " NULL AS hall_id, NULL AS titles, NULL AS hall_names, a.given_name, a.family_name,"
        " a.organisation FROM protocol_guest g CROSS JOIN attendee a"
        " WHERE a.serial = g.serial AND a.revoked_at IS NULL AND NOT EXISTS (SELECT 1 FROM stay y"
        f" WHERE y.serial = g.serial AND y.closed_at IS NULL AND {_OPEN}){limit}"
        " ORDER BY a.family_name, a.given_name, g.serial LIMIT ?",
        (*(() if serials is None else (dialect.many(serials),)), ROWS_MAX + 1),
    ).fetchall()
    return [_awaited(db, row) for row in rows]


def watched_by(db: Connection, user_id: int) -> list[int]:
    """Return the protocol guests of whose arrival a user is told."""
    rows = db.execute("SELECT serial FROM protocol_watcher WHERE user_id = ?", (user_id,))
    return [row["serial"] for row in rows]


def last_seen(db: Connection, serial: int) -> Seen | None:
    """Return the last time that a door read somebody's badge, whatever it answered."""
    row = db.execute(
        "SELECT s.scanned_at AS at, s.direction, s.decision, s.reason, d.names AS door_names,"
        " h.names AS hall_names FROM scan s LEFT JOIN door d ON d.door_id = s.door_id"
        " LEFT JOIN hall h ON h.hall_id = s.hall_id WHERE s.serial = ? AND s.act <> 'annul'"
        f" AND (s.reason IS NULL OR s.reason NOT IN {_NOT_THEM}) ORDER BY s.number DESC LIMIT 1",
        (serial,),
    ).fetchone()
    if row is None:
        return None
    values = dict(row)
    values["door_names"], values["hall_names"] = (
        _names(row["door_names"]),
        _names(row["hall_names"]),
    )
    return Seen(**values)


# With this the index of a person's stays serves, which has the open ones last.
_OPEN = f"{dialect.stay_over_at('y.')} = 9223372036854775807"


def _awaited(db: Connection, row: Row) -> Awaited:
    serial = row["serial"]
    known = serial is not None and row["given_name"] is not None
    return Awaited(
        serial=serial,
        name=whole_name(row["given_name"], row["family_name"]) if known else row["said"],
        organisation=row["organisation"] if known else "",
        why=row["why"],
        at=row["at"],
        session_id=row["session_id"],
        session_titles=_names(row["titles"]),
        hall_id=row["hall_id"],
        hall_names=_names(row["hall_names"]),
        seen=None if serial is None else last_seen(db, serial),
        elsewhere=None if serial is None else _now_in(db, serial),
    )


def _now_in(db: Connection, serial: int) -> dict[str, str] | None:
    """Return the hall that somebody entered last and has not left."""
    row = db.execute(
        "SELECT h.names FROM stay y JOIN hall h ON h.hall_id = y.hall_id WHERE y.serial = ?"
        f" AND y.closed_at IS NULL AND {_OPEN} ORDER BY y.opened_at DESC, y.around LIMIT 1",
        (serial,),
    ).fetchone()
    return None if row is None else _names(row["names"])


@lru_cache(4096)
def _names(text: str | None) -> dict[str, str]:
    """Return names from the database's JSON. The result is shared and must never be changed."""
    return names_of(text) if text else {}
