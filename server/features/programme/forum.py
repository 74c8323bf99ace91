from flask import render_template

from server.core.programme import counts
from server.web import auth, display
from server.web.lists import ROLES
from server.web.services import services


@auth.allow(*ROLES)
def show() -> str:
    here = services()
    return render_template(
        "programme/forum.html",
        counts=counts.forum_counts(here.database.reader, here.event.settings),
        host=here.event.settings.country,
    )


@auth.allow(*ROLES)
def countries() -> str:
    by_country = counts.country_counts(services().database.reader)
    named = [(display.country(row.country), row) for row in by_country]
    return render_template("programme/countries.html", countries=named)
