"""The forms for registering, changing and merging people."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from badges.credential.badge_number import parse_badge_number
from badges.credential.credential import ALL_DAYS, ALL_ZONES
from badges.i18n import N_
from server.core.edits import last_edit
from server.core.edits.last_edit import EditError
from server.core.edits.person_words import FLAGS
from server.core.edits.things import Thing, Values, values_of
from server.core.people import attendees
from server.core.people.attendees import Attendee, AttendeeError, UnknownAttendeeError
from server.core.venue import store
from server.features.editing import people
from server.features.editing.pages.things import MARK_CHARS
from server.web import auth, i18n
from server.web.forms import whole
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("persons", __name__, url_prefix="/admin/people")

FOUND_ROWS = 20
TEXTS = {
    "given_name": N_("Given name"),
    "family_name": N_("Family name"),
    "latin_name": N_("Name in Latin letters"),
    "organisation": N_("Organisation"),
    "job_title": N_("Job title"),
    "country": N_("Country"),
    "email": N_("E-mail"),
    "phone": N_("Telephone"),
    "order_number": N_("Order number"),
    "external_id": N_("Registration"),
    "language": N_("Language"),
}
HELP = {
    "given_name": N_("The whole name, where it has no parts."),
    "latin_name": N_("May be left empty: names in other scripts are transcribed."),
    "country": N_("A two-letter country code, or the country's name."),
    "phone": N_("Only the badge desk and auditors see it, to find the person."),
    "order_number": N_("The number of the order in a ticket shop. Several people may share it."),
    "external_id": N_("The person's id in your own system."),
    "language": N_("en, zh and so on."),
}
TEXT_CHARS_MAX = 254


@blueprint.get("/new")
@auth.allow("badge_desk")
def new() -> str:
    values: Values = {"valid_days": ALL_DAYS, "zones": ALL_ZONES, "flags": 0, "language": "en"}
    return _form(Form(None, values, ""))


@blueprint.post("/new")
@auth.allow("badge_desk")
def add() -> Response | tuple[str, int]:
    here, by = services(), auth.actor()
    form = Form(None, _sent({}), "")
    try:
        registered = here.database.write(
            lambda db: people.register(db, form.values, by=by, now=here.now(), random=os.urandom)
        )
    except AttendeeError as error:
        return _form(form, i18n.said(error)), 400
    flash(_("Registered. Issue the badge below."), "good")
    return redirect(_page(registered.number), 303)


@blueprint.get("/<number>/edit")
@auth.allow("badge_desk")
def show(number: str) -> str:
    person = _person(number)
    values = _values(person)
    return _form(Form(person, values, last_edit.mark_of(values)))


@blueprint.post("/<number>/edit")
@auth.allow("badge_desk")
def save(number: str) -> Response | tuple[str, int]:
    here, by, zone = services(), auth.actor(), _zone()
    person = _person(number)
    form = Form(person, _sent(_values(person)), request.form.get("seen", "")[:MARK_CHARS])
    try:
        wrong = here.database.write(
            lambda db: people.change(
                db, zone, person.serial, form.values, seen=form.seen, by=by, now=here.now()
            )
        )
    except (AttendeeError, EditError) as error:
        return _form(form, i18n.said(error)), 400
    if wrong:
        flash(
            _(
                "The badge is out of date, and doors use its data until it is replaced. Issue a "
                "new badge below."
            ),
            "warn",
        )
    return redirect(_page(number), 303)


@blueprint.get("/<number>/merge")
@auth.allow()
def choose(number: str) -> str | Response:
    db = services().database.reader
    person = _person(number)
    other = request.args.get("other", "")
    if other:
        return _confirm(person, _person(other))
    text = request.args.get("q", person.name).strip()[:200]
    matches, total = attendees.find_attendees(db, text, FOUND_ROWS)
    shown = [match for match in matches if match.serial != person.serial]
    return render_template(
        "editing/merge_choose.html", person=person, text=text, found=shown,
        more=total - len(matches), categories=_categories(),
    )  # fmt: skip


@blueprint.post("/<number>/merge")
@auth.allow()
def merge(number: str) -> Response:
    here, by, zone = services(), auth.actor(), _zone()
    stays, goes = _person(number), _person(request.form.get("other", ""))
    back = url_for("admin.persons.choose", number=number, other=goes.number)
    if request.form.get("confirm") != "yes":
        flash(_("Nothing was changed: tick the box."), "bad")
        return redirect(back, 303)
    mark = request.form.get("mark", "")[:MARK_CHARS]
    try:
        here.database.write(
            lambda db: people.merge(
                db, zone, stays.serial, goes.serial, mark=mark, by=by, now=here.now()
            )
        )
    except (EditError, AttendeeError) as error:
        flash(_("Nothing was changed. %(why)s", why=i18n.said(error)), "bad")
        return redirect(back, 303)
    return redirect(_page(number), 303)


@dataclass(frozen=True)
class Form:
    """A person's form, with the mark of its original state. `person` is None for a new person."""

    person: Attendee | None
    values: Values
    seen: str


