"""Times of a new session, and sessions at the same time in one hall."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from badges.i18n import Phrase
from server.core.edits.things import Values, local_text
from server.core.event.settings import EventSettings
from server.core.venue import store
from server.features.imports.venue_plan import SessionPlan, VenueError
from server.features.imports.venue_values import read_plan
from server.storage.connection import Connection
from server.storage.localized import text_in

_FIRST, _LENGTH = time(9), timedelta(hours=1)  # of the first session of an event


def next_session(db: Connection, settings: EventSettings, hall: str = "") -> Values:
    """Return hall, start and end for a new session: after the hall's last added session, else at
    the times of another hall's last one.
    """
    row = db.execute(
        "SELECT h.code, s.starts_at, s.ends_at FROM session s JOIN hall h USING (hall_id)"
        " ORDER BY h.code = ? DESC, s.session_id DESC LIMIT 1",
        (hall,),
    ).fetchone()
    if row is None:
        first = datetime.combine(settings.first_day, _FIRST)
        times = {"starts": _text(first), "ends": _text(first + _LENGTH)}
        return times | ({"hall": hall} if hall else {})
    starts, ends = row["starts_at"], row["ends_at"]
    if hall in ("", row["code"]):
        starts, ends = ends, 2 * ends - starts
    zone = ZoneInfo(settings.time_zone)
    return {
        "hall": hall or row["code"],
        "starts": local_text(starts, zone),
        "ends": local_text(ends, zone),
    }


def at_once(db: Connection, settings: EventSettings, values: Values, before: Values) -> list[str]:
    """Describe the hall's other sessions at this one's time; none if hall and times are as
    `before`.
    """
    if all(values.get(key) == before.get(key) for key in ("hall", "starts", "ends")):
        return []
    try:
        plan = read_plan("session", values, settings)
    except VenueError:
        return []
    assert isinstance(plan, SessionPlan)
    hall = next((hall for hall in store.halls(db) if hall.code == plan.hall), None)
    if hall is None:
        return []
    zone = ZoneInfo(settings.time_zone)
    return [
        Phrase(
            "%(title)s, from %(starts)s to %(ends)s",
            title=text_in(other.titles, "en"),
            starts=local_text(other.starts_at, zone),
            ends=local_text(other.ends_at, zone),
        )
        for other in store.sessions_of_day(db, hall.hall_id, plan.starts_at, plan.ends_at)
        if other.code != plan.code
    ]


def _text(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="minutes")
