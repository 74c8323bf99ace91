"""The page of mails that were not delivered: reads reports, corrects addresses, and mails again."""

import re
from functools import partial
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from badges.credential.badge_number import parse_badge_number
from badges.i18n import N_
from server.core.people.attendees import AttendeeError, UnknownAttendeeError
from server.features.mail import bounces, outbox, worker
from server.features.mail.outbox import Choice
from server.features.mail.pages.pages import STATES
from server.features.mail.settings import MailError
from server.features.mail.templates import INVITE
from server.web import auth, forms, i18n
from server.web.apart import FILE_BOUNDS, ApartError, work_apart
from server.web.i18n import gettext as _
from server.web.i18n import ngettext
from server.web.services import services

blueprint = Blueprint("mail_bounces", __name__, url_prefix="/admin/mail/bounces")

SHOWN = 100
UNKNOWN_SHOWN = 5
ADDRESS_CHARS_MAX = 254
REPORTS_BYTES_MAX = 20_000_000
TOO_LARGE = N_("Choose at most %(size)s MB at a time: the reports alone, without other mails.")
_ADDRESS = re.compile(r"[^\s,;<>\"'()]+@[^\s,;<>\"'()]+")


@blueprint.get("")
@auth.allow()
def show() -> str:
    mails = outbox.undelivered(services().database.reader, INVITE)
    wrong = [mail for mail in mails if not mail.corrected]
    return render_template(
        "mail_bounces.html",
        wrong=wrong[:SHOWN],
        total=len(wrong),
        corrected=[mail for mail in mails if mail.corrected],
        states=STATES,
    )


@blueprint.post("/reports")
@auth.allow()
@auth.takes_file(REPORTS_BYTES_MAX, TOO_LARGE)
def read_reports() -> Response:
    here, by, back = services(), auth.actor(), url_for("admin.mail_bounces.show")
    files = [data for file in request.files.getlist("reports") if (data := file.read())]
    if not files:
        return forms.turn_back(_("Nothing was changed: choose a file."), back)
    try:
        reports = work_apart(partial(bounces.reports_of, files), FILE_BOUNDS)
    except ApartError as error:
        return forms.turn_back(forms.unchanged(error), back)
    result = here.database.write(
        lambda db: bounces.note_bounces(db, reports, by=by, now=here.now())
    )
    words = ngettext("%(num)s mail came back.", "%(num)s mails came back.", result.bounced)
    if result.earlier:
        words += " " + _("Known already, or of another event: %(count)s.", count=result.earlier)
    if result.others:
        words += " " + _("Messages that report no failure: %(count)s.", count=result.others)
    flash(words, "good" if result.bounced else "warn")
    return redirect(back, 303)


@blueprint.post("/addresses")
@auth.allow()
def note_addresses() -> Response:
    here, by, back = services(), auth.actor(), url_for("admin.mail_bounces.show")
    addresses = list(dict.fromkeys(_ADDRESS.findall(request.form.get("addresses", ""))))
    if not addresses:
        return forms.turn_back(_("Nothing was changed: paste addresses."), back)
    unknown = here.database.write(
        lambda db: bounces.note_addresses(db, addresses, by=by, now=here.now())
    )
    done = len(addresses) - len(unknown)
    words = ngettext("%(num)s mail came back.", "%(num)s mails came back.", done)
    flash(words, "good" if done else "warn")
    if unknown:
        names = ", ".join(address[:ADDRESS_CHARS_MAX] for address in unknown[:UNKNOWN_SHOWN])
        more = ", …" if len(unknown) > UNKNOWN_SHOWN else ""
        flash(_("No delivered mail went to %(addresses)s", addresses=names + more), "warn")
    return redirect(back, 303)


@blueprint.post("/<number>")
@auth.allow()
def correct(number: str) -> Response:
    try:
        serial = parse_badge_number(number)
    except ValueError:
        abort(404)
    zone = ZoneInfo(services().event.settings.time_zone)
    seen, email = request.form.get("seen", ""), request.form.get("email", "").strip()
    return forms.perform(
        lambda db, by, now: bounces.correct(db, zone, serial, email, seen=seen, by=by, now=now),
        _("Saved. The mail to the new address is not sent yet."),
        back=url_for("admin.mail_bounces.show"),
        refused=(AttendeeError, UnknownAttendeeError),
        words=lambda error: _(
            "Nothing was changed for badge %(number)s: %(why)s", number=number, why=i18n.said(error)
        ),
    )


@blueprint.post("/send")
@auth.allow()
def send() -> Response:
    """Mail the people whose address was corrected."""
    back = url_for("admin.mail_bounces.show")
    mails = outbox.undelivered(services().database.reader, INVITE)
    serials = frozenset(mail.serial for mail in mails if mail.corrected)
    if not serials:
        return forms.turn_back(_("Nothing was sent: correct an address first."), back)
    try:
        worker.start(services(), Choice(INVITE, serials=serials), by=auth.actor())
    except MailError as error:
        return forms.turn_back(_("Nothing was sent: %(why)s", why=i18n.said(error)), back)
    flash(_("Mails are being sent. This page shows how far they are."), "good")
    return redirect(url_for("admin.mailing.show"), 303)
