import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields

from badges.categories import CategoryPlan
from server.core.feed import changes
from server.core.venue import numbers
from server.core.venue.capacity_reasons import Measures
from server.storage import dialect
from server.storage.connection import Connection, Row
from server.storage.localized import names_of


class UnknownHallError(ValueError):
    pass


class UnknownDoorError(ValueError):
    pass


class UnknownSessionError(ValueError):
    pass


@dataclass(frozen=True)
class HallRow:
    """A hall. `zones` is a bit set. `categories` may enter at any time."""

    hall_id: int
    code: str
    names: dict[str, str]
    parent_id: int | None
    capacity: int
    fire_limit: int
    zones: int
    sessions_only: bool
    anti_passback: str
    exits: str
    facts_age_max_ms: int | None
    closed_at: int | None
    open_stays: int
    open_overrides: int  # people inside on places beyond the capacity
    change_cursor: int  # of the feed: doors that have applied it know the current policy
    shared_until: int  # no new share of places is due before, unless requested
    leaving: str  # how it counts people who left: by scanned exits, or also inferred from moves
    walk_s: int | None  # minimum walk to or from another hall; None if not configured
    moved_on: int  # of `open_stays` and `open_overrides`: later seen at another hall
    unconfirmed_moves: int  # places returned by moves without a confirming exit
    accessible_places: int  # of the capacity, kept for wheelchair users and their companions
    accessible_until_min: int | None  # minutes before a session's start; None if always kept
    open_accessible: int  # people inside on such places
    categories: tuple[int, ...]
    floor_m2: float | None = None
    m2_per_person: float | None = None
    seats: int | None = None
    exit_width_m: float | None = None
    exit_steps_width_m: float | None = None
    entry_lanes: int | None = None
    fill_min: float | None = None
    clear_min: float | None = None
    emergency_min: float | None = None
    capacity_by: str | None = None  # the actor in the entry log; None if not stored
    capacity_at: int | None = None

    @property
    def measures(self) -> Measures:
        return Measures(
            **{measure.name: getattr(self, measure.name) for measure in fields(Measures)}
        )


@dataclass(frozen=True)
class SessionRow:
    """A session. Empty `categories` mean by invitation only."""

    session_id: int
    code: str
    hall_id: int
    titles: dict[str, str]
    starts_at: int
    ends_at: int
    opens_at: int
    closes_at: int
    activity_id: int | None
    categories: tuple[int, ...]


@dataclass(frozen=True)
class DoorRow:
    door_id: int
    code: str
    hall_id: int
    names: dict[str, str]
    mode: str
    said: bool = False  # whether its starting place is configured
    # The surrounding hall in which it begins. None means outside.
    from_id: int | None = None


def categories(db: Connection) -> list[CategoryPlan]:
    rows = db.execute("SELECT category, code, names, letter, colour FROM category ORDER BY 1")
    return [
        CategoryPlan(
            code=row["category"],
            key=row["code"],
            names=names_of(row["names"]),
            letter=row["letter"],
            colour=row["colour"],
        )
        for row in rows
    ]


def zones(db: Connection) -> dict[str, int]:
    return dict(db.execute("SELECT code, bit FROM zone ORDER BY bit").fetchall())


def halls(db: Connection) -> list[HallRow]:
    return [_hall(db, row) for row in db.execute("SELECT * FROM hall ORDER BY code").fetchall()]


def hall(db: Connection, hall_id: int) -> HallRow:
    """Raises UnknownHallError."""
    row = db.execute("SELECT * FROM hall WHERE hall_id = ?", (hall_id,)).fetchone()
    if row is None:
        raise UnknownHallError(f"hall {hall_id}")
    return _hall(db, row)


def doors(db: Connection) -> list[DoorRow]:
    return [_door(row) for row in db.execute(f"{_DOORS} ORDER BY code")]


def door(db: Connection, door_id: int) -> DoorRow:
    """Raises UnknownDoorError."""
    row = db.execute(f"{_DOORS} WHERE door_id = ?", (door_id,)).fetchone()
    if row is None:
        raise UnknownDoorError(f"door {door_id}")
    return _door(row)


def sessions(
    db: Connection, hall_id: int | None = None, after: int | None = None
) -> list[SessionRow]:
    """Return sessions, soonest first, whose admission closes after `after` (Unix ms)."""
    asked = {"hall_id = ?": hall_id, "closes_at > ?": after}
    used = {condition: value for condition, value in asked.items() if value is not None}
    rows = db.execute(
        f"SELECT * FROM session WHERE {' AND '.join(used) or 'TRUE'} ORDER BY starts_at, code",
        tuple(used.values()),
    ).fetchall()
    return _sessions(db, rows)


def halls_never_freed(db: Connection) -> set[int]:
    """Return the ids of halls that count only scanned exits, and whose doors scan none."""
    rows = db.execute(
        "SELECT h.hall_id FROM hall h JOIN door d USING (hall_id) WHERE h.leaving = 'scanned'"
        " GROUP BY h.hall_id HAVING COUNT(*) FILTER (WHERE d.mode <> 'entry') = 0"
    )
    return {row[0] for row in rows}


