"""Asks for the second factor after the password, and lets users manage theirs."""

import os
from collections.abc import Callable

import pyotp
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from badges.i18n import N_
from badges.printing.qr import symbol_svg
from server.core.event.settings import ROLES
from server.core.staff import passkeys, second_factors, signing_in, users
from server.core.staff.second_factors import WrongFactorError
from server.core.staff.users import AccountError, User
from server.features.users.accounts import proof
from server.features.users.sign_in import own_page
from server.storage.connection import Connection
from server.web import auth, forms
from server.web.callers import caller
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("factors", __name__, url_prefix="/admin")

_NEW_APP, _NEW_PASSKEY = "new app", "new passkey"  # Purposes of pending challenges


@blueprint.get("/second-factor")
@auth.allow(*ROLES)
@auth.while_waiting
@auth.with_first_password
@auth.before_factor
def ask() -> str | AnyResponse:
    user = auth.signed_in()
    if not user.waits:
        return redirect(url_for("admin.home"), 303)
    return _ask_page(user)


@blueprint.post("/second-factor")
@auth.allow(*ROLES)
@auth.while_waiting
@auth.with_first_password
@auth.before_factor
def answer() -> AnyResponse:
    """Check the second factor; the session continues under a new token."""
    here, user = services(), auth.signed_in()
    if not user.waits:
        return redirect(url_for("admin.home"), 303)
    try:
        shown = proof.show_factor(user)
    except WrongFactorError:
        problem = _("That was not right. A code counts once, and for half a minute.")
        return Response(_ask_page(user, problem), 401)
    token, before, now = os.urandom(users.TOKEN_BYTES).hex(), auth.token(), here.now()
    address, device_cookie = caller(), auth.device()
    device = here.database.write(
        lambda db: signing_in.finish(
            db, user, before, token, factor=shown, address=address, device=device_cookie, now=now
        )
    )
    if shown == "recovery code":
        left = second_factors.factors(here.database.reader, user.user_id).recovery_codes
        flash(_("That recovery code was used before. Codes left: %(left)s.", left=left), "warn")
    response = auth.go_on(own_page(request.args.get("next", "")), token)
    auth.keep_device(response, device)
    return response


@blueprint.get("/account/factors")
@auth.allow(*ROLES)
@auth.before_factor
@auth.confirmed
def show() -> str:
    return _page()


@blueprint.post("/account/factors/app")
@auth.allow(*ROLES)
@auth.before_factor
@auth.confirmed
def add_app() -> AnyResponse:
    here, user, code = services(), auth.signed_in(), request.form.get("code", "")[:20]
    secret = here.pending.take(auth.token(), _NEW_APP, here.now())
    if secret is None:
        return _again(_("That took too long. Scan the new code below."))
    key, now = second_factors.sealing_key(here.event.phone_secret), here.now()
    try:
        codes = here.database.write(
            lambda db: second_factors.add_totp(db, key, user, secret.decode(), code, now=now)
        )
    except WrongFactorError:
        here.pending.put(auth.token(), _NEW_APP, secret, now)
        return _again(
            _("The code is wrong. Is the phone's clock right? Type the code that it shows now."),
            secret=secret.decode(),
        )
    return _added(_("The authenticator app is set up."), codes)


@blueprint.post("/account/factors/passkey")
@auth.allow(*ROLES)
@auth.before_factor
@auth.confirmed
def add_passkey() -> AnyResponse:
    here, user, where = services(), auth.signed_in(), proof.place()
    challenge = here.pending.take(auth.token(), _NEW_PASSKEY, here.now())
    response, name = request.form.get("credential", ""), request.form.get("name", "")[:200]
    if challenge is None or where is None:
        return _again(_("That took too long. Try again."))
    try:
        codes = here.database.write(
            lambda db: passkeys.add_passkey(
                db, where, user, response, challenge, name, now=here.now()
            )
        )
    except AccountError as error:
        return _again(forms.unchanged(error))
    except WrongFactorError:
        return _again(_("The browser's answer is not a passkey for this server. Try again."))
    return _added(_("The passkey is set up."), codes)


