from collections.abc import Generator, Iterator

from server.core.feed.hub import Hub
from server.core.feed.subscription import CursorGoneError, Subscription


class Stream:
    """A subscription as Server-Sent Events (WHATWG HTML §9.2).

    A server may iterate on a thread, or hold it on an event loop (`server/web/serving/feeds.py`).
    """

    FIRST = b": open\n\n"
    STILL_HERE = b": \n\n"  # sent after `keep_alive_s` without changes

    def __init__(self, hub: Hub, subscription: Subscription, keep_alive_s: float) -> None:
        self.subscription = subscription
        self.keep_alive_s = keep_alive_s
        self._hub = hub
        self._parts = self._server_sent()

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        self._parts.close()
        self._hub.unsubscribe(self.subscription)

    def _server_sent(self) -> Generator[bytes, None, None]:
        yield self.FIRST
        while True:
            try:
                items = self.subscription.take_all(self.keep_alive_s)
            except CursorGoneError:
                return
            yield b"".join([item.sent for item in items]) or self.STILL_HERE
