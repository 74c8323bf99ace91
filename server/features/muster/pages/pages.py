from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    copy_current_request_context,
    render_template,
    request,
    url_for,
)
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from server.core.entry_log import act_words, entry_log
from server.core.entry_log.act_names import Act
from server.core.muster import muster, sightings
from server.core.muster.muster import Muster, MusterError, ShownLine
from server.core.muster.snapshot import Sureness
from server.features.muster import lists
from server.features.muster.lists import State, Wanted
from server.features.muster.pages import paper, words
from server.storage.connection import Connection
from server.web import auth, forms, i18n, live
from server.web.i18n import gettext as _
from server.web.rendered import Parts, Rendered
from server.web.services import services


class Shown(Rendered):
    pass


blueprint = Blueprint("muster", __name__, url_prefix="/admin/muster")

ROWS = 100
ENTRIES_CHARS = 64  # of the digest that a line carries
PACE_S = 1.0
ROLES = ("steward", "supervisor", "auditor")
FILTER = ("hall", "state", "sureness", "help")


@blueprint.get("/")
@auth.allow(*ROLES)
def show() -> str:
    db = services().database.reader
    on = muster.current(db)
    if on is not None:
        return _page(db, on)
    return render_template(
        "muster/begin.html", earlier=muster.musters(db), who=act_words.Names(db).who
    )


@blueprint.get("/<int:muster_id>")
@auth.allow(*ROLES)
def details(muster_id: int) -> str:
    return _page(services().database.reader, _muster(muster_id))


@blueprint.get("/<int:muster_id>/live")
@auth.allow(*ROLES)
def stream(muster_id: int) -> Response:
    shown_muster = _muster(muster_id)

    @copy_current_request_context
    def look() -> Parts | None:
        user = auth.user()
        if user is None or user.role not in auth.allowed_here():
            return None
        return _parts(shown_muster.muster_id)

    return live.feed(look)


@blueprint.post("/begin")
@auth.allow("supervisor")
def begin() -> AnyResponse:
    if request.form.get("confirm") != "yes":
        return forms.turn_back(_("Nothing was begun: tick the box."), url_for("admin.muster.show"))
    reason = request.form.get("reason", "")[:1000]
    services().clock.epoch()  # the step stores it, and can't begin it
    return forms.perform(
        lambda db, by, now: muster.begin(db, reason, by=by, now=now),
        _("The muster has begun. Doors go on as before: nothing was locked or opened."),
        back=url_for("admin.muster.show"),
        refused=(MusterError,),
        words=lambda error: _("Nothing was begun: %(why)s", why=i18n.said(error)),
    )


@blueprint.post("/<int:muster_id>/end")
@auth.allow("supervisor")
def end(muster_id: int) -> AnyResponse:
    note = request.form.get("note", "")[:1000]
    return _change(
        lambda db, by, now: muster.end(db, muster_id, note, by=by, now=now),
        _("The muster has ended. Its list stays here."),
        muster_id,
    )


@blueprint.post("/<int:muster_id>/seen")
@auth.allow("steward", "supervisor")
def seen(muster_id: int) -> AnyResponse:
    serial = _serial()
    point = request.form.get("point", "")[:200]
    # Without these, as from an unknown page, an entry of the person refuses the tick.
    shown_at, epoch = (
        request.form.get(name, 0, type=forms.whole) or 0 for name in ("shown_at", "epoch")
    )
    shown = ShownLine(shown_at, epoch, request.form.get("entries", "")[:ENTRIES_CHARS])
    services().clock.epoch()  # the step compares it, and can't begin it
    return _change(
        lambda db, by, now: muster.tick(db, muster_id, serial, point, shown=shown, by=by, now=now),
        _("Noted as seen."),
        muster_id,
    )


@blueprint.post("/<int:muster_id>/unseen")
@auth.allow("steward", "supervisor")
def unseen(muster_id: int) -> AnyResponse:
    serial = _serial()
    return _change(
        lambda db, by, now: muster.take_back(db, muster_id, serial, by=by, now=now),
        _("On the list again."),
        muster_id,
    )


