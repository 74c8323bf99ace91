"""Runs the blocking WSGI app on threads. Bodies are read there as they arrive, since the app
decides whose body is read (`server/web/lanes.py`).
"""

import asyncio
import io
import logging
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from server.core.feed.sse import Stream
from server.web.serving.waker import Waker

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger(__name__)

Headers = list[tuple[str, str]]
BUFFER_BYTES = 64 * 1024
NO_FACTS: Mapping[str, object] = {}


class RequestHeaders(Protocol):
    """granian's request headers. Names are in lower case."""

    def get(self, key: str, default: Any = None, /) -> Any: ...
    def items(self) -> list[tuple[str, str]]: ...


class Scope(Protocol):
    client: str
    server: str
    scheme: str
    method: str
    path: str
    query_string: str
    http_version: str

    @property
    def headers(self) -> RequestHeaders: ...


class Transport(Protocol):
    def send_bytes(self, data: bytes, /) -> Awaitable[None]: ...


class Exchange(Protocol):
    async def __call__(self) -> bytes: ...
    def __aiter__(self) -> Any: ...
    def response_bytes(self, status: int, headers: Headers, body: bytes, /) -> None: ...
    def response_file(self, status: int, headers: Headers, file: str, /) -> None: ...
    def response_stream(self, status: int, headers: Headers, /) -> Transport: ...


@dataclass(frozen=True)
class Feed:
    """A kiosk's open feed, for which no thread waits."""

    status: int
    headers: Headers
    stream: Stream


class LastingFile:
    """A body that is a file which is not deleted before it was sent. granian sends it, so that no
    thread waits for a slow client.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while piece := file.read(BUFFER_BYTES):
                yield piece


class Pages:
    """Runs the Flask app on threads. Used by one event loop."""

    def __init__(self, app: "WSGIApplication", threads: Executor, waker: Waker) -> None:
        self._app = app
        self._threads = threads
        self._waker = waker

    async def answer(
        self,
        scope: Scope,
        exchange: Exchange,
        body: bytes | None = None,
        facts: Mapping[str, object] = NO_FACTS,
    ) -> Feed | None:
        """Answer the request, or return the feed that it opened. `body` is set if it was already
        read. `facts` are added to the app's environ.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Feed | None] = loop.create_future()

        def finish(feed: Feed | None) -> None:
            if not done.done():
                done.set_result(feed)
            elif feed is not None:
                feed.stream.close()  # the client has gone meanwhile

        def job() -> None:
            feed = None
            try:
                feed = self._run(scope, exchange, body, facts, loop)
            except BaseException as error:
                # Nobody reads the future that would hold it.
                log.error("a request's thread failed: %s", type(error).__name__)
            finally:
                self._waker.call(partial(finish, feed))

        self._threads.submit(job)
        return await done

    def _run(
        self,
        scope: Scope,
        exchange: Exchange,
        body: bytes | None,
        facts: Mapping[str, object],
        loop: asyncio.AbstractEventLoop,
    ) -> Feed | None:
        raw: io.RawIOBase | io.BytesIO = _Body(exchange, loop) if body is None else io.BytesIO(body)
        stream = io.BufferedReader(raw, BUFFER_BYTES) if isinstance(raw, _Body) else raw
        begun = _Begun()
        try:
            pieces = self._app({**environ_of(scope, stream), **facts}, begun)
        except Exception as error:
            # The app handles all errors except its own.
            log.error("the app failed: %s", type(error).__name__)
            exchange.response_bytes(500, [], b"")
            return None
        if isinstance(pieces, Stream):
            return Feed(begun.status, begun.headers, pieces)
        if isinstance(pieces, list):
            exchange.response_bytes(begun.status, begun.headers, b"".join(pieces))
            return None
        if isinstance(pieces, LastingFile):
            exchange.response_file(begun.status, begun.headers, str(pieces.path))
            return None
        _send(exchange.response_stream(begun.status, begun.headers), pieces, loop)
        return None


class _Begun:
    """The `start_response` of an app, which stores status and headers."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: Headers = []

    def __call__(
        self, status: str, headers: Headers, exc_info: Any = None
    ) -> Callable[[bytes], object]:
        self.status, self.headers = int(status[:3]), headers
        return _no_write


def _no_write(_: bytes) -> object:
    raise NotImplementedError("the app returns its answer")


def _send(transport: Transport, pieces: Iterable[bytes], loop: asyncio.AbstractEventLoop) -> None:
    async def send(piece: bytes) -> None:
        await transport.send_bytes(piece)

    try:
        for piece in pieces:
            asyncio.run_coroutine_threadsafe(send(piece), loop).result()
    except (RuntimeError, asyncio.CancelledError):
        pass  # the client has gone
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


class _Body(io.RawIOBase):
    def __init__(self, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        self._exchange = exchange
        self._loop = loop
        self._pieces: Any = None
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any, /) -> int:
        if not self._rest:
            self._rest = asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
        size = min(len(into), len(self._rest))
        into[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    async def _next(self) -> bytes:
        """Return the next bytes, or b"" at the end or if the connection broke."""
        if self._pieces is None:
            self._pieces = aiter(self._exchange)
        try:
            while not (piece := bytes(await anext(self._pieces))):
                pass
        except (StopAsyncIteration, RuntimeError):
            return b""
        return piece


def peer_of(scope: Scope) -> str:
    return scope.client.rpartition(":")[0].strip("[]")


def lines_of(scope: Scope, name: str) -> list[str]:
    """`name` is in lower case."""
    return [value for key, value in scope.headers.items() if key == name]


def environ_of(scope: Scope, body: object) -> dict[str, Any]:
    host, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        # bytes of a path, in PEP 3333's encoding
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": peer_of(scope),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": body,
        # It ends by itself, also without a length.
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        if "_" in name:
            continue  # WSGI would mistake X_Forwarded_For for a proxy's X-Forwarded-For.
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        if key in environ:
            between = "; " if key == "HTTP_COOKIE" else ","
            value = f"{environ[key]}{between}{value}"
        environ[key] = value
    return environ
