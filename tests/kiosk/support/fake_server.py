"""A small HTTPS server on loopback for the tests of a kiosk's transport, enrolment and sync."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from msgspec import UNSET, Struct, UnsetType

from badges.wire import wire
from kiosk.sync.transport import spki_sha256


@dataclass
class Request:
    method: str
    target: str
    body: bytes
    headers: dict[str, str]
    write: Callable[[bytes], None]  # for continuing answers
    connection: int  # number of its connection


@dataclass
class Reply:
    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Route = Callable[[Request], Reply | None]  # None: the route has written everything itself


def json_reply(message: Struct, status: int = 200) -> Reply:
    return Reply(wire.encode(message), status)


def error_reply(
    status: int, code: str, *, retry: bool = False, counter: int | UnsetType = UNSET
) -> Reply:
    body = wire.ErrorBody(code, f"no: {code}", retry, counter)
    return json_reply(wire.ErrorAnswer(body), status)


def make_certificate(directory: Path, name: str = "server") -> tuple[Path, bytes]:
    """A self-signed certificate with its key in one file, and the hash that a kiosk pins."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = directory / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    return path, spki_sha256(certificate.public_bytes(Encoding.DER))


class FakeServer:
    """Answers by `routes`, keyed by method and path. `close` drops every connection."""

    host = "127.0.0.1"

    def __init__(self, certificate: Path, pin: bytes, *, port: int = 0) -> None:
        self.routes: dict[tuple[str, str], Route] = {}
        self.requests: list[Request] = []
        self.spki_sha256 = pin
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self._server = _Server((self.host, port), self)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="fake server"
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.drop_connections()
        self._server.server_close()


@contextmanager
def serving(directory: Path, **routes: Route) -> Iterator[FakeServer]:
    """A server with routes named `post_api_scans` and the like."""
    server = FakeServer(*make_certificate(directory))
    for name, route in routes.items():
        method, _, path = name.partition("_")
        server.routes[method.upper(), "/" + path.replace("_", "/")] = route
    try:
        yield server
    finally:
        server.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def __init__(self, address: tuple[str, int], owner: FakeServer) -> None:
        self.owner = owner
        self.open: set[Any] = set()
        self.count = 0
        self.lock = threading.Lock()
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[Any, Any]:
        plain, address = super().get_request()
        plain.settimeout(20)
        return self.owner.context.wrap_socket(
            plain, server_side=True, do_handshake_on_connect=False
        ), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # kiosks come and go

    def drop_connections(self) -> None:
        with self.lock:
            for connection in self.open:
                with suppress(OSError):
                    connection.shutdown(2)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Otherwise the kiosk acknowledges the head of an answer 40 ms later, and the body waits for
    # that.
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.open.add(self.request)
            self.server.count += 1
            self.number = self.server.count

    def finish(self) -> None:
        with self.server.lock:
            self.server.open.discard(self.request)
        super().finish()

    def do_GET(self) -> None:
        self._do()

    def do_POST(self) -> None:
        self._do()

    def _do(self) -> None:
        owner = self.server.owner
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        request = Request(
            self.command, self.path, body, dict(self.headers), self._write, self.number
        )
        owner.requests.append(request)
        route = owner.routes.get((self.command, self.path.partition("?")[0]))
        reply = error_reply(404, "not_found") if route is None else route(request)
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def _write(self, raw: bytes) -> None:
        self.wfile.write(raw)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        pass
