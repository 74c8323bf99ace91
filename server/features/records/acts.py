from collections.abc import Callable, Mapping, Sequence
from functools import partial

from flask import Blueprint, Response, abort, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from badges.credential.badge_number import parse_badge_number
from server.core.edits import acts_told
from server.core.entry_log import act_list, act_words, entry_log
from server.core.entry_log.act_names import Act
from server.core.ledger import entries
from server.core.staff import users
from server.core.venue import store
from server.features.records import files, saved
from server.storage.connection import Connection
from server.web import auth, i18n
from server.web.about import about
from server.web.forms import MOMENT, Asked, Field, listed, one_of, read_filter, whole
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("acts", __name__, url_prefix="/admin")


@blueprint.get("/acts")
@auth.allow("auditor")
def show() -> tuple[str, int]:
    db = services().database.reader
    asked = _asked(request.args)
    page = act_list.Page([], None, None)
    if not asked.problems:
        page = act_list.page(
            db,
            asked.wanted,
            before=request.args.get("before", type=_edge),
            after=request.args.get("after", type=_edge),
        )
    names = act_words.Names(db, i18n.language())
    kinds = sorted((_(words.label), act) for act, words in act_words.WORDS.items())
    shown = render_template(
        "records/acts.html",
        asked=asked,
        page=page,
        names=names,
        about=partial(about, names),
        label=lambda act: _(act_words.label(act)),
        told=acts_told.told(db, services().venue_clock.zone, page.acts),
        has_names=files.may_see_names(),
        people=users.users(db),
        others=act_words.WHO,
        kinds=kinds,
        halls=store.halls(db),
        doors=store.doors(db),
        kiosks=entries.kiosks(db),
        saved=saved.filters("acts"),
        now=services().now(),
        said=_,  # Translates without escaping; the template escapes.
    )
    return shown, 400 if asked.problems else 200


@blueprint.get("/acts.csv", defaults={"kind": "csv"})
@blueprint.get("/acts.xlsx", defaults={"kind": "xlsx"})
@auth.allow("auditor")
@auth.confirmed
def export(kind: str) -> Response:
    asked = _asked(request.args)
    if asked.problems:
        abort(400)
    here, by, has_names = services(), auth.actor(), files.may_see_names()
    clock = here.venue_clock
    subject = {"format": kind, "names": "yes" if has_names else None}
    here.database.write(lambda db: entry_log.act(db, by, Act.ACTS_EXPORTED, subject, here.now()))

    def more(db: Connection, acts: Sequence[act_list.LoggedAct]) -> list[tuple[object, ...]]:
        changes = acts_told.told(db, clock.zone, acts)
        return [(changes[action.number].person, str(changes[action.number])) for action in acts]

    columns = ("person", "change") if has_names else ()
    file = act_list.Asked(asked.wanted, clock.iso, columns, more if has_names else None)
    write = act_list.csv_lines if kind == "csv" else act_list.xlsx_pieces
    return files.sent("acts", kind, lambda db: write(db, file))


@blueprint.post("/acts/save")
@auth.allow("auditor")
def save() -> AnyResponse:
    return saved.save("acts", _asked(request.form))


def _asked(given: Mapping[str, str]) -> Asked[act_list.Filter]:
    here = services()
    clock, db = here.venue_clock, here.database.reader
    fields = {
        "who": listed("by", _who),
        "what": listed("act", Act),
        "from": Field("since", clock.parse, MOMENT),
        "to": Field("until", clock.parse, MOMENT),
        "badge": Field(
            "serial", parse_badge_number, _("A badge number has five characters, as on cards.")
        ),
        "hall": listed("hall", whole),
        "door": listed("door", whole),
        "kiosk": listed("kiosk", one_of(entries.kiosks(db))),
        "account": listed("user", whole),
        "session": Field("session", _session(db), _("A session's code, or its whole title.")),
    }
    return read_filter(given, fields, act_list.Filter)


def _session(db: Connection) -> Callable[[str], int]:
    def read(text: str) -> int:
        (session_id,) = entries.sessions_called(db, text)
        return session_id

    return read


def _who(text: str) -> str:
    return text if text in act_words.WHO else saved.user_of(text)


def _edge(text: str) -> act_list.Edge:
    at, _minus, number = text.partition("-")
    return act_list.Edge(whole(at), whole(number))
