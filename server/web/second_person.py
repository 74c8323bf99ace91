"""Acts that need two people: the second one types their name and password into the first one's
session.

A view that calls it limits how often a user may try (`limiter`), or passwords could be guessed.
"""

from flask import abort, request

from badges.i18n import N_, Spoken
from server.core.staff import users
from server.core.staff.dual_control import NotTwoError
from server.core.staff.lane import BusyError
from server.web import auth
from server.web.callers import caller
from server.web.i18n import gettext as _
from server.web.services import services

ROLES = ("supervisor", "admin")


class SecondPersonError(Spoken, ValueError):
    """Raised if the form has no second person's name and password."""


def second_person() -> str:
    """Return the second person's id in the entry log. Raises SecondPersonError."""
    here, form = services(), request.form
    try:
        with here.guesses.known.turn(caller()):
            second = users.verify(
                here.database, form.get("name", "")[:200], form.get("password", "")
            )
    except BusyError:
        abort(503)
    except users.SignInError:
        raise SecondPersonError(N_("the second person's name or password is wrong.")) from None
    if second.must_change:
        raise SecondPersonError(N_("the second person has not chosen a password yet."))
    if second.by == auth.actor() or second.role not in ROLES:
        raise SecondPersonError(N_("the second person must be another supervisor or admin."))
    return second.by


def not_two(error: NotTwoError) -> str:
    return _(
        "Nothing was changed: within a day, one of the two accounts was created, unlocked, "
        "or given its role or password by the other, or both by the same admin. They count "
        "as two people from %(time)s. Ask another person, or create an account on the "
        "server: hallkeeper user add.",
        time=services().venue_clock.moment(error.until),
    )
