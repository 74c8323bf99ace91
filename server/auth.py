"""Who may see which page. A view that names no roles is refused to everybody.

Staff's sessions live in the database (`accounts`), so that signing out, disabling a user or a
change of role works at once; the cookie carries nothing but a random id.
"""

from collections.abc import Callable
from typing import TypeVar

from flask import Flask, abort, current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response

from server import accounts, security
from server.services import services

COOKIE = "__Host-hallkeeper"
EVERYBODY = "everybody"
# Kiosks prove themselves with a signature on each request, not with a session.
_OWN_PROOF = frozenset({"api"})

View = TypeVar("View", bound=Callable[..., object])


def allow(*roles: str) -> Callable[[View], View]:
    """Mark a view as meant for `roles`; admins may always. Stands nearest to the function."""
    unknown = set(roles) - set(accounts.ROLES)
    if unknown:
        raise ValueError(f"no such role: {', '.join(sorted(unknown))}")

    def mark(view: View) -> View:
        view.__dict__["allowed"] = frozenset({*roles, "admin"})
        return view

    return mark


def allow_everybody(view: View) -> View:
    """Mark a view as open to people who have not signed in."""
    view.__dict__["allowed"] = frozenset({EVERYBODY})
    return view


def allowed_roles(endpoint: str) -> frozenset[str]:
    """Empty where the view says nothing: nobody."""
    view = current_app.view_functions.get(endpoint)
    roles: frozenset[str] = getattr(view, "allowed", frozenset())
    return roles


def allowed_here() -> frozenset[str]:
    """The roles of the view that runs."""
    return allowed_roles(request.endpoint or "")


def may_open(endpoint: str) -> bool:
    """Whether the user who asks may open that page: for links, so that nobody is sent to a 403."""
    roles, who = allowed_roles(endpoint), user()
    return EVERYBODY in roles or (who is not None and who.role in roles)


def user() -> accounts.User | None:
    """Who is signed in."""
    if "user" not in g:
        g.user = _session_user(request.cookies.get(COOKIE, ""))
    found: accounts.User | None = g.user
    return found


def actor() -> str:
    """The signed-in user as the entry log names them."""
    who = user()
    if who is None:
        abort(401)
    return who.by


def guard(app: Flask) -> None:
    """Ask before every view whether the caller may."""
    app.view_functions["static"].__dict__["allowed"] = frozenset({EVERYBODY})
    app.before_request(_check)


def keep_session(response: Response, token: str) -> None:
    response.set_cookie(COOKIE, token, secure=True, httponly=True, samesite="Lax", path="/")


def drop_session(response: Response) -> None:
    response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="Lax", path="/")


def _check() -> Response | None:
    if request.endpoint is None or request.blueprint in _OWN_PROOF:
        return None
    roles = allowed_roles(request.endpoint)
    if EVERYBODY in roles:
        return None
    who = user()
    if who is None:
        return _ask_to_sign_in()
    services().lanes.remember(security.address())
    if who.role not in roles:
        abort(403)
    return None


def _session_user(token: str) -> accounts.User | None:
    if not token:
        return None
    here = services()
    try:
        return accounts.session_user(here.database, token, now=here.now())
    except accounts.SessionEndedError:
        return None


def _ask_to_sign_in() -> Response:
    if request.method != "GET" or request.accept_mimetypes.best == "text/event-stream":
        return abort(401)
    target = request.full_path.rstrip("?")
    return redirect(url_for("admin.sign_in.form", next=target), 303)
