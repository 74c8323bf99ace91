"""The page on which admins install the keys that sign passes, and set the passes' look."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from badges.i18n import N_
from server.core.event.directory import Event
from server.features.wallet import certificates, saving
from server.features.wallet.certificates import FILE_BYTES_MAX, WalletError
from server.features.wallet.settings import WalletSettings, read_wallet_settings
from server.web import auth, forms, i18n
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("wallet_keys", __name__, url_prefix="/admin/wallet")

Read = TypeVar("Read")

TOO_LARGE = N_("These files are too large for a certificate and a key.")
PASSWORD_CHARS_MAX = 500
VALUE_CHARS_MAX = 200
LOOK = ("organisation", "background", "foreground", "latitude", "longitude")


@blueprint.get("")
@auth.allow()
@auth.with_form_to("admin.wallet_keys.install_apple")
def show() -> str:
    return _page({})


@blueprint.post("/apple")
@auth.allow()
@auth.confirmed
@auth.takes_file(3 * FILE_BYTES_MAX, TOO_LARGE)
def install_apple() -> Response:
    here = services()
    certificate, key, intermediate = map(_file, ("certificate", "key", "intermediate"))
    password = request.form.get("password", "")[:PASSWORD_CHARS_MAX].encode() or None
    if not certificate or not intermediate:
        return _back(_("Nothing was changed: choose your certificate and Apple's."))
    try:
        signer, files = certificates.read_apple(
            certificate, key, intermediate, password, here.now()
        )
        saving.install(here.event, here.database, "Apple", files, by=auth.actor(), now=here.now())
    except WalletError as error:
        return _back(forms.unchanged(error))
    flash(
        _("Saved. Badges' pages offer Apple Wallet now, until %(day)s.", day=_day(signer.ends_at)),
        "good",
    )
    return redirect(url_for("admin.wallet_keys.show"), 303)


@blueprint.post("/google")
@auth.allow()
@auth.confirmed
@auth.takes_file(FILE_BYTES_MAX, TOO_LARGE)
def install_google() -> Response:
    here = services()
    account, issuer = _file("account"), request.form.get("issuer", "").strip()
    if not account:
        return _back(_("Nothing was changed: choose the service account's key."))
    try:
        _signer, files = certificates.read_google(account, issuer)
        saving.install(here.event, here.database, "Google", files, by=auth.actor(), now=here.now())
    except WalletError as error:
        return _back(forms.unchanged(error))
    flash(_("Saved. Badges' pages offer Google Wallet now."), "good")
    return redirect(url_for("admin.wallet_keys.show"), 303)


@blueprint.post("/look")
@auth.allow()
def set_look() -> Response | tuple[str, int]:
    here = services()
    values = {key: request.form.get(key, "").strip()[:VALUE_CHARS_MAX] for key in LOOK}
    try:
        saving.save(here.event, here.database, values, by=auth.actor(), now=here.now())
    except WalletError as error:
        return _page(values, i18n.said(error)), 400
    flash(_("Saved. Passes on phones change when they are refreshed."), "good")
    return redirect(url_for("admin.wallet_keys.show"), 303)


def _page(values: dict[str, str], problem: str = "") -> str:
    here = services()
    apple, apple_problem = _read(certificates.apple_signer)
    google, google_problem = _read(certificates.google_signer)
    look, look_problem = _read(lambda event: read_wallet_settings(event.path))
    return render_template(
        "wallet/keys.html",
        apple=apple,
        apple_ends=_day(apple.ends_at) if apple else "",
        apple_problem=apple_problem,
        apple_soon=i18n.said(certificates.end_of(apple, here.now())) if apple else "",
        google=google,
        google_problem=google_problem,
        look=values or vars(look or WalletSettings()),
        look_problem=problem or look_problem,
        several=here.several,
    )


def _read(read: Callable[[Event], Read]) -> tuple[Read | None, str]:
    try:
        return read(services().event), ""
    except WalletError as error:
        return None, i18n.said(error)


def _file(name: str) -> bytes:
    return request.files[name].read() if name in request.files else b""


def _day(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d}"


def _back(why: str) -> Response:
    return forms.turn_back(why, url_for("admin.wallet_keys.show"))
