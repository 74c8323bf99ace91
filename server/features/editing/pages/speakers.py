"""Shows a session's speakers, and changes them."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, render_template, request, url_for
from werkzeug.wrappers import Response

from badges.credential.badge_number import parse_badge_number
from badges.i18n import N_, Phrase
from server.core.edits.last_edit import EditError
from server.core.edits.things import local_text
from server.core.people import attendees
from server.core.people.attendees import UnknownAttendeeError
from server.core.programme import speakers
from server.core.venue import store
from server.core.venue.store import UnknownSessionError
from server.features.editing.pages.things import MARK_CHARS
from server.features.editing.programme import speakers as editing
from server.features.editing.programme.speakers import SpeakersEdit
from server.features.imports.venue_plan import VenueError
from server.storage.connection import Connection
from server.web import auth, forms
from server.web.forms import whole
from server.web.i18n import gettext as _
from server.web.lists import SPEAKER_ROLES
from server.web.services import services

blueprint = Blueprint(
    "session_speakers", __name__, url_prefix="/admin/venue/session/<int:session_id>/speakers"
)

FOUND_ROWS = 20
NAME_CHARS_MAX = 200
ACTS = ("add", "save", "up", "down", "remove")
_LABELS: dict[object, str] = {
    "name": N_("Name"),
    "role": N_("Role"),
    "starts": N_("Start of the talk"),
}


@blueprint.get("/")
@auth.allow()
def show(session_id: int) -> str:
    here = services()
    db = here.database.reader
    try:
        session = store.session(db, session_id)
    except UnknownSessionError:
        abort(404)
    text = request.args.get("q", "").strip()[:NAME_CHARS_MAX]
    matches, total = attendees.find_attendees(db, text, FOUND_ROWS) if text else ([], 0)
    zone = ZoneInfo(here.event.settings.time_zone)
    there = speakers.speakers_of(db, [session_id]).get(session_id, ())
    return render_template(
        "editing/speakers.html",
        session=session,
        speakers=there,
        starts=[_moment(item.starts_at, zone) for item in there],
        begins=_moment(session.starts_at, zone),
        ends=_moment(session.ends_at, zone),
        seen=editing.mark(db, session.code),
        roles=SPEAKER_ROLES,
        text=text,
        found=matches,
        more=total - len(matches),
        categories={item.code: item for item in store.categories(db)},
    )


@blueprint.post("/")
@auth.allow()
def change(session_id: int) -> Response:
    act = request.form.get("act", "")
    if act not in ACTS:
        abort(400)
    here = services()
    seen = request.form.get("seen", "")[:MARK_CHARS]

    do = _asked(act)  # The request is not available on the writer's thread

    def step(db: Connection, by: str, now: int) -> str:
        return do(SpeakersEdit(db, here.event.settings, session_id, seen=seen, by=by, now=now))

    return forms.perform(
        step,
        lambda change_words: (
            _("The list is as you wanted it.") if change_words else _("Nothing changed.")
        ),
        back=url_for("admin.session_speakers.show", session_id=session_id),
        refused=(EditError, VenueError, UnknownAttendeeError, UnknownSessionError),
        words=_why,
    )


def _why(error: Exception) -> str:
    """Name the page's fields instead of the keys of a venue file."""
    if not isinstance(error, VenueError):
        return forms.unchanged(error)
    return forms.unchanged(VenueError([_labelled(problem) for problem in error.problems]))


def _labelled(problem: str) -> str:
    label = _LABELS.get(problem.fields.get("key")) if isinstance(problem, Phrase) else None
    if label is None:
        return problem
    assert isinstance(problem, Phrase)
    fields = {**problem.fields, "key": f"“{_(label)}”"}
    return Phrase(problem.text, problem.many, **fields)


def _asked(act: str) -> Callable[[SpeakersEdit], str]:
    form = request.form
    values = {"role": form.get("role", ""), "starts": form.get("starts", "").replace("T", " ")}
    if act == "add":
        serial, name = _serial(), form.get("name", "").strip()
        return lambda edit: edit.add(serial, {**values, "name": name})
    at = form.get("at", type=whole)
    if at is None:
        abort(400)
    if act == "save":
        return lambda edit: edit.change(at, values)
    if act == "remove":
        return lambda edit: edit.remove(at)
    return lambda edit: edit.move(at, at - 1 if act == "up" else at + 1)


def _serial() -> int | None:
    if "number" not in request.form:
        return None
    try:
        return parse_badge_number(request.form["number"])
    except ValueError:
        abort(404)


def _moment(at: int | None, zone: ZoneInfo) -> str:
    return "" if at is None else local_text(at, zone).replace(" ", "T")
