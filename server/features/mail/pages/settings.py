"""The page for the mail server, with a test mail."""

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from badges.i18n import N_
from badges.settings_check import SettingsError, check_values
from badges.system_reasons import reason_of
from server.features.mail import saving
from server.features.mail.settings import (
    RATE_MAX,
    SECURITY,
    MailError,
    MailSettings,
    read_mail_settings,
    settings_path,
)
from server.web import auth, forms, i18n
from server.web.i18n import gettext as _
from server.web.security import limiter
from server.web.services import services

blueprint = Blueprint("mail_settings", __name__, url_prefix="/admin/mail/settings")

LABELS: Mapping[str, str] = {
    "host": N_("Mail server"),
    "security": N_("Encryption"),
    "port": N_("Port"),
    "user": N_("User name"),
    "sender": N_("Sender's address"),
    "sender_name": N_("Name of the sender"),
    "reply_to": N_("Answers go to"),
    "bounce_to": N_("Undelivered mails go to"),
    "rate_per_min": N_("Mails a minute"),
}
NUMBERS = ("port", "rate_per_min")
VALUE_CHARS_MAX = 300


@blueprint.get("")
@auth.allow()
@auth.with_form_to("admin.mail_settings.save")
def show() -> str:
    problem = ""
    try:
        settings = _stored()
    except MailError as error:
        settings, problem = None, i18n.said(error)
    return _form(vars(settings) if settings else {}, settings, problem)


@blueprint.post("/save")
@auth.allow()
@auth.confirmed
def save() -> Response | tuple[str, int]:
    here, by = services(), auth.actor()
    typed = {key: request.form.get(key, "").strip()[:VALUE_CHARS_MAX] for key in LABELS}
    try:
        numbers = {key: forms.whole(typed[key]) for key in NUMBERS}
    except ValueError:
        return _refused(typed, _("Port and mails a minute are whole numbers."))
    values: dict[str, str | int] = {**typed, **numbers}
    password = request.form.get("password", "")[: saving.PASSWORD_CHARS_MAX]
    seen = request.form.get("seen", "")
    try:
        check_values(MailSettings, values, LABELS)
        saving.save(here.event, here.database, values, password, seen=seen, by=by, now=here.now())
    except (MailError, SettingsError) as error:
        return _refused(typed, i18n.said(error))
    except OSError as error:
        return _refused(typed, f"{error.filename}: {i18n.said(reason_of(error))}")
    flash(_("Saved. Now send a test mail."), "good")
    return redirect(url_for("admin.mail_settings.show"), 303)


@blueprint.post("/test")
@limiter.limit("20 per 5 minutes", key_func=auth.actor)
@auth.allow()
def test() -> Response:
    here = services()
    back = url_for("admin.mail_settings.show")
    to = request.form.get("to", "").strip()[:VALUE_CHARS_MAX]
    try:
        settings = read_mail_settings(here.event.path)
        answer = saving.send_test(
            here.event, settings, to, _("Test mail of Hallkeeper"), here.now()
        )
    except MailError as error:
        return forms.turn_back(_("No mail was sent: %(why)s", why=i18n.said(error)), back)
    flash(_("The mail server took the mail: %(answer)s", answer=answer), "good")
    return redirect(back, 303)


def _stored() -> MailSettings | None:
    """Raises MailError."""
    path = services().event.path
    return read_mail_settings(path) if settings_path(path).exists() else None


def _refused(typed: Mapping[str, str], problem: str) -> tuple[str, int]:
    """Show the form as it was typed, but for the password."""
    try:
        settings = _stored()
    except MailError:
        settings = None
    return _form(typed, settings, problem), 400


def _form(values: Mapping[str, object], settings: MailSettings | None, problem: str) -> str:
    return render_template(
        "mail_settings.html",
        values=values,
        settings=settings,
        problem=problem,
        securities=SECURITY,
        rate_max=RATE_MAX,
        seen=request.form.get("seen") or saving.mark_of(services().event),
    )