def _confirm(person: Attendee, other: Attendee) -> str | Response:
    db = services().database.reader
    try:
        plan = people.merge_plan(db, person.serial, other.serial)
    except EditError as error:
        flash(i18n.said(error), "bad")
        return redirect(url_for("admin.persons.choose", number=person.number), 303)
    return render_template(
        "editing/merge.html",
        plan=plan,
        hall_names={hall.hall_id: hall.names for hall in store.halls(db)},
        categories=_categories(),
    )


def _sent(before: Values) -> Values:
    """Convert the form to columns. `before` are the original values."""
    form = request.form
    columns: Values = {key: form.get(key, "")[: TEXT_CHARS_MAX + 1].strip() for key in TEXTS}
    category = form.get("category", type=whole)
    if category is not None:
        columns["category"] = category
    days = range(services().event.settings.days)
    columns["valid_days"] = _bits("days", days, ALL_DAYS, before.get("valid_days", ALL_DAYS))
    zones = sorted(store.zones(services().database.reader).values())
    columns["zones"] = _bits("zones", zones, ALL_ZONES, before.get("zones", ALL_ZONES))
    columns["flags"] = sum(flag for flag in FLAGS if form.get(f"flag-{int(flag)}") == "yes")
    return columns


def _bits(name: str, boxes: Sequence[int], every: int, before: int) -> int:
    """Return the ticked boxes as bits. All boxes mean `every`, unless `before` had each
    individually.
    """
    wanted = {text for text in request.form.getlist(name) if text.isascii() and text.isdigit()}
    chosen = sum(1 << box for box in boxes if str(box) in wanted)
    if chosen != sum(1 << box for box in boxes):
        return chosen
    return before if before & chosen == chosen else every


def _form(form: Form, problem: str = "") -> str:
    here = services()
    settings = here.event.settings
    days = [settings.first_day + timedelta(days=number) for number in range(settings.days)]
    return render_template(
        "editing/person.html",
        form=form,
        problem=problem,
        texts=TEXTS,
        help=HELP,
        days=days,
        zones=store.zones(here.database.reader),
        categories=_categories(),
        flags={int(flag): words for flag, words in FLAGS.items()},
        chars_max=TEXT_CHARS_MAX,
    )


def _values(person: Attendee) -> Values:
    db = services().database.reader
    return values_of(db, Thing("attendee", str(person.serial)), _zone()) or {}


def _zone() -> ZoneInfo:
    return ZoneInfo(services().event.settings.time_zone)


def _categories() -> dict[int, Any]:
    return {category.code: category for category in store.categories(services().database.reader)}


def _page(number: str) -> str:
    return url_for("admin.people.person", number=number)


def _person(number: str) -> Attendee:
    try:
        return attendees.attendee(services().database.reader, parse_badge_number(number))
    except (ValueError, UnknownAttendeeError):
        abort(404)
