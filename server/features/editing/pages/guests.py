"""Shows a session's invited and refused people, and changes them."""

from zoneinfo import ZoneInfo

from flask import Blueprint, abort, render_template, request, url_for
from werkzeug.wrappers import Response

from badges.credential.badge_number import parse_badge_number
from badges.i18n import N_
from server.core.people import attendees
from server.core.people.attendees import UnknownAttendeeError
from server.core.venue import store
from server.core.venue.store import UnknownSessionError
from server.features.editing import guests
from server.web import auth, forms
from server.web.forms import whole
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("guests", __name__, url_prefix="/admin/venue/session/<int:session_id>/guests")

PAGE_ROWS = 50
FOUND_ROWS = 20
PAGES_MAX = 1_000
ANSWERS = {"invite": True, "refuse": False, "neither": None}
SAID = {
    True: N_("They are invited, regardless of category."),
    False: N_("They are refused, regardless of category."),
    None: N_("Their category decides."),
}


@blueprint.get("/")
@auth.allow()
def show(session_id: int) -> str:
    db = services().database.reader
    session = _session(session_id)
    text = request.args.get("q", "").strip()[:200]
    page = min(max(1, request.args.get("page", 1, type=whole)), PAGES_MAX)
    listed, total = guests.guests(db, session_id, PAGE_ROWS, (page - 1) * PAGE_ROWS)
    matches, more = attendees.find_attendees(db, text, FOUND_ROWS) if text else ([], 0)
    return render_template(
        "editing/guests.html",
        session=session,
        text=text,
        found=[(item, guests.answer(db, session_id, item.serial)) for item in matches],
        more=more - len(matches),
        guests=listed,
        total=total,
        page=page,
        pages_of_guests=max(1, -(-total // PAGE_ROWS)),
        categories={item.code: item for item in store.categories(db)},
    )


@blueprint.post("/")
@auth.allow()
def change(session_id: int) -> Response:
    session = _session(session_id)
    wanted = request.form.get("answer", "")
    if wanted not in ANSWERS:
        abort(400)
    try:
        serial = parse_badge_number(request.form.get("number", ""))
    except ValueError:
        abort(404)
    invited = ANSWERS[wanted]
    zone = ZoneInfo(services().event.settings.time_zone)
    return forms.perform(
        lambda db, by, now: guests.set_guest(
            db, zone, session.session_id, serial, invited, by=by, now=now
        ),
        _(SAID[invited]),
        back=url_for("admin.guests.show", session_id=session_id, q=request.form.get("q") or None),
        refused=(UnknownSessionError, UnknownAttendeeError),
    )


def _session(session_id: int) -> store.SessionRow:
    try:
        return store.session(services().database.reader, session_id)
    except UnknownSessionError:
        abort(404)
