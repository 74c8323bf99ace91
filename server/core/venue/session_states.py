from dataclasses import dataclass
from enum import StrEnum

from server.storage.connection import Connection


class Phase(StrEnum):
    """The programme's state in a hall, most important to staff first."""

    ADMITTING = "admitting"  # a session admits now
    OPEN = "open"  # the hall admits without a session
    OPENS = "opens"  # a session of today opens later
    RUNNING = "running"  # a session runs and no longer admits
    OVER = "over"  # today's sessions are over
    NONE = "none"  # admits only in sessions, and none is planned today
    CLOSED = "closed"  # closed by staff


@dataclass(frozen=True)
class HallPhase:
    """A hall's state, its session's titles, and its end `at` (Unix ms), if any."""

    phase: Phase
    titles: str = "{}"  # JSON by language
    at: int | None = None


@dataclass(frozen=True)
class _Session:
    titles: str
    opens_at: int
    closes_at: int
    ends_at: int


def hall_phases(db: Connection, now: int, until: int) -> dict[int, HallPhase]:
    """The day ends at `until` (Unix ms)."""
    day = until - 24 * 3_600_000
    planned: dict[int, list[_Session]] = {}
    for row in db.execute(
        "SELECT hall_id, titles, opens_at, closes_at, ends_at FROM session"
        # A session that ended before midnight may still admit.
        " WHERE (ends_at > ? OR closes_at > ?) AND opens_at < ? ORDER BY opens_at",
        (day, now, until),
    ):
        values = dict(row)
        planned.setdefault(values.pop("hall_id"), []).append(_Session(**values))
    phases = {}
    for row in db.execute("SELECT hall_id, sessions_only, closed_at FROM hall"):
        sessions = planned.get(row["hall_id"], [])
        if row["closed_at"] is not None:
            phases[row["hall_id"]] = HallPhase(Phase.CLOSED)
        else:
            phases[row["hall_id"]] = _phase(sessions, now, alone=bool(row["sessions_only"]))
    return phases


def _phase(sessions: list[_Session], now: int, *, alone: bool) -> HallPhase:
    """`sessions` are the day's and those that still admit, in order. `alone` means that the hall
    admits only during sessions.
    """
    for session in sessions:
        if session.opens_at <= now < session.closes_at:
            return HallPhase(Phase.ADMITTING, session.titles, session.closes_at)
    if not alone:
        return HallPhase(Phase.OPEN)
    for session in sessions:
        if session.closes_at <= now < session.ends_at:
            return HallPhase(Phase.RUNNING, session.titles, session.ends_at)
    for session in sessions:
        if session.opens_at > now:
            return HallPhase(Phase.OPENS, session.titles, session.opens_at)
    return HallPhase(Phase.OVER if sessions else Phase.NONE)
