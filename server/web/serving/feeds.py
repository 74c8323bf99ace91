"""Holds kiosks' feeds on the event loop. An idle feed uses no thread."""

import asyncio
import contextlib
from collections.abc import Awaitable

from server.core.feed.subscription import CursorGoneError
from server.web.serving.pages import Exchange, Feed
from server.web.serving.waker import Waker


async def hold(feed: Feed, exchange: Exchange, waker: Waker) -> None:
    """Send a feed's changes on the event loop, until the client leaves or the feed ends."""
    loop = asyncio.get_running_loop()
    stream = feed.stream
    news = asyncio.Event()
    quiet = _Quiet(loop, news, stream.keep_alive_s)
    try:
        transport = exchange.response_stream(feed.status, feed.headers)
        await transport.send_bytes(stream.FIRST)
        stream.subscription.tell(lambda: waker.call(news.set))
        sending: Awaitable[None] | None = None
        while True:
            if not stream.subscription.ended:
                await news.wait()
            if sending is not None:
                # Sending starts when a piece is handed over. Awaiting it before the next one, not
                # at once, saves a wake-up of the loop.
                await sending
                sending = None
            news.clear()
            data = b"".join([item.sent for item in stream.subscription.take_all(0)])
            if data or quiet.is_due():
                sending = transport.send_bytes(data or stream.STILL_HERE)
                quiet.spoke()
    except CursorGoneError:
        pass  # the feed has ended
    except RuntimeError:
        pass  # the client has gone
    finally:
        quiet.close()
        with contextlib.suppress(RuntimeError):
            stream.close()


class _Quiet:
    """Wakes all feeds without changes for their keep-alive, by a single timer."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, news: asyncio.Event, after_s: float
    ) -> None:
        self._loop = loop
        self._news = news
        self._after_s = after_s
        self._spoke_at = loop.time()
        self._timer = loop.call_later(after_s, self._look)

    def spoke(self) -> None:
        self._spoke_at = self._loop.time()

    def is_due(self) -> bool:
        return self._loop.time() >= self._spoke_at + self._after_s

    def close(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        left = self._spoke_at + self._after_s - self._loop.time()
        if left <= 0:
            self._news.set()
            left = self._after_s
        self._timer = self._loop.call_later(left, self._look)
