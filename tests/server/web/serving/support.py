"""Granian as the gateway sees it, without a network."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from unittest.mock import patch

from flask import Flask

from badges.wire import wire
from badges.wire.enrolment import RequestStamp, body_digest, request_mac, request_message
from server.app.gateway import Gateway
from tests.server.support.fake_door import FakeDoor

WAIT_S = 240


class Headers(dict):
    """Names are in small letters, and found in any case."""

    def get(self, key: str, default: object = None, /) -> object:
        return super().get(key.lower(), default)


@dataclass
class Scope:
    method: str
    path: str
    headers: Headers
    query_string: str = ""
    client: str = "127.0.0.1:40000"
    server: str = "127.0.0.1:8443"
    scheme: str = "https"
    http_version: str = "1.1"


class Broken(RuntimeError):
    """The connection is closed."""


@dataclass
class Exchange:
    """Gives a body in pieces, and keeps the answer."""

    body: bytes = b""
    gone: bool = False  # The client no longer listens.
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    answer: bytes = b""
    streamed: bool = False
    file: str = ""
    reads: int = 0

    async def __call__(self) -> bytes:
        self.reads += 1
        return self.body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.reads += 1
        half = len(self.body) // 2
        for piece in (self.body[:half], self.body[half:]):
            yield piece

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        assert not self.status, "answered twice"
        self.status, self.headers, self.answer = status, headers, body

    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None:
        self.response_bytes(status, headers, b"")
        self.file = file

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> "Exchange":
        self.response_bytes(status, headers, b"")
        self.streamed = True
        return self

    def send_bytes(self, data: bytes) -> "asyncio.Future[None]":
        """As granian does: a piece is sent before the caller waits for it."""
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.gone:
            sent.set_exception(Broken())
            sent.exception()  # Callers that do not ask are not notified.
        else:
            self.answer += data
            sent.set_result(None)
        return sent

    @property
    def code(self) -> str:
        return wire.decode(self.answer, wire.ErrorAnswer).error.code

    async def until(self, condition: Callable[[], bool]) -> None:
        deadline = asyncio.get_running_loop().time() + WAIT_S
        while not condition():
            assert asyncio.get_running_loop().time() < deadline, self.answer
            await asyncio.sleep(0.005)


class Served:
    """An app behind the gateway. It counts the requests to the app itself."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.asked: list[str] = []
        self.inner = app.wsgi_app

    def counting(self, environ, start_response):
        self.asked.append(environ["PATH_INFO"])
        return self.inner(environ, start_response)

    def run(self, *talks: Callable[[Gateway], Awaitable[object]]) -> None:
        async def whole() -> None:
            gateway = Gateway(self.app, threads)
            gateway.__rsgi_init__(asyncio.get_running_loop())
            await asyncio.gather(*(talk(gateway) for talk in talks))

        with patch.object(self.app, "wsgi_app", self.counting), ThreadPoolExecutor(8) as threads:
            asyncio.run(whole())

    def ask(self, scope: Scope, body: bytes = b"") -> Exchange:
        exchange = Exchange(body)
        self.run(lambda gateway: gateway.__rsgi__(scope, exchange))
        return exchange

    def send(self, door: FakeDoor, batch: wire.ScanBatch, **changes: object) -> Exchange:
        """A batch as its kiosk sends it, or with some headers changed."""
        body = wire.encode(batch)
        return self.ask(scans(door, body, **changes), body)


def signed(
    door: FakeDoor, method: str, target: str, body: bytes = b"", session: bytes | None = None
) -> Headers:
    """Headers with a signature, or with a hash by the session's key."""
    door.counter += 1
    stamp = RequestStamp(door.kiosk, door.generation, door.counter)
    message = request_message(stamp, method, target, body)
    proof = (
        {stamp.SIGNATURE_HEADER.lower(): base64.b64encode(door.key.sign(message)).decode()}
        if session is None
        else {stamp.MAC_HEADER.lower(): request_mac(session, message)}
    )
    return Headers(
        {
            **proof,
            stamp.KIOSK_HEADER.lower(): f"{stamp.kiosk}/{stamp.generation}",
            stamp.COUNTER_HEADER.lower(): str(stamp.counter),
            stamp.DIGEST_HEADER.lower(): body_digest(body),
            "content-length": str(len(body)),
            "host": "localhost",
        }
    )


def scans(door: FakeDoor, body: bytes, session: bytes | None = None, **changes: object) -> Scope:
    headers = Headers({**signed(door, "POST", "/api/scans", body, session), **changes})
    return Scope("POST", "/api/scans", headers)
