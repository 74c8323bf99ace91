"""Measures how fast the desks work.

A person is served when their card is printed, or the badge is on their phone. The wait begins with
the first typed key, so it excludes the queue.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from server.storage.connection import Connection

NOW_MS = 5 * 60_000
LATELY_MS = 15 * 60_000
ALL_DESKS = ""


@dataclass(frozen=True)
class Window:
    people: int
    a_minute: float
    p50_ms: int | None  # None if no one was served
    p95_ms: int | None


@dataclass(frozen=True)
class DeskPace:
    """The pace of one desk, or of all ("")."""

    desk: str
    waiting: int  # Cards that are not out yet
    now: Window
    lately: Window
    today: Window


@dataclass(frozen=True)
class _Served:
    desk: str
    serial: int
    begun_at: int
    done_at: int


def pace(db: Connection, *, since: int, now: int) -> list[DeskPace]:
    """Return the pace of all desks together, then of each by name. `since` is the day's start."""
    served = _served(db, since)
    waiting = _waiting(db, since)
    by_desk: defaultdict[str, list[_Served]] = defaultdict(list)
    for person in served:
        by_desk[person.desk].append(person)
    names = sorted(by_desk.keys() | waiting.keys())
    return [
        _pace(ALL_DESKS, served, sum(waiting.values()), now),
        *(_pace(name, by_desk[name], waiting.get(name, 0), now) for name in names),
    ]


def percentile(values: Sequence[int], percent: int) -> int | None:
    """Return the smallest value with at least `percent` of all values at or below it."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else None


def _pace(desk: str, served: list[_Served], waiting: int, now: int) -> DeskPace:
    first = min((person.begun_at for person in served), default=now)
    today_ms = max(now - first, 60_000)
    return DeskPace(
        desk,
        waiting,
        now=_window(served, now, NOW_MS),
        lately=_window(served, now, LATELY_MS),
        today=_window(served, now, today_ms),
    )


def _window(served: list[_Served], now: int, length_ms: int) -> Window:
    inside = [person for person in served if person.done_at > now - length_ms]
    people = len({person.serial for person in inside})
    waits = [person.done_at - person.begun_at for person in inside]
    return Window(
        people, people / (length_ms / 60_000), percentile(waits, 50), percentile(waits, 95)
    )


def _served(db: Connection, since: int) -> list[_Served]:
    rows = db.execute(
        "SELECT a.desk, a.serial, a.begun_at, COALESCE(a.done_at, j.done_at) AS done_at"
        " FROM desk_submission a LEFT JOIN print_job j ON j.job_id = a.job_id AND j.state = 'done'"
        " WHERE a.made_at >= ? AND COALESCE(a.done_at, j.done_at) IS NOT NULL"
        " AND a.undone_at IS NULL AND a.kind <> 'undo'",
        (since,),
    )
    return [_Served(*row) for row in rows]


def _waiting(db: Connection, since: int) -> dict[str, int]:
    rows = db.execute(
        "SELECT a.desk, COUNT(DISTINCT a.serial) AS people FROM desk_submission a"
        " LEFT JOIN print_job j ON j.job_id = a.job_id WHERE a.made_at >= ?"
        " AND (j.state IN ('waiting', 'printing', 'failed')"
        " OR (a.by_browser = 1 AND a.done_at IS NULL)) GROUP BY a.desk",
        (since,),
    )
    return dict(tuple(row) for row in rows)
