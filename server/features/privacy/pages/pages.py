import logging
from collections.abc import Mapping
from functools import partial

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from badges.credential.badge_number import parse_badge_number
from server.core.edits.last_edit import mark_of
from server.core.event import retention as clocks
from server.core.event.retention import CLOCKS, ClockError, Since
from server.core.people import attendees
from server.core.people.card_design import DesignError
from server.core.staff import confirmations
from server.features.privacy import erase, export, running
from server.features.privacy.daily import Daily
from server.features.privacy.forgetting import Forgetting
from server.features.privacy.leftovers import leftovers
from server.features.privacy.words import SECTIONS
from server.storage.connection import Connection
from server.web import auth, forms, i18n, shown
from server.web.apart import ApartError, work_apart
from server.web.i18n import gettext as _
from server.web.services import services

log = logging.getLogger(__name__)

blueprint = Blueprint("privacy", __name__, url_prefix="/admin/privacy")

RUNS_SHOWN = 50
PERIOD_CHARS_MAX = 20


@blueprint.get("/")
@auth.allow("auditor")
@auth.with_form_to("admin.privacy.put")
def show() -> AnyResponse | str:
    """Show the retention periods and past runs; `?count=1` adds expired records. `?badge=` leads
    to that person's page.
    """
    asked = request.args.get("badge", "").strip()
    if asked and auth.may_open("admin.privacy.person"):
        try:
            serial = attendees.find_by_label(services().database.reader, asked[:64])
        except attendees.UnknownAttendeeError:
            return forms.turn_back(
                _("There is no attendee with this badge number or registration."),
                url_for("admin.privacy.show"),
            )
        number = attendees.attendee(services().database.reader, serial).number
        return redirect(url_for("admin.privacy.person", number=number), 303)
    daily = services().find(Daily)
    return _page(daily.trouble if daily else "")


def _page(problem: str, typed: Mapping[str, str] | None = None) -> str:
    """Return the page with the periods that are set, or as `typed` in a refused form."""
    here = services()
    db = here.database.reader
    due: dict[str, int] = {}
    known = clocks.settings(db)
    if request.args.get("count") == "1":
        try:
            pending = running.due(db, here.event, now=here.now())
            due = {item.clock.kind: item.count for item in pending}
        except DesignError as error:
            problem = i18n.said(error)
    return render_template(
        "privacy/clocks.html",
        clocks=CLOCKS,
        known=known,
        days=typed or {kind: period.days for kind, period in known.items()},
        wrong=[kind for kind, text in (typed or {}).items() if not _is_period(text)],
        seen=request.form.get("seen", "") if typed else _mark(db),
        due=due,
        problem=problem,
        ends_at=clocks.ends_at(here.event.settings),
        day_ms=clocks.DAY_MS,
        since_end=Since.END,
        days_max=clocks.DAYS_MAX,
        runs=clocks.last_runs(db, RUNS_SHOWN),
    )


@blueprint.post("/clocks")
@auth.allow()
@auth.confirmed
def put() -> AnyResponse | tuple[str, int]:
    """Set every retention period from the form; empty turns one off."""
    here, by = services(), auth.actor()
    typed = {kind: request.form.get(kind, "").strip()[:PERIOD_CHARS_MAX] for kind in CLOCKS}
    seen = request.form.get("seen")
    try:
        wanted = {kind: forms.whole(text) if text else None for kind, text in typed.items()}
    except ValueError:
        return _page(_("Nothing was changed: days are whole numbers."), typed), 400

    def step(db: Connection) -> list[str]:
        if seen != _mark(db):
            # Another admin has set periods since; the form has all of them.
            abort(409)
        return clocks.put(db, wanted, by=by, now=here.now())

    try:
        changed = here.database.write(step)
    except ClockError as error:
        return _page(forms.unchanged(error), typed), 400
    flash(_("Retention periods changed: %(count)s.", count=len(changed)), "good")
    return redirect(url_for("admin.privacy.show"), 303)


