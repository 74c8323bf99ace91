"""Signs users on with the event's identity provider, which also confirms actions."""

import os
import secrets
from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, flash, redirect, request, session, url_for
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response as AnyResponse

from server.core.entry_log.act_names import Act
from server.core.staff import sign_on, sign_on_accounts, signing_in, users
from server.core.staff.sign_on import Begun, Identity, NoRoleError, SignOnError
from server.core.staff.users import AccountError, SignInError
from server.features.users.sign_in import own_page, sign_in_page
from server.storage.connection import Connection
from server.web import auth, i18n
from server.web.callers import caller
from server.web.i18n import gettext as _
from server.web.security import limiter
from server.web.services import services

blueprint = Blueprint("sign_on", __name__, url_prefix="/admin/sign-on")

COOKIE = "__Host-hallkeeper-sign-on"
LIFE_S = 600  # Time limit at the provider


@blueprint.get("/")
@auth.allow_everybody
@limiter.limit("60 per 5 minutes")
def go() -> AnyResponse:
    provider = _provider()
    fresh = "fresh" in request.args and auth.user() is not None
    try:
        begun = provider.begin(_back(), fresh=fresh)
    except SignOnError as error:
        return sign_in_page(i18n.said(error), 502)
    kept = {
        "state": begun.state,
        "nonce": begun.nonce,
        "verifier": begun.verifier,
        "next": own_page(request.args.get("next", "")),
        "fresh": fresh,
    }
    response = redirect(begun.address, 303)
    response.set_cookie(
        COOKIE, _sealer().dumps(kept), max_age=LIFE_S, secure=True, httponly=True,
        samesite="Lax", path="/",
    )  # fmt: skip
    return response


@blueprint.get("/back")
@auth.allow_everybody
@limiter.limit("60 per 5 minutes")
def back() -> AnyResponse:
    """Take the provider's answer, once, in the browser sent there."""
    here, provider = services(), _provider()
    try:
        kept = _sealer().loads(request.cookies.get(COOKIE, ""), max_age=LIFE_S)
    except BadSignature:
        return _over(sign_in_page(_("This sign-in took too long. Start again."), 400))
    begun = Begun("", kept["state"], kept["nonce"], kept["verifier"])
    try:
        identity = provider.finish(
            request.args, begun, _back(), now=here.now(), fresh=kept["fresh"]
        )
        response = (
            _confirm(identity, kept["next"]) if kept["fresh"] else _enter(identity, kept["next"])
        )
    except (SignOnError, AccountError) as error:
        _note_refusal(None)
        return _over(sign_in_page(i18n.said(error), 403 if isinstance(error, NoRoleError) else 400))
    except SignInError:
        user = sign_on_accounts.find(here.database.reader, identity)
        _note_refusal(user)
        return _over(sign_in_page(_("This account is shut out here. Ask an admin."), 403))
    return _over(response)


def _enter(identity: Identity, target: str) -> AnyResponse:
    here, token, before = services(), os.urandom(users.TOKEN_BYTES).hex(), auth.token()
    hashed = users.hash_password(secrets.token_hex(users.TOKEN_BYTES))
    tag, now = caller()[:8], here.now()

    def step(db: Connection) -> None:
        users.sign_out(db, before)
        sign_on_accounts.enter(db, identity, hashed, token, tag=tag, now=now)

    here.database.write(step)
    session.clear()  # The new session gets a new form token.
    return auth.go_on(target, token)


def _confirm(identity: Identity, target: str) -> AnyResponse:
    """Confirm the session, if the provider's user is the signed-in user."""
    here, user = services(), auth.user()
    account = sign_on_accounts.find(here.database.reader, identity)
    if user is None or account is None or account.user_id != user.user_id or user.waits:
        raise SignOnError(_("A different user is signed in there. Start again."))
    token, before = os.urandom(users.TOKEN_BYTES).hex(), auth.token()
    here.database.write(lambda db: users.confirm(db, before, token, now=here.now()))
    flash(_("Thank you. If a form led here, send it again."), "good")
    return auth.go_on(target, token)


def _note_refusal(user: users.User | None) -> None:
    here = services()
    subject: dict[str, str | int | None] = {
        "user": user.user_id if user else None,
        "caller": caller()[:8],
    }
    here.database.write(
        lambda db: signing_in.note(db, here.guesses, Act.SIGN_ON_REFUSED, subject, here.now())
    )


def _over(response: AnyResponse) -> AnyResponse:
    response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="Lax", path="/")
    return response


def _provider() -> sign_on.Provider:
    provider = services().sign_on
    if provider is None:
        abort(404)
    return provider


def _back() -> str:
    """Return the provider's redirect address, on the browser's host."""
    settings = services().event.settings
    host = urlsplit(f"//{request.host}").hostname
    addresses = (settings.public_address, settings.phones_at)
    ours = next(
        (address for address in addresses if urlsplit(address).hostname == host), addresses[0]
    )
    return ours + url_for("admin.sign_on.back")


def _sealer() -> URLSafeTimedSerializer:
    key = current_app.secret_key
    assert key is not None
    return URLSafeTimedSerializer(key, salt="hallkeeper/sign-on/v1")
