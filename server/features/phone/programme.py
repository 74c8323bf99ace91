"""Reads the programme of an attendee's phone page, and how full its halls are."""

from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from babel.dates import format_skeleton
from flask_babel import get_locale  # type: ignore[import-untyped]  # it ships no types

from server.core.event.calendar import Clock
from server.core.occupancy.figures import hall_figures
from server.core.programme import activities, speakers
from server.core.venue import store
from server.storage.connection import Connection
from server.web.display import hall_state
from server.web.i18n import gettext as _
from server.web.rendered import Rendered
from server.web.services import services

SESSIONS_SHOWN = 100
PRINTED = 6  # Upcoming sessions on a sheet of paper
HALLS_AHEAD = 20  # Upcoming sessions whose halls are reported
FRESH_S = 5.0  # All phones share the halls' data this long


class HallStates(Rendered):
    """Caches the halls' states for all phones."""


@dataclass(frozen=True)
class Shown:
    """A session and its day in words. `printed`: also on paper."""

    row: store.SessionRow
    day: str
    printed: bool


def shown(db: Connection, serial: int, now: int, clock: Clock) -> dict[str, Any]:
    rows_shown, left_out = _sessions(db, serial, now)
    past = [row for row in rows_shown if row.ends_at <= now]
    under_way = [row for row in rows_shown if row.starts_at <= now < row.ends_at]
    to_come = [row for row in rows_shown if now < row.starts_at]
    first = [row for row in to_come if row.starts_at == to_come[0].starts_at]
    printed = {row.session_id for row in (*under_way, *to_come)[:PRINTED]}

    def described(rows: list[store.SessionRow]) -> list[Shown]:
        return [
            Shown(row, day_words(clock, row.starts_at), row.session_id in printed) for row in rows
        ]

    return {
        "under_way": described(under_way),
        "first": described(first),
        "later": _by_day(described(to_come[len(first) :])),
        "past": _by_day(described(past)),
        "past_count": len(past),
        "printed": PRINTED,
        "not_printed": len(under_way) + len(to_come) > PRINTED,
        "left_out": left_out,
        "kinds": activities.kinds(db),
        "activities": activities.activities_of(db, (row.activity_id or 0 for row in rows_shown)),
        "speakers": speakers.speakers_of(db, (row.session_id for row in rows_shown)),
        "talks": speakers.talks(db, serial),
        "roles": _roles(),
        "hall_names": {hall.hall_id: hall.names for hall in store.halls(db)},
        "halls": halls_now(db, serial, now),
        "day_words": lambda at: day_words(clock, at),
    }


def _by_day(those: list[Shown]) -> list[tuple[str, list[Shown]]]:
    return [(day, list(rows)) for day, rows in groupby(those, key=lambda item: item.day)]


def day_words(clock: Clock, at: int) -> str:
    """Return a time's venue day in the page's language, such as "Tue, May 5"."""
    return str(format_skeleton("MMMEd", clock.local(at), locale=get_locale()))


def halls_now(db: Connection, serial: int, now: int) -> dict[str, Any]:
    """Return how full the halls of the person's next sessions are.

    `at` is the data's time (Unix ms); `halls` has a word per hall.
    """

    def read() -> dict[str, str]:
        figures = {str(hall.hall_id): hall_state(hall).key for hall in hall_figures(db)}
        return {"at": str(now), **figures}

    states = services().own(HallStates).parts("all", read, fresh_s=FRESH_S)
    days = services().calendar.day_starts
    rows = store.programme_for(db, serial, days, after=now, limit=HALLS_AHEAD)
    own = {str(row.hall_id) for row in rows}
    return {
        "at": int(states["at"]),
        "halls": {hall: states[hall] for hall in sorted(own) if hall in states},
    }


def _sessions(db: Connection, serial: int, now: int) -> tuple[list[store.SessionRow], bool]:
    """Return the sessions to show, soonest first, and whether some are left out.

    Of a very long programme: all that invite the person by name, and the next others.
    """
    own = partial(store.programme_for, db, serial, services().calendar.day_starts)
    rows = own(limit=SESSIONS_SHOWN + 1)
    if len(rows) <= SESSIONS_SHOWN:
        return rows, False
    soon = own(after=now, limit=SESSIONS_SHOWN)
    named = own(after=now, limit=SESSIONS_SHOWN, named=True)
    both = {row.session_id: row for row in (*soon, *named)}
    return sorted(both.values(), key=lambda row: (row.starts_at, row.code)), True


def _roles() -> dict[str, str]:
    return {
        "keynote": _("Keynote speaker"),
        "speaker": _("Speaker"),
        "moderator": _("Moderator"),
        "panellist": _("Panellist"),
    }
