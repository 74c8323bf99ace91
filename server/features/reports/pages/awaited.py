from flask import Blueprint, render_template, request
from werkzeug.datastructures import MultiDict

from server.core.venue import store
from server.features.reports import awaited
from server.features.reports.awaited import Awaited
from server.web import auth
from server.web.forms import CHOOSE, Asked, Field, read_filter, whole
from server.web.i18n import gettext as _
from server.web.lists import SPEAKER_ROLES
from server.web.services import services

blueprint = Blueprint("awaited", __name__, url_prefix="/admin/not-come")

ROLES = ("supervisor", "badge_desk", "auditor")


@blueprint.get("/")
@auth.allow(*ROLES)
def show() -> tuple[str, int]:
    here = services()
    db, now = here.database.reader, here.now()
    asked = _asked(request.args)
    sessions = store.sessions(db, after=now)
    soon = [session for session in sessions if session.starts_at <= now + awaited.AHEAD_MS]
    shown = render_template(
        "reports/not_come.html",
        asked=asked,
        halls=store.halls(db),
        sessions=soon,
        **({} if asked.problems else _lists(asked.wanted)),
    )
    return shown, 400 if asked.problems else 200


@blueprint.get("/list")
@auth.allow(*ROLES)
def part() -> tuple[str, int]:
    """Return the lists, which the page reloads regularly."""
    asked = _asked(request.args)
    if asked.problems:
        return "", 400
    return render_template("reports/not_come_list.html", **_lists(asked.wanted)), 200


def _lists(wanted: awaited.Asked) -> dict[str, object]:
    here = services()
    db, now = here.database.reader, here.now()
    expected = awaited.not_come(db, wanted, now)
    guests: list[Awaited] | None = None
    if wanted == awaited.Asked():
        guests = awaited.guests_not_inside(db, _may_know())
    return {
        "expected": expected[: awaited.ROWS_MAX],
        "guests": guests if guests is None else guests[: awaited.ROWS_MAX],
        "more": len(expected) > awaited.ROWS_MAX or len(guests or ()) > awaited.ROWS_MAX,
        "named": auth.may_open("admin.people.person"),
        "roles": _roles(),
        "rows_max": awaited.ROWS_MAX,
        "now": now,
    }


def _may_know() -> list[int] | None:
    """Return the protocol guests that the user may see, or None for all."""
    if auth.may_open("admin.protocol.put"):
        return None
    return awaited.watched_by(services().database.reader, auth.signed_in().user_id)


def _asked(given: MultiDict[str, str]) -> Asked[awaited.Asked]:
    fields = {
        "hall": Field("hall_id", whole, CHOOSE),
        "session": Field("session_id", whole, CHOOSE),
    }
    return read_filter(given, fields, awaited.Asked)


def _roles() -> dict[str, str]:
    return {
        **{role: _(words) for role, words in SPEAKER_ROLES.items()},
        "invited": _("Invited by name"),
        "protocol": _("Protocol guest"),
    }
