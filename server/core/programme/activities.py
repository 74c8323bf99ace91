"""Activities of the forum, with their kind and hosts. A session is an activity's time in a hall."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from server.storage import dialect
from server.storage.connection import Connection, Row
from server.storage.localized import names_of


class UnknownActivityError(ValueError):
    pass


@dataclass(frozen=True)
class ActivityKind:
    code: str
    names: dict[str, str]


@dataclass(frozen=True)
class Host:
    """An organisation that leads ("lead") or co-hosts ("co_host") an activity."""

    code: str
    names: dict[str, str]
    kind: str
    role: str


@dataclass(frozen=True)
class Activity:
    """`official` means led or co-hosted by national authorities, `parallel` a parallel forum."""

    activity_id: int
    code: str
    kind: str
    titles: dict[str, str]
    official: bool
    parallel: bool
    theme: str
    language: str
    hosts: tuple[Host, ...]  # leading hosts first
    sessions: int


def kinds(db: Connection) -> dict[str, ActivityKind]:
    rows = db.execute("SELECT code, names FROM activity_kind ORDER BY code")
    return {row["code"]: ActivityKind(row["code"], names_of(row["names"])) for row in rows}


@dataclass(frozen=True)
class ActivityFilter:
    """A filter for activities. None matches any."""

    kind: str | None = None
    hall_id: int | None = None  # a session in this hall
    since: int | None = None  # beginning at or after this time (Unix ms)
    until: int | None = None  # and before this time
    parallel: bool = False  # only parallel forums
    official: bool = False  # only official ones


@dataclass(frozen=True)
class ActivityTime:
    """A session of an activity, as a time in a hall."""

    session_id: int
    code: str
    hall_id: int
    hall_names: dict[str, str]
    starts_at: int  # Unix ms
    ends_at: int


def find_activities(
    db: Connection, wanted: ActivityFilter, limit: int, offset: int
) -> tuple[list[Activity], int]:
    """Return a page of activities, and the total count. Sorted by first session, those without one
    last.
    """
    where, values = _conditions(wanted)
    (total,) = db.execute(f"SELECT COUNT(*) FROM activity a{where}", values).fetchone()
    rows = db.execute(
        f"{_COUNTED}{where} ORDER BY COALESCE((SELECT MIN(s.starts_at) FROM session s"
        f" WHERE s.activity_id = a.activity_id), {_NEVER}), a.code LIMIT ? OFFSET ?",
        (*values, limit, offset),
    ).fetchall()
    return _activities(db, rows), total


def hosted_by(db: Connection, organisation_id: int, limit: int) -> tuple[list[Activity], int]:
    """Return the organisation's first activities by code, and their total count."""
    (total,) = db.execute(
        "SELECT COUNT(*) FROM activity_host WHERE organisation_id = ?", (organisation_id,)
    ).fetchone()
    rows = db.execute(
        f"{_COUNTED} JOIN activity_host h ON h.activity_id = a.activity_id"
        " WHERE h.organisation_id = ? ORDER BY a.code LIMIT ?",
        (organisation_id, limit),
    ).fetchall()
    return _activities(db, rows), total


def times_of(db: Connection, numbers: Iterable[int]) -> dict[int, tuple[ActivityTime, ...]]:
    rows = db.execute(
        "SELECT s.activity_id, s.session_id, s.code, s.hall_id, h.names AS hall_names, s.starts_at,"
        " s.ends_at"
        " FROM session s JOIN hall h ON h.hall_id = s.hall_id"
        f" WHERE {dialect.one_of('s.activity_id')} ORDER BY s.starts_at, s.code",
        (dialect.many(numbers),),
    )
    times_by_activity: dict[int, list[ActivityTime]] = {}
    for row in rows:
        values = {**dict(row), "hall_names": names_of(row["hall_names"])}
        times = times_by_activity.setdefault(values.pop("activity_id"), [])
        times.append(ActivityTime(**values))
    return {number: tuple(times) for number, times in times_by_activity.items()}


def activities(db: Connection) -> list[Activity]:
    return _activities(db, db.execute(f"{_COUNTED} ORDER BY a.code").fetchall())


def activities_of(db: Connection, numbers: Iterable[int]) -> dict[int, Activity]:
    """Unknown ids are left out."""
    wanted = dialect.many(sorted(set(numbers)))
    selected = db.execute(f"{_COUNTED} WHERE {dialect.one_of('a.activity_id')}", (wanted,))
    rows = selected.fetchall()
    return {item.activity_id: item for item in _activities(db, rows)}


def activity(db: Connection, code: str) -> Activity:
    rows = db.execute(f"{_COUNTED} WHERE a.code = ?", (code,)).fetchall()
    if not rows:
        raise UnknownActivityError(f"activity {code}")
    return _activities(db, rows)[0]


def _conditions(wanted: ActivityFilter) -> tuple[str, tuple[object, ...]]:
    own = {
        "a.kind = ?": wanted.kind,
        "a.parallel = ?": 1 if wanted.parallel else None,
        "a.official = ?": 1 if wanted.official else None,
    }
    session = {
        "s.hall_id = ?": wanted.hall_id,
        "s.starts_at >= ?": wanted.since,
        "s.starts_at < ?": wanted.until,
    }
    conditions = [condition for condition, value in own.items() if value is not None]
    met = [condition for condition, value in session.items() if value is not None]
    if met:
        of_activity = " AND ".join(("s.activity_id = a.activity_id", *met))
        conditions.append(f"EXISTS (SELECT 1 FROM session s WHERE {of_activity})")
    values = tuple(value for value in (*own.values(), *session.values()) if value is not None)
    return (f" WHERE {' AND '.join(conditions)}" if conditions else ""), values


_NEVER = 1 << 62  # later than every session
_COUNTED = (
    "SELECT a.*, (SELECT COUNT(*) FROM session s WHERE s.activity_id = a.activity_id) AS sessions"
    " FROM activity a"
)


def _activities(db: Connection, rows: list[Row]) -> list[Activity]:
    hosts = _hosts(db, [row["activity_id"] for row in rows])
    return [
        Activity(
            **{
                **dict(row),
                "titles": names_of(row["titles"]),
                "official": bool(row["official"]),
                "parallel": bool(row["parallel"]),
            },
            hosts=tuple(hosts[row["activity_id"]]),
        )
        for row in rows
    ]


def _hosts(db: Connection, numbers: list[int]) -> dict[int, list[Host]]:
    hosts: dict[int, list[Host]] = defaultdict(list)
    for row in db.execute(
        "SELECT h.activity_id, o.code, o.names, o.kind, h.role FROM activity_host h"
        " JOIN organisation o ON o.organisation_id = h.organisation_id"
        f" WHERE {dialect.one_of('h.activity_id')} ORDER BY h.role DESC, o.code",
        (dialect.many(numbers),),
    ):
        host = Host(row["code"], names_of(row["names"]), row["kind"], row["role"])
        hosts[row["activity_id"]].append(host)
    return hosts
