"""The only way to the servers: TLS 1.3, a pinned server key, signed requests or a session, and
failover to the next server.

Venue networks have no public names, so no authority vouches for the server. The hash of its key
came with the enrolment code, and is compared before any byte of a request is sent. Another key
is accepted only with the event's signature (badges/wire/server_key.py).
"""

import hashlib
import hmac
import http.client
import logging
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from typing import Protocol, runtime_checkable

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from badges.credential.keys import BadSignatureError, PublicKey
from badges.record import WireError
from badges.wire import server_key, session, wire
from badges.wire.version import HEADER, SESSIONS_SINCE, UNSTATED, read_version
from badges.wire.wire import ErrorCode
from kiosk.sync.known_server import Endpoint, KnownServer
from kiosk.sync.protocol import (
    ACCEPTED,
    ANSWER_BYTES_MAX,
    REPLAY_TRIES,
    Answer,
    ConnectionFault,
    Result,
    TransportError,
    check_version,
    checked,
    decoded,
)
from kiosk.sync.signer import Signer
from kiosk.texts.messages import Code, Message

CONNECT_S = 3.0
ANSWER_S = 10.0
# While another server may answer, these timeouts are shorter. Kiosks of a failed server come to the
# next one at random intervals.
HURRIED_CONNECT_S = 1.2
HURRIED_ANSWER_S = 1.5
APART_S = 0.15
# A feed silent for this long is dead: a comment comes at least every 15 s.
SILENCE_S = 30.0
LINE_BYTES_MAX = 1_000_000
WORD_BYTES_MAX = 4_000
# A session begins after so many signed posts on a connection, so that it pays, and not all at once
# after the server's restart.
SIGNED_POSTS = 4
# After a session that did not begin or was refused, as by a proxy that spreads one connection's
# requests over several servers.
SESSION_PAUSE_S = 60.0

log = logging.getLogger(__name__)


