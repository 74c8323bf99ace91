"""Lets staff take an alert, with a note."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from server.core.alerts import taken
from server.core.alerts.alerts import Alert
from server.core.alerts.taken import TakenError
from server.features.board import look
from server.web import alerts as words
from server.web import auth, i18n
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("taking", __name__, url_prefix="/admin/alerts")


@blueprint.get("/<key>")
@auth.allow("steward", "supervisor")
def show(key: str) -> str:
    return _page(key)


@blueprint.post("/<key>")
@auth.allow("steward", "supervisor")
def take(key: str) -> Response | str | tuple[str, int]:
    here, by = services(), auth.actor()
    note = request.form.get("note", "")
    alert, _told, _by = _found(key)
    if alert is None:
        flash(_("This alert is over."), "good")
        return redirect(url_for("admin.overview.show"), 303)
    try:
        here.database.write(lambda db: taken.take(db, alert, note, by=by, now=here.now()))
    except TakenError as error:
        return _page(key, problem=i18n.said(error), note=note), 400
    flash(
        _(
            "Noted: you are handling it. The alert returns to the board if it gets worse or "
            "happens again."
        ),
        "good",
    )
    return redirect(url_for("admin.overview.show"), 303)


def _page(key: str, *, problem: str = "", note: str = "") -> str:
    alert, texts, by = _found(key)
    if ":" not in key:
        abort(404)
    return render_template(
        "board/alert.html",
        key=key,
        alert=alert,
        told=texts,
        by=by,
        problem=problem,
        note=note,
        note_chars_max=taken.NOTE_CHARS_MAX,
    )


def _found(key: str) -> tuple[Alert | None, words.Told | None, taken.Taken | None]:
    now = look.look()
    for alert, by in [*((alert, None) for alert in now.new), *now.taken]:
        if alert.key == key:
            return alert, words.told(alert, now.places), by
    return None, None, None
