"""Access control of pages. A view that names no roles is refused to everyone.

Sessions are in the database, so sign-out, disabling a user and role changes take effect at once.
"""

import hashlib
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, g, redirect, request, session, url_for
from werkzeug.routing import BuildError
from werkzeug.wrappers import Response

from server.core.event.settings import ROLES
from server.core.staff import signing_in, users
from server.web import i18n
from server.web.i18n import gettext as _
from server.web.services import address, services

COOKIE = "__Host-hallkeeper"
DEVICE_COOKIE = "__Host-hallkeeper-device"
EVERYBODY = "everybody"
# Kiosks sign each request, and integrations send a token.
_OWN_PROOF = frozenset({"api", "interface"})
_FORMS_OF = "of"  # the key in the form cookie for the session that it belongs to

View = TypeVar("View", bound=Callable[..., object])


def _marked(**marks: object) -> Callable[[View], View]:
    """Return a decorator that gives a view these attributes."""

    def mark(view: View) -> View:
        view.__dict__.update(marks)
        return view

    return mark


def allow(*roles: str) -> Callable[[View], View]:
    """Permit a view for `roles` and admins. Must be the decorator nearest to the function."""
    unknown = set(roles) - set(ROLES)
    if unknown:
        raise ValueError(f"no such role: {', '.join(sorted(unknown))}")
    return _marked(allowed=frozenset({*roles, "admin"}))


allow_everybody = _marked(allowed=frozenset({EVERYBODY}))
# Permits a view before the user has changed the first password.
with_first_password = _marked(with_first_password=True)
# Permits a view to users who have not shown their second factor yet.
while_waiting = _marked(while_waiting=True)
# Permits a view before a required second factor is set up.
before_factor = _marked(before_factor=True)
# Permits a view only within 15 minutes after the user typed the password or showed a second factor.
confirmed = _marked(confirmed=True)
# A confirmation that lasts less is too short for filling in a form.
FILL_IN_MS = 5 * 60_000


def with_form_to(endpoint: str) -> Callable[[View], View]:
    """Mark the page of a form that needs a confirmation. The page asks for it before anything is
    typed, which would be lost.
    """
    return _marked(form_endpoint=endpoint)


def takes_file(bytes_max: int, too_large: str) -> Callable[[View], View]:
    """Accept uploads up to that size. `too_large` is the message for larger files."""
    return _marked(file_bytes_max=bytes_max, file_too_large=too_large)


def file_bytes_max() -> int:
    """Return the limit for uploads of this request, or 0."""
    view = current_app.view_functions.get(request.endpoint or "")
    most: int = getattr(view, "file_bytes_max", 0)
    return most if most and may_open(request.endpoint or "") else 0


