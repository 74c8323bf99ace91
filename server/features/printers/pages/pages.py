"""The page of printers. Admins set printers; the desk loads labels, makes test prints, and
answers questions about jobs.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from badges.i18n import N_
from server.core.edits.last_edit import mark_of
from server.features.cards.pages.words import FORMATS
from server.features.printers import jobs, store
from server.features.printers.kinds import DPIS, DRIVERS, kind_of
from server.features.printers.pages import words
from server.features.printers.states import PrintingError, UnknownPrinterError
from server.features.printers.store import Printer, PrinterPlan
from server.storage.connection import Connection
from server.web import auth, forms, i18n
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("printers", __name__, url_prefix="/admin/printers")

JOBS_SHOWN = 30
_COMMA = re.compile("[,，、]")  # As typed on Latin and Chinese keyboards.
_PRINTER, _JOB = "/<int:printer_id>", "/jobs/<int:job_id>"


@dataclass(frozen=True)
class Row:
    printer: Printer
    waiting: int


@blueprint.get("/")
@auth.allow("badge_desk")
def show() -> str:
    db = services().database.reader
    waiting: dict[int, int] = {}
    for item in jobs.open_jobs(db):
        waiting[item.printer_id] = waiting.get(item.printer_id, 0) + 1
    return render_template(
        "printers/list.html",
        rows=[Row(item, waiting.get(item.printer_id, 0)) for item in store.printers(db)],
        jobs=jobs.newest_jobs(db, JOBS_SHOWN),
        names=store.printer_names(db),
        words=words,
        formats=FORMATS,
        told=i18n.said,
        now=services().now(),
    )


@blueprint.get("/new")
@auth.allow()
def new() -> str:
    return _form(None, {"kind": "ipp", "format": "a6", "dpi": "300", "place": "1"})


@blueprint.post("/new")
@auth.allow()
def add() -> Response | tuple[str, int]:
    return _keep(None)


@blueprint.get(f"{_PRINTER}/edit")
@auth.allow()
def edit(printer_id: int) -> str:
    plan = _printer(printer_id).plan
    given = {key: str(value) for key, value in asdict(plan).items()}
    given["desks"] = ", ".join(plan.desks)
    given["layer_only"] = "yes" if plan.layer_only else ""
    given["trusts_sending"] = "yes" if plan.trusts_sending else ""
    given["seen"] = mark_of(asdict(plan))
    return _form(printer_id, given)


@blueprint.post(f"{_PRINTER}/edit")
@auth.allow()
def change(printer_id: int) -> Response | tuple[str, int]:
    _printer(printer_id)
    return _keep(printer_id)


@blueprint.post(f"{_PRINTER}/test")
@auth.allow("badge_desk")
def test(printer_id: int) -> Response:
    return _perform(
        lambda db, by, now: jobs.enqueue_test(db, printer_id, by=by, now=now),
        _("A test print waits for the printer."),
    )


@blueprint.post(f"{_PRINTER}/labels")
@auth.allow("badge_desk")
def labels(printer_id: int) -> Response:
    text = request.form.get("labels", "").strip()
    try:
        count = forms.whole(text) if text else None
    except ValueError:
        return forms.turn_back(_("Write how many labels the roll has, or nothing."), _back())
    message = _("Labels are counted from now on.") if text else _("Labels are no longer counted.")
    return _perform(
        lambda db, by, now: store.load_labels(db, printer_id, count, by=by, now=now), message
    )


@blueprint.post(f"{_PRINTER}/certificate")
@auth.allow()
def certificate(printer_id: int) -> Response:
    return _perform(
        lambda db, by, now: store.forget_certificate(db, printer_id, by=by, now=now),
        _("The certificate that the printer shows next is taken as its own."),
    )


@blueprint.post(f"{_PRINTER}/remove")
@auth.allow()
def remove(printer_id: int) -> Response:
    if request.form.get("confirm") != "yes":
        return forms.turn_back(_("Nothing was changed: tick the box to confirm."), _back())
    return _perform(
        lambda db, by, now: store.remove(db, printer_id, by=by, now=now),
        _("The printer is removed. Its waiting jobs go to other printers."),
    )


@blueprint.post(f"{_JOB}/came-out")
@auth.allow("badge_desk")
def came_out(job_id: int) -> Response:
    event = services().event
    return _perform(
        lambda db, by, now: jobs.confirm(db, event, job_id, by=by, now=now),
        _("The card counts as handed over."),
    )


@blueprint.post(f"{_JOB}/again")
@auth.allow("badge_desk")
def again(job_id: int) -> Response:
    return _perform(
        lambda db, by, now: jobs.retry(db, job_id, by=by, now=now),
        _("The card waits for a printer again."),
    )


@blueprint.post(f"{_JOB}/give-up")
@auth.allow("badge_desk")
def give_up(job_id: int) -> Response:
    return _perform(
        lambda db, by, now: jobs.cancel(db, job_id, by=by, now=now),
        _("The card is not printed."),
    )


def _keep(printer_id: int | None) -> Response | tuple[str, int]:
    given = {key: text.strip()[:400] for key, text in request.form.items()}
    here, by = services(), auth.actor()

    def step(db: Connection) -> None:
        if printer_id is None:
            store.add(db, plan, by=by, now=here.now())
        else:
            before = store.printer(db, printer_id).plan
            if given.get("seen") != mark_of(asdict(before)):
                # Another admin has changed it since.
                abort(409)
            store.change(db, printer_id, plan, by=by, now=here.now())

    try:
        plan = _plan(given)
        here.database.write(step)
    except PrintingError as error:
        return _form(printer_id, given, problem=i18n.said(error)), 400
    flash(_("The printer is set. Make a test print."), "good")
    return redirect(_back(), 303)


def _plan(given: Mapping[str, str]) -> PrinterPlan:
    """Raises PrintingError."""
    kind = given.get("kind", "")
    address = kind_of(kind).address(given.get("address", ""))
    try:
        dpi, place = forms.whole(given.get("dpi", "")), forms.whole(given.get("place", "") or "1")
    except ValueError:
        raise PrintingError(N_("The order is a whole number, such as 1.")) from None
    desks = tuple(filter(None, map(str.strip, _COMMA.split(given.get("desks", "")))))
    return PrinterPlan(
        name=given.get("name", ""),
        address=str(address),
        kind=kind,
        format=given.get("format", ""),
        dpi=dpi,
        layer_only=given.get("layer_only") == "yes",
        trusts_sending=given.get("trusts_sending") == "yes",
        place=min(place, 1_000),
        desks=desks,
    )


def _form(printer_id: int | None, given: Mapping[str, str], *, problem: str = "") -> str:
    return render_template(
        "printers/form.html",
        printer_id=printer_id,
        given=given,
        problem=problem,
        words=words,
        formats=FORMATS,
        kinds=DRIVERS.values(),
        dpis=DPIS,
    )


def _printer(printer_id: int) -> Printer:
    try:
        return store.printer(services().database.reader, printer_id)
    except UnknownPrinterError:
        abort(404)


def _perform(step: Callable[[Connection, str, int], object], message: str) -> Response:
    return forms.perform(step, message, back=_back(), refused=(PrintingError,))


def _back() -> str:
    return url_for("admin.printers.show")
