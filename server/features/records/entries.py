from collections.abc import Callable, Mapping
from dataclasses import replace

from flask import Blueprint, Response, abort, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from badges.credential.badge_number import parse_badge_number
from server.core.entry_log import entry_log, receipts
from server.core.entry_log.act_names import Act
from server.core.ledger import entries, entries_files, outages, remarks
from server.core.ledger.finding import Filter, TooManyPeopleError
from server.core.staff import users
from server.core.venue import store
from server.features.records import files, saved
from server.storage.connection import Connection
from server.web import auth, downloads
from server.web.display import DECISIONS, FLAGS, REASONS
from server.web.forms import MOMENT, Asked, Field, listed, one_of, read_filter, whole
from server.web.i18n import gettext as _
from server.web.i18n import language
from server.web.services import services

blueprint = Blueprint("entries", __name__, url_prefix="/admin")
outage_pages = Blueprint("outages", __name__, url_prefix="/admin/outages")
ROWS = ("50", "500")  # Rows per page: on the screen, in print
SESSIONS_MAX = 100  # Most sessions that a title may match


@blueprint.get("/entries")
@auth.allow("auditor")
def show() -> tuple[str, int]:
    asked = _asked(request.args)
    db = services().database.reader
    page = entries.Page([], None, None)
    rows = request.args.get("rows", ROWS[0])
    rows = rows if rows in ROWS else ROWS[0]
    if not asked.problems:
        try:
            page = entries.page(
                db,
                asked.wanted,
                before=request.args.get("before", type=whole),
                after=request.args.get("after", type=whole),
                rows=int(rows),
            )
        except TooManyPeopleError as error:
            asked = replace(asked, problems=_too_many(error))
    shown = render_template(
        "records/entries.html",
        asked=asked,
        page=page,
        choices=_choices(db),
        reasons={reason: REASONS[reason] for reason in entries.REASONS},
        saved=saved.filters("entries"),
        more={} if rows == ROWS[0] else {"rows": rows},
        to_print=ROWS[1],
        now=services().now(),
        said=_,  # Translates without escaping; the template escapes.
    )
    return shown, 400 if asked.problems else 200


@blueprint.get("/entries.csv", defaults={"kind": "csv"})
@blueprint.get("/entries.xlsx", defaults={"kind": "xlsx"})
@auth.allow("auditor")
@auth.confirmed
def export(kind: str) -> Response:
    asked = _asked(request.args)
    if asked.problems:
        abort(400)
    here, by, has_names = services(), auth.actor(), files.may_see_names()
    try:
        entries.page(here.database.reader, asked.wanted, rows=1)
    except TooManyPeopleError:
        abort(400)
    subject = {
        "hall": asked.wanted.hall_id,
        "door": asked.wanted.door_id,
        "format": kind,
        "names": "yes" if has_names else None,
    }
    here.database.write(lambda db: entry_log.act(db, by, Act.ENTRIES_EXPORTED, subject, here.now()))
    file = entries_files.Asked(
        asked.wanted, here.event.settings.time_zone, language=language(), has_names=has_names
    )
    write = entries_files.csv_lines if kind == "csv" else entries_files.xlsx_pieces
    return files.sent("entries", kind, lambda db: write(db, file))


@blueprint.post("/entries/save")
@auth.allow("auditor")
def save() -> AnyResponse:
    return saved.save("entries", _asked(request.form))


@blueprint.get("/entries/<int:number>/receipt")
@auth.allow("auditor")
def receipt(number: int) -> Response:
    here = services()
    try:
        with here.database.reading() as db:
            text = receipts.receipt(db, here.log, number)
    except receipts.ReceiptError as error:
        abort(404, f"{error}.")
    return downloads.receipt(text, number, {"Cache-Control": "no-store"})


@outage_pages.get("/", endpoint="show")
@auth.allow("supervisor", "auditor")
def show_outages() -> str:
    here = services()
    return render_template(
        "outages.html", outages=outages.newest(here.database.reader), now=here.now()
    )


def _too_many(error: TooManyPeopleError) -> dict[str, str]:
    field = "person" if str(error) == "name" else "organisation"
    return {field: _("Very many people have this. Write more of it.")}


def _choices(db: Connection) -> Mapping[str, object]:
    return {
        "halls": store.halls(db),
        "doors": store.doors(db),
        "kiosks": entries.kiosks(db),
        "categories": store.categories(db),
        "people": users.users(db),
        "remarks": remark_words(),
        "acts": act_words(),
    }


def act_words() -> dict[str, str]:
    return {
        "entry": _("Entry"),
        "exit": _("Exit"),
        "denial": _("Denial"),
        "override": _("Override"),
        "annul": _("Annulment"),
    }


def remark_words() -> dict[str, str]:
    made_here = {
        "fenced": _("from a fenced or retired kiosk"),
        "late": _("reported a minute later or more"),
        "old_facts": _("decided on data a minute old or older"),
        "skewed": _("door's clock wrong by two seconds or more"),
    }
    return {**{flag: _(words) for flag, words in FLAGS.items()}, **made_here}


def _asked(given: Mapping[str, str]) -> Asked[Filter]:
    here = services()
    clock, db = here.venue_clock, here.database.reader
    fields = {
        "person": Field("name", _words, _("Letters or digits of a name.")),
        "organisation": Field("organisation", _words, _("Letters or digits of a name.")),
        "badge": Field(
            "serial", parse_badge_number, _("A badge number has five characters, as on cards.")
        ),
        "category": listed("category", whole),
        "hall": Field("hall_id", whole, _("Choose a hall of the list.")),
        "door": Field("door_id", whole, _("Choose a door of the list.")),
        "kiosk": listed("kiosk", one_of(entries.kiosks(db))),
        "session": Field(
            "sessions",
            _sessions(db),
            _("A session's code, or words of its title that at most %(most)s sessions have.",
              most=SESSIONS_MAX),
        ),
        "act": listed("act", one_of(remarks.KINDS)),
        "decision": listed("decision", one_of(DECISIONS)),
        "reason": listed("reason", one_of(entries.REASONS)),
        "remark": listed("remark", one_of({*FLAGS, *remarks.MADE_HERE})),
        "supervisor": listed("supervisor", saved.user_of),
        "note": Field("note", str, ""),
        "from": Field("since", clock.parse, MOMENT),
        "to": Field("until", clock.parse, MOMENT),
    }  # fmt: skip
    return read_filter(given, fields, Filter)


def _words(text: str) -> str:
    if not any(map(str.isalnum, text)):
        raise ValueError("no letter and no digit")
    return text


def _sessions(db: Connection) -> Callable[[str], tuple[int, ...]]:
    def read(text: str) -> tuple[int, ...]:
        matching = entries.sessions_called(db, text)
        if not 0 < len(matching) <= SESSIONS_MAX:
            raise ValueError("none or too many")
        return matching

    return read
