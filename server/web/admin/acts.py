"""Shows acts from the entry log. An act says who did what, when and what about. The page is for
admins and auditors.
"""

from collections.abc import Iterator

from flask import Blueprint, Response, abort, render_template, request
from werkzeug.datastructures import MultiDict

from server.entry_log import act_list, act_words, entry_log
from server.entry_log.act_names import Act
from server.staff import users
from server.web import auth
from server.web.admin.forms import CHOOSE, MOMENT, Asked, Field, read_filter, whole
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
    kinds = sorted((words.label, act) for act, words in act_words.WORDS.items())
    shown = render_template(
        "acts.html",
        asked=asked,
        page=page,
        names=act_words.Names(db),
        label=act_words.label,
        people=users.users(db),
        others=act_words.WHO,
        kinds=kinds,
    )
    return shown, 400 if asked.problems else 200


@blueprint.get("/acts.csv")
@auth.allow("auditor")
@auth.confirmed
def export() -> Response:
    asked = _asked(request.args)
    if asked.problems:
        abort(400)
    clock = services().venue_clock
    here, by = services(), auth.actor()
    here.database.write(lambda db: entry_log.act(db, by, Act.ACTS_EXPORTED, {}, here.now()))

    def lines() -> Iterator[str]:
        with here.database.reading() as db:
            yield from act_list.csv_lines(db, asked.wanted, clock.machine)

    return Response(
        lines(),
        mimetype="text/csv",
        headers={"Content-Disposition": 'attachment; filename="acts.csv"'},
    )


def _asked(given: MultiDict[str, str]) -> Asked[act_list.Filter]:
    clock = services().venue_clock
    fields = {
        "who": Field("by", _who, CHOOSE),
        "what": Field("act", Act, CHOOSE),
        "from": Field("since", clock.parse, MOMENT),
        "to": Field("until", clock.parse, MOMENT),
    }
    return read_filter(given, fields, act_list.Filter)


def _who(text: str) -> str:
    if text in act_words.WHO:
        return text
    kind, _, number = text.partition(":")
    if kind != "user":
        raise ValueError("not on the list")
    return f"user:{whole(number)}"


def _edge(text: str) -> act_list.Edge:
    at, _, number = text.partition("-")
    return act_list.Edge(whole(at), whole(number))
