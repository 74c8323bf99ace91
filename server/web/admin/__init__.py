"""Serves staff's pages, rendered on the server. `auth.allow` on each view says who may see it."""

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from server.web import auth
from server.web.admin import (
    account,
    acts,
    entries,
    halls,
    kiosks,
    live,
    overview,
    people,
    sign_in,
    users,
    venue,
)
from server.web.admin.protocol import arrivals, badge, flag
from server.web.rehearsal import pages as rehearsal

blueprint = Blueprint("admin", __name__)
for part in (
    overview, live, people, entries, kiosks, halls, venue, users, sign_in, account, acts,
    rehearsal, arrivals, flag,
):  # fmt: skip
    blueprint.register_blueprint(part.blueprint)
blueprint.register_blueprint(entries.absences)

PAGES = (
    ("admin.overview.show", "Overview"),
    ("admin.people.search", "Attendees"),
    ("admin.entries.show", "Entries"),
    ("admin.acts.show", "Acts"),
    ("admin.kiosks.show", "Kiosks"),
    ("admin.absences.show", "Outages"),
    ("admin.venue.show", "Venue"),
    ("admin.rehearsal.show", "Rehearsal"),
    ("admin.users.show", "Users"),
)


@blueprint.app_context_processor
def _pages() -> dict[str, object]:
    return {"pages": PAGES}


blueprint.app_context_processor(badge.context)


@blueprint.get("/")
@auth.allow_everybody
def home() -> Response:
    """Send the user to the first page that they may open, or to the sign-in."""
    for endpoint, _ in PAGES:
        if auth.may_open(endpoint):
            return redirect(url_for(endpoint))
    return redirect(url_for("admin.sign_in.form"))
