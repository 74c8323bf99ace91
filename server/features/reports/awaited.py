"""Lists expected people who are not inside, and where each was last seen."""

from collections.abc import Iterable
from dataclasses import dataclass

from server.core.people.attendees import whole_name
from server.storage import dialect
from server.storage.connection import Connection, Row
from server.storage.localized import shared_names

AHEAD_MS = 2 * 3600_000
ROWS_MAX = 150
# With these reasons the badge's holder is unknown.
_NOT_THEM = "('not_a_badge', 'forged', 'other_event')"


@dataclass(frozen=True)
class Seen:
    at: int  # Unix ms, by the door's clock
    direction: str
    decision: str
    reason: str | None
    door_names: dict[str, str]
    hall_names: dict[str, str]


@dataclass(frozen=True)
class Awaited:
    """An expected person. `serial` is None for speakers outside the roster."""

    serial: int | None
    name: str
    organisation: str
    why: str  # A speaker's role, "invited", or "protocol"
    at: int | None  # Expected at (Unix ms); None for protocol guests: today
    session_id: int | None
    session_titles: dict[str, str]
    hall_id: int | None
    hall_names: dict[str, str]
    seen: Seen | None = None
    # The hall where they are now, unless as expected
    elsewhere: dict[str, str] | None = None


@dataclass(frozen=True)
class Asked:
    hall_id: int | None = None
    session_id: int | None = None


def not_come(db: Connection, asked: Asked, now: int) -> list[Awaited]:
    """Return speakers and invited people of sessions that run or start within two hours, if not
    in the hall, soonest first.
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
    """Return the protocol guests in no hall, by name. `serials` limits them to those that the
    user may see; None means all.
    """
    # Starts from the few guests, for speed.
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
    rows = db.execute("SELECT serial FROM protocol_watcher WHERE user_id = ?", (user_id,))
    return [row["serial"] for row in rows]


def last_seen(db: Connection, serial: int) -> Seen | None:
    row = db.execute(
        "SELECT s.scanned_at AS at, s.direction, s.decision, s.reason, d.names AS door_names,"
        " h.names AS hall_names FROM scan s LEFT JOIN door d ON d.door_id = s.door_id"
        " LEFT JOIN hall h ON h.hall_id = s.hall_id WHERE s.serial = ? AND s.act <> 'annul'"
        f" AND (s.reason IS NULL OR s.reason NOT IN {_NOT_THEM}) ORDER BY s.number DESC LIMIT 1",
        (serial,),
    ).fetchone()
    if row is None:
        return None
    names = {key: shared_names(row[key]) for key in ("door_names", "hall_names")}
    return Seen(**{**dict(row), **names})


# This condition lets the query use the index of open stays.
_OPEN = f"{dialect.stay_over_at('y.')} = 9223372036854775807"


def _awaited(db: Connection, row: Row) -> Awaited:
    serial = row["serial"]
    on_roster = serial is not None and row["given_name"] is not None
    return Awaited(
        serial=serial,
        name=whole_name(row["given_name"], row["family_name"]) if on_roster else row["said"],
        organisation=row["organisation"] if on_roster else "",
        why=row["why"],
        at=row["at"],
        session_id=row["session_id"],
        session_titles=shared_names(row["titles"]),
        hall_id=row["hall_id"],
        hall_names=shared_names(row["hall_names"]),
        seen=None if serial is None else last_seen(db, serial),
        elsewhere=None if serial is None else _now_in(db, serial),
    )


def _now_in(db: Connection, serial: int) -> dict[str, str] | None:
    row = db.execute(
        "SELECT h.names FROM stay y JOIN hall h ON h.hall_id = y.hall_id WHERE y.serial = ?"
        f" AND y.closed_at IS NULL AND {_OPEN} ORDER BY y.opened_at DESC, y.around LIMIT 1",
        (serial,),
    ).fetchone()
    return None if row is None else shared_names(row["names"])
