"""Shows a user's last changes, the doors that received the newest one, and undo."""

from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from server.core.edits import last_edit, reach
from server.core.edits.last_edit import EditError, LastEdit
from server.core.edits.things import NothingThereError
from server.core.people import search
from server.core.people.attendees import AttendeeError
from server.core.people.issuing import IssuingError
from server.features.editing import undo
from server.features.imports.venue_plan import VenueError
from server.web import auth, forms, i18n
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("edits", __name__, url_prefix="/admin/edits")

# How long a change's banner is shown. After that the page of changes still offers undo.
SHOWN_MS = 10 * 60 * 1000
NAMED = 3  # Doors without the change that are named
ROLES = ("badge_desk",)


@dataclass(frozen=True)
class Banner:
    edit: LastEdit
    doors: list[reach.DoorReach]
    concerns_doors: bool
    undo: LastEdit | None  # the change to undo, `edit` or an earlier one
    ends_in_ms: int  # when an open page hides the banner

    @property
    def missing(self) -> list[reach.DoorReach]:
        return [door for door in self.doors if not door.has_it]


@blueprint.get("/")
@auth.allow(*ROLES)
def show() -> str:
    db, by = services().database.reader, auth.actor()
    return render_template(
        "editing/changes.html",
        edits=last_edit.last_edits(db, by),
        next_undo=last_edit.next_undo(db, by),
        kept_most=last_edit.EDITS_MAX,
    )


@blueprint.post("/undo")
@auth.allow(*ROLES)
def take_back() -> Response:
    here = services()
    mark = request.form.get("mark", "")[:64]
    answer = forms.perform(
        lambda db, by, now: undo.undo(db, here.event.settings, mark, by=by, now=now),
        lambda edit: _("Undone: %(what)s.", what=i18n.said(edit.what)),
        back=_back(),
        refused=(EditError, VenueError, NothingThereError, AttendeeError, IssuingError),
        words=i18n.said,
    )
    search.fold_all(here.database.write)
    return answer


@blueprint.post("/dismiss")
@auth.allow(*ROLES)
def dismiss() -> Response:
    by = auth.actor()
    services().database.write(lambda db: last_edit.dismiss(db, by))
    return redirect(_back(), 303)


@blueprint.get("/reach")
@auth.allow(*ROLES)
def doors() -> str:
    return render_template("parts/reach.html", banner=banner(), named=NAMED, now=services().now())


def banner() -> Banner | None:
    """Return the user's last change, if recent."""
    user = auth.user()
    if user is None or user.role not in (*ROLES, "admin"):
        return None
    here = services()
    db = here.database.reader
    edit = last_edit.last_edit(db, user.by)
    oldest_shown = here.now() - SHOWN_MS
    if edit is None or edit.at <= oldest_shown:
        return None

    to_undo = last_edit.next_undo(db, user.by)
    if to_undo is not None and to_undo.at <= oldest_shown:
        to_undo = None
    doors_reached = [] if edit.cursor is None else reach.reach(db, edit.cursor, edit.hall_id)
    return Banner(edit, doors_reached, edit.cursor is not None, to_undo, edit.at - oldest_shown)


def _back() -> str:
    page = request.form.get("page", "")
    ours = page.startswith("/admin/") and "\\" not in page and "//" not in page
    return page if ours else url_for("admin.venue.show")
