import threading

from cryptography.hazmat.primitives import hashes
from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from badges.i18n import N_
from server.core.event import served
from server.core.event.served import CertificateError, Checked
from server.features.certificate import installing
from server.web import auth, forms, i18n
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("certificate", __name__, url_prefix="/admin/certificate")

FILES = {"certificate": "certificate.pem", "key": "private.key", "chain": "chain.pem"}
BYTES_MAX = 1_000_000
RESTART_S = 1.0  # so that the answer arrives before


@blueprint.get("")
@auth.allow()
@auth.with_form_to("admin.certificate.install")
def show() -> str:
    here = services()
    current = served.served(here.event)
    host = here.event.settings.public_host
    return render_template(
        "certificate.html",
        is_own=not here.event.has_installed_certificate,
        subject=current.subject.rfc4514_string(),
        issuer=current.issuer.rfc4514_string(),
        names=", ".join(served.names_of(current)),
        first=f"{current.not_valid_before_utc:%Y-%m-%d}",
        last=f"{current.not_valid_after_utc:%Y-%m-%d}",
        digest=current.fingerprint(hashes.SHA256()).hex(":").upper(),
        soon=i18n.said(served.until(current, here.now())),
        host=host,
        is_for=served.is_for(current, host),
    )


@blueprint.post("/install")
@auth.allow()
@auth.confirmed
@auth.takes_file(BYTES_MAX, N_("These files are too large for a certificate and a key."))
def install() -> Response:
    here = services()
    back = url_for("admin.certificate.show")
    sent = {name: request.files[key].read() for key, name in FILES.items() if key in request.files}
    files = {name: data for name, data in sent.items() if data}
    if not {"certificate.pem", "private.key"} <= files.keys():
        return forms.turn_back(_("Nothing was changed: choose the certificate and its key."), back)
    try:
        checked = installing.read_files(here.event, files, here.now())
    except CertificateError as error:
        return forms.turn_back(_("Nothing was changed: %(why)s", why=i18n.said(error)), back)
    return _serve(checked)


@blueprint.post("/own")
@auth.allow()
@auth.confirmed
def own() -> Response:
    back = url_for("admin.certificate.show")
    if request.form.get("confirm") != "yes":
        return forms.turn_back(_("Nothing was changed: tick the box."), back)
    return _serve(None)


def _serve(checked: Checked | None) -> Response:
    """Install the certificate, and restart the server, which then serves it."""
    here = services()
    installing.install(here.event, here.database, checked, by=auth.actor(), now=here.now())
    for warning in checked.warnings if checked else ():
        flash(i18n.said(warning), "warn")
    if here.restart is None:
        flash(_("Saved. It is used from the server's next start on."), "warn")
    else:
        threading.Timer(RESTART_S, here.restart).start()
        flash(
            _("Saved. The server starts again now, which takes some seconds. Doors go on."), "good"
        )
    return redirect(url_for("admin.certificate.show"), 303)
