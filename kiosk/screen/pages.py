"""Serves the page and its camera picture, and accepts typed codes and the direction.

Any local account can reach loopback, so only a browser that has opened the one-time link has
access (`entrance`). Any web page in that browser may also send requests to loopback. So the Host
must be a loopback name (against DNS rebinding), the browser must not mark the request as
cross-site, and changes need the page's own token and Origin.
"""

import hmac
import ipaddress
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WerkzeugResponse

from kiosk.screen.actions import Actions, error_body
from kiosk.screen.board import Board
from kiosk.screen.entrance import COOKIE, LINK_PATH, Entrance, prove
from kiosk.screen.feed import Feeds, stream
from kiosk.screen.languages import closed_words, page_words
from kiosk.steps import run
from kiosk.supervisor.supervision import Need

BODY_BYTES_MAX = 4096
LATER_MS = 10  # so that the page's next picture is a new one
HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
TOKEN_HEADER = "X-Hallkeeper-Token"

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

blueprint = Blueprint("screen", __name__)
_OPEN = frozenset({"static", "screen.open_link"})  # accessible to all local accounts
_PAGES = frozenset({"screen.page", "screen.open_link", "camera_page.page"})


@dataclass
class Screen:
    board: Board
    actions: Actions
    answer: Callable[[Need], Any]  # waits for what an action needs
    token: str  # new at each start, and so is the key
    key: str  # by which the server proves itself to the page
    entrance: Entrance
    feeds: Feeds
    now: Callable[[], int]
    answer_s: float  # how long an answer stays, unless another follows
    picture: "SharedPicture"

    @property
    def page(self) -> str:
        """A public name of this run."""
        return self.token[:8]


class SharedPicture:
    """A camera's picture for all tabs together, new at most every `period_s`."""

    def __init__(self, take: Callable[[], bytes | None], period_s: float) -> None:
        """`take` returns the newest picture as JPEG, or None."""
        self.period_s = period_s
        self._take = take
        self._lock = threading.Lock()
        self._jpeg: bytes | None = None
        self._taken_at = float("-inf")  # monotonic seconds

    def answer(self) -> Response:
        """Status 204 if there is no picture."""
        with self._lock:
            if time.monotonic() - self._taken_at >= self.period_s:
                self._jpeg = self._take()
                self._taken_at = time.monotonic()
            jpeg = self._jpeg
        return Response(status=204) if jpeg is None else Response(jpeg, mimetype="image/jpeg")


def screen() -> Screen:
    own = current_app.extensions["screen"]
    assert isinstance(own, Screen)
    return own


@blueprint.before_app_request
def refuse_strangers() -> None:
    """Refuse requests that do not come by loopback under a loopback name, or come from another
    site.
    """
    if not _is_loopback(request.remote_addr):
        abort(403, "This page is for the kiosk's own screen alone.")
    if _host_name(request.host) not in HOSTS:
        abort(403, "Open this page as http://127.0.0.1 on the kiosk itself.")
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        abort(403, "Another site sent this request.")
    if request.endpoint not in _OPEN and not screen().entrance.knows(_cookie()):
        abort(403, "This browser has not opened the kiosk's link.")
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    token = request.headers.get(TOKEN_HEADER, "")
    if not hmac.compare_digest(token.encode(), screen().token.encode()):
        abort(403, "The kiosk was restarted, or the request is not the page's own: reload it.")
    if request.headers.get("Origin", "") != f"{request.scheme}://{request.host}":
        abort(403, "Another site sent this request.")


@blueprint.after_app_request
def guard(response: Response) -> Response:
    """Set headers so that the page runs only its own files, and no cache keeps personal data."""
    response.headers.update(HEADERS)
    static = request.endpoint == "static"
    response.headers["Cache-Control"] = "no-cache" if static else "no-store"
    return response


@blueprint.get("/")
def page() -> str:
    return render_template(
        "screen.html",
        token=screen().token,
        key=screen().key,
        answer_ms=round(screen().answer_s * 1000),
        picture_ms=round(screen().picture.period_s * 1000) + LATER_MS,
        languages=page_words(),
    )


@blueprint.get(LINK_PATH)
def open_link() -> WerkzeugResponse:
    """This browser may see the screen until the kiosk or the browser ends."""
    cookie = screen().entrance.open(request.args.get("link", ""))
    if cookie is None:
        abort(403, "This link was used before, or is not the kiosk's newest.")
    response = redirect(url_for("screen.page"), 303)
    response.set_cookie(_cookie_name(), cookie, httponly=True, samesite="Strict", path="/")
    return response


@blueprint.get("/feed")
def feed() -> Response:
    """Prove this server to the page first: another account may hold the port between two runs."""
    own = screen()
    proof = prove(own.key, request.args.get("challenge", ""))
    events = stream(own.board, own.feeds, own.page, own.now, proof=proof)
    return Response(events, mimetype="text/event-stream")


@blueprint.get("/picture.jpg")
def picture() -> Response:
    """Status 204 if there is no picture."""
    return screen().picture.answer()


def act() -> Response:
    """Any of `Actions`."""
    own = screen()
    if request.method == "POST" and request.mimetype != "application/json":
        abort(415, "Send JSON.")
    reply = run(own.actions.reply(request.path, request.get_data()), own.answer)
    return Response(reply.body, reply.status, mimetype="application/json" if reply.body else None)


@blueprint.app_errorhandler(HTTPException)
def error(problem: HTTPException) -> Response:
    code = problem.code or 500
    if code == 403 and request.endpoint in _PAGES:
        return Response(render_template("closed.html", languages=closed_words()), 403)
    name = (problem.name or "error").lower().replace(" ", "_")
    body = error_body(name, problem.description or "")
    return Response(body, code, mimetype="application/json")


def _cookie() -> str:
    return request.cookies.get(_cookie_name(), "")


def _cookie_name() -> str:
    """It has the port, because cookies apply to all ports of a host, and two kiosks may run on one
    computer.
    """
    return f"{COOKIE}-{urlsplit(f'//{request.host}').port or 80}"


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False
