"""Serves the user's own account. They change their password, see and end their sessions, and type
the password once more before acts that change accounts.
"""

import os

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from server.staff import passwords, users
from server.staff.guesses import BusyError, Key, WaitError
from server.staff.signing_in import HERE
from server.web import auth
from server.web.admin.sign_in import caller, own_page
from server.web.services import services

blueprint = Blueprint("account", __name__, url_prefix="/admin/account")

WRONG = "Nothing was changed: the present password is wrong."


class WrongPasswordError(Exception):
    """Is raised where it is not the password of whoever is signed in."""


@blueprint.get("/")
@auth.allow(*users.ROLES)
@auth.with_first_password
def show() -> str:
    return _page()


@blueprint.post("/password")
@auth.allow(*users.ROLES)
@auth.with_first_password
def password() -> AnyResponse:
    """Take a password of the user's own choice. Every other session of theirs ends."""
    here, form = services(), request.form
    try:
        found = _present()
        chosen = form.get("chosen", "")
        if chosen != form.get("again", ""):
            raise passwords.PoorPasswordError("The two new passwords differ.")
        if chosen == form.get("present", ""):
            raise passwords.PoorPasswordError("The new password is the present one.")
        passwords.check(chosen, (*here.event.settings.name.values(), found.user.name))
        hashed = users.hash_password(chosen)
        token = os.urandom(users.TOKEN_BYTES).hex()
        here.database.write(
            lambda db: users.change_password(db, found, hashed, token, now=here.now())
        )
    except WrongPasswordError:
        return _again(WRONG)
    except (passwords.PoorPasswordError, users.AccountError) as error:
        return _again(f"Nothing was changed: {error}")
    flash("Your password is changed. Everywhere else you are signed out.", "good")
    response = redirect(url_for("admin.home"), 303)
    auth.keep_session(response, token)
    return response


@blueprint.post("/sign-out-elsewhere")
@auth.allow(*users.ROLES)
def sign_out_elsewhere() -> AnyResponse:
    here = services()
    try:
        found = _present()
    except WrongPasswordError:
        return _again(WRONG)
    token = auth.token()
    ended = here.database.write(
        lambda db: users.end_other_sessions(db, found.user, token, now=here.now())
    )
    flash(f"Sessions ended elsewhere: {ended}.", "good")
    return redirect(url_for("admin.account.show"), 303)


@blueprint.get("/confirm")
@auth.allow(*users.ROLES)
def confirm_form() -> str:
    return render_template("confirm.html", problem="")


@blueprint.post("/confirm")
@auth.allow(*users.ROLES)
def confirm() -> AnyResponse:
    """Take the password once more. For a while accounts may be changed from this session."""
    here = services()
    try:
        _present()
    except WrongPasswordError:
        return Response(render_template("confirm.html", problem="The password is wrong."), 400)
    token, before = os.urandom(users.TOKEN_BYTES).hex(), auth.token()
    here.database.write(lambda db: users.confirm(db, before, token, now=here.now()))
    flash("Thank you. Now do once more what you were about to do.", "good")
    response = redirect(own_page(request.args.get("next", "")), 303)
    auth.keep_session(response, token)
    return response


def _present() -> users.Stored:
    """Return the account of whoever is signed in, if the field `present` has its password.

    Guesses are counted before they are looked at, as at the sign-in. Raises WrongPasswordError.
    """
    here, who = services(), auth.user()
    assert who is not None
    keys = [Key(f"own of {who.user_id}", HERE, own=True)]
    try:
        here.guesses.charge(keys, here.now())
    except WaitError:
        abort(429)
    found = users.stored(here.database, who.name)
    try:
        with here.guesses.known.turn(caller()):
            right = users.fits(found, request.form.get("present", ""))
    except BusyError:
        here.guesses.refund(keys, right=False)
        abort(503)
    if not right or found is None or found.user.user_id != who.user_id:
        raise WrongPasswordError
    here.guesses.refund(keys, right=True)
    return found


def _again(problem: str) -> Response:
    return Response(_page(problem), 400)


def _page(problem: str = "") -> str:
    here, who = services(), auth.user()
    assert who is not None
    return render_template(
        "account.html",
        problem=problem,
        sessions=users.sessions(here.database.reader, who.user_id, auth.token(), now=here.now()),
        chars_min=passwords.CHARS_MIN,
        chars_max=passwords.CHARS_MAX,
        now=here.now(),
    )
