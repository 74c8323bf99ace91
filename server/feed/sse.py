"""Sends a subscription as Server-Sent Events, for as long as somebody reads it."""

from collections.abc import Generator, Iterator

from server.feed.hub import Hub
from server.feed.subscription import CursorGoneError, Subscription


class Stream:
    """Sends a subscription as Server-Sent Events (WHATWG HTML §9.2), for as long as it is read.

    What came together is sent together, because hundreds of feeds' threads share one interpreter.
    """

    def __init__(self, hub: Hub, subscription: Subscription, keep_alive_s: float) -> None:
        self._hub = hub
        self._subscription = subscription
        self._parts = _server_sent(subscription, keep_alive_s)

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        self._parts.close()
        self._hub.unsubscribe(self._subscription)


def _server_sent(subscription: Subscription, keep_alive_s: float) -> Generator[bytes, None, None]:
    yield b": open\n\n"
    while True:
        try:
            items = subscription.take_all(keep_alive_s)
        except CursorGoneError:
            return
        yield b"".join([item.sent for item in items]) or b": \n\n"