def file_too_large() -> str:
    view = current_app.view_functions.get(request.endpoint or "")
    words: str = getattr(view, "file_too_large", "")
    # Also works for texts without the field.
    return _(words, size=i18n.decimal(file_bytes_max() // 1_000_000)) if words else ""


def allowed_roles(endpoint: str) -> frozenset[str]:
    """An empty set permits nobody."""
    view = current_app.view_functions.get(endpoint)
    roles: frozenset[str] = getattr(view, "allowed", frozenset())
    return roles


def allowed_here() -> frozenset[str]:
    return allowed_roles(request.endpoint or "")


def may_open(endpoint: str) -> bool:
    """Links to other pages are hidden."""
    roles, current = allowed_roles(endpoint), user()
    if current is not None and (current.waits or must_set_up(current)):
        return EVERYBODY in roles
    return EVERYBODY in roles or (current is not None and current.role in roles)


def user() -> users.User | None:
    if "user" not in g:
        g.user = _session_user(token())
    current: users.User | None = g.user
    return current


def signed_in() -> users.User:
    """Aborts with 401 without a user."""
    return user() or abort(401)


def actor() -> str:
    """Return the signed-in user's id in the entry log."""
    return signed_in().by


def guard(app: Flask) -> None:
    app.view_functions["static"].__dict__["allowed"] = frozenset({EVERYBODY})
    app.before_request(_check)


def token() -> str:
    """Return the session's token from its cookie, or ""."""
    return request.cookies.get(COOKIE, "")


def device() -> str:
    """Return the token by which this browser is known, or ""."""
    return request.cookies.get(DEVICE_COOKIE, "")


def go_on(target: str, token: str) -> Response:
    """Redirect to `target` in the session of `token`, to which forms are bound from now on."""
    bind_forms(token)
    response = redirect(target, 303)
    response.set_cookie(COOKIE, token, secure=True, httponly=True, samesite="Lax", path="/")
    return response


def keep_device(response: Response, token: str) -> None:
    response.set_cookie(
        DEVICE_COOKIE, token, max_age=signing_in.KNOWN_MS // 1000, secure=True, httponly=True,
        samesite="Lax", path="/",
    )  # fmt: skip


def drop_session(response: Response) -> None:
    response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="Lax", path="/")


def bind_forms(token: str) -> None:
    """Bind the form cookie, and so every CSRF token, to the session of `token`."""
    session[_FORMS_OF] = _mark(token)


def _has_forms() -> bool:
    without = ("/api/", "/static/", "/b/", "/pass/", "/screen/", "/door/")
    return not request.path.startswith(without)


def check_forms() -> None:
    """Ignore a form cookie of another session."""
    if _has_forms() and session and session.get(_FORMS_OF, _mark("")) != _mark(token()):
        session.clear()


def keep_forms(response: Response) -> Response:
    """Bind a form cookie that this response creates."""
    if _has_forms() and session.modified and session and _FORMS_OF not in session:
        bind_forms(token())
    return response


def _mark(token: str) -> str:
    return hashlib.sha256(b"hallkeeper/forms/v1\x00" + token.encode()).hexdigest()[:32]


def _check() -> Response | None:
    if request.endpoint is None or request.blueprint in _OWN_PROOF:
        return None
    roles = allowed_roles(request.endpoint)
    if EVERYBODY in roles:
        return None
    current = user()
    if current is None:
        return _ask_to_sign_in()
    view = current_app.view_functions[request.endpoint]
    if current.waits and not hasattr(view, "while_waiting"):
        return _instead(url_for("admin.factors.ask", next=_own_target()))
    services().lanes.remember(address())
    if current.must_change and not hasattr(view, "with_first_password"):
        return _instead(url_for("admin.account.show"))
    if must_set_up(current) and not hasattr(view, "before_factor"):
        return _instead(url_for("admin.factors.show"))
    if current.role not in roles:
        current_app.logger.warning("%s may not open %s", current.by, request.endpoint)
        abort(403)
    if hasattr(view, "confirmed") and not _is_confirmed():
        return _instead(url_for("admin.account.confirm_form", next=_page_of_form()))
    return None


def must_set_up(user: users.User) -> bool:
    """Return whether the user's role requires a second factor that neither they nor their identity
    provider have shown.
    """
    needed = user.role in services().event.settings.second_factor_roles
    return needed and not user.has_factor and not user.showed_factor


def _own_target() -> str:
    return request.full_path.rstrip("?") if request.method == "GET" else ""


def _instead(target: str) -> Response:
    """Redirect to the page `target` first, such as the sign-in. A submitted form has no effect."""
    if request.accept_mimetypes.best == "text/event-stream":
        return abort(403)
    return redirect(target, 303)


def _page_of_form() -> str:
    if request.method == "GET":
        return _own_target()
    came_from = urlsplit(request.referrer or "")
    # A refused form is at an address that takes only forms.
    pages = current_app.url_map.bind(request.host)
    is_page = came_from.path.startswith("/admin/") and pages.test(came_from.path, "GET")
    if came_from.netloc == request.host and is_page:
        return f"{came_from.path}?{came_from.query}" if came_from.query else came_from.path
    try:
        return url_for(f"{request.blueprint}.show")
    except BuildError:
        return url_for("admin.home")


def _is_confirmed(still_in_ms: int = 0) -> bool:
    here = services()
    return users.is_confirmed(here.database.reader, token(), now=here.now() + still_in_ms)


def confirm_first() -> str:
    """Return the address for the confirmation that this page's form needs soon, or ""."""
    view = current_app.view_functions.get(request.endpoint or "")
    needs: str = getattr(view, "form_endpoint", "")
    if not needs or not may_open(needs) or _is_confirmed(FILL_IN_MS):
        return ""
    return url_for("admin.account.confirm_form", next=_own_target())


def _session_user(token: str) -> users.User | None:
    if not token:
        return None
    here = services()
    try:
        return users.session_user(here.database, token, now=here.now())
    except users.SessionEndedError:
        return None


def _ask_to_sign_in() -> Response:
    if request.method != "GET" or request.accept_mimetypes.best == "text/event-stream":
        return abort(401)
    target = request.full_path.rstrip("?")
    return redirect(url_for("admin.sign_in.form", next=target), 303)
