"""The user's own account: password, sessions, and confirmation before sensitive actions."""

import os

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from badges.i18n import N_
from server.core.event.settings import ROLES
from server.core.staff import passwords, second_factors, users
from server.core.staff.guesses import Key, WaitError
from server.core.staff.lane import BusyError
from server.core.staff.second_factors import WrongFactorError
from server.core.staff.signing_in import HERE
from server.features.users.accounts import proof
from server.features.users.sign_in import own_page
from server.web import auth, forms
from server.web.callers import caller
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("account", __name__, url_prefix="/admin/account")

WRONG = N_("Nothing was changed: the present password is wrong.")


class WrongPasswordError(Exception):
    pass


@blueprint.get("/")
@auth.allow(*ROLES)
@auth.with_first_password
@auth.before_factor
def show() -> str:
    return _page()


@blueprint.post("/password")
@auth.allow(*ROLES)
@auth.with_first_password
@auth.before_factor
def password() -> AnyResponse:
    """Set the user's chosen password, and end their other sessions."""
    here = services()
    try:
        account = _present()
        hashed = proof.chosen_password(account.user)
        token, showed = os.urandom(users.TOKEN_BYTES).hex(), auth.signed_in().showed_factor
        here.database.write(
            lambda db: users.change_password(
                db, account, hashed, token, now=here.now(), showed_factor=showed
            )
        )
    except WrongPasswordError:
        return _again(_(WRONG))
    except (passwords.PoorPasswordError, users.AccountError) as error:
        return _again(forms.unchanged(error))
    flash(_("Your password is changed. Everywhere else you are signed out."), "good")
    return auth.go_on(url_for("admin.home"), token)


@blueprint.post("/sign-out-elsewhere")
@auth.allow(*ROLES)
@auth.confirmed
def sign_out_elsewhere() -> AnyResponse:
    here, user, token = services(), auth.signed_in(), auth.token()
    ended = here.database.write(
        lambda db: users.end_other_sessions(db, user, token, now=here.now())
    )
    flash(_("Sessions ended elsewhere: %(count)s.", count=ended), "good")
    return redirect(url_for("admin.account.show"), 303)


@blueprint.post("/sessions/<mark>/end")
@auth.allow(*ROLES)
@auth.confirmed
def end_session(mark: str) -> AnyResponse:
    user = auth.signed_in()
    return forms.perform(
        lambda db, by, now: users.end_session(db, user, mark, now=now),
        _("That session is ended."),
        back=url_for("admin.account.show"),
        refused=(users.AccountError,),
    )


@blueprint.get("/confirm")
@auth.allow(*ROLES)
@auth.before_factor
def confirm_form() -> str:
    return _confirm_page()


@blueprint.post("/confirm")
@auth.allow(*ROLES)
@auth.before_factor
def confirm() -> AnyResponse:
    """Confirm the second factor, or the password without one, for this session's sensitive
    actions.
    """
    here, user = services(), auth.signed_in()
    try:
        if user.has_factor:
            proof.show_factor(user)
        else:
            _present()
    except WrongPasswordError:
        return Response(_confirm_page(_("The password is wrong.")), 400)
    except WrongFactorError:
        return Response(_confirm_page(_("That was not right. A code counts once.")), 400)
    token, before = os.urandom(users.TOKEN_BYTES).hex(), auth.token()
    here.database.write(
        lambda db: users.confirm(db, before, token, now=here.now(), showed_factor=user.has_factor)
    )
    flash(_("Thank you. If a form led here, send it again."), "good")
    return auth.go_on(own_page(request.args.get("next", "")), token)


def _confirm_page(problem: str = "") -> str:
    here, user = services(), auth.signed_in()
    return render_template(
        "confirm.html",
        problem=problem,
        factors=second_factors.factors(here.database.reader, user.user_id),
        sign_options=proof.sign_options(user),
    )


def _present() -> users.Stored:
    """Return the signed-in user's account, if `present` is its password.

    The attempt is counted first. Raises WrongPasswordError.
    """
    here, user = services(), auth.signed_in()
    keys = [Key(f"own of {user.user_id}", HERE, own=True)]
    try:
        here.guesses.check(keys, here.now())
        account = users.stored(here.database, user.name)
        with here.guesses.known.turn(caller()):
            here.guesses.charge(keys, here.now())
            right = users.fits(account, request.form.get("present", ""))
    except WaitError:
        abort(429)
    except BusyError:
        abort(503)
    if not right or account is None or account.user.user_id != user.user_id:
        raise WrongPasswordError
    here.database.write(lambda db: here.guesses.refund(db, keys, here.now()))
    return account


def _again(problem: str) -> Response:
    return Response(_page(problem), 400)


def _page(problem: str = "") -> str:
    here, user = services(), auth.signed_in()
    return render_template(
        "account.html",
        problem=problem,
        sessions=users.sessions(here.database.reader, user.user_id, auth.token(), now=here.now()),
        chars_min=proof.chars_min(user),
        factors=second_factors.factors(here.database.reader, user.user_id),
        chars_max=passwords.CHARS_MAX,
        now=here.now(),
    )
