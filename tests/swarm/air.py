"""The network between a kiosk and the app: signed requests, lost on either way or sent twice.

It stands in the place of the kiosk's transport, below the kiosk's own sync and feed.
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
from kiosk.sync.signer import Signer
from kiosk.sync.transport import TransportError

Message = TypeVar("Message", bound=Struct)
REPLAY_TRIES = 3


@dataclass
class Weather:
    """What happens to the next request. Each fault is for one request alone, but for `cut`."""

    cut: bool = False  # nothing gets through
    lose_request: bool = False
    lose_answer: bool = False
    twice: bool = False


class Air:
    """A transport to an app in the same process."""

    def __init__(
        self,
        client: Callable[[], FlaskClient | None],
        signer: Signer,
        weather: Weather,
        *,
        on_sent: Callable[[], None] = lambda: None,
    ) -> None:
        """`client` gives the app's, or None while the server is down."""
        self._client = client
        self._signer = signer
        self._weather = weather
        self._on_sent = on_sent

    def close(self) -> None:
        pass

    def post(self, target: str, message: Struct, kind: type[Message]) -> Message:
        return wire.decode(self._again("POST", target, wire.encode(message)), kind)

    def get(self, target: str, kind: type[Message]) -> Message:
        return wire.decode(self._again("GET", target, b""), kind)

    @contextmanager
    def stream(self, target: str, silence_s: float) -> Iterator["Lines"]:
        """What the feed has now; it ends where the server would fall silent."""
        yield Lines(self._again("GET", target, b"").decode())

    def _again(self, method: str, target: str, body: bytes) -> bytes:
        for tries_left in reversed(range(REPLAY_TRIES)):
            try:
                return self._once(method, target, body)
            except TransportError as error:
                if error.code != "replayed" or not tries_left:
                    raise
                self._signer.overtaken(error.counter)
        raise AssertionError

    def _once(self, method: str, target: str, body: bytes) -> bytes:
        client, weather = self._client(), self._weather
        if client is None or weather.cut:
            raise TransportError("unreachable", "away")
        if weather.lose_request:
            weather.lose_request = False
            raise TransportError("timeout", "lost")
        headers = self._signer.headers(method, target, body)
        status, answer = _ask(client, method, target, body, headers)
        if weather.twice:
            weather.twice = False
            _ask(client, method, target, body, headers)  # a replay: the server must refuse it
        self._on_sent()
        if weather.lose_answer:
            weather.lose_answer = False
            raise TransportError("timeout", "lost on its way back")
        if status == 200:
            return answer
        error = wire.decode(answer, wire.ErrorAnswer).error
        counter = error.counter or 0
        raise TransportError(error.code, error.message, permanent=not error.retry, counter=counter)


def _ask(
    client: FlaskClient, method: str, target: str, body: bytes, headers: dict[str, str]
) -> tuple[int, bytes]:
    """Ask the app by WSGI itself. The client of Flask's tests takes a tenth of a day's time."""
    path, _, query = target.partition("?")
    environ: dict[str, Any] = _ENVIRON | {
        "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body), "wsgi.errors": sys.stderr,
        **{f"HTTP_{name.upper().replace('-', '_')}": said for name, said in headers.items()},
    }  # fmt: skip
    begun: list[Any] = []
    parts = client.application.wsgi_app(environ, lambda *said: begun.extend(said))
    try:
        status, kind = int(begun[0][:3]), dict(begun[1]).get("Content-Type", "")
        if kind.startswith("text/event-stream") and status == 200:
            return 200, _until_silent(iter(parts))
        return status, b"".join(parts)
    finally:
        parts.close()  # type: ignore[attr-defined]


_ENVIRON = {
    "SCRIPT_NAME": "", "SERVER_NAME": "localhost", "SERVER_PORT": "8443",
    "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "localhost:8443", "REMOTE_ADDR": "127.0.0.1",
    "wsgi.version": (1, 0), "wsgi.url_scheme": "https", "wsgi.multithread": True,
    "wsgi.multiprocess": False, "wsgi.run_once": False,
}  # fmt: skip


def _until_silent(parts: Iterator[bytes]) -> bytes:
    found = [next(parts)]  # the opening comment
    for part in parts:
        found.append(part)
        if part == b": \n\n":
            break
    return b"".join(found)


class Lines:
    def __init__(self, text: str) -> None:
        self._text = text

    def __iter__(self) -> Iterator[str]:
        return iter(self._text.split("\n")[:-1])

    def close(self) -> None:
        pass
