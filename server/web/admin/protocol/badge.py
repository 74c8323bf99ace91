"""Shows in the header of each page how many arrivals its user has not seen."""

from flask import render_template
from markupsafe import Markup

from server.people import protocol_guests
from server.web import auth
from server.web.rendered import Parts
from server.web.services import services

PART = "arrivals"  # The id of its element.


def parts() -> Parts:
    """Return the badge for the user who asks. It is empty for users who are told of nobody."""
    who = auth.user()
    if who is None or who.must_change:
        return {}
    db = services().database.reader
    if not protocol_guests.is_told(db, who.user_id):
        return {}
    count = protocol_guests.unseen(db, who.user_id)
    return {PART: render_template("parts/arrivals_badge.html", count=count)}


def context() -> dict[str, object]:
    """Return the badge for templates, under a name of its own."""

    def arrivals_badge() -> Markup:
        return Markup(parts().get(PART, ""))

    return {"arrivals_badge": arrivals_badge}
