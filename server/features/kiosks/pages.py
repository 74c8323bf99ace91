import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

from flask import Blueprint, abort, render_template, request, url_for
from werkzeug.wrappers import Response

from badges.i18n import N_
from badges.printing.qr import symbol_svg
from server.core.alerts import kiosks as kiosk_alerts
from server.core.alerts.alerts import Kind
from server.core.event.processes import own_version
from server.core.kiosks import last_hour, registry
from server.core.kiosks.last_hour import KioskMinute
from server.core.kiosks.registry import KioskRow
from server.core.occupancy import minutes
from server.core.venue import store
from server.storage.connection import Connection
from server.web import alerts as board_words
from server.web import auth, forms, i18n
from server.web.alerts import Places, Told
from server.web.forms import whole
from server.web.i18n import gettext as _
from server.web.i18n import ngettext
from server.web.services import services
from server.web.sparkline import sparkline

blueprint = Blueprint("kiosks", __name__, url_prefix="/admin/kiosks")

SPARK = (120, 24)  # Of a sparkline, in its own units


@dataclass(frozen=True)
class Working:
    row: KioskRow
    alerts: list[tuple[bool, Told]]  # Grave or not, and its text
    places: int  # Free places, as last reported
    spark: str  # Points of a line: the door's scans in the last hour
    scans: int  # Their number
    silent: list[tuple[float, float]]  # Minutes without contact: x and width
    unheard: int  # Their number
    lost: bool  # It is silent, so its last report is old


@blueprint.get("/")
@auth.allow("auditor")
def show() -> str:
    return _list()


@blueprint.post("/add")
@auth.allow()
def add() -> tuple[str, int]:
    """Create a kiosk, and show its code once. Only its hash is stored."""
    here, by = services(), auth.actor()
    # "Hall 1 East" becomes hall-1-east.
    kiosk = "-".join(request.form.get("kiosk", "").lower().split())[:64]
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
        return _list(problem=i18n.said(error), kiosk=kiosk, door=door), 400
    text = code.text()
    row = _newest(kiosk)
    return render_template("kiosk_code.html", row=row, code=text, symbol=symbol_svg(text)), 201


@blueprint.get("/<kiosk>/words")
@auth.allow("auditor")
def words(kiosk: str) -> str:
    """Return the code page's changing part: empty, later the six words."""
    return render_template("parts/words.html", row=_newest(kiosk))


@blueprint.post("/<kiosk>/confirm")
@auth.allow()
def confirm(kiosk: str) -> Response:
    here = services()
    if request.form.get("same") != "yes":
        why = _("Nothing was changed: compare the six words, then tick the box.")
        return forms.turn_back(why, _back())
    seen = (request.form.get("generation", type=whole), request.form.get("words", ""))

    def step(db: Connection, by: str, now: int) -> None:
        row = _row(db, kiosk)
        if (row.generation, row.words) != seen:
            # Another device has shown a newer code since.
            abort(409)
        registry.confirm(db, here.event, kiosk, by=by, now=now)

    return _perform(
        step,
        _(
            "%(kiosk)s is enrolled. Start it there: "
            "hallkeeper-kiosk run --dir %(kiosk)s --camera 0",
            kiosk=kiosk,
        ),
    )


@blueprint.post("/<kiosk>/retire")
@auth.allow()
def retire(kiosk: str) -> Response:
    seen = request.form.get("generation", 0, type=whole)

    def step(db: Connection, by: str, now: int) -> None:
        if _row(db, kiosk).generation != seen:
            # The kiosk has been enrolled anew since.
            abort(409)
        registry.retire(db, kiosk, by=by, now=now)

    return _ending(
        step,
        _("%(kiosk)s is retired: it admits no one as soon as it hears of it.", kiosk=kiosk),
    )


@blueprint.post("/<kiosk>/fence")
@auth.allow()
@auth.confirmed
def fence(kiosk: str) -> Response:
    generation = request.form.get("generation", 0, type=whole)
    return _ending(
        lambda db, by, now: registry.fence(db, kiosk, generation, by=by, now=now),
        _(
            "%(kiosk)s is fenced: nothing more is given to it, and its places stay counted as"
            " used.",
            kiosk=kiosk,
        ),
    )


def _ending(step: Callable[[Connection, str, int], None], message: str) -> Response:
    if request.form.get("confirm") != "yes":
        return forms.turn_back(_("Nothing was changed: tick the box to confirm."), _back())
    return _perform(step, message)


