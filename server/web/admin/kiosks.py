"""Shows how kiosks are, adds one by a one-time code, shows the six words, and ends one."""

import os
from collections.abc import Callable

from flask import Blueprint, abort, render_template, request, url_for
from werkzeug.wrappers import Response

from badges.printing.qr import symbol_svg
from server.backup import critical_state
from server.kiosks import registry
from server.storage.connection import Connection
from server.venue import store
from server.web import auth
from server.web.admin import forms, kiosk_health
from server.web.admin.forms import whole
from server.web.services import services

blueprint = Blueprint("kiosks", __name__, url_prefix="/admin/kiosks")


@blueprint.get("/")
@auth.allow("auditor")
def show() -> str:
    return _list()


@blueprint.post("/add")
@auth.allow()
def add() -> tuple[str, int]:
    """Make a kiosk, and show its code this one time. Only a hash of it is kept."""
    here, by = services(), auth.actor()
    kiosk = request.form.get("kiosk", "").strip()[:64]
    door = request.form.get("door", "")
    settings = here.event.settings
    try:
        code = here.database.write(
            lambda db: registry.add_kiosk(
                db,
                here.event,
                kiosk,
                door,
                address=(settings.public_host, settings.port),
                by=by,
                now=here.now(),
                random=os.urandom,
            )
        )
    except registry.KioskError as error:
        return _list(problem=str(error), kiosk=kiosk, door=door), 400
    text = code.text()
    row = _newest(kiosk)
    return render_template("kiosk_code.html", row=row, code=text, symbol=symbol_svg(text)), 201


@blueprint.get("/<kiosk>/words")
@auth.allow("auditor")
def words(kiosk: str) -> str:
    """Return the part of the code's page that changes. It is empty at first, and has the six words
    later.
    """
    return render_template("parts/words.html", row=_newest(kiosk))


@blueprint.post("/<kiosk>/confirm")
@auth.allow()
def confirm(kiosk: str) -> Response:
    here = services()
    if request.form.get("same") != "yes":
        why = "Nothing was changed: compare the six words, then tick the box."
        return forms.turn_back(why, _back())
    seen = (request.form.get("generation", type=whole), request.form.get("words", ""))

    def step(db: Connection, by: str, now: int) -> None:
        row = _row(db, kiosk)
        if (row.generation, row.words) != seen:
            # Another device has shown a newer code since this page was made.
            abort(409)
        registry.confirm(db, here.event, kiosk, by=by, now=now)

    return _perform(step, f"{kiosk} is at work.")


@blueprint.post("/<kiosk>/retire")
@auth.allow()
def retire(kiosk: str) -> Response:
    return _ending(
        lambda db, by, now: registry.retire(db, kiosk, by=by, now=now),
        f"{kiosk} is retired: it admits nobody from when it hears of it.",
    )


@blueprint.post("/<kiosk>/fence")
@auth.allow()
@auth.confirmed
def fence(kiosk: str) -> Response:
    """Fence a kiosk that is lost or stolen."""
    generation = request.form.get("generation", 0, type=whole)
    return _ending(
        lambda db, by, now: registry.fence(db, kiosk, generation, by=by, now=now),
        f"{kiosk} is fenced: nothing more is given to it, and its places stay counted as used.",
    )


def _ending(step: Callable[[Connection, str, int], None], said: str) -> Response:
    if request.form.get("confirm") != "yes":
        return forms.turn_back("Nothing was changed: tick the box to confirm.", _back())
    return _perform(step, said)


def _perform(step: Callable[[Connection, str, int], None], said: str) -> Response:
    refused = (registry.KioskError, critical_state.ActsError)
    return forms.perform(step, said, back=_back(), refused=refused, words=str)


def _back() -> str:
    return url_for("admin.kiosks.show")


def _row(db: Connection, kiosk: str) -> registry.KioskRow:
    """Return the kiosk in its newest generation."""
    for row in registry.kiosks(db):
        if row.kiosk == kiosk:
            return row
    raise registry.KioskError(f"there is no kiosk {kiosk!r}")


def _newest(kiosk: str) -> registry.KioskRow:
    try:
        return _row(services().database.reader, kiosk)
    except registry.KioskError:
        abort(404)


def _list(*, problem: str = "", kiosk: str = "", door: str = "") -> str:
    here = services()
    db, now = here.database.reader, here.now()
    rows = registry.kiosks(db)
    working = kiosk_health.at_work(rows)
    return render_template(
        "kiosks.html",
        working=[(row, kiosk_health.troubles(row, now)) for row in working],
        ended=[row for row in rows if row not in working],
        doors=store.doors(db),
        halls={hall.hall_id: hall.names for hall in store.halls(db)},
        problem=problem,
        kiosk=kiosk,
        door=door,
        now=now,
    )