def count_sessions(db: Connection) -> int:
    (count,) = db.execute("SELECT COUNT(*) FROM session").fetchone()
    return int(count)


def sessions_between(
    db: Connection, since: int, until: int, limit: int, offset: int
) -> tuple[list[SessionRow], int]:
    """Return a page of sessions that start in a span (Unix ms), soonest first, and the total
    count.
    """
    span = "starts_at >= ? AND starts_at < ?"
    (total,) = db.execute(f"SELECT COUNT(*) FROM session WHERE {span}", (since, until)).fetchone()
    rows = db.execute(
        f"SELECT * FROM session WHERE {span} ORDER BY starts_at, code LIMIT ? OFFSET ?",
        (since, until, limit, offset),
    ).fetchall()
    return _sessions(db, rows), total


def sessions_of_day(db: Connection, hall_id: int, since: int, until: int) -> list[SessionRow]:
    """Return sessions that run in a span (Unix ms), soonest first."""
    rows = db.execute(
        "SELECT * FROM session WHERE hall_id = ? AND starts_at < ? AND ends_at > ?"
        " ORDER BY starts_at, code",
        (hall_id, until, since),
    ).fetchall()
    return _sessions(db, rows)


def session(db: Connection, session_id: int) -> SessionRow:
    """Raises UnknownSessionError."""
    rows = db.execute("SELECT * FROM session WHERE session_id = ?", (session_id,)).fetchall()
    if not rows:
        raise UnknownSessionError(f"session {session_id}")
    return _sessions(db, rows)[0]


def programme_for(
    db: Connection, serial: int, day_starts: Sequence[int], *, after: int | None = None,
    limit: int | None = None, named: bool = False,
) -> list[SessionRow]:  # fmt: skip
    """Return the sessions that the attendee may enter, by category or invitation, soonest first:
    those that admit on a day of the badge (`badges.admission.facts.Calendar`), in its zones.

    `after` keeps those that still admit then, and `named` only invitations by name.
    """
    days = list(itertools.pairwise(day_starts))
    on_valid_day = " OR ".join(
        f"((a.valid_days & {1 << day}) <> 0 AND s.closes_at > ? AND s.opens_at < ?)"
        for day in range(len(days))
    )
    by_category = (
        "(g.invited IS NULL AND EXISTS (SELECT 1 FROM session_category c"
        " WHERE c.session_id = s.session_id AND c.category = a.category))"
    )
    rows = db.execute(
        "SELECT s.* FROM session s JOIN attendee a ON a.serial = ? JOIN hall h USING (hall_id)"
        " LEFT JOIN session_guest g ON g.session_id = s.session_id AND g.serial = a.serial"
        f" WHERE s.closes_at > ? AND ({on_valid_day}) AND (h.zones & a.zones) <> 0"
        f" AND (g.invited = 1{'' if named else f' OR {by_category}'})"
        " ORDER BY s.starts_at, s.code LIMIT ?",
        (
            serial,
            after or 0,
            *itertools.chain.from_iterable(days),
            dialect.NO_LIMIT if limit is None else limit,
        ),
    ).fetchall()
    return _sessions(db, rows)


def remove_session(db: Connection, session_id: int, *, by: str, now: int) -> None:
    """Raises UnknownSessionError."""
    sql = "SELECT hall_id, code FROM session WHERE session_id = ?"
    row = db.execute(sql, (session_id,)).fetchone()
    if row is None:
        raise UnknownSessionError(f"session {session_id}")
    for table in ("session_speaker", "session_guest", "session_category", "session"):
        db.execute(f"DELETE FROM {table} WHERE session_id = ?", (session_id,))
    changes.publish_venue(db, [row["hall_id"]])
    numbers.note_removed(db, "session", session_id, row["code"], by=by, now=now)


def _hall(db: Connection, row: Row) -> HallRow:
    admitted = db.execute(
        "SELECT category FROM hall_category WHERE hall_id = ? ORDER BY 1", (row["hall_id"],)
    )
    values = {**dict(row), "names": names_of(row["names"])}
    values["sessions_only"] = bool(row["sessions_only"])
    return HallRow(**values, categories=tuple(selected[0] for selected in admitted))


_DOORS = (
    "SELECT door.*, COALESCE(said, 0) AS said, from_id"
    " FROM door LEFT JOIN door_from USING (door_id)"
)


def _door(row: Row) -> DoorRow:
    return DoorRow(**{**dict(row), "names": names_of(row["names"]), "said": bool(row["said"])})


def _sessions(db: Connection, rows: Sequence[Row]) -> list[SessionRow]:
    admitted: dict[int, list[int]] = defaultdict(list)
    for session_id, category in db.execute(
        f"SELECT * FROM session_category WHERE {dialect.one_of('session_id')} ORDER BY 1, 2",
        (dialect.many(row["session_id"] for row in rows),),
    ):
        admitted[session_id].append(category)
    return [
        SessionRow(
            **{**dict(row), "titles": names_of(row["titles"])},
            categories=tuple(admitted[row["session_id"]]),
        )
        for row in rows
    ]
