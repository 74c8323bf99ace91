"""The page for merging duplicate organisations."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from server.core.edits.last_edit import EditError
from server.core.people import search
from server.core.programme import organisations
from server.core.programme.organisations import (
    Organisation,
    OrganisationFilter,
    UnknownOrganisationError,
)
from server.features.editing.pages.things import MARK_CHARS
from server.features.editing.programme import merge as merging
from server.features.imports.venue_plan import VenueError
from server.web import auth, display, i18n
from server.web.i18n import gettext as _
from server.web.lists import ORGANISATION_KINDS
from server.web.services import services

blueprint = Blueprint(
    "organisation_merge", __name__, url_prefix="/admin/programme/organisations/<code>/merge"
)

FOUND_ROWS = 20
TEXT_CHARS_MAX = 60


@blueprint.get("/")
@auth.allow()
def choose(code: str) -> str | Response:
    db = services().database.reader
    organisation = _organisation(code)
    if request.args.get("other"):
        return _confirm(organisation, _organisation(request.args["other"]))
    text = request.args.get("q", "").strip()[:TEXT_CHARS_MAX]
    matches: list[Organisation] = []
    total = 0
    if text:
        wanted = OrganisationFilter(text=text)
        matches, total = organisations.find_organisations(db, wanted, FOUND_ROWS, 0)
    return render_template(
        "editing/organisation_choose.html", organisation=organisation, text=text,
        found=[match for match in matches if match.code != organisation.code],
        more=total - len(matches), kinds=ORGANISATION_KINDS, country_name=display.country,
    )  # fmt: skip


@blueprint.post("/")
@auth.allow()
def merge(code: str) -> Response:
    here, by = services(), auth.actor()
    stays, goes = _organisation(code), _organisation(request.form.get("other", ""))
    back = url_for("admin.organisation_merge.choose", code=code, other=goes.code)
    if request.form.get("confirm") != "yes":
        flash(_("Nothing was changed: tick the box."), "bad")
        return redirect(back, 303)
    mark = request.form.get("mark", "")[:MARK_CHARS]
    try:
        here.database.write(
            lambda db: merging.merge(
                db, here.event.settings, stays.code, goes.code, mark=mark, by=by, now=here.now()
            )
        )
    except (EditError, VenueError, UnknownOrganisationError) as error:
        flash(_("Nothing was changed. %(why)s", why=i18n.said(error)), "bad")
        return redirect(back, 303)
    search.fold_all(here.database.write)
    return redirect(url_for("admin.programme.organisation", code=code), 303)


def _confirm(stays: Organisation, goes: Organisation) -> str | Response:
    try:
        plan = merging.merge_plan(services().database.reader, stays.code, goes.code)
    except EditError as error:
        flash(i18n.said(error), "bad")
        return redirect(url_for("admin.organisation_merge.choose", code=stays.code), 303)
    return render_template(
        "editing/organisation_merge.html", plan=plan, kinds=ORGANISATION_KINDS,
        country_name=display.country,
    )  # fmt: skip


def _organisation(code: str) -> Organisation:
    try:
        return organisations.organisation(services().database.reader, code)
    except UnknownOrganisationError:
        abort(404)
