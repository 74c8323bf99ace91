"""Shows the entry log: a timeline, single entries, and a summary."""

import json
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import partial

from flask import Blueprint, abort, render_template, request

from badges.i18n import N_
from server.core.entry_log import act_words, entry_log
from server.core.entry_log.act_names import Act
from server.core.entry_log.outside import Code
from server.core.ledger import entries, remarks
from server.core.venue import store
from server.features.evidence import glance as glances
from server.features.evidence import timeline
from server.features.evidence.timeline import Filter
from server.web import auth, i18n
from server.web.about import about
from server.web.forms import Asked, Field, listed, one_of, read_filter, whole
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("log", __name__, url_prefix="/admin/log")

ACT_PREFIX = "act:"  # Prefixes a staff action in a query parameter.
KINDS = {
    timeline.SCAN: N_("Any scan"),
    "entry": N_("Entry"),
    "exit": N_("Exit"),
    "denial": N_("Denial"),
    "override": N_("Override"),
    "annul": N_("Annulment"),
    timeline.ACT: N_("Any staff action"),
    timeline.INFERRED: N_("Exit that was worked out"),
    entry_log.ERASED: N_("Erased"),
}
FAILURES = {
    Code.AWAY: N_("Does not answer"),
    Code.UNKNOWN: N_("Does not know this log"),
    Code.FORK: N_("Knows another history of this log"),
    Code.AHEAD: N_("Knows more of this log than is here"),
    Code.SET_BACK: N_("Has lost its cosignatures"),
    Code.WRONG: N_("Gave an invalid answer"),
    Code.SETTINGS: N_("The event's settings can't be right"),
}


@blueprint.get("/")
@auth.allow("auditor")
def show() -> tuple[str, int]:
    here = services()
    asked = _asked(request.args)
    with here.database.reading() as db:
        page = timeline.Page([], None, None)
        if not asked.problems:
            page = timeline.page(
                db,
                asked.wanted,
                before=request.args.get("before", type=whole),
                after=request.args.get("after", type=whole),
            )
        shown = render_template(
            "log/timeline.html",
            asked=asked,
            page=page,
            size=entry_log.size(db),
            kinds=KINDS,
            acts=sorted(
                (_(words.label), f"{ACT_PREFIX}{act}") for act, words in act_words.WORDS.items()
            ),
            halls=store.halls(db),
            kiosks=entries.kiosks(db),
            looked_at=timeline.LOOKED_AT_MAX,
            now=here.now(),
            **_words(act_words.Names(db, i18n.language()), store.halls(db)),
        )
    return shown, 400 if asked.problems else 200


@blueprint.get("/<int:number>")
@auth.allow("auditor")
def entry(number: int) -> str:
    with services().database.reading() as db:
        single = timeline.single(db, number)
        if single is None:
            abort(404)
        record = None if single.record is None else json.loads(single.record)
        return render_template(
            "log/entry.html",
            one=single.item,
            leaf=single,
            record=None if record is None else json.dumps(record, ensure_ascii=False, indent=1),
            size=entry_log.size(db),
            kinds=KINDS,
            **_words(act_words.Names(db, i18n.language()), store.halls(db)),
        )


@blueprint.get("/integrity")
@auth.allow("auditor")
def integrity() -> str:
    """Show the log's size, newest checkpoint and key, and all confirmations."""
    here = services()
    with here.database.reading() as db:
        summary = glances.glance(db, here.event, here.log)
    note, _proof = here.log.checkpoint(0)
    return render_template(
        "log/integrity.html",
        log=summary,
        note=note,
        authority_url=here.event.settings.time_authority,
        failures=FAILURES,
        now=here.now(),
    )


def _words(names: act_words.Names, halls: list[store.HallRow]) -> dict[str, object]:
    return {
        "names": names,
        "label": lambda act: _(act_words.label(act)),
        "act_about": partial(about, names),
        "others": act_words.WHO,
        "hall_names": {hall.hall_id: hall.names for hall in halls},
        "said": _,  # Translates without escaping; the template escapes.
    }


def _asked(given: Mapping[str, str]) -> Asked[Filter]:
    fields = {
        "day": Field("day", _day, _("A date, such as 2026-05-04.")),
        "hall": listed("hall_id", whole),
        "kiosk": listed("kiosk", one_of(entries.kiosks(services().database.reader))),
        "what": listed("kind", _what),
    }
    return read_filter(given, fields, _filter)


def _filter(
    day: tuple[int, int] | None = None, kind: tuple[str | None, Act | None] = (None, None),
    **more: object,
) -> Filter:  # fmt: skip
    since, until = (None, None) if day is None else day
    return Filter(since=since, until=until, kind=kind[0], act=kind[1], **more)  # type: ignore[arg-type]  # read_filter has read them


def _day(text: str) -> tuple[int, int]:
    """Return a day's begin and end (Unix ms). Raises ValueError."""
    parse: Callable[[str], int] = services().venue_clock.parse
    day = date.fromisoformat(text)
    return parse(f"{day}T00:00"), parse(f"{day + timedelta(days=1)}T00:00")


def _what(text: str) -> tuple[str | None, Act | None]:
    if text.startswith(ACT_PREFIX):
        return None, Act(text.removeprefix(ACT_PREFIX))
    if text not in timeline.KINDS and text not in remarks.KINDS:
        raise ValueError("not on the list")
    return text, None
