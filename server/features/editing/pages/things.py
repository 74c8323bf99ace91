"""The forms for adding, changing and removing things of venue and programme."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from badges import colours
from badges.i18n import N_, Phrase
from server.core.edits import last_edit, things
from server.core.edits.last_edit import EditError
from server.core.edits.things import NothingThereError, Thing, Values
from server.core.edits.words import KINDS, name_of
from server.core.people import search
from server.core.programme import activities
from server.core.staff.confirmations import ShownChangedError
from server.core.venue import store
from server.features.editing import sessions, venue_edit
from server.features.editing.pages import inputs
from server.features.editing.sessions import Doubts
from server.features.imports.venue_plan import VenueError
from server.storage.connection import Connection
from server.web import auth, forms, i18n, shown
from server.web.display import main_name
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("things", __name__, url_prefix="/admin/venue")

_KIND = "<any(hall,door,session,category):kind>"
_CODED = "<any(organisation,activity_kind,activity,area,exhibitor,stand):kind>"
MARK_CHARS = 16
_NAMING = ("name", "title", "organisation", "name_zh", "title_zh")
_FROM_LINK = ("hall", "parent", "area", "organisation", "activity", "exhibitor")


@blueprint.get(f"/{_KIND}/new")
@blueprint.get(f"/{_CODED}/new", endpoint="new_coded")
@auth.allow()
def new(kind: str) -> str:
    here, values = services(), inputs.new_values(kind)
    if kind == "session":
        hall = request.args.get("hall", "")
        values |= sessions.next_session(
            here.database.reader, here.event.settings, here.now(), hall, _day()
        )
    values |= {key: request.args[key] for key in _FROM_LINK if key in request.args}
    return _form(Form(kind, None, values, last_edit.mark_of(None)))


def _day() -> date | None:
    """Return the day in the address, if any."""
    try:
        return date.fromisoformat(request.args.get("day", ""))
    except ValueError:
        return None


@blueprint.post(f"/{_KIND}/new")
@blueprint.post(f"/{_CODED}/new", endpoint="add_coded")
@auth.allow()
def add(kind: str) -> Response | tuple[str, int]:
    db = services().database.reader
    values = inputs.form_values(db, kind, request.form, {})
    name = next((str(values[key]) for key in _NAMING if key in values), "")
    try:
        if kind == "category":
            values["code"] = venue_edit.new_category_number(db)
        key = "key" if kind == "category" else "code"
        if kind != "stand":
            values.setdefault(key, venue_edit.new_code(db, kind, name))
    except EditError as error:
        return _again(Form(kind, None, values, last_edit.mark_of(None)), [i18n.said(error)])
    return _save(Form(kind, None, values, last_edit.mark_of(None)))


@blueprint.get(f"/{_KIND}/<int:number>")
@blueprint.get(f"/{_CODED}/<number>/edit", endpoint="show_coded")
@auth.allow()
def show(kind: str, number: int | str) -> str:
    db = services().database.reader
    _, values = _thing(db, kind, number)
    return _form(Form(kind, number, values, last_edit.mark_of(values)))


@blueprint.post(f"/{_KIND}/<int:number>")
@blueprint.post(f"/{_CODED}/<number>/edit", endpoint="save_coded")
@auth.allow()
def save(kind: str, number: int | str) -> Response | tuple[str, int]:
    db = services().database.reader
    _, before = _thing(db, kind, number)
    values = inputs.form_values(db, kind, request.form, before)
    return _save(Form(kind, number, values, request.form.get("seen", "")[:MARK_CHARS], before))


@blueprint.post(f"/{_KIND}/<int:number>/remove")
@blueprint.post(f"/{_CODED}/<number>/remove", endpoint="remove_coded")
@auth.allow()
def remove(kind: str, number: int | str) -> Response:
    here, by = services(), auth.actor()
    thing, named = _thing(here.database.reader, kind, number)[0], shown.named()
    if request.form.get("confirm") != "yes":
        flash(_("Nothing was removed: tick the box."), "bad")
        return redirect(_address("show", kind, number), 303)
    try:
        here.database.write(
            lambda db: venue_edit.remove(
                db, here.event.settings, thing, named, by=by, now=here.now()
            )
        )
    except (EditError, NothingThereError) as error:
        flash(i18n.said(error), "bad")
        return redirect(_address("show", kind, number), 303)
    except ShownChangedError as error:
        flash(forms.unchanged(error), "bad")
        return redirect(_address("show", kind, number), 303)
    search.fold_all(here.database.write)
    return redirect(_back(kind, {}).address, 303)


@blueprint.get("/categories")
@auth.allow("auditor")
def categories() -> str:
    listed = store.categories(services().database.reader)
    return render_template(
        "editing/categories.html",
        categories=listed,
        alike=colours.alike({category.code: category.colour for category in listed}),
        names={category.code: category.names for category in listed},
        least=colours.LEAST,
    )


@blueprint.get("/kinds")
@auth.allow()
def kinds() -> str:
    db = services().database.reader
    return render_template("editing/kinds.html", kinds=activities.kinds(db))


@dataclass(frozen=True)
class Form:
    """A thing's form: kind, number, values, and its original state's mark."""

    kind: str
    number: int | str | None  # None for a new thing
    values: Values
    seen: str
    before: Values = field(default_factory=dict)  # as stored


def _save(form: Form) -> Response | tuple[str, int]:
    here, by = services(), auth.actor()
    unknown = inputs.unknown(here.database.reader, form.kind, form.values)
    if unknown:
        return _again(form, unknown)
    if form.kind == "session":
        doubts = sessions.doubts(
            here.database.reader, here.event.settings, form.values, form.before, here.now()
        )
        if (doubts.at_once and request.form.get("at_once") != "yes") or (
            doubts.is_over and request.form.get("is_over") != "yes"
        ):
            return _form(form, doubts=doubts), 400
    key = str(form.values.get("key" if form.kind == "category" else "code", ""))
    thing = Thing(form.kind, key)
    try:
        change_words = here.database.write(
            lambda db: venue_edit.save(
                db, here.event.settings, thing, form.values, seen=form.seen, by=by, now=here.now()
            )
        )
    except EditError as error:
        return _again(form, [i18n.said(error)])
    except VenueError as error:
        return _again(form, error.problems)
    search.fold_all(here.database.write)
    if not change_words:
        flash(_("Nothing was changed: there was no difference."), "good")
    if form.kind == "category":
        _warn_of_colours(int(form.values["code"]))
    if request.form.get("another") == "yes":
        links = {key: form.values[key] for key in _FROM_LINK if form.values.get(key)}
        return redirect(_new(form.kind, links), 303)
    return redirect(_back(form.kind, form.values).address, 303)


def _warn_of_colours(number: int | str) -> None:
    listed = store.categories(services().database.reader)
    names = {category.code: main_name(category.names) for category in listed}
    for pair in colours.alike({category.code: category.colour for category in listed}):
        if number in (pair.first, pair.second):
            flash(
                _(
                    "The colours of %(first)s and %(second)s look alike %(eyes)s: they differ "
                    "by %(distance)s, less than %(least)s. Only their letters distinguish them.",
                    first=names[pair.first],
                    second=names[pair.second],
                    eyes=_(pair.eyes),
                    distance=f"{pair.distance:.0f}",
                    least=colours.LEAST,
                ),
                "warn",
            )


@dataclass(frozen=True)
class _Back:
    """The page from which a form was opened."""

    address: str
    words: str


def _back(kind: str, values: Values) -> _Back:
    code = str(values.get("code", ""))
    if kind == "category":
        return _Back(url_for("admin.things.categories"), N_("All categories"))
    if kind == "activity_kind":
        return _Back(url_for("admin.things.kinds"), N_("Kinds of activities"))
    if kind in ("activity", "organisation") and code:
        words = {"activity": N_("The activity"), "organisation": N_("The organisation")}[kind]
        return _Back(url_for(f"admin.programme.{kind}", code=code), words)
    if kind == "activity":
        return _Back(url_for("admin.programme.activities"), N_("Programme"))
    if kind == "organisation":
        return _Back(url_for("admin.programme.organisations"), N_("Organisations"))
    if kind in ("area", "exhibitor", "stand"):
        area = values.get("area") if kind == "stand" else None
        return _Back(url_for("admin.programme.exhibition", area=area), N_("Exhibition"))
    day = re.fullmatch(r"(\d{4}-\d{2}-\d{2}).*", str(values.get("starts", "")))
    return _Back(url_for("admin.venue.show", day=day[1] if day else None), N_("Venue"))


def _under_the_input(problem: str, labels: Mapping[str, str]) -> str:
    """Return a problem without its leading key; labels replace other keys."""
    assert isinstance(problem, Phrase)
    fields = {**problem.fields, "key": ""}
    if isinstance(other := fields.get("other"), str):
        fields["other"] = labels.get(other, other)
    return i18n.said(Phrase(problem.text, problem.many, **fields)).strip()


def _again(form: Form, problems: Sequence[str]) -> tuple[str, int]:
    return _form(form, problems), 400


def _form(form: Form, problems: Sequence[str] = (), doubts: Doubts | None = None) -> str:
    db = services().database.reader
    shown = inputs.inputs(db, form.kind, form.values, new=form.number is None)
    labels = inputs.labels(form.kind)
    by_key: dict[str, str] = {}
    others = []
    for problem in problems:
        key = problem.fields.get("key") if isinstance(problem, Phrase) else None
        if isinstance(key, str) and any(field_of_form.key == key for field_of_form in shown):
            by_key.setdefault(key, _under_the_input(problem, labels))
        else:
            others.append(problem)
    return render_template(
        "editing/thing.html",
        form=form,
        kind_words=KINDS[form.kind],
        title=name_of(form.values) if form.number is not None else "",
        inputs=shown,
        problems=others,
        doubts=doubts or Doubts(),
        hall_id=_hall_id(db, form) if others else None,
        by_key=by_key,
        removal=_address("remove", form.kind, form.number) if form.number is not None else "",
        removed=_named_to_remove(db, form),
        has_rare=any(field_of_form.rare for field_of_form in shown),
        rare_is_wrong=any(
            field_of_form.rare and field_of_form.key in by_key for field_of_form in shown
        ),
        back=_back(form.kind, form.values if form.number is not None else {}),
    )


def _named_to_remove(db: Connection, form: Form) -> list[str]:
    if form.number is None:
        return []
    thing = _thing(db, form.kind, form.number)[0]
    return venue_edit.named_to_remove(db, services().event.settings, thing)


def _hall_id(db: Connection, form: Form) -> int | None:
    """Return the hall whose rules a session's problem may be about."""
    code = str(form.values.get("hall", "")) if form.kind == "session" else ""
    try:
        return things.number_of(db, "hall", code)
    except NothingThereError:
        return None


def _new(kind: str, links: Mapping[str, Any]) -> str:
    coded = "" if kind in ("hall", "door", "session", "category") else "_coded"
    return url_for(f"admin.things.new{coded}", kind=kind, **links)


def _address(view: str, kind: str, number: int | str) -> str:
    coded = "_coded" if isinstance(number, str) else ""
    return url_for(f"admin.things.{view}{coded}", kind=kind, number=number)


def _thing(db: Connection, kind: str, number: int | str) -> tuple[Thing, Values]:
    zone = ZoneInfo(services().event.settings.time_zone)
    try:
        code = number if isinstance(number, str) else things.code_of(db, kind, number)
    except NothingThereError:
        abort(404)
    thing = Thing(kind, code)
    return thing, things.values_of(db, thing, zone) or abort(404)
