"""Shows entries and makes their CSV. They say who was where, when, and by which door's word.
Outages are here as well, with what happened at doors while they were without the server.
"""

from collections.abc import Iterator

from flask import Blueprint, Response, abort, render_template, request
from werkzeug.datastructures import MultiDict

from badges.credential.badge_number import parse_badge_number
from badges.transparency.signed_note import verifier_key
from server.audit import receipts
from server.entry_log import cosignatures, entry_log
from server.entry_log.act_names import Act
from server.kiosks import registry
from server.ledger import entries, entries_csv, outages
from server.venue import store
from server.web import auth
from server.web.admin.forms import CHOOSE, MOMENT, Asked, Field, one_of, read_filter, whole
from server.web.display import BY_SUPERVISORS, DECISIONS, REASONS
from server.web.services import services

blueprint = Blueprint("entries", __name__, url_prefix="/admin")
absences = Blueprint("absences", __name__, url_prefix="/admin/absences")


@blueprint.get("/entries")
@auth.allow("auditor")
def show() -> tuple[str, int]:
    asked = _asked(request.args)
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
    asked = _asked(request.args)
    if asked.problems:
        abort(400)
    here, by = services(), auth.actor()
    subject = {"hall": asked.wanted.hall_id, "door": asked.wanted.door_id}
    here.database.write(lambda db: entry_log.act(db, by, Act.ENTRIES_EXPORTED, subject, here.now()))

    def lines() -> Iterator[str]:
        with here.database.reading() as db:
            yield from entries_csv.csv_lines(db, asked.wanted, here.event.settings.time_zone)

    return Response(
        lines(),
        mimetype="text/csv",
        headers={"Content-Disposition": 'attachment; filename="entries.csv"'},
    )


@blueprint.get("/entries/log")
@auth.allow("auditor")
def log() -> str:
    """Show the entry log at a glance. That is its size, its newest checkpoint and key, and who of
    the kiosks cosigned how much of it, and when.
    """
    here = services()
    note, _ = here.log.checkpoint(0)
    db = here.database.reader
    kept = {(one.kiosk, one.generation): one for one in cosignatures.all_kept(db)}
    kiosks = [one for one in registry.kiosks(db) if one.state in ("active", "retired", "fenced")]
    return render_template(
        "entry_log.html",
        size=int(note.split("\n")[1]),
        note=note,
        key=verifier_key(here.event.log_name, here.event.log_key.public),
        kiosks=[(one, kept.get((one.kiosk, one.generation))) for one in kiosks],
    )


@blueprint.get("/entries/<int:number>/receipt")
@auth.allow("auditor")
def receipt(number: int) -> Response:
    """Give the proof that an entry is in the log, as a file for anybody (docs/entry-log.md)."""
    here = services()
    try:
        with here.database.reading() as db:
            text = receipts.receipt(db, here.log, number)
    except receipts.ReceiptError as error:
        abort(404, f"{error}.")
    return Response(
        text,
        mimetype="text/plain",
        headers={
            "Content-Disposition": f'attachment; filename="entry-{number}.tlog-proof"',
            "Cache-Control": "no-store",
        },
    )


@absences.get("/", endpoint="show")
@auth.allow("supervisor", "auditor")
def show_absences() -> str:
    here = services()
    return render_template(
        "absences.html", outages=outages.newest(here.database.reader), now=here.now()
    )


def _asked(given: MultiDict[str, str]) -> Asked[entries.Filter]:
    clock = services().venue_clock
    fields = {
        "hall": Field("hall_id", whole, "Choose a hall of the list."),
        "door": Field("door_id", whole, "Choose a door of the list."),
        "badge": Field(
            "serial", parse_badge_number, "A badge number has five characters, as on cards."
        ),
        "decision": Field("decision", one_of(DECISIONS), CHOOSE),
        "reason": Field("reason", one_of(entries.REASONS), CHOOSE),
        "act": Field("act", one_of(BY_SUPERVISORS), CHOOSE),
        "from": Field("since", clock.parse, MOMENT),
        "to": Field("until", clock.parse, MOMENT),
    }
    return read_filter(given, fields, entries.Filter)
