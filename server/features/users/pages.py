"""Manages users: their roles, and PINs for the doors."""

from collections.abc import Callable

from flask import Blueprint, flash, render_template, request, url_for
from werkzeug.wrappers import Response

from server.core.event.settings import ROLES
from server.core.staff import invitations, pins, second_factors, signing_in, users
from server.storage.connection import Connection
from server.web import auth, forms
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("users", __name__, url_prefix="/admin/users")


@blueprint.get("/")
@auth.allow()
@auth.with_form_to("admin.users.add")
def show() -> str:
    return listed()


@blueprint.post("/add")
@auth.allow()
@auth.confirmed
def add() -> str:
    """Create a user, and show the first password once."""
    here, by = services(), auth.actor()
    name, role = request.form.get("name", "")[:200], request.form.get("role", "")
    password = users.make_password()
    hashed = users.hash_password(password)
    try:
        user = here.database.write(
            lambda db: users.add_user(db, name, role, hashed, by=by, now=here.now(), first=True)
        )
    except users.AccountError as error:
        flash(forms.unchanged(error), "bad")
        return listed()
    return listed(shown=(user.name, password))


@blueprint.post("/<int:user_id>/password")
@auth.allow()
@auth.confirmed
def password(user_id: int) -> str:
    """Generate a new password and show it once. The user's sessions end."""
    by, now = auth.actor(), services().now()
    return _with_fresh_password(
        user_id,
        lambda db, hashed: users.set_password(db, user_id, hashed, by=by, now=now),
    )


@blueprint.post("/<int:user_id>/no-second-factor")
@auth.allow()
@auth.confirmed
def no_second_factor(user_id: int) -> str:
    """Remove a user's lost second factors, and show a new password."""
    by, now = auth.actor(), services().now()
    return _with_fresh_password(
        user_id, lambda db, hashed: second_factors.remove_all(db, user_id, hashed, by=by, now=now)
    )


def _with_fresh_password(user_id: int, step: Callable[[Connection, str], object]) -> str:
    here = services()
    fresh = users.make_password()
    hashed = users.hash_password(fresh)
    try:
        user = users.user(here.database.reader, user_id)
        here.database.write(lambda db: step(db, hashed))
    except users.AccountError as error:
        flash(forms.unchanged(error), "bad")
        return listed()
    return listed(shown=(user.name, fresh))


@blueprint.post("/<int:user_id>/role")
@auth.allow()
@auth.confirmed
def role(user_id: int) -> Response:
    wished = request.form.get("role", "")
    return _perform(
        lambda db, by, now: users.set_role(db, user_id, wished, by=by, now=now),
        _("The role is changed."),
    )


@blueprint.post("/<int:user_id>/disable")
@auth.allow()
@auth.confirmed
def disable(user_id: int) -> Response:
    return _perform(
        lambda db, by, now: users.disable_user(db, user_id, by=by, now=now),
        _("The user is shut out, here and at the doors."),
    )


@blueprint.post("/<int:user_id>/enable")
@auth.allow()
@auth.confirmed
def enable(user_id: int) -> Response:
    return _perform(
        lambda db, by, now: users.enable_user(db, user_id, by=by, now=now),
        _("The user may sign in again."),
    )


@blueprint.post("/<int:user_id>/unlock")
@auth.allow()
@auth.confirmed
def unlock(user_id: int) -> Response:
    """Lift the wait that others' failed attempts caused."""
    return _perform(
        lambda db, by, now: users.unlock(db, user_id, by=by, now=now),
        _(
            "The user may sign in from anywhere for a quarter of an hour, in spite of others' "
            "attempts."
        ),
    )


@blueprint.post("/<int:user_id>/sign-out")
@auth.allow()
@auth.confirmed
def sign_out(user_id: int) -> Response:
    return _perform(
        lambda db, by, now: users.sign_everywhere_out(db, user_id, by=by, now=now),
        _("The user is signed out everywhere."),
    )


@blueprint.post("/<int:user_id>/pin")
@auth.allow()
@auth.confirmed
def pin(user_id: int) -> Response:
    """Set a PIN for the doors, typed by the supervisor unobserved."""
    try:
        hashed = pins.hash_pin(request.form.get("pin", "")[:40])
    except users.AccountError as error:
        return forms.turn_back(forms.unchanged(error), _back())
    return _perform(
        lambda db, by, now: pins.set_pin(db, user_id, hashed, by=by, now=now),
        _("The PIN holds at every door that has heard of it."),
    )


@blueprint.post("/<int:user_id>/no-pin")
@auth.allow()
@auth.confirmed
def no_pin(user_id: int) -> Response:
    return _perform(
        lambda db, by, now: pins.remove_pin(db, user_id, by=by, now=now),
        _("The PIN is removed at every door that has heard of it."),
    )


def _perform(step: Callable[[Connection, str, int], object], message: str) -> Response:
    return forms.perform(step, message, back=_back(), refused=(users.AccountError,))


def _back() -> str:
    return url_for("admin.users.show")


def listed(shown: tuple[str, str] | None = None) -> str:
    here = services()
    db, now = here.database.reader, here.now()
    accounts = users.users(db)
    return render_template(
        "users.html",
        users=accounts,
        guessed_at=signing_in.strangers_wait(db, here.guesses, accounts, now),
        with_pin=pins.has_pin(db),
        may_pin=pins.ROLES,
        pin_digits=pins.PIN_DIGITS,
        roles=ROLES,
        shown=shown,
        invitations=invitations.open_invitations(db, now),
    )
