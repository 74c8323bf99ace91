"""granian's entry point for requests (RSGI), on one event loop.

It answers batches of scans, holds feeds, and passes everything else to the app on threads.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor

from flask import Flask

from server.app.wsgi import in_one_piece
from server.doors.scans_lane import Left, ScansLane, Sending
from server.web import security
from server.web.lanes import BusyError
from server.web.serving import feeds
from server.web.serving.pages import Exchange, Pages, Scope, lines_of
from server.web.serving.waker import Waker


class Gateway:
    def __init__(self, app: Flask, threads: Executor) -> None:
        self._app = app
        self._threads = threads
        self._at_end: Callable[[], object] = lambda: None

    def on_end(self, call: Callable[[], object]) -> None:
        self._at_end = call

    def await_turn(self) -> None:
        """Block the calling thread until the event loop has run once. Never returns if the loop
        hangs.
        """
        turned = threading.Event()
        self._waker.call(turned.set)
        turned.wait()

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._waker = Waker(loop)
        self._pages = Pages(in_one_piece(self._app.wsgi_app), self._threads, self._waker)
        self._scans = ScansLane(self._app, self._waker)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._at_end()

    async def __rsgi__(self, scope: Scope, exchange: Exchange) -> None:
        if not _names_one_host(scope):
            exchange.response_bytes(400, [("content-type", "text/plain")], b"Name one host.\n")
            return
        if self._scans.takes(scope):
            try:
                with self._scans.place(scope) as sending:
                    await self._take_scans(scope, exchange, sending)
            except BusyError:
                self._scans.send_busy(exchange)
            return
        feed = await self._pages.answer(scope, exchange)
        if feed is not None:
            await feeds.hold(feed, exchange, self._waker)

    async def _take_scans(self, scope: Scope, exchange: Exchange, sending: Sending | None) -> None:
        try:
            await self._scans.answer(scope, exchange, sending)
        except Left as left:
            facts = {} if sending is None else {security.PROOF: sending.proof}
            await self._pages.answer(scope, exchange, left.body, facts)


def _names_one_host(scope: Scope) -> bool:
    """Return whether a request names its host exactly once (RFC 9112, 3.2), since a proxy and this
    server could read two names differently. HTTP/1.0 has none.
    """
    hosts = lines_of(scope, "host")
    return len(hosts) == 1 or (not hosts and scope.http_version in ("1", "1.0"))
