from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from server.core.entry_log import act_words
from server.core.ledger import denial_rates
from server.features.reports import attention
from server.features.reports.attention import Kind, MarkError, Thing
from server.web import auth, forms, i18n
from server.web.forms import CHOOSE, Asked, Field, one_of, read_filter, whole
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("attention", __name__, url_prefix="/admin/attention")

ANY = "any"
PAGES_MAX = 1_000


@dataclass(frozen=True)
class Filter:
    kind: str = Kind.CONFLICT
    state: str = "open"
    day: date | None = None


@blueprint.get("/")
@auth.allow("supervisor", "auditor")
def show() -> tuple[str, int]:
    db = services().database.reader
    asked = _asked(request.args)
    day = _day(asked.wanted.day or _today())
    page = min(max(1, request.args.get("page", 1, type=whole)), PAGES_MAX)
    state = None if asked.wanted.state == ANY else asked.wanted.state
    wanted = attention.Asked(Kind(asked.wanted.kind), state, day)
    rows = attention.PAGE_ROWS
    matching = []
    if not asked.problems:
        matching = attention.items(db, wanted, limit=rows + 1, offset=(page - 1) * rows)
    shown = render_template(
        "reports/attention.html",
        asked=asked,
        kind=wanted.kind,
        kinds=_kinds(),
        states=_states(),
        day=asked.wanted.day or _today(),
        counts=attention.open_counts(db, day),
        counted_max=attention.COUNTED_MAX,
        items=matching[:rows],
        page=page,
        more=len(matching) > rows,
        doors=denial_rates.door_names(db) if wanted.kind is Kind.DOOR else {},
        chance=chance_words,
        least=attention.DENIALS_MIN,
        note_max=attention.NOTE_CHARS_MAX,
        who=act_words.Names(db).who,
        named=auth.may_open("admin.people.person"),
    )
    return shown, 400 if asked.problems else 200


@blueprint.post("/mark")
@auth.allow("supervisor")
def mark() -> Response:
    form = request.form
    back = _back(form)
    numbers = [form.get(name, type=whole) for name in ("subject", "period", "count")]
    subject, period, count = numbers
    if form.get("kind") not in list(Kind) or subject is None or period is None or count is None:
        return forms.turn_back(_("Nothing was changed: load the page again."), back)
    thing = Thing(Kind(form["kind"]), subject, period, count)
    return forms.perform(
        lambda db, by, now: attention.put_mark(
            db, thing, form.get("state", ""), form.get("note", ""), by=by, now=now
        ),
        _("The entry log has it."),
        back=back,
        refused=(MarkError,),
    )


def chance_words(chance: float) -> str:
    if chance < 1e-6:
        return str(_("less than 1 in %(number)s", number=i18n.decimal(1_000_000)))
    return str(_("1 in %(number)s", number=i18n.decimal(round(1 / chance))))


def _back(form: MultiDict[str, str]) -> str:
    asked: dict[str, Any] = {
        key: form[f"back_{key}"]
        for key in ("kind", "state", "day", "page")
        if form.get(f"back_{key}")
    }
    return url_for("admin.attention.show", **asked)


def _asked(given: MultiDict[str, str]) -> Asked[Filter]:
    fields = {
        "kind": Field("kind", one_of(list(Kind)), CHOOSE),
        "state": Field("state", one_of((*attention.STATES, ANY)), CHOOSE),
        "day": Field("day", _date, _("A day, such as 2026-05-04.")),
    }
    return read_filter(given, fields, Filter)


def _date(text: str) -> date:
    parsed = date.fromisoformat(text)
    if not 1970 < parsed.year < 2200:
        raise ValueError("not a day of an event")
    return parsed


def _today() -> date:
    here = services()
    return here.venue_clock.local(here.now()).date()


def _day(day: date) -> attention.Day:
    clock = services().venue_clock
    since, until = (
        clock.parse(f"{bound.isoformat()}T00:00") for bound in (day, day + timedelta(days=1))
    )
    return attention.Day(day.toordinal(), since, until)


def _kinds() -> dict[Kind, str]:
    return {
        Kind.CONFLICT: _("Conflicts after reconnecting"),
        Kind.DISCREPANCY: _("Other discrepancies"),
        Kind.OVERRIDE: _("Overrides"),
        Kind.DENIALS: _("Denied again and again"),
        Kind.DOOR: _("Doors out of the ordinary"),
    }


def _states() -> dict[str, str]:
    return {"open": _("Unsettled"), "seen": _("Looked at"), "settled": _("Settled")}
