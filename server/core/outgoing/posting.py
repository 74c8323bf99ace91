import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from badges.i18n import N_, Phrase
from server.core.outgoing import addresses

TIMEOUT_S = 10.0  # for each step: connect, send, receive
WHOLE_S = 20.0  # for the whole request, even if the answer comes byte by byte
CUT_AGAIN_S = 0.2


@dataclass(frozen=True)
class Reply:
    """The result of a request. `status` is the HTTP status, or 0 without an answer.

    `words` describe the status or the kind of failure, and never contain the receiver's text.
    """

    status: int
    words: str
    body: bytes = b""
    content_type: str = ""
    too_long: bool = False  # the answer was longer, and was cut


# Takes an address, a body, headers, and the maximum size of the answer in bytes.
Send = Callable[[str, bytes, Mapping[str, str], int], Reply]


def post(url: str, body: bytes, headers: Mapping[str, str], answer_max: int) -> Reply:
    return ask("POST", url, body, headers, answer_max, whole_s=WHOLE_S)


def ask(
    method: str, url: str, body: bytes, headers: Mapping[str, str], answer_max: int, *,
    whole_s: float,
) -> Reply:  # fmt: skip
    """The certificate is verified, and redirects are not followed.

    Names that resolve to an address in `addresses.is_nearby` are refused. The request ends after
    `whole_s`, even if the answer comes byte by byte.
    """
    parts = urlsplit(url)
    connection = _connection(
        parts.scheme, parts.hostname or "", parts.port, min(TIMEOUT_S, max(whole_s, 0.01))
    )
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    # http.client drops its reference to the socket if an answer has no length.
    held: list[socket.socket] = []
    over = threading.Event()
    timer = threading.Timer(whole_s, _cut, (connection, held, over))
    timer.daemon = True
    timer.start()
    try:
        connection.connect()
        held.append(connection.sock)
        if addresses.is_nearby(connection.sock.getpeername()[0]):
            return Reply(0, N_("its name leads to an address where no receiver can be"))
        connection.request(method, target, body or None, {"User-Agent": "Hallkeeper", **headers})
        response = connection.getresponse()
        data = response.read(answer_max + 1)
        kind = response.headers.get_content_type()
        too_long = len(data) > answer_max
        return Reply(response.status, str(response.status), data[:answer_max], kind, too_long)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Reply(0, _words(error))
    finally:
        timer.cancel()
        over.set()
        connection.close()


def _connection(
    scheme: str, host: str, port: int | None, timeout_s: float
) -> http.client.HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
    return http.client.HTTPConnection(host, port, timeout=timeout_s)


def _cut(
    connection: http.client.HTTPConnection, held: list[socket.socket], over: threading.Event
) -> None:
    """Shut the request's socket, until the request is over. There is no socket yet while the
    addresses of its name are tried one after the other.
    """
    while True:
        for open_socket in held or [connection.sock]:
            if open_socket is not None:
                with suppress(OSError):
                    open_socket.shutdown(socket.SHUT_RDWR)
        if over.wait(CUT_AGAIN_S):
            return


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return N_("its certificate is not trusted")
    if isinstance(error, TimeoutError):
        return N_("no answer in time")
    if isinstance(error, ConnectionRefusedError):
        return N_("connection refused")
    if isinstance(error, socket.gaierror):
        return N_("its name is not known")
    return Phrase("no answer (%(why)s)", why=type(error).__name__)
