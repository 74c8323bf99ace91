"""Shows the forum in figures, and the countries that its people are from."""

from flask import render_template

from server.event.calendar import day_starts
from server.programme import counts
from server.web import auth, display
from server.web.admin.programme.lists import ROLES
from server.web.services import services


def forum_counts() -> counts.ForumCounts:
    """Count this event's forum."""
    here = services()
    settings = here.event.settings
    return counts.forum_counts(here.database.reader, day_starts(settings), settings.country or "")


@auth.allow(*ROLES)
def show() -> str:
    return render_template(
        "programme/forum.html", counts=forum_counts(), host=services().event.settings.country
    )


@auth.allow(*ROLES)
def countries() -> str:
    found = counts.country_counts(services().database.reader)
    named = [(display.country(one.country), one) for one in found]
    return render_template("programme/countries.html", countries=named)
