"""Streams changed parts of a page, at most five times a second (Server-Sent Events, WHATWG HTML
§9.2).
"""

import json
import threading
import time
from collections.abc import Callable, Iterator

from flask import Response, abort

from server.core.feed import changes
from server.core.feed.subscription import CursorGoneError, Subscription
from server.web import auth
from server.web.rendered import Parts
from server.web.services import services

PACE_S = 0.2
# Denied scans and silent kiosks are not in the feed, so poll for them.
LOOK_S = 2.0
KEEP_ALIVE_S = 15.0
# For all users together: each holds a server thread, and doors need those.
FEEDS_MAX = 200
USER_FEEDS_MAX = 20


class Held:
    """Limits the live pages open at once. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: dict[Subscription, int] = {}

    def take(self, subscription: Subscription, user_id: int) -> bool:
        """Return False if this user or all together have too many."""
        with self._lock:
            users = list(self._users.values())
            if len(users) >= FEEDS_MAX or users.count(user_id) >= USER_FEEDS_MAX:
                return False
            self._users[subscription] = user_id
            return True

    def give_back(self, subscription: Subscription) -> None:
        with self._lock:
            self._users.pop(subscription, None)


def feed(look: Callable[[], Parts | None]) -> Response:
    """Stream a page's parts as HTML when they change, until `look` returns None."""
    here, current = services(), auth.signed_in()
    held, newest = here.own(Held), changes.cursor(here.database.reader)
    subscription = here.hub.subscribe(newest, hall_id=None, kiosk=None)

    def end() -> None:
        here.hub.unsubscribe(subscription)
        held.give_back(subscription)

    if not held.take(subscription, current.user_id):
        end()
        abort(503)
    response = Response(_events(look, subscription), mimetype="text/event-stream")
    response.call_on_close(end)
    return response


def _events(look: Callable[[], Parts | None], subscription: Subscription) -> Iterator[str]:
    """Yield all parts, then the changed ones. Ends with the user's session or the subscription."""
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
    """Wait for a change (or LOOK_S), then until `not_before`. Changes meanwhile count as one."""
    subscription.take(LOOK_S)
    time.sleep(max(0.0, not_before - time.monotonic()))
    while subscription.take(0) is not None:
        pass
