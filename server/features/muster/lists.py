import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from server.core.muster.snapshot import Sureness
from server.core.people.attendees import whole_name
from server.storage.connection import Connection, Row
from server.storage.localized import names_of

LINES_MAX = 2**31  # More than there are badges


class State(StrEnum):
    MISSING = "missing"  # Not seen, and not scanned out
    # Seen, but perhaps before they last went in (server/core/muster/sightings.py)
    DOUBTFUL = "doubtful"
    # The stay ended by a door or staff, but no assembly point saw the person
    OUT = "out"
    SEEN = "seen"


# The people whom wardens have to look for.
TO_FIND = (State.MISSING, State.DOUBTFUL)


@dataclass(frozen=True)
class Line:
    """A listed person. Times are Unix ms."""

    serial: int | None  # None for a person who was erased
    name: str  # "" for a badge that is not on the roster
    organisation: str
    hall_id: int
    door_id: int
    since: int
    sureness: Sureness
    away_since: int | None
    also_in: int | None
    help: str | None  # Needed help to get out: wheelchair, companion
    state: State
    at: int | None  # Since when; None if missing
    point: str  # Where the person was seen
    void_badge: bool  # The badge was seen, but is void or a likely copy
    phone: str = ""  # As in the roster; only if asked for, and the person is unseen


class Group(NamedTuple):
    hall_id: int
    state: State
    sureness: Sureness
    help: bool


@dataclass(frozen=True)
class HallCount:
    hall_id: int
    names: dict[str, str]
    sureness: Sureness
    away_since: int | None
    away_doors: tuple[int, ...]
    unseen: int
    missing: int = 0
    doubtful: int = 0
    out: int = 0
    seen: int = 0
    help_missing: int = 0  # Of the missing and doubtful

    @property
    def listed(self) -> int:
        return self.missing + self.doubtful + self.out + self.seen


@dataclass(frozen=True)
class Counts:
    """A muster's figures. `extra` people were seen, but not listed."""

    halls: list[HallCount]
    sureness: dict[Sureness, int] = field(default_factory=dict)  # Of missing people
    extra: int = 0
    void_badges: int = 0
    groups: Mapping[Group, int] = field(default_factory=dict)

    def total(self, name: str) -> int:
        return sum(getattr(hall, name) for hall in self.halls)


@dataclass(frozen=True)
class Wanted:
    """The lines to show; by default all."""

    hall_id: int | None = None
    state: State | None = None
    help: bool = False
    sureness: Sureness | None = None
    to_find: bool = False  # Only the missing and the doubtful


# The current state. Stays that ended after the muster count as open.
_STATE = (
    "CASE WHEN p.seen_at IS NOT NULL AND p.is_unproven = 0 THEN 'seen'"
    " WHEN p.left_at IS NOT NULL AND (u.ended_at IS NULL OR p.left_at <= u.ended_at) THEN 'out'"
    " WHEN p.seen_at IS NOT NULL THEN 'doubtful' ELSE 'missing' END"
)
_PEOPLE = " FROM muster_person p JOIN muster u ON u.muster_id = p.muster_id"
_TO_FIND = f" AND {_STATE} IN ('missing', 'doubtful')"
_HELPED = " AND p.serial IN (SELECT serial FROM accessible_guest)"
_ORDER = (
    f"CASE {_STATE} WHEN 'missing' THEN 0 WHEN 'doubtful' THEN 1 WHEN 'out' THEN 2 ELSE 3 END,"
    " CASE WHEN p.serial IN (SELECT serial FROM accessible_guest) THEN 0 ELSE 1 END,"
    " a.family_name, a.given_name, p.serial"
)


def _groups(db: Connection, muster_id: int) -> dict[Group, int]:
    """Return the number of people per group; all figures are their sums."""
    query = (
        "SELECT {helped}, p.hall_id, {state}, p.sureness, COUNT(*){people}"
        " WHERE p.muster_id = ?{more} GROUP BY 2, 3, 4"
    )
    # One statement reads one state of the database.
    both = " UNION ALL ".join(
        query.format(helped=helped, state=_STATE, people=_PEOPLE, more=more)
        for helped, more in ((0, ""), (1, _HELPED))
    )
    people_by_group: dict[Group, int] = {}
    for helped, hall_id, state, sureness, people in db.execute(both, (muster_id, muster_id)):
        group = Group(hall_id, State(state), Sureness(sureness), bool(helped))
        people_by_group[group] = people
    for group, people in list(people_by_group.items()):
        if group.help:
            people_by_group[group._replace(help=False)] -= people
    return people_by_group


def counts(db: Connection, muster_id: int) -> Counts:
    """Return the figures by hall, most missing people first."""
    people = _groups(db, muster_id)
    by_hall: dict[int, dict[str, int]] = {}
    sureness: dict[Sureness, int] = dict.fromkeys(Sureness, 0)
    for group, many in people.items():
        figures = by_hall.setdefault(group.hall_id, {})
        figures[group.state.value] = figures.get(group.state.value, 0) + many
        if group.state is State.MISSING:
            sureness[group.sureness] += many
        if group.help and group.state in TO_FIND:
            figures["help_missing"] = figures.get("help_missing", 0) + many
    halls = [_hall(row, by_hall.get(row["hall_id"], {})) for row in _halls(db, muster_id)]
    halls.sort(
        key=lambda hall: (
            -hall.help_missing,
            -hall.missing,
            -hall.doubtful,
            -hall.listed,
            hall.hall_id,
        )
    )
    extra, void_badges = db.execute(
        "SELECT COUNT(DISTINCT CASE WHEN p.serial IS NULL THEN m.serial END),"
        " COUNT(DISTINCT CASE WHEN m.void_badge = 1"
        " AND (p.seen_at IS NULL OR p.is_unproven = 1) THEN m.serial END)"
        " FROM muster_seen m LEFT JOIN muster_person p USING (muster_id, serial)"
        " WHERE m.muster_id = ? AND m.withdrawn = 0",
        (muster_id,),
    ).fetchone()
    return Counts(halls, sureness, extra, void_badges, people)