def _perform(step: Callable[[Connection, str, int], None], message: str) -> Response:
    refused = (registry.KioskError,)
    return forms.perform(step, message, back=_back(), refused=refused, words=i18n.said)


def _back() -> str:
    return url_for("admin.kiosks.show")


def _row(db: Connection, kiosk: str) -> registry.KioskRow:
    """Return the kiosk's newest generation."""
    for row in registry.kiosks(db):
        if row.kiosk == kiosk:
            return row
    raise registry.KioskError(N_("there is no kiosk %(kiosk)s"), kiosk=repr(kiosk))


def _newest(kiosk: str) -> registry.KioskRow:
    try:
        return _row(services().database.reader, kiosk)
    except registry.KioskError:
        abort(404)


def _list(*, problem: str = "", kiosk: str = "", door: str = "") -> str:
    here = services()
    db, now = here.database.reader, here.now()
    rows = registry.kiosks(db)
    working = kiosk_alerts.at_work(rows)
    doors, served = store.doors(db), {row.door_id for row in working}
    without = [item.code for item in doors if item.door_id not in served]
    return render_template(
        "kiosks.html",
        without=without,
        newest={row.kiosk: row.generation for row in reversed(rows)},
        working=_working(db, working, now),
        ended=[row for row in rows if _has_ended(row)],
        phones_waiting=sum(row.is_phone and row.state == "proven" for row in rows),
        spark=SPARK,
        named=board_words.in_page_language,
        **_said(),
        version=own_version(),
        others=registry.of_other_versions(rows),
        settings=here.event.settings,
        doors=doors,
        halls={hall.hall_id: hall.names for hall in store.halls(db)},
        problem=problem,
        kiosk=kiosk,
        door=door or (without[0] if len(without) == 1 else ""),
        now=now,
        heard_lately=partial(kiosk_alerts.heard_lately, now=now),
    )


def _said() -> dict[str, Callable[[int], str]]:
    """Return cached formatters: many kiosks share few texts."""

    @cache
    def seconds_ago(seconds: int) -> str:
        return _("%(time)s ago", time=board_words.lasting(seconds * 1000))

    return {
        "ago": lambda length_ms: seconds_ago(length_ms // 1000),
        "pictures": cache(lambda number: _("%(pictures)s a second", pictures=number)),
        "percent_read": cache(lambda number: _("%(percent)s %% read", percent=number)),
        "scans": cache(lambda number: ngettext("%(num)s scan", "%(num)s scans", number)),
    }


def _working(db: Connection, rows: list[KioskRow], now: int) -> list[Working]:
    settings = services().event.settings
    places = Places({}, {}, {})
    held = registry.holdings(db)
    hours, scans = last_hour.last_hours(db, now), minutes.door_hours(db, now)
    shown = []
    for row in rows:
        raised = kiosk_alerts.of_kiosk(row, settings, now)
        alerts = [(item.grave, board_words.told(item, places)) for item in raised]
        lost = any(item.kind is Kind.SILENT for item in raised)
        counts = scans.get(row.door_id, ())
        silent = _silent(hours.get(row.kiosk, ()) if row.state == "active" else ())
        free = sum(max(0, item.free) for item in held.get((row.kiosk, row.generation), ()))
        line = sparkline(counts, *SPARK) if counts else ""
        shown.append(Working(row, alerts, free, line, sum(counts), silent, len(silent), lost))
    return sorted(shown, key=lambda item: (_urgency(item), item.row.kiosk))


def _has_ended(row: KioskRow) -> bool:
    """Leave out phones that an admin refused."""
    return row.state in ("retired", "fenced") and (row.was_confirmed or not row.is_phone)


def _urgency(kiosk: Working) -> int:
    if any(grave for grave, _told in kiosk.alerts):
        return 0
    return 1 if kiosk.alerts else 2


def _silent(minutes_of_hour: Sequence[KioskMinute]) -> list[tuple[float, float]]:
    """Return the minutes without contact, after the first contact."""
    heard = [bool(minute.heard) for minute in minutes_of_hour]
    first = heard.index(True) if True in heard else len(heard)
    width = SPARK[0] / last_hour.MINUTES
    return [
        (round(place * width, 1), round(width, 1))
        for place, was in enumerate(heard[:-1])
        if place > first and not was
    ]
