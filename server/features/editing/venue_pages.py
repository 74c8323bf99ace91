"""Shows the planned venue: halls, limits, doors, and programme by day."""

from collections import defaultdict
from datetime import date, timedelta

from flask import Blueprint, render_template, request

from server.core.event.calendar import day_starts
from server.core.venue import store
from server.web import auth
from server.web.forms import whole
from server.web.services import services

blueprint = Blueprint("venue", __name__, url_prefix="/admin/venue")

SESSIONS_SHOWN = 100
PAGES_MAX = 1_000


@blueprint.get("/")
@auth.allow("auditor")
def show() -> str:
    here = services()
    db, settings = here.database.reader, here.event.settings
    days = [settings.first_day + timedelta(days=number) for number in range(settings.days)]
    day = _day(days)
    page = min(max(1, request.args.get("page", 1, type=whole)), PAGES_MAX)
    starts = day_starts(settings)
    since, until = starts[days.index(day)], starts[days.index(day) + 1]
    first = (page - 1) * SESSIONS_SHOWN
    sessions, total = store.sessions_between(db, since, until, SESSIONS_SHOWN, first)
    halls = store.halls(db)
    doors = defaultdict(list)
    for door in store.doors(db):
        doors[door.hall_id].append(door)
    return render_template(
        "venue.html",
        halls=halls,
        never_freed=store.halls_never_freed(db),
        hall_names={hall.hall_id: hall.names for hall in halls},
        doors=doors,
        days=days,
        day=day,
        sessions=sessions,
        total=total,
        page=page,
        pages_of_day=max(1, -(-total // SESSIONS_SHOWN)),
        categories={category.code: category for category in store.categories(db)},
    )


def _day(days: list[date]) -> date:
    here = services()
    try:
        asked = date.fromisoformat(request.args.get("day", ""))
    except ValueError:
        asked = here.venue_clock.local(here.now()).date()
    return asked if asked in days else days[0]
