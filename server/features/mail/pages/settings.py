"""The page for the mail server, with a test mail."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

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

TEXTS = ("host", "security", "user", "sender", "sender_name", "reply_to", "bounce_to")
NUMBERS = ("port", "rate_per_min")
VALUE_CHARS_MAX = 300


@blueprint.get("")
@auth.allow()
def show() -> str:
    settings, problem = None, ""
    path = services().event.path
    if settings_path(path).exists():
        try:
            settings = read_mail_settings(path)
        except MailError as error:
            problem = i18n.said(error)
    return _form(vars(settings) if settings else {}, settings, problem)


@blueprint.post("/save")
@auth.allow()
@auth.confirmed
def save() -> Response | tuple[str, int]:
    here, by = services(), auth.actor()
    values: dict[str, str | int] = {
        key: request.form.get(key, "").strip()[:VALUE_CHARS_MAX] for key in TEXTS
    }
    try:
        values |= {key: forms.whole(request.form.get(key, "").strip()) for key in NUMBERS}
    except ValueError:
        return _form(values, None, _("Port and mails a minute are whole numbers.")), 400
    password = request.form.get("password", "")[: saving.PASSWORD_CHARS_MAX]
    seen = request.form.get("seen", "")
    try:
        saving.save(here.event, here.database, values, password, seen=seen, by=by, now=here.now())
    except MailError as error:
        return _form(values, None, i18n.said(error)), 400
    except OSError as error:
        return _form(values, None, f"{error.filename}: {error.strerror}"), 400
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


def _form(values: object, settings: MailSettings | None, problem: str) -> str:
    return render_template(
        "mail_settings.html",
        values=values,
        settings=settings,
        problem=problem,
        securities=SECURITY,
        rate_max=RATE_MAX,
        seen=request.form.get("seen") or saving.mark_of(services().event),
    )