class Server(Protocol):
    """A server's address and pinned key. Both an enrolment code and an identity satisfy it."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def spki_sha256(self) -> bytes: ...


@runtime_checkable
class Choice(Protocol):
    @property
    def hurried(self) -> bool:
        pass

    def current(self) -> Server: ...

    def failed(self, server: Server, tried: Collection[Server]) -> bool:
        """True if another server is left to try."""


class _OneServer:
    hurried = False

    def __init__(self, server: Server) -> None:
        self._server = server

    def current(self) -> Server:
        return self._server

    def failed(self, server: Server, tried: Collection[Server]) -> bool:
        return False


class PinnedConnection(http.client.HTTPConnection):
    def __init__(self, server: Server, answer_s: float, *, hurried: bool = False) -> None:
        self._connect_s = HURRIED_CONNECT_S if hurried else CONNECT_S
        super().__init__(server.host.strip("[]"), server.port, timeout=self._connect_s)
        self.server = server
        self.session: bytes | None = None  # its key
        self.session_at = 0.0  # when to ask for the next session, monotonic
        self.posts = 0
        self._answer_s = min(answer_s, HURRIED_ANSWER_S) if hurried else answer_s

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), self._connect_s)
        try:
            self.sock = _context().wrap_socket(plain, server_hostname=self.host)
            self._check_pin(self.sock)
        except BaseException:
            plain.close()
            self.close()
            raise
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(self._answer_s)

    def _check_pin(self, secured: ssl.SSLSocket) -> None:
        certificate = secured.getpeercert(binary_form=True)
        spki = b"" if certificate is None else spki_sha256(certificate)
        if hmac.compare_digest(spki, self.server.spki_sha256):
            return
        if (
            spki
            and isinstance(self.server, KnownServer | Endpoint)
            and self.server.learn(spki, self._ask_for_word(secured))
        ):
            return
        raise TransportError(
            ConnectionFault.WRONG_SERVER,
            Message(Code.WRONG_SERVER, host=f"{self.host}:{self.port}"),
            permanent=True,
        )

    def _ask_for_word(self, secured: ssl.SSLSocket) -> bytes:
        """The event's signed statement of this connection's key, or b"". The request has nothing
        secret, because the other end may be anyone.
        """
        ask = f"GET {server_key.TARGET} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n\r\n"
        try:
            secured.sendall(ask.encode("ascii"))
            with http.client.HTTPResponse(secured, method="GET") as response:
                response.begin()
                body = response.read(WORD_BYTES_MAX)
                if response.status != 200 or response.will_close:
                    return b""
                return wire.decode(body, server_key.ServerKeyAnswer).signed
        except (http.client.HTTPException, WireError):
            return b""


class Transport:
    """Sends requests to a server, or to the next one if it does not answer.

    Thread-safe. Posts share one connection.
    """

    peer = UNSTATED  # of the server that answered last

    def __init__(
        self,
        server: Server | Choice,
        signer: Signer | None = None,
        *,
        root: PublicKey | None = None,
        answer_s: float = ANSWER_S,
    ) -> None:
        """Without a `signer` requests are unsigned, as in enrolment. `root` is the event's key, by
        which servers sign sessions; without it each request is signed.
        """
        self._choice: Choice = server if isinstance(server, Choice) else _OneServer(server)
        self._signer = signer
        self._root = root
        self._answer_s = answer_s
        self._posting = threading.Lock()
        self._kept: PinnedConnection | None = None
        self._aborted = False

    def close(self) -> None:
        """The next post makes a new connection."""
        with self._posting:
            self._drop()

    def abort(self) -> None:
        """Interrupt another thread's post, and try no further server."""
        self._aborted = True
        kept = self._kept
        if kept is not None and kept.sock is not None:
            _shut(kept.sock)

    def avoid(self) -> None:
        """Use another server from now on, because this one's state is outdated."""
        self._choice.failed(self._choice.current(), ())

    def post(self, target: str, message: Struct, kind: type[Answer]) -> Answer:
        """Raises TransportError."""
        body = wire.encode(message)
        with self._posting:
            return self._ask(lambda server: self._post_once(server, target, body), kind)

    def get(self, target: str, kind: type[Answer]) -> Answer:
        """Request a message, on a separate connection. Raises TransportError."""

        def once(server: Server) -> bytes:
            with closing(self._connection(server, self._answer_s)) as connection:
                response = self._send(connection, "GET", target, b"")
                return checked(response.status, _read(response))

        return self._ask(once, kind)

    def _ask(self, once: Callable[[Server], bytes], kind: type[Answer]) -> Answer:
        return self._anywhere(lambda server: decoded(self._again(server, once), kind))

    @contextmanager
    def stream(self, target: str, silence_s: float = SILENCE_S) -> Iterator["Lines"]:
        """The lines of a continuing answer. Raises TransportError after `silence_s` without one."""
        connection, secured, response = self._anywhere(
            lambda server: self._open_stream(server, target, silence_s)
        )
        try:
            with response:
                yield Lines(secured, response)
        finally:
            connection.close()

    def _open_stream(
        self, server: Server, target: str, silence_s: float
    ) -> tuple[PinnedConnection, socket.socket, http.client.HTTPResponse]:
        connection = self._connection(server, silence_s)
        try:
            with self._telling(server):
                connection.connect()
                # Kept here because the connection drops its socket once the answer begins.
                secured = connection.sock
                response = self._send(connection, "GET", target, b"")
                if response.status != 200:
                    checked(response.status, _read(response))
            secured.settimeout(silence_s)
            return connection, secured, response
        except BaseException:
            connection.close()
            raise

    def _connection(self, server: Server, answer_s: float) -> PinnedConnection:
        return PinnedConnection(server, answer_s, hurried=self._choice.hurried)

    def _anywhere(self, ask: Callable[[Server], Result]) -> Result:
        """Ask the current server, then each other one once, until one answers. Raises
        TransportError.
        """
        tried: list[Server] = []
        while True:
            server = self._choice.current()
            try:
                return ask(server)
            except TransportError as error:
                if not error.elsewhere:
                    raise
                tried.append(server)
                if not self._choice.failed(server, tried) or self._aborted:
                    raise
                time.sleep(random.uniform(0, APART_S))

    def _again(self, server: Server, once: Callable[[Server], bytes]) -> bytes:
        """Retry the request with a higher counter.

        The counter is too low if another thread's request overtook this one, or if this disk is
        an old copy.
        """
        for tries_left in reversed(range(REPLAY_TRIES)):
            try:
                with self._telling(server):
                    return once(server)
            except TransportError as error:
                if error.code != ErrorCode.REPLAYED or not tries_left:
                    raise
                if self._signer is not None:
                    self._signer.overtaken(error.counter)
        raise AssertionError

    def _post_once(self, server: Server, target: str, body: bytes) -> bytes:
        if self._kept is not None and self._kept.server is not server:
            self._drop()
        reused = self._kept is not None
        try:
            return self._post_kept(server, target, body)
        except (http.client.HTTPException, OSError) as error:
            # Servers drop idle connections. Posting again is safe, because duplicates do no harm.
            if not reused or self._aborted or isinstance(error, TimeoutError):
                raise
            return self._post_kept(server, target, body)

    def _post_kept(self, server: Server, target: str, body: bytes) -> bytes:
        if self._kept is None:
            self._kept = self._connection(server, self._answer_s)
        kept, done = self._kept, False
        try:
            self._begin_session(kept)
            response = self._send(kept, "POST", target, body)
            answer = _read(response)
            done = not response.will_close
        finally:
            if not done:
                self._drop()
        if response.status == 401 and kept.session is not None:
            # The server does not know the session. A signature it can verify.
            kept.session = None
            kept.session_at = time.monotonic() + SESSION_PAUSE_S
            return self._post_kept(server, target, body)
        kept.posts += 1
        return checked(response.status, answer)

    def _begin_session(self, kept: PinnedConnection) -> None:
        """Begin a session if it is time. Without one, each request is signed."""
        if (
            self._signer is None
            or self._root is None
            or kept.session is not None
            or kept.posts < SIGNED_POSTS
            or time.monotonic() < kept.session_at
            or self.peer.newest < SESSIONS_SINCE
        ):
            return
        kept.session_at = time.monotonic() + SESSION_PAUSE_S
        offer = session.Offer()
        response = self._send(kept, "POST", session.TARGET, wire.encode(offer.request))
        raw = _read(response)
        try:
            answer = decoded(checked(response.status, raw), session.SessionAnswer)
            kept.session = offer.accept(answer, self._signer.name, self._root)
        except TransportError as error:
            log.info("no session with the server: %s", error.code)
        except BadSignatureError:
            log.warning("no session with the server: its answer is not signed by the event")

    def _send(
        self, connection: PinnedConnection, method: str, target: str, body: bytes
    ) -> http.client.HTTPResponse:
        headers = {"Accept": ACCEPTED}
        if body:
            headers["Content-Type"] = "application/json"
        if self._signer is not None:
            headers |= self._signer.headers(method, target, body, connection.session)
        connection.request(method, target, body or None, headers)
        response = connection.getresponse()
        self.peer = read_version(response.getheader(HEADER)) or UNSTATED
        check_version(self.peer)
        return response

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    @contextmanager
    def _telling(self, server: Server) -> Iterator[None]:
        """Convert network errors to TransportError, in plain words."""
        where = f"{server.host}:{server.port}"
        try:
            yield
        except TransportError:
            raise
        except TimeoutError:
            raise TransportError(
                ConnectionFault.TIMEOUT, f"The server at {where} does not answer."
            ) from None
        except ssl.SSLError as error:
            text = f"No secure connection to {where} ({error.reason or 'TLS'})."
            raise TransportError(ConnectionFault.TLS, text) from None
        except (http.client.HTTPException, OSError) as error:
            text = f"The server at {where} can't be reached ({_reason(error)})."
            raise TransportError(ConnectionFault.UNREACHABLE, text) from None