@blueprint.get("/<int:muster_id>/list")
@auth.allow(*ROLES)
def printed(muster_id: int) -> Response:
    """Return the printable list of people to find, one hall per sheet."""
    printed_muster, here = _muster(muster_id), services()
    wanted = Wanted(hall_id=_number("hall"), to_find="all" not in request.args)
    db = here.database.reader
    counts = lists.counts(db, printed_muster.muster_id)
    phones = _sees_phones(printed_muster)
    lines = list(lists.lines(db, printed_muster.muster_id, wanted, phones=phones))
    by = auth.actor()
    subject = {"muster": printed_muster.muster_id, "people": len(lines)}
    here.database.write(lambda db: entry_log.act(db, by, Act.MUSTER_PRINTED, subject, here.now()))
    return Response(
        "".join(paper.pages(printed_muster, counts, lines, here.now())), mimetype="text/html"
    )


def _page(db: Connection, shown_muster: Muster) -> str:
    wanted = _wanted()
    # Before the list is read.
    shown_at, epoch = services().now(), services().clock.known_epoch() or 0
    counts = lists.counts(db, shown_muster.muster_id)
    how_many = lists.how_many(counts, wanted)
    sheets = -(-how_many // ROWS)
    # The last page ends when its last person is ticked off.
    page = max(1, min(_number("page") or 1, sheets))
    names = act_words.Names(db)
    lines = list(
        lists.lines(
            db,
            shown_muster.muster_id,
            wanted,
            limit=ROWS,
            skip=(page - 1) * ROWS,
            phones=_sees_phones(shown_muster),
        )
    )
    serials = [line.serial for line in lines if line.serial is not None]
    return render_template(
        "muster/show.html",
        muster=shown_muster,
        on=shown_muster.ended_at is None,
        begun_by=names.who(shown_muster.begun_by),
        ended_by=names.who(shown_muster.ended_by or ""),
        parts={name: Markup(html) for name, html in _parts(shown_muster.muster_id, counts).items()},  # noqa: S704
        hall_names=lists.hall_names(db, shown_muster.muster_id),
        lines=lines,
        shown_at=shown_at,
        epoch=epoch,
        entries=sightings.known_entries(db, serials),
        how_many=how_many,
        page=page,
        sheets=sheets,
        asked=_asked(),
        words=words,
    )


def _asked() -> dict[str, str]:
    """Return the filter as it was sent, without empty fields."""
    return {key: value for key in FILTER if (value := request.args.get(key, ""))}


def _sees_phones(shown: Muster) -> bool:
    """Return whether the user sees telephones of unseen people: users who may begin a muster,
    while it is on.
    """
    return shown.ended_at is None and auth.may_open("admin.muster.begin")


def _parts(muster_id: int, given: lists.Counts | None = None) -> Parts:
    def render() -> Parts:
        db = services().database.reader
        counts = given or lists.counts(db, muster_id)
        names = ("missing", "doubtful", "out", "seen", "help_missing")
        figures: dict[str, Any] = {
            "counts": counts,
            "muster_id": muster_id,
            "words": words,
            "door_names": lists.away_door_names(db, counts),
            "total": {name: counts.total(name) for name in names},
        }
        return {
            "muster-totals": render_template("muster/totals.html", **figures),
            "muster-halls": render_template("muster/halls.html", **figures),
        }

    key = f"muster-{muster_id}-{i18n.language()}"
    return services().own(Shown).parts(key, render, fresh_s=PACE_S * 0.9)


def _wanted() -> Wanted:
    """Return the filter; unknown values are ignored."""
    state, sure = request.args.get("state", ""), request.args.get("sureness", "")
    return Wanted(
        hall_id=_number("hall"),
        state=State(state) if state in list(State) else None,
        help="help" in request.args,
        sureness=Sureness(sure) if sure in list(Sureness) else None,
    )


def _number(name: str) -> int | None:
    return request.args.get(name, type=forms.whole)


def _serial() -> int:
    serial = request.form.get("serial", type=forms.whole)
    if serial is None:
        abort(400)
    return serial


def _muster(muster_id: int) -> Muster:
    record = muster.muster(services().database.reader, muster_id)
    if record is None:
        abort(404)
    return record


def _change(step: Any, message: str, muster_id: int) -> AnyResponse:
    """Run `step`, and return to the same page of the filtered list."""
    back: dict[str, Any] = {**_asked(), "page": _number("page")}
    return forms.perform(
        step,
        message,
        back=url_for("admin.muster.details", muster_id=muster_id, **back),
        refused=(MusterError,),
    )
