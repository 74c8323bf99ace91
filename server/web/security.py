"""Security of all requests and responses: headers, size limits, CSRF protection, and errors.

Pages have no inline script or style, except the phone page's category colour, under a nonce.
"""

import hashlib
import hmac
import secrets

from flask import Flask, Request, Response, abort, current_app, flash, g, render_template, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_limiter import Limiter
from flask_wtf.csrf import CSRFError, CSRFProtect
from itsdangerous import URLSafeTimedSerializer
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter, Map

from badges.i18n import N_
from badges.wire import wire
from badges.wire.wire import ErrorCode
from server.core.second_disk.critical_state import ActsError
from server.storage import disk
from server.storage.errors import LostError
from server.web import auth, i18n, problems
from server.web.i18n import gettext as _
from server.web.lanes import BusyError, Proof
from server.web.services import address, services

FORM_BYTES_MAX = 64 * 1024
FILE_PIECE_BYTES_MAX = 500_000
FORM_LIFE_S = 12 * 3600
HSTS_S = 365 * 24 * 3600
PROOF = "hallkeeper.proof"  # in the environ: the request's Proof, if it was verified already
_POLICY = (
    "default-src 'none'; base-uri 'none'; object-src 'none'; form-action 'self'; "
    "frame-ancestors 'none'; connect-src 'self'; manifest-src 'self'; img-src 'self' data:; "
    "script-src 'self'; style-src "
)


class _Limiter(Limiter):
    """Checks only views with a rate limit."""

    def _check_request_limit(
        self, callable_name: str | None = None, in_middleware: bool = True
    ) -> None:
        if not in_middleware:
            super()._check_request_limit(callable_name, in_middleware)


csrf = CSRFProtect()
limiter = _Limiter(key_func=lambda: address(), storage_uri="memory://", enabled=True)


class _RowNumber(IntegerConverter):
    """A row's number in a URL, at most SQLite's 63 bits."""

    def __init__(self, map: Map) -> None:
        super().__init__(map, max=2**63 - 1)


class _FormCookies(SecureCookieSessionInterface):
    """Sets form cookies only for pages. Kiosks send hundreds of requests a second without forms."""

    def __init__(self) -> None:
        self._made: tuple[object, URLSafeTimedSerializer | None] = None, None

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return None if of_api() else super().open_session(app, request)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Cache the serializer. Flask creates one for each request."""
        of, serializer = self._made
        if of != app.secret_key:
            serializer = super().get_signing_serializer(app)
            self._made = app.secret_key, serializer
        return serializer


def protect(app: Flask) -> None:
    app.session_interface = _FormCookies()
    app.url_map.converters["int"] = _RowNumber
    app.config.update(
        # Flask's own cookie has only a form token and the message for the next page.
        SESSION_COOKIE_NAME="__Host-hallkeeper-form",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=wire.BODY_BYTES_MAX,
        MAX_FORM_MEMORY_SIZE=FORM_BYTES_MAX,
        MAX_FORM_PARTS=100,
        WTF_CSRF_TIME_LIMIT=FORM_LIFE_S,
        RATELIMIT_HEADERS_ENABLED=False,
    )
    app.before_request(_limit_forms)  # before CSRF, which reads the form
    app.before_request(_read_body)
    app.before_request(auth.check_forms)
    app.after_request(auth.keep_forms)
    csrf.init_app(app)
    limiter.init_app(app)
    app.after_request(_add_headers)
    app.register_error_handler(Exception, _error)


def derived_key(secret: bytes, purpose: bytes) -> bytes:
    return hmac.digest(secret, purpose, hashlib.sha256)


def style_nonce() -> str:
    """Return the nonce that permits this response's own <style>."""
    if "style_nonce" not in g:
        g.style_nonce = secrets.token_urlsafe(16)
    nonce: str = g.style_nonce
    return nonce


# Views there have no limits of that kind.
@limiter.request_filter
def of_api() -> bool:
    return request.path.startswith("/api/")


def _limit_forms() -> None:
    if not of_api():
        file_bytes = auth.file_bytes_max()
        request.max_content_length = FORM_BYTES_MAX + file_bytes
        if file_bytes:
            # The parser reads pieces of this size, in addition to its unused data.
            request.max_form_memory_size = FILE_PIECE_BYTES_MAX


def begin_view() -> None:
    """Reset the thread's notes of writes, so that a page mentions only the view's own."""
    services().database.has_written()
    services().database.remark()
    g.is_in_view = True


def show_remark(response: Response) -> Response:
    """Show users what a check remarked on the view's writes, such as that a disk is missing."""
    remark = services().database.remark() if "is_in_view" in g else ""
    if remark and not of_api():
        flash(i18n.said(remark), "warn")
    return response


