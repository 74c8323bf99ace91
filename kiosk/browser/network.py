"""Signed requests to the server by the browser's `fetch`.

The browser verifies the server's certificate. A phone has one server: the one that served its page.
"""

from collections.abc import AsyncGenerator
from typing import Any

from hallkeeper_js import send, stream
from msgspec import Struct
from pyodide.ffi import JsException, JsNull, to_js

from badges.wire import wire
from badges.wire.version import UNSTATED, read_version
from badges.wire.wire import ErrorCode
from kiosk.sync.protocol import (
    ACCEPTED,
    REPLAY_TRIES,
    ConnectionFault,
    Request,
    TransportError,
    check_version,
    checked,
    decoded,
)
from kiosk.sync.signer import Signer

ANSWER_MS = 10_000
# A feed silent for this long is dead: a comment comes at least every 15 s.
SILENCE_MS = 30_000
TIMEOUTS = ("TimeoutError", "AbortError")


class Network:
    """Raises TransportError in every method."""

    def __init__(self, signer: Signer | None = None) -> None:
        """Without a `signer` requests are unsigned, as in enrolment."""
        self._signer = signer
        self.peer = UNSTATED  # the server's version, as of its last answer

    def avoid(self) -> None:
        """There is no other server."""

    async def send(self, request: Request) -> Struct:
        method, body = "GET", b""
        if request.message is not None:
            method, body = "POST", wire.encode(request.message)
        for tries_left in reversed(range(REPLAY_TRIES)):
            try:
                return await self._once(method, request, body)
            except TransportError as error:
                if error.code != ErrorCode.REPLAYED or not tries_left:
                    raise
                if self._signer is not None:
                    self._signer.overtaken(error.counter)
        raise AssertionError

    async def _once(self, method: str, request: Request, body: bytes) -> Struct:
        headers = self._headers(method, request.target, body)
        try:
            answer = await send(
                method, request.target, headers, to_js(body) if body else None, ANSWER_MS
            )
        except JsException as error:
            raise _failure(error) from None
        self._read_version(answer)
        return decoded(checked(answer.status, bytes(answer.body.to_py())), request.kind)

    async def lines(self, target: str) -> AsyncGenerator[str, None]:
        """The lines of a continuing answer, until the server ends it."""
        try:
            answer = await stream(target, self._headers("GET", target, b""), SILENCE_MS)
        except JsException as error:
            raise _failure(error) from None
        try:
            self._read_version(answer)
            if answer.status != 200:
                checked(answer.status, bytes(answer.body.to_py()))
            while True:
                try:
                    lines = await answer.lines()
                except JsException as error:
                    raise _failure(error) from None
                if lines is None or isinstance(lines, JsNull):
                    return
                for line in lines.to_py():
                    yield line
        finally:
            answer.close()

    def _headers(self, method: str, target: str, body: bytes) -> Any:
        headers = {"Accept": ACCEPTED}
        if body:
            headers["Content-Type"] = "application/json"
        if self._signer is not None:
            headers |= self._signer.headers(method, target, body)
        return to_js([[name, value] for name, value in headers.items()])

    def _read_version(self, answer: Any) -> None:
        version = answer.version
        self.peer = read_version(version if isinstance(version, str) else None) or UNSTATED
        check_version(self.peer)


def _failure(error: Any) -> TransportError:
    if error.name in TIMEOUTS:
        return TransportError(ConnectionFault.TIMEOUT, "The server does not answer.")
    return TransportError(ConnectionFault.UNREACHABLE, "The server can't be reached.")
