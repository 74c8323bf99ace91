"""The counter of unseen arrivals in each page's header."""

from flask import render_template, url_for
from markupsafe import Markup

from server.core.people import protocol_guests
from server.web import auth
from server.web.rendered import Parts
from server.web.services import services

PART = "arrivals"  # Element id


def parts() -> Parts:
    """Return the counter, none for users who watch no one."""
    user = auth.user()
    if user is None or user.must_change:
        return {}
    db = services().database.reader
    if not protocol_guests.is_told(db, user.user_id):
        return {}
    count = protocol_guests.unseen(db, user.user_id)
    return {PART: render_template("parts/arrivals_badge.html", count=count)}


def header() -> Markup:
    shown = parts().get(PART, "")
    if not shown:
        return Markup()
    return Markup('<span id="{}" class="arrivals" data-live="{}">{}</span>').format(
        PART,
        url_for("admin.arrivals.stream"),
        Markup(shown),  # noqa: S704
    )
