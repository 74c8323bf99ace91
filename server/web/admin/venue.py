"""Shows the venue as it was planned, with halls, their limits and doors, and the programme by
day.
"""

from itertools import groupby

from flask import Blueprint, render_template

from server.venue import store
from server.web import auth
from server.web.services import services

blueprint = Blueprint("venue", __name__, url_prefix="/admin/venue")


@blueprint.get("/")
@auth.allow("auditor")
def show() -> str:
    db = services().database.reader
    clock = services().venue_clock
    halls = store.halls(db)
    sessions = store.sessions(db)
    days = groupby(sessions, key=lambda row: clock.day(row.starts_at))
    return render_template(
        "venue.html",
        halls=halls,
        hall_names={hall.hall_id: hall.names for hall in halls},
        doors=store.doors(db),
        days=[(day, list(rows)) for day, rows in days],
        categories={one.code: one for one in store.categories(db)},
    )
