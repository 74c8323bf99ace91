"""Says what goes on in each hall now, by its sessions."""

from dataclasses import dataclass
from enum import StrEnum

from server.storage.connection import Connection


class Phase(StrEnum):
    """Says how it stands with a hall's sessions. They are in the order in which staff look."""

    ADMITTING = "admitting"  # A session admits now.
    OPEN = "open"  # The hall admits without a session.
    OPENS = "opens"  # A session of today opens later.
    RUNNING = "running"  # A session goes on and admits nobody any more.
    OVER = "over"  # The sessions of today are over.
    NONE = "none"  # It admits in sessions alone, and none is planned today.
    CLOSED = "closed"  # Staff closed it.


@dataclass(frozen=True)
class HallPhase:
    """Describes a hall's phase, with the session that it is about. `at` (Unix ms) is when that
    phase ends, where it does.
    """

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
    """Return each hall's phase at `now`, where the day ends at `until` (Unix ms)."""
    day = until - 24 * 3_600_000
    planned: dict[int, list[_Session]] = {}
    for row in db.execute(
        "SELECT hall_id, titles, opens_at, closes_at, ends_at FROM session"
        " WHERE ends_at > ? AND opens_at < ? ORDER BY opens_at",
        (day, until),
    ):
        values = dict(row)
        planned.setdefault(values.pop("hall_id"), []).append(_Session(**values))
    found = {}
    for row in db.execute("SELECT hall_id, sessions_only, closed_at FROM hall"):
        sessions = planned.get(row["hall_id"], [])
        if row["closed_at"] is not None:
            found[row["hall_id"]] = HallPhase(Phase.CLOSED)
        else:
            found[row["hall_id"]] = _phase(sessions, now, alone=bool(row["sessions_only"]))
    return found


def _phase(sessions: list[_Session], now: int, *, alone: bool) -> HallPhase:
    """Return the phase by the sessions of a day, in their order. `alone` says that the hall admits
    in sessions alone.
    """
    for one in sessions:
        if one.opens_at <= now < one.closes_at:
            return HallPhase(Phase.ADMITTING, one.titles, one.closes_at)
    if not alone:
        return HallPhase(Phase.OPEN)
    for one in sessions:
        if one.closes_at <= now < one.ends_at:
            return HallPhase(Phase.RUNNING, one.titles, one.ends_at)
    for one in sessions:
        if one.opens_at > now:
            return HallPhase(Phase.OPENS, one.titles, one.opens_at)
    return HallPhase(Phase.OVER if sessions else Phase.NONE)