def _halls(db: Connection, muster_id: int) -> list[Row]:
    return db.execute(
        "SELECT m.hall_id, h.names, m.sureness, m.away_since, m.away_doors, m.unseen"
        " FROM muster_hall m JOIN hall h USING (hall_id) WHERE m.muster_id = ?",
        (muster_id,),
    ).fetchall()


def _hall(row: Row, figures: dict[str, int]) -> HallCount:
    return HallCount(
        hall_id=row["hall_id"],
        names=names_of(row["names"]),
        sureness=Sureness(row["sureness"]),
        away_since=row["away_since"],
        away_doors=tuple(json.loads(row["away_doors"])),
        unseen=row["unseen"],
        **figures,
    )


def lines(
    db: Connection,
    muster_id: int,
    wanted: Wanted = Wanted(),
    *,
    limit: int | None = None,
    skip: int = 0,
    phones: bool = False,
) -> Iterator[Line]:
    """Yield the lines: missing people first, then the doubtful, among them those who need help,
    then by name.
    """
    where, values = _where(wanted)
    # Reads only sort columns for all lines, the rest for this page.
    chosen = (
        f"SELECT p.*, {_STATE} AS state{_PEOPLE} LEFT JOIN attendee a ON a.serial = p.serial"
        f" WHERE p.muster_id = ?{where} ORDER BY {_ORDER} LIMIT ? OFFSET ?"
    )
    phone = "a.phone" if phones else "''"
    rows = db.execute(
        "SELECT p.serial, a.given_name, a.family_name, a.organisation, p.hall_id, p.door_id,"
        " p.since, p.sureness, p.away_since, p.also_in, g.kind, p.state, p.seen_at, p.left_at,"
        f" {phone} AS phone,"
        " p.seen_point, p.serial IN (SELECT m.serial FROM muster_seen m WHERE m.muster_id = ?"
        " AND m.void_badge = 1 AND m.withdrawn = 0) AS void_badge"
        f" FROM ({chosen}) AS p LEFT JOIN accessible_guest g ON g.serial = p.serial"
        " LEFT JOIN attendee a ON a.serial = p.serial"
        f" ORDER BY {_ORDER.replace(_STATE, 'p.state')}",
        (muster_id, muster_id, *values, LINES_MAX if limit is None else limit, skip),
    )
    return (_line(row) for row in rows)


def how_many(counts: Counts, wanted: Wanted) -> int:
    return sum(
        people
        for group, people in counts.groups.items()
        if wanted.hall_id in (None, group.hall_id)
        and wanted.state in (None, group.state)
        and wanted.sureness in (None, group.sureness)
        and (group.help or not wanted.help)
        and (group.state in TO_FIND or not wanted.to_find)
    )


def _where(wanted: Wanted) -> tuple[str, list[Any]]:
    asked: list[tuple[str, Any]] = []
    if wanted.hall_id is not None:
        asked.append((" AND p.hall_id = ?", wanted.hall_id))
    if wanted.state is not None:
        asked.append((f" AND {_STATE} = ?", wanted.state.value))
    if wanted.sureness is not None:
        asked.append((" AND p.sureness = ?", wanted.sureness.value))
    text = "".join(condition for condition, _ in asked)
    text += _HELPED if wanted.help else ""
    text += _TO_FIND if wanted.to_find else ""
    return text, [v for _, v in asked]


def _line(row: Row) -> Line:
    given, family = row["given_name"], row["family_name"]
    state = State(row["state"])
    is_seen = state in (State.SEEN, State.DOUBTFUL)
    at = row["seen_at"] if is_seen else row["left_at"] if state is State.OUT else None
    return Line(
        serial=row["serial"] if row["serial"] >= 0 else None,
        name="" if given is None else whole_name(given, family),
        organisation=row["organisation"] or "",
        hall_id=row["hall_id"],
        door_id=row["door_id"],
        since=row["since"],
        sureness=Sureness(row["sureness"]),
        away_since=row["away_since"],
        also_in=row["also_in"],
        help=row["kind"],
        state=state,
        at=at,
        point=(row["seen_point"] or "") if is_seen else "",
        void_badge=bool(row["void_badge"]),
        phone="" if state is State.SEEN else row["phone"] or "",
    )


def away_door_names(db: Connection, counts: Counts) -> dict[int, dict[str, str]]:
    wanted = {door for hall in counts.halls for door in hall.away_doors}
    rows = db.execute("SELECT door_id, names FROM door").fetchall()
    return {row["door_id"]: names_of(row["names"]) for row in rows if row["door_id"] in wanted}


def hall_names(db: Connection, muster_id: int) -> dict[int, dict[str, str]]:
    """Return the names of the muster's halls, ordered by code."""
    rows = db.execute(
        "SELECT h.hall_id, h.names FROM muster_hall m JOIN hall h USING (hall_id)"
        " WHERE m.muster_id = ? ORDER BY h.code",
        (muster_id,),
    ).fetchall()
    return {row["hall_id"]: names_of(row["names"]) for row in rows}
