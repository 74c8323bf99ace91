"""The overview's feed: parts that changed, at most each half second.

Server-Sent Events, WHATWG HTML §9.2.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from flask import Blueprint, Response, abort, copy_current_request_context, current_app

from server.feed import changes
from server.feed.subscription import CursorGoneError, Subscription
from server.web import auth
from server.web.admin import overview
from server.web.services import services

blueprint = Blueprint("live", __name__, url_prefix="/admin")

PACE_S = 0.5
LOOK_S = 2.0  # denied scans and silent kiosks change no door's facts, so nothing announces them
KEEP_ALIVE_S = 15.0
FEEDS_MAX = 200  # of all users: each holds a thread of the server's, which the doors need
_SHARED = "hallkeeper_live"

Parts = dict[str, str]


class Shared:
    """The parts as last rendered for each role: ten open overviews cost what one does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts: dict[str, tuple[float, Parts]] = {}

    def parts(self, role: str) -> Parts:
        with self._lock:
            made_at, parts = self._parts.get(role, (float("-inf"), {}))
            if time.monotonic() - made_at >= PACE_S * 0.9:
                parts = overview.parts()
                self._parts[role] = (time.monotonic(), parts)
            return parts


@blueprint.record_once
def _share(state: Any) -> None:
    state.app.extensions[_SHARED] = Shared()


@blueprint.get("/live")
@auth.allow(*overview.ROLES)
def stream() -> Response:
    here = services()
    shared: Shared = current_app.extensions[_SHARED]

    @copy_current_request_context
    def look() -> Parts | None:
        who = auth.user()  # asked anew each time: an ended session ends its feeds
        return shared.parts(who.role) if who and who.role in auth.allowed_here() else None

    if here.hub.staff_listeners >= FEEDS_MAX:
        abort(503)
    newest = changes.cursor(here.database.reader)
    subscription = here.hub.subscribe(newest, hall_id=None, kiosk=None)
    response = Response(_events(look, subscription), mimetype="text/event-stream")
    response.call_on_close(lambda: here.hub.unsubscribe(subscription))
    return response


def _events(look: Callable[[], Parts | None], subscription: Subscription) -> Iterator[str]:
    """All parts, then those that differ from what was sent; ends with the session or the feed."""
    yield "retry: 1000\n\n"
    sent: Parts = {}
    sent_at = time.monotonic()
    while (parts := look()) is not None:
        looked_at = time.monotonic()
        changed = {name: html for name, html in parts.items() if sent.get(name) != html}
        if changed:
            yield f"data: {json.dumps(changed, ensure_ascii=False)}\n\n"
            sent, sent_at = parts, looked_at
        elif looked_at - sent_at >= KEEP_ALIVE_S:
            yield ": \n\n"
            sent_at = looked_at
        try:
            _await_change(subscription, looked_at + PACE_S)
        except CursorGoneError:
            return


def _await_change(subscription: Subscription, not_before: float) -> None:
    """Wait for a change (or LOOK_S), then until `not_before`; what came meanwhile is one."""
    subscription.take(LOOK_S)
    time.sleep(max(0.0, not_before - time.monotonic()))
    while subscription.take(0) is not None:
        pass
