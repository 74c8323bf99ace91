"""Activities of the forum, with their kind and hosts. A session is an activity's time in a hall."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from server.storage import dialect
from server.storage.connection import Connection, Row
from server.storage.localized import names_of


class UnknownActivityError(ValueError):
    """Is raised where there is no such activity in the event."""


@dataclass(frozen=True)
class ActivityKind:
    code: str
    names: dict[str, str]


@dataclass(frozen=True)
class Host:
    """Represents an organisation that hosts an activity. `role` is "lead" or "co_host"."""

    code: str
    names: dict[str, str]
    kind: str
    role: str


@dataclass(frozen=True)
class Activity:
    """Represents one activity. `official` says that national authorities lead or co-host it, and
    `parallel` that it is one of the parallel forums.
    """

    activity_id: int
    code: str
    kind: str
    titles: dict[str, str]
    official: bool
    parallel: bool
    theme: str
    language: str
    hosts: tuple[Host, ...]  # the leading ones first
    sessions: int  # how many


def kinds(db: Connection) -> dict[str, ActivityKind]:
    """Return the kinds of activities, by their code."""
    rows = db.execute("SELECT code, names FROM activity_kind ORDER BY code")
    return {row["code"]: ActivityKind(row["code"], names_of(row["names"])) for row in rows}


def activities(db: Connection, *, limit: int | None = None, offset: int = 0) -> list[Activity]:
    """Return activities by code. `limit` and `offset` choose a page of them."""
    page = "" if limit is None else " LIMIT ? OFFSET ?"
    values = () if limit is None else (limit, offset)
    rows = db.execute(f"{_COUNTED} ORDER BY a.code{page}", values).fetchall()
    return _activities(db, rows)


def activities_of(db: Connection, numbers: Iterable[int]) -> dict[int, Activity]:
    """Return the activities of these numbers, by number. Numbers that are not known are left
    out.
    """
    wanted = dialect.many(sorted(set(numbers)))
    found = db.execute(f"{_COUNTED} WHERE {dialect.one_of('a.activity_id')}", (wanted,))
    rows = found.fetchall()
    return {one.activity_id: one for one in _activities(db, rows)}


def activity(db: Connection, code: str) -> Activity:
    """Raises UnknownActivityError."""
    rows = db.execute(f"{_COUNTED} WHERE a.code = ?", (code,)).fetchall()
    if not rows:
        raise UnknownActivityError(f"activity {code}")
    return _activities(db, rows)[0]


_COUNTED = (
    "SELECT a.*, (SELECT COUNT(*) FROM session s WHERE s.activity_id = a.activity_id) AS sessions"
    " FROM activity a"
)


def _activities(db: Connection, rows: list[Row]) -> list[Activity]:
    hosts = _hosts(db, [row["activity_id"] for row in rows])
    return [
        Activity(
            activity_id=row["activity_id"],
            code=row["code"],
            kind=row["kind"],
            titles=names_of(row["titles"]),
            official=bool(row["official"]),
            parallel=bool(row["parallel"]),
            theme=row["theme"],
            language=row["language"],
            hosts=hosts(row["activity_id"]),
            sessions=row["sessions"],
        )
        for row in rows
    ]


def _hosts(db: Connection, numbers: list[int]) -> Callable[[int], tuple[Host, ...]]:
    found: dict[int, list[Host]] = {}
    for row in db.execute(
        "SELECT h.activity_id, o.code, o.names, o.kind, h.role FROM activity_host h"
        " JOIN organisation o ON o.organisation_id = h.organisation_id"
        f" WHERE {dialect.one_of('h.activity_id')} ORDER BY h.role DESC, o.code",
        (dialect.many(numbers),),
    ):
        one = Host(row["code"], names_of(row["names"]), row["kind"], row["role"])
        found.setdefault(row["activity_id"], []).append(one)
    return lambda number: tuple(found.get(number, ()))