@blueprint.post("/account/factors/recovery")
@auth.allow(*ROLES)
@auth.confirmed
def recovery() -> AnyResponse:
    """Replace the recovery codes; the earlier ones are void."""
    here, user = services(), auth.signed_in()
    if not user.has_factor:
        return _again(_("Set up an authenticator app or a passkey first."))
    codes = here.database.write(
        lambda db: second_factors.fresh_recovery_codes(db, user, now=here.now())
    )
    return Response(_page(codes=codes))


@blueprint.post("/account/factors/app/remove")
@auth.allow(*ROLES)
@auth.confirmed
def remove_app() -> AnyResponse:
    now = services().now()
    return _remove(lambda db, user: second_factors.remove_totp(db, user, now=now))


@blueprint.post("/account/factors/passkey/remove")
@auth.allow(*ROLES)
@auth.confirmed
def remove_passkey() -> AnyResponse:
    now = services().now()
    try:
        chosen = bytes.fromhex(request.form.get("passkey", "")[:4096])
    except ValueError:
        chosen = b""
    return _remove(lambda db, user: second_factors.remove_passkey(db, user, chosen, now=now))


def _remove(step: Callable[[Connection, User], None]) -> AnyResponse:
    """Remove a factor, unless it is the last one of a role that needs one."""
    here, user = services(), auth.signed_in()
    needed = user.role in here.event.settings.second_factor_roles

    def remove(db: Connection) -> None:
        if needed and second_factors.factors(db, user.user_id).count <= 1:
            raise AccountError(N_("Your role needs a second factor. Set up another one first."))
        step(db, user)

    try:
        here.database.write(remove)
    except AccountError as error:
        return _again(forms.unchanged(error))
    return _changed(_("The second factor is removed."), [])


def _added(message: str, codes: list[str]) -> AnyResponse:
    """Mark the new factor as shown here; other browsers must show one too."""
    here, user, token = services(), auth.signed_in(), auth.token()
    address, device_cookie = caller(), auth.device()

    def step(db: Connection) -> str:
        users.confirm(db, token, token, now=here.now(), showed_factor=True)
        return signing_in.know_alone(db, user, address, device_cookie, here.now()) if codes else ""

    device = here.database.write(step)
    response = _changed(message, codes)
    if device:
        auth.keep_device(response, device)
    return response


def _changed(message: str, codes: list[str]) -> AnyResponse:
    """Show the result, and end the user's other sessions."""
    here, user, token = services(), auth.signed_in(), auth.token()
    here.database.write(lambda db: users.end_other_sessions(db, user, token, now=here.now()))
    if codes:
        return Response(_page(message=message, codes=codes))
    flash(f"{message} {_('Everywhere else you are signed out.')}", "good")
    return redirect(url_for("admin.factors.show"), 303)


def _again(problem: str, *, secret: str = "") -> Response:
    return Response(_page(problem=problem, secret=secret), 400)


def _ask_page(user: User, problem: str = "") -> str:
    own_factors = second_factors.factors(services().database.reader, user.user_id)
    return render_template(
        "accounts/ask.html",
        problem=problem,
        factors=own_factors,
        sign_options=proof.sign_options(user),
    )


def _page(
    *, problem: str = "", message: str = "", codes: list[str] | None = None, secret: str = ""
) -> str:
    here, user, where = services(), auth.signed_in(), proof.place()
    db, now = here.database.reader, here.now()
    if not secret:
        # Reloading the page must not void the code already in the app.
        kept = here.pending.asked(
            auth.token(), _NEW_APP, lambda: pyotp.random_base32().encode(), now
        )
        secret = kept.decode()
    options = ""
    if where is not None:
        challenge = here.pending.asked(auth.token(), _NEW_PASSKEY, passkeys.new_challenge, now)
        options = passkeys.registration_options(db, where, user, challenge)
    event_name = next(iter(here.event.settings.name.values()))
    return render_template(
        "accounts/factors.html",
        problem=problem,
        said=message,
        codes=codes or [],
        secret=secret,
        symbol=symbol_svg(second_factors.setup_uri(secret, user.name, event_name)),
        factors=second_factors.factors(db, user.user_id),
        options=options,
        needed=user.role in here.event.settings.second_factor_roles,
        now=now,
        name_chars_max=second_factors.NAME_CHARS_MAX,
    )