def _is_period(text: str) -> bool:
    try:
        return not text or forms.whole(text) <= clocks.DAYS_MAX
    except ValueError:
        return False


def _mark(db: Connection) -> str:
    return mark_of({kind: period.days for kind, period in clocks.settings(db).items()})


@blueprint.get("/person/<number>")
@auth.allow()
def person(number: str) -> AnyResponse | str:
    here, holder = services(), _holder(number)
    try:
        plan = erase.plan(here.database.reader, here.event, holder.serial)
    except DesignError as error:
        return forms.turn_back(i18n.said(error), url_for("admin.privacy.show"))
    return render_template(
        "privacy/person.html",
        person=holder,
        plan=plan,
        in_repository=erase.IN_REPOSITORY,
        folder=here.event.path,
        sections={
            table: _(SECTIONS[table][0]) if table in SECTIONS else table for table in plan.counts
        },
    )


@blueprint.post("/person/<number>/export.zip")
@auth.allow()
@auth.confirmed
def take(number: str) -> AnyResponse:
    here, holder, by = services(), _holder(number), auth.actor()
    back = url_for("admin.privacy.person", number=number)
    try:
        done = export.export(here.database.reader, here.event, holder.serial, now=here.now())
    except DesignError as error:
        return forms.turn_back(i18n.said(error), back)
    here.database.write(lambda db: export.note(db, holder.serial, by=by, now=here.now()))
    headers = {"Content-Disposition": f'attachment; filename="person-{holder.number}.zip"'}
    return Response(done.data, mimetype="application/zip", headers=headers)


@blueprint.post("/person/<number>/erase")
@auth.allow()
@auth.confirmed
def remove(number: str) -> AnyResponse:
    here, holder, by = services(), _holder(number), auth.actor()
    back = url_for("admin.privacy.person", number=number)
    if request.form.get("confirm") != "yes":
        return forms.turn_back(_("Nothing was changed: tick the box."), back)
    named = shown.named()

    def step(db: Connection) -> erase.Erased:
        plan = erase.plan(db, here.event, holder.serial)
        if plan.refusal:
            raise erase.PersonError(plan.refusal)
        confirmations.require_shown(named, plan.keys(), erase.shown_words)
        return erase.erase(db, here.event, holder.serial, by=by, now=here.now())

    try:
        done = here.database.write(step)
    except (erase.PersonError, DesignError) as error:
        return forms.turn_back(i18n.said(error), back)
    except confirmations.ShownChangedError as error:
        return forms.turn_back(forms.unchanged(error), back)
    flash(_("%(number)s is erased.", number=holder.number), "good")
    here.database.give_back()
    here.own(Forgetting).look()
    if rest := erase.settle(here.event, here.database):
        flash(_(rest), "bad")
    if here.backups is not None:
        here.backups.keep_acts()
    if request.form.get("backups") == "yes":
        _delete_backups()
    for problem in _left(done):
        flash(problem, "bad")
    return redirect(url_for("admin.privacy.show"), 303)


def _delete_backups() -> None:
    here, by = services(), auth.actor()
    try:
        erase.delete_backups(here.database, here.event, by=by, now=here.now())
    except OSError as error:
        log.error("backups from before an erasure were not deleted: %s", error)
        flash(_("Not all backups from before could be deleted. Delete them by hand."), "bad")


def _left(done: erase.Erased) -> list[str]:
    """Name the files that still contain a text of the person, without the text."""
    folder = services().event.path
    try:
        matches = work_apart(partial(leftovers, folder, done.needles))
    except ApartError as error:
        log.error("files were not searched after an erasure: %s", error)
        return [_("The event's files were not searched for remaining texts of this person.")]
    return [
        _(
            "%(path)s still contains a text of this person, or the same text of another person.",
            path=path.relative_to(folder),
        )
        for path in dict.fromkeys(path for path, _text in matches)
    ]


def _holder(number: str) -> attendees.Attendee:
    try:
        return attendees.attendee(services().database.reader, parse_badge_number(number))
    except ValueError:
        abort(404)
