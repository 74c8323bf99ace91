"""The network between a kiosk and the app: signed requests, lost on either way or sent twice.

It replaces the kiosk's transport, below the kiosk's own sync and feed.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeVar

from flask.testing import FlaskClient
from msgspec import Struct

from badges.wire import wire
from badges.wire.version import OWN
from badges.wire.wire import ErrorCode
from kiosk.sync.protocol import ConnectionFault, TransportError
from kiosk.sync.signer import Signer

Message = TypeVar("Message", bound=Struct)
REPLAY_TRIES = 3
STILL_HERE = b": \n\n"  # the server's keep-alive


@dataclass
class Weather:
    """The fault of the next request. Each is for one request, except `cut`."""

    cut: bool = False  # nothing gets through
    lose_request: bool = False
    lose_answer: bool = False
    twice: bool = False


class Air:
    """A transport to an app in the same process."""

    peer = OWN

    def __init__(
        self,
        client: Callable[[], FlaskClient | None],
        signer: Signer,
        weather: Weather,
        *,
        on_sent: Callable[[], None] = lambda: None,
    ) -> None:
        """`client` returns the app's client, or None while the server is down."""
        self._client = client
        self._signer = signer
        self._weather = weather
        self._on_sent = on_sent
        self._feed: tuple[FlaskClient, OpenFeed] | None = None  # with the server that sends it

    def close(self) -> None:
        self.break_off()

    def post(self, target: str, message: Struct, kind: type[Message]) -> Message:
        return wire.decode(self._again("POST", target, wire.encode(message)), kind)

    def get(self, target: str, kind: type[Message]) -> Message:
        return wire.decode(self._again("GET", target, b""), kind)

    @contextmanager
    def stream(self, target: str, silence_s: float) -> Iterator["Lines"]:
        """The feed's content now, until the server is silent. It stays open for `more`."""
        self.break_off()
        try:
            yield Lines(self._again("GET", target, b"").decode())
        except BaseException:
            self.break_off()
            raise

    def more(self) -> "Lines | None":
        """The feed's content since, or None if it is no longer open."""
        if self._feed is None:
            return None
        client, feed = self._feed
        if self._weather.cut or client is not self._client() or feed.ended:
            self.break_off()
            return None
        return Lines(feed.read().decode())

    def break_off(self) -> None:
        """Lose the feed's connection."""
        if self._feed is not None:
            self._feed[1].close()
            self._feed = None

    def _again(self, method: str, target: str, body: bytes) -> bytes:
        for tries_left in reversed(range(REPLAY_TRIES)):
            try:
                return self._once(method, target, body)
            except TransportError as error:
                if error.code != ErrorCode.REPLAYED or not tries_left:
                    raise
                self._signer.overtaken(error.counter)
        raise AssertionError

    def _once(self, method: str, target: str, body: bytes) -> bytes:
        client, weather = self._client(), self._weather
        if client is None or weather.cut:
            raise TransportError(ConnectionFault.UNREACHABLE, "away")
        if weather.lose_request:
            weather.lose_request = False
            raise TransportError(ConnectionFault.TIMEOUT, "lost")
        headers = self._signer.headers(method, target, body)
        status, answer = _ask(client, method, target, body, headers)
        if isinstance(answer, OpenFeed):
            self._feed = client, answer
        if weather.twice:
            weather.twice = False
            # A replay, which the server must refuse.
            assert _ask(client, method, target, body, headers)[0] != 200
        self._on_sent()
        if weather.lose_answer:
            weather.lose_answer = False
            raise TransportError(ConnectionFault.TIMEOUT, "lost on its way back")
        if isinstance(answer, OpenFeed):
            return answer.read()
        if status == 200:
            return answer
        error = wire.decode(answer, wire.ErrorAnswer).error
        counter = error.counter or 0
        raise TransportError(error.code, error.message, permanent=not error.retry, counter=counter)


def _ask(
    client: FlaskClient, method: str, target: str, body: bytes, headers: dict[str, str]
) -> "tuple[int, bytes | OpenFeed]":
    """Call the app by WSGI directly. Flask's test client takes a tenth of a day's time."""
    path, _, query = target.partition("?")
    environ: dict[str, Any] = _ENVIRON | {
        "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body), "wsgi.errors": sys.stderr,
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
    }  # fmt: skip
    begun: list[Any] = []
    parts: Any = client.application.wsgi_app(environ, lambda *arguments: begun.extend(arguments))
    status, kind = int(begun[0][:3]), dict(begun[1]).get("Content-Type", "")
    if kind.startswith("text/event-stream") and status == 200:
        return 200, OpenFeed(parts)
    try:
        return status, b"".join(parts)
    finally:
        parts.close()


_ENVIRON = {
    "SCRIPT_NAME": "", "SERVER_NAME": "localhost", "SERVER_PORT": "8443",
    "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "localhost:8443", "REMOTE_ADDR": "127.0.0.1",
    "wsgi.version": (1, 0), "wsgi.url_scheme": "https", "wsgi.multithread": True,
    "wsgi.multiprocess": False, "wsgi.run_once": False,
}  # fmt: skip


class OpenFeed:
    """The server's feed on an open connection."""

    def __init__(self, parts: Any) -> None:
        self._parts = parts
        self._sent: Iterator[bytes] = iter(parts)
        self.ended = False

    def read(self) -> bytes:
        """Read until the server is silent or ends it."""
        heard = []
        for part in self._sent:
            heard.append(part)
            if part == STILL_HERE:
                return b"".join(heard)
        self.ended = True
        return b"".join(heard)

    def close(self) -> None:
        self._parts.close()


class Lines:
    def __init__(self, text: str) -> None:
        self._text = text

    def __iter__(self) -> Iterator[str]:
        return iter(self._text.split("\n")[:-1])

    def close(self) -> None:
        pass
