"""Entries and their CSV: who was where, when, by which door's word. Also absences: what happened at
doors while they were without the server.
"""

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, abort, render_template, request
from werkzeug.datastructures import MultiDict

from badges.credential.badge_number import parse_badge_number
from server.entry_log import entry_log
from server.event.calendar import Clock
from server.ledger import entries, entries_csv, outages
from server.venue import store
from server.web import auth
from server.web.admin.forms import Asked, whole
from server.web.display import BY_SUPERVISORS, DECISIONS, REASONS
from server.web.services import services

blueprint = Blueprint("entries", __name__, url_prefix="/admin")
absences = Blueprint("absences", __name__, url_prefix="/admin/absences")


@blueprint.get("/entries")
@auth.allow("auditor")
def show() -> tuple[str, int]:
    asked = read_filter(request.args, services().venue_clock)
    db = services().database.reader
    page = entries.Page([], None, None)
    if not asked.problems:
        page = entries.page(
            db,
            asked.wanted,
            before=request.args.get("before", type=whole),
            after=request.args.get("after", type=whole),
        )
    shown = render_template(
        "entries.html",
        asked=asked,
        page=page,
        halls=store.halls(db),
        doors=store.doors(db),
        reasons={reason: REASONS[reason] for reason in entries.REASONS},
    )
    return shown, 400 if asked.problems else 200


@blueprint.get("/entries.csv")
@auth.allow("auditor")
def export() -> Response:
    asked = read_filter(request.args, services().venue_clock)
    if asked.problems:
        abort(400)
    here, by = services(), auth.actor()
    subject = {"hall": asked.wanted.hall_id, "door": asked.wanted.door_id}
    here.database.write(lambda db: entry_log.act(db, by, "entries_exported", subject, here.now()))

    def lines() -> Iterator[str]:
        with here.database.reading() as db:
            yield from entries_csv.csv_lines(db, asked.wanted, here.event.settings.time_zone)

    return Response(
        lines(),
        mimetype="text/csv",
        headers={"Content-Disposition": 'attachment; filename="entries.csv"'},
    )


@absences.get("/", endpoint="show")
@auth.allow("supervisor", "auditor")
def show_absences() -> str:
    here = services()
    return render_template(
        "absences.html", absences=outages.absences(here.database.reader), now=here.now()
    )


def read_filter(given: MultiDict[str, str], clock: Clock) -> Asked[entries.Filter]:
    """The filter that the fields mean; a field that means nothing is a problem, not ignored."""
    readers: dict[str, tuple[str, Any, str]] = {
        "hall": ("hall_id", whole, "Choose a hall of the list."),
        "door": ("door_id", whole, "Choose a door of the list."),
        "badge": ("serial", parse_badge_number, "A badge number has five characters, as on cards."),
        "decision": ("decision", _one_of(DECISIONS), "Choose one of the list."),
        "reason": ("reason", _one_of(entries.REASONS), "Choose one of the list."),
        "act": ("act", _one_of(BY_SUPERVISORS), "Choose one of the list."),
        "from": ("since", clock.parse, "A date and time, such as 2026-05-04 13:45."),
        "to": ("until", clock.parse, "A date and time, such as 2026-05-04 13:45."),
    }
    fields, found, problems = {}, {}, {}
    for name, (key, reader, problem) in readers.items():
        text = given.get(name, "").strip()[:60]
        if not text:
            continue
        fields[name] = text
        try:
            found[key] = reader(text)
        except ValueError:
            problems[name] = problem
    if not problems and "since" in found and "until" in found and found["until"] <= found["since"]:
        problems["to"] = "This is not after the beginning."
    return Asked(fields, entries.Filter(**found), problems)


def _one_of(known: Any) -> Any:
    def read(text: str) -> str:
        if text not in known:
            raise ValueError("not on the list")
        return text

    return read