class Lines:
    """Reads the lines of a stream. `close` from another thread ends it."""

    def __init__(self, secured: socket.socket, response: http.client.HTTPResponse) -> None:
        self._socket = secured
        self._response = response

    def __iter__(self) -> Iterator[str]:
        """Each line without its end, until the server ends. Raises TransportError."""
        while True:
            try:
                raw = self._response.readline(LINE_BYTES_MAX)
            except TimeoutError:
                raise TransportError(
                    ConnectionFault.SILENT, "The server has fallen silent."
                ) from None
            except (http.client.HTTPException, OSError, ValueError) as error:
                raise TransportError(
                    ConnectionFault.UNREACHABLE, f"The connection broke ({_reason(error)})."
                ) from None
            if not raw:
                return
            if not raw.endswith(b"\n"):
                raise TransportError(
                    ConnectionFault.MALFORMED_ANSWER, "The server sent an endless line."
                )
            yield raw.decode("utf-8", "replace").rstrip("\r\n")

    def close(self) -> None:
        _shut(self._socket)


def answers(server: Server, target: str, answer_s: float) -> bool:
    """Whether a server answers an unsigned request with status 200."""
    try:
        with closing(PinnedConnection(server, answer_s)) as connection:
            connection.request("GET", target)
            return connection.getresponse().status == 200
    except (TransportError, OSError, http.client.HTTPException):
        return False


def _shut(connected: socket.socket) -> None:
    with suppress(OSError):  # already disconnected
        connected.shutdown(socket.SHUT_RDWR)


def spki_sha256(certificate_der: bytes) -> bytes:
    """The SHA-256 of the certificate's public key (RFC 7469 §2.4)."""
    public = x509.load_der_x509_certificate(certificate_der).public_key()
    raw = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(raw).digest()


@cache
def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # The pinned key identifies the server, so name and issuer do not matter.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _read(response: http.client.HTTPResponse) -> bytes:
    answer = response.read(ANSWER_BYTES_MAX + 1)
    if len(answer) > ANSWER_BYTES_MAX:
        raise TransportError(ConnectionFault.MALFORMED_ANSWER, "The server's answer is too long.")
    return answer


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
