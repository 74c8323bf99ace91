"""The search box, the desk's queue, and undo."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from badges.credential.badge_number import badge_number
from badges.limits import Window
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.limits import StoredLimit
from server.core.people import collection, desk_search, twins
from server.core.people.desk_search import Found, Hit
from server.features.desk import submissions, undo
from server.features.desk.pace import pace
from server.features.desk.pages import forms, words
from server.features.desk.queue import known_desks, queue
from server.features.desk.submissions import DeskError, Submission
from server.features.printers import store as printers
from server.storage.connection import Connection
from server.web import auth, display
from server.web.display import ink_on
from server.web.forms import whole
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("home", __name__)

FOUND_MAX = 8
# The search box queries at each key; one entry a minute per clerk is logged.
LOGGED = StoredLimit("desk searches", Window(1, 60_000))
QUERY_CHARS_MAX = 2_000  # Longer than any typed text, for links


@blueprint.get("/")
@auth.allow(forms.ROLE)
def show() -> str | Response:
    if not forms.desk():
        return choose()
    text = _asked()
    search_result = _find(text)
    if text and len(search_result.people) == 1:
        return redirect(_page(search_result, search_result.people[0]), 303)
    return render_template("desk/home.html", text=text, found=_told(text, search_result), **_live())


@blueprint.get("/find")
@auth.allow(forms.ROLE)
def find() -> dict[str, Any]:
    text = _asked()
    return _told(text, _find(text))


@blueprint.get("/part")
@auth.allow(forms.ROLE)
def part() -> str:
    """Return the self-updating part of the page."""
    return render_template("desk/live.html", **_live())


@blueprint.get("/name")
@auth.allow(forms.ROLE)
def choose() -> str:
    desks = known_desks(services().database.reader, forms.day_began())
    return render_template("desk/name.html", known=desks)


@blueprint.post("/name")
@auth.allow(forms.ROLE)
def keep_name() -> Response:
    try:
        name = submissions.desk_name(request.form.get("desk", ""))
    except DeskError as error:
        flash(words.why(error.why), "bad")
        return redirect(url_for("desk.home.choose"), 303)
    response = redirect(url_for("desk.home.show"), 303)
    forms.keep_desk(response, name)
    return response


@blueprint.post("/undo")
@auth.allow(forms.ROLE)
def take_back() -> Response:
    submission_id = request.form.get("submission", default=0, type=whole)
    event = services().event
    return forms.perform(
        lambda db, form: undo.undo(db, event, form, submission_id), _undone, back=_home()
    )


def _undone(submission: Submission) -> str:
    name = forms.name_of(services().database.reader, submission.serial)
    return _("Your last action for %(name)s is undone.", name=name)


def _home() -> str:
    return url_for("desk.home.show")


def _live() -> dict[str, Any]:
    here, since = services(), forms.day_began()
    db = here.database.reader
    own = [
        desk_pace
        for desk_pace in pace(db, since=since, now=here.now())
        if desk_pace.desk == forms.desk()
    ]
    return {
        "queue": queue(db, forms.desk(), since=since),
        "printers": printers.printers(db),
        "uncollected": collection.uncollected(db),
        "pace": own[0] if own else None,
        "undo": undo.undo_plan(db, auth.actor(), here.now()),
    }


def _asked() -> str:
    return request.args.get("q", "")[:QUERY_CHARS_MAX].strip()


def _find(text: str) -> Found:
    """Return the people matching a text, badge's code, or phone page's link."""
    if not text:
        return Found([], more=False)
    here = services()
    db = here.database.reader
    matches = desk_search.find(db, text, limit=FOUND_MAX, event=here.event)
    by = auth.actor()
    now = here.now()
    if LOGGED.next_at(db, by, now) <= now:
        subject: dict[str, str | int | None] = {"answers": len(matches.people)}

        def note(db: Connection) -> None:
            if LOGGED.take(db, by, now):
                entry_log.act(db, by, Act.PEOPLE_SEARCHED, subject, now)

        here.database.write(note)
    return matches


def _told(text: str, matches: Found) -> dict[str, Any]:
    categories = forms.categories()
    people = []
    for hit in matches.people:
        category = categories.get(hit.category)
        colour = category.colour if category else "#777777"
        people.append(
            {
                "number": badge_number(hit.serial),
                "name": hit.name,
                "latin": hit.latin if hit.latin != hit.name else "",
                "organisation": hit.organisation,
                "hints": " · ".join(twins.known((_country(hit), *hit.hints))),
                "category": words.category_name(category),
                "letter": category.letter if category else "?",
                "colour": colour,
                "ink": ink_on(colour),
                "state": _state(hit),
                "url": _page(matches, hit),
            }
        )
    return {"text": text, "people": people, "more": matches.more, "says": _says(text, matches)}


def _page(matches: Found, hit: Hit) -> str:
    """Return the address of a person's page, with a scanned card's issue, which may be void."""
    return forms.page_of(hit.serial, card=matches.scanned)


def _country(hit: Hit) -> str:
    return display.country(hit.country) if hit.country else ""


def _state(hit: Hit) -> str:
    if hit.revoked:
        return _("Revoked")
    if not hit.issue:
        return _("No badge yet")
    if hit.printed:
        return _("Collected") if hit.collected else _("Printed, not collected")
    return _("Not printed yet")


def _says(text: str, matches: Found) -> str:
    if not text:
        return ""
    if not matches.people:
        return _("No one found. Try another spelling, the e-mail, or register a walk-in.")
    if matches.more:
        return _("There are more. Type more of the name or the organisation.")
    return _("%(count)s found", count=len(matches.people))