def _read_body() -> None:
    """Read the whole body before any view runs."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    lanes = services().lanes
    proof: Proof | None = request.environ.get(PROOF)
    if proof is None and of_api():
        target = request.full_path if request.query_string else request.path
        proof = lanes.prove(request.headers, request.method, target)
    try:
        with lanes.hold(address(), None if proof is None else proof.stamp.key):
            body = request.get_data()
    except BusyError:
        abort(503)
    if len(body) < (request.content_length or 0):
        abort(400)  # truncated body
    if proof is not None and proof.fits(body):
        g.kiosk_proof = proof


def _add_headers(response: Response) -> Response:
    style = f"'self' 'nonce-{g.style_nonce}'" if "style_nonce" in g else "'self'"
    for name, value in headers_of_every_answer(style).items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    # The router repeats the request's host. Responses must not repeat a name chosen by the client.
    location = response.headers.get("Location")
    if location is not None and location.startswith(request.url_root):
        response.headers["Location"] = "/" + location.removeprefix(request.url_root).lstrip("/")
        response.set_data(b"")
    return response


def headers_of_every_answer(style: str = "'self'") -> dict[str, str]:
    """`style` is the CSP source list for styles."""
    return {
        "Strict-Transport-Security": f"max-age={HSTS_S}; includeSubDomains",
        "Content-Security-Policy": _POLICY + style,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",  # CSRF protection checks it on our forms.
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
    }


# Errors and remedies by status. They never reveal the request or the user.
_WORDS = {
    400: (
        N_("That request could not be read"),
        N_("Go back, check what you entered, and try again."),
    ),
    401: (N_("Please sign in"), N_("Your session has ended. Sign in and try again.")),
    403: (
        N_("Not for your role"),
        N_("Your account may not do this. Ask an admin if you need it."),
    ),
    404: (N_("Nothing here"), N_("The address is wrong, or the page no longer exists.")),
    405: (N_("Not possible here"), N_("Go back and use the page's own buttons.")),
    409: (
        N_("Overtaken"),
        N_("Another user has changed this meanwhile. Go back, reload, and check again."),
    ),
    410: (
        N_("No longer valid"),
        N_("This link has been replaced. Ask at the badge desk for a new one."),
    ),
    413: (N_("Too large"), N_("What you sent is larger than this page takes.")),
    429: (N_("Too many attempts"), N_("Wait a few minutes, then try again.")),
    500: (
        N_("Something went wrong on our side"),
        N_("Nothing was changed. Try again, or tell an admin."),
    ),
    503: (N_("Too busy"), N_("Nothing was changed. Wait a moment, then try again.")),
    507: (
        N_("The server's disk can't be written"),
        N_(
            "Nothing was changed, and everything confirmed before is saved. Tell an admin: "
            "the server's log states whether the disk is full, read-only or failing. The "
            "server continues by itself once there is room."
        ),
    ),
}
# For a view that failed after a commit.
_IN_PART = N_(
    "Part of your request was carried out. Check the result before you repeat it, and tell an"
    " admin: the server's log has the cause."
)
# For a server that was superseded.
_SUPERSEDED = (
    N_("Another server has taken over"),
    N_(
        "Another server now serves this event, so this one no longer accepts anything. "
        "Everything confirmed before is saved. Use the other server, and tell an admin to "
        "stop this one."
    ),
)
# While a remote database can't be reached.
_AWAY = (
    N_("The database can't be reached"),
    N_(
        "Your request may or may not have been saved. Check again in a minute. If it stays "
        "like this, tell an admin that this server can't reach the database."
    ),
)
# For a change that the second disk must have first.
_HELD_BACK = N_("The second disk takes no changes")
# The titles whose remedy integrations are told.
_TOLD = (_AWAY[0], _HELD_BACK)
_CODES = {
    400: ErrorCode.MALFORMED,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.NOT_ALLOWED,
    413: ErrorCode.TOO_LARGE,
    429: ErrorCode.TOO_MANY,
}


def _error(error: Exception) -> Response:
    """Return an error as a page for people, or as `{"error": …}` for kiosks, without personal
    data.
    """
    status = error.code if isinstance(error, HTTPException) and error.code else 500
    full = disk.trouble(error, services().database.path) if status == 500 else None
    if full is not None:
        status = 507 if full.code is ErrorCode.DISK_FULL else 503  # RFC 4918 §11.5
    elif isinstance(error, disk.SupersededError | disk.AwayError | LostError | ActsError):
        status = 503
    elif status == 500:
        _log_failure(error)
    title, remedy = _WORDS.get(507 if full else status, _WORDS[400 if status < 500 else 500])
    if in_part := status >= 500 and "is_in_view" in g and services().database.has_written():
        remedy = _IN_PART
    if isinstance(error, disk.SupersededError):
        title, remedy = _SUPERSEDED
    if isinstance(error, disk.AwayError | LostError):
        title, remedy = _AWAY
    if isinstance(error, ActsError):
        title, remedy = _HELD_BACK, i18n.said(error)
    if isinstance(error, CSRFError):
        current_app.logger.warning(
            "a form without a token that stands reached %s", request.endpoint
        )
        title = N_("This form is too old")
        remedy = N_("Go back, reload the page, and send it again.")
    if status == 413:
        remedy = auth.file_too_large() or remedy
    if request.path.startswith("/api/v1/"):
        response = problems.answer(status, remedy if full or in_part or title in _TOLD else "")
    elif of_api():
        code = _CODES.get(status, ErrorCode.FAILED)
        if title == _AWAY[0]:
            code = ErrorCode.DATABASE_AWAY
        if full is not None or isinstance(error, disk.SupersededError):
            code = disk.SupersededError.code if full is None else full.code
        body = wire.ErrorBody(code, f"{title}. {remedy}", status >= 500)
        response = Response(
            wire.encode(wire.ErrorAnswer(body)), status, mimetype="application/json"
        )
    else:
        g.shows_error = True
        response = Response(render_template("error.html", title=_(title), remedy=_(remedy)), status)
    if isinstance(error, HTTPException):
        for name, value in error.get_headers():
            if name in ("Allow", "Retry-After", "Location"):
                response.headers[name] = value
    return response


def database_away() -> bytes:
    """The body of the 503 response to kiosks while the database is unreachable."""
    body = wire.ErrorBody(ErrorCode.DATABASE_AWAY, f"{_AWAY[0]}. {_AWAY[1]}", retry=True)
    return wire.encode(wire.ErrorAnswer(body))


def _log_failure(error: Exception) -> None:
    """Log the place of a failure without the exception's text, which may quote input."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
        trace = trace.tb_next
    current_app.logger.error(
        "%s while answering %s: %s", type(error).__name__, request.endpoint, " ".join(frames[-6:])
    )
