from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from badges.i18n import N_
from server.core.people import attendees
from server.core.staff import confirmations
from server.core.venue import store
from server.features.mail import links_csv, outbox, sending, worker
from server.features.mail.message import Mail
from server.features.mail.outbox import Choice, Plan, State
from server.features.mail.settings import MailError, MailSettings, read_mail_settings
from server.features.mail.templates import INVITE
from server.web import auth, forms, i18n, shown
from server.web.apart import ApartError, read_apart
from server.web.forms import whole
from server.web.i18n import gettext as _
from server.web.jobs import jobs_of
from server.web.services import services

blueprint = Blueprint("mailing", __name__, url_prefix="/admin/mail")

RESULTS_SHOWN = 100
PEOPLE_HERE = 5_000  # With more people a worker process makes the plan.
WHO = {
    "due": N_("Everyone due"),
    "not_mailed": N_("Only people who never got one"),
    "changed": N_("Only people whose badge or e-mail changed"),
}
STATES = {
    State.SENT: N_("Sent"),
    State.DELAYED: N_("Delayed"),
    State.REFUSED: N_("Refused by the mail server"),
    State.BOUNCED: N_("Came back"),
    State.SENDING: N_("Possibly sent"),
}
_INNER_DOMAINS = (".local", ".localhost", ".lan", ".internal", ".home.arpa")
_FAILED = (State.REFUSED, State.BOUNCED, State.DELAYED, State.SENDING)


@blueprint.get("/")
@auth.allow()
def show() -> str:
    here = services()
    db = here.database.reader
    settings, problem = _settings()
    plan: Plan | None = None
    first: Mail | None = None
    if settings is not None and "who" in request.args:
        try:
            choice = _choice(request.args)
            _limit(request.args)
            plan = _plan(choice)
            first = sending.first_mail(db, here.event, settings, choice, plan, here.now())
        except (MailError, ApartError) as error:
            problem = i18n.said(error)
    return render_template(
        "mailing.html",
        settings=settings,
        problem=problem,
        plan=plan,
        first=first,
        first_text=_text_of(first),
        asked=request.args,
        who=WHO,
        categories=store.categories(db),
        job=jobs_of(here).find(worker.KIND),
        counts=outbox.counts(db, INVITE),
        states=STATES,
        failed=outbox.mails_in(db, INVITE, _FAILED, RESULTS_SHOWN),
        note=links_csv.NOTE,
        inner_host=inner_host(here.event.settings.phones_at),
    )


@blueprint.post("/start")
@auth.allow()
def start() -> AnyResponse:
    back = url_for("admin.mailing.show")
    if request.form.get("confirm") != "yes":
        return forms.turn_back(_("Nothing was sent: tick the box."), back)
    try:
        choice = _choice(request.form)
        limit = _limit(request.form)
        read_mail_settings(services().event.path)
        worker.require_idle(services())
        plan = _plan(choice)
        confirmations.require_digest(shown.digest(), map(str, plan.due))
        later, confirmed = _plan_later(choice), frozenset(plan.due)
        worker.start(
            services(),
            choice,
            by=auth.actor(),
            limit=limit,
            plan=lambda: outbox.only(later(), confirmed),
        )
    except (MailError, ApartError, confirmations.ShownChangedError) as error:
        return forms.turn_back(_("Nothing was sent: %(why)s", why=i18n.said(error)), back)
    flash(_("Mails are being sent. This page shows how far they are."), "good")
    return redirect(back, 303)


@blueprint.post("/stop")
@auth.allow()
def stop() -> AnyResponse:
    jobs_of(services()).cancel(worker.KIND)
    flash(_("Sending ends after the mail that is on its way."), "good")
    return redirect(url_for("admin.mailing.show"), 303)


@blueprint.post("/links.csv")
@auth.allow()
@auth.confirmed
def links() -> AnyResponse:
    """Send everyone's link as CSV, for mail merges elsewhere."""
    if request.form.get("confirm") != "yes":
        back = url_for("admin.mailing.show")
        return forms.turn_back(_("Nothing was created: tick the box first."), back)
    here, by = services(), auth.actor()
    rows = links_csv.links(here.database.reader, here.event)
    now = here.now()
    here.database.write(lambda db: links_csv.note_exported(db, len(rows), by=by, now=now))
    return Response(
        links_csv.csv_lines(rows),
        mimetype="text/csv",
        headers={"Content-Disposition": 'attachment; filename="links.csv"'},
    )


def _settings() -> tuple[MailSettings | None, str]:
    try:
        return read_mail_settings(services().event.path), ""
    except MailError as error:
        return None, i18n.said(error)


def inner_host(address: str) -> str:
    """Return the address's host if only its own network can reach it, else an empty string."""
    host = urlsplit(address).hostname or ""
    try:
        is_inner = not ip_address(host).is_global
    except ValueError:
        is_inner = "." not in host or host.endswith(_INNER_DOMAINS)
    return host if is_inner else ""


def _choice(given: MultiDict[str, str]) -> Choice:
    """Raises MailError for a value that is not on the page's lists, as after a category changed:
    to ignore it would mail everyone.
    """
    codes = {row.key: row.code for row in store.categories(services().database.reader)}
    category, who = given.get("category", ""), given.get("who") or "due"
    if category and category not in codes:
        raise MailError(
            N_("There is no category %(key)s any more. Choose another, and preview again."),
            key=category,
        )
    if who not in WHO:
        raise MailError(N_("Choose the recipients from the list."))
    return Choice(
        INVITE,
        categories=(codes[category],) if category else (),
        not_mailed=who == "not_mailed",
        changed=who == "changed",
        resend_uncertain=given.get("resend") == "yes",
    )


def _limit(given: MultiDict[str, str]) -> int | None:
    """Return None for all. Raises MailError."""
    text = given.get("limit", "").strip()
    try:
        limit = whole(text) if text else None
    except ValueError:
        limit = 0
    if limit == 0:
        raise MailError(N_('"At most" is a whole number from 1, or empty for all.'))
    return limit


def _plan(choice: Choice) -> Plan:
    """Raises ApartError."""
    return _plan_later(choice)()


def _plan_later(choice: Choice) -> Callable[[], Plan]:
    """Return a call that plans, in a worker process if that takes long."""
    database = services().database
    if attendees.more_people_than(database.reader, PEOPLE_HERE):
        return partial(read_apart, database.path, partial(outbox.plan, choice=choice))

    def plan() -> Plan:
        with database.reading() as db:
            return outbox.plan(db, choice)

    return plan


def _text_of(mail: Mail | None) -> str:
    body = mail.message.get_body(("plain",)) if mail else None
    return str(body.get_content()) if body is not None else ""
