"""Times of a new session, and sessions at the same time in one hall or in the past."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from badges.i18n import Phrase, Translated
from server.core.edits.things import Values, local_text
from server.core.event.calendar import day_starts
from server.core.event.settings import EventSettings
from server.core.venue import store
from server.features.imports.venue_plan import SessionPlan, VenueError
from server.features.imports.venue_values import read_plan
from server.storage.connection import Connection

_FIRST, _LENGTH_MS = time(9), 3_600_000  # of the first session of an event
_STEP_MS = 1_800_000  # a proposed time is a multiple of it, if it depends on the present
_DAY = timedelta(days=1)


def next_session(
    db: Connection, settings: EventSettings, now: int, hall: str = "", day: date | None = None
) -> Values:
    """Return hall, start and end for a new session: after the hall's sessions on that day, by
    default the day of its last added one, else at the times of the last added one. It is not in
    the past while the event runs.
    """
    zone = ZoneInfo(settings.time_zone)
    row = db.execute(
        "SELECT h.code, s.starts_at, s.ends_at FROM session s JOIN hall h USING (hall_id)"
        " ORDER BY h.code = ? DESC, s.session_id DESC LIMIT 1",
        (hall,),
    ).fetchone()
    if row is None:
        starts = _ms(datetime.combine(settings.first_day, _FIRST, zone))
        length = _LENGTH_MS
    else:
        starts, length = row["starts_at"], row["ends_at"] - row["starts_at"]
        hall = hall or row["code"]
        if day is not None:
            starts = _ms(datetime.combine(day, _local(starts, zone).time(), zone))
        starts = _end_of_day(db, hall, starts, zone) or starts
    soon = -(-now // _STEP_MS) * _STEP_MS
    if starts < now and soon < day_starts(settings)[-1]:
        starts = max(soon, _end_of_day(db, hall, soon, zone))
    times = {"starts": local_text(starts, zone), "ends": local_text(starts + length, zone)}
    return times | ({"hall": hall} if hall else {})


def _end_of_day(db: Connection, hall: str, at: int, zone: ZoneInfo) -> int:
    """Return the end of the hall's last session on the day of `at`, or 0."""
    day = _local(at, zone).date()
    since, until = (_ms(datetime.combine(day + days * _DAY, time(), zone)) for days in (0, 1))
    (end,) = db.execute(
        "SELECT COALESCE(MAX(s.ends_at), 0) FROM session s JOIN hall h USING (hall_id)"
        " WHERE h.code = ? AND s.starts_at >= ? AND s.starts_at < ?",
        (hall, since, until),
    ).fetchone()
    return int(end)


@dataclass(frozen=True)
class Doubts:
    """What a session's new hall or times need a confirmation for."""

    at_once: Sequence[str] = ()  # the hall's other sessions at this one's time
    is_over: bool = False


def doubts(
    db: Connection, settings: EventSettings, values: Values, before: Values, now: int
) -> Doubts:
    """Return none if hall and times are as `before`, or invalid."""
    if all(values.get(key) == before.get(key) for key in ("hall", "starts", "ends")):
        return Doubts()
    try:
        plan = read_plan("session", values, settings)
    except VenueError:
        return Doubts()
    assert isinstance(plan, SessionPlan)
    hall = next((hall for hall in store.halls(db) if hall.code == plan.hall), None)
    if hall is None:
        return Doubts()
    zone = ZoneInfo(settings.time_zone)
    others = [
        Phrase(
            "%(title)s, from %(starts)s to %(ends)s",
            title=Translated(other.titles),
            starts=local_text(other.starts_at, zone),
            ends=local_text(other.ends_at, zone),
        )
        for other in store.sessions_of_day(db, hall.hall_id, plan.starts_at, plan.ends_at)
        if other.code != plan.code
    ]
    return Doubts(others, plan.ends_at <= now)


def _local(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at // 1000, zone)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
