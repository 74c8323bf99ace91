"""Lets admins invite users, who choose their own password."""

import os

from flask import Blueprint, Response, flash, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.staff import invitations, passwords, users
from server.core.staff.invitations import InvitationOverError
from server.core.staff.users import AccountError, User
from server.features.users import pages
from server.features.users.accounts import proof
from server.storage.connection import Connection
from server.web import auth, forms, i18n
from server.web.callers import caller
from server.web.i18n import gettext as _
from server.web.security import limiter
from server.web.services import services

blueprint = Blueprint("invitations", __name__, url_prefix="/admin")


@blueprint.post("/users/invite")
@auth.allow()
@auth.confirmed
def invite() -> AnyResponse:
    here, by = services(), auth.actor()
    name, role = request.form.get("name", "")[:200], request.form.get("role", "")
    try:
        token = here.database.write(
            lambda db: invitations.invite(db, name, role, by=by, now=here.now())
        )
    except AccountError as error:
        flash(forms.unchanged(error), "bad")
        return Response(pages.listed(), 400)
    link = request.host_url.rstrip("/") + url_for("admin.invitations.show", token=token)
    return Response(
        render_template(
            "accounts/invited.html",
            link=link,
            name=name.strip(),
            role=role,
            now=here.now(),
            until=here.now() + invitations.LIFE_MS,
        )
    )


@blueprint.post("/users/invitations/<mark>/end")
@auth.allow()
@auth.confirmed
def take_back(mark: str) -> AnyResponse:
    return forms.perform(
        lambda db, by, now: invitations.take_back(db, mark, by=by, now=now),
        _("The invitation is taken back. Its link opens nothing any more."),
        back=url_for("admin.users.show"),
        refused=(AccountError,),
    )


@blueprint.get("/invitation/<token>")
@auth.allow_everybody
@limiter.limit("60 per 5 minutes")
def show(token: str) -> AnyResponse:
    return _page(token)


@blueprint.post("/invitation/<token>")
@auth.allow_everybody
@limiter.limit("60 per 5 minutes")
def accept(token: str) -> AnyResponse:
    """Create the account with the chosen password, and sign the user in."""
    here = services()
    now = here.now()
    try:
        invitation = invitations.find(here.database.reader, token, now)
        hashed = proof.chosen_password(_invited(invitation))
        session_token = os.urandom(users.TOKEN_BYTES).hex()
        tag = caller()[:8]

        def step(db: Connection) -> User:
            user = invitations.accept(db, token, hashed, now=now)
            users.open_session(db, users.Stored(user, hashed), hashed, session_token, now)
            entry_log.act(db, user.by, Act.SIGNED_IN, {"user": user.user_id, "caller": tag}, now)
            return user

        here.database.write(step)
    except InvitationOverError:
        return _page(token)
    except (passwords.PoorPasswordError, AccountError) as error:
        return _page(token, i18n.said(error))
    session.clear()  # The new session gets a new form token.
    flash(_("Welcome. Your account is ready."), "good")
    return auth.go_on(url_for("admin.home"), session_token)


def _page(token: str, problem: str = "") -> Response:
    here = services()
    try:
        invitation = invitations.find(here.database.reader, token, here.now())
    except InvitationOverError:
        answer = Response(render_template("accounts/invitation_over.html"), 410)
    else:
        answer = Response(
            render_template(
                "accounts/invitation.html", invitation=invitation, problem=problem,
                chars_min=proof.chars_min(_invited(invitation)), chars_max=passwords.CHARS_MAX,
            ),
            400 if problem else 200,
        )  # fmt: skip
    # The address is secret while the invitation is open; our forms need the origin.
    answer.headers["Referrer-Policy"] = "same-origin"
    return answer


def _invited(invitation: invitations.Invitation) -> User:
    return User(0, invitation.name, invitation.role)
