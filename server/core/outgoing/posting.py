"""Sends one request to another machine's address, and follows nobody elsewhere."""

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

TIMEOUT_S = 10.0  # For each step: to connect, to send, to answer.
WHOLE_S = 20.0  # For all of it, also where the receiver answers byte by byte.


@dataclass(frozen=True)
class Reply:
    """Says what came of sending. `status` is 0 where there was no answer.

    `words` are the status, or the kind of failure, and never what the receiver wrote.
    """

    status: int
    words: str
    body: bytes = b""
    content_type: str = ""
    too_long: bool = False  # There was more than `body`, which was not read.


# Takes an address, a body, headers, and the most bytes of an answer that are read.
Send = Callable[[str, bytes, Mapping[str, str], int], Reply]


def post(url: str, body: bytes, headers: Mapping[str, str], answer_max: int) -> Reply:
    """POST a body, as `ask` does."""
    return ask("POST", url, body, headers, answer_max, whole_s=WHOLE_S)


def ask(
    method: str, url: str, body: bytes, headers: Mapping[str, str], answer_max: int, *,
    whole_s: float,
) -> Reply:  # fmt: skip
    """Send a request. The certificate is checked, and redirects are not followed.

    A name that leads to an address of `addresses.is_nearby` gets nothing. `whole_s` from now it is
    over, also where the answer comes byte by byte.
    """
    parts = urlsplit(url)
    connection = _connection(
        parts.scheme, parts.hostname or "", parts.port, min(TIMEOUT_S, max(whole_s, 0.01))
    )
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    # A connection lets go of its socket when an answer has no length, and reads on.
    held: list[socket.socket] = []
    timer = threading.Timer(whole_s, _cut, (connection, held))
    timer.daemon = True
    timer.start()
    try:
        connection.connect()
        held.append(connection.sock)
        if addresses.is_nearby(connection.sock.getpeername()[0]):
            return Reply(0, N_("its name leads to an address where no receiver can be"))
        connection.request(method, target, body or None, {"User-Agent": "Hallkeeper", **headers})
        response = connection.getresponse()
        found = response.read(answer_max + 1)
        kind = response.headers.get_content_type()
        too_long = len(found) > answer_max
        return Reply(response.status, str(response.status), found[:answer_max], kind, too_long)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Reply(0, _words(error))
    finally:
        timer.cancel()
        connection.close()


def _connection(
    scheme: str, host: str, port: int | None, timeout_s: float
) -> http.client.HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
    return http.client.HTTPConnection(host, port, timeout=timeout_s)


def _cut(connection: http.client.HTTPConnection, held: list[socket.socket]) -> None:
    for found in held or [connection.sock]:
        if found is not None:
            with suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return N_("its certificate is not trusted")
    if isinstance(error, TimeoutError):
        return N_("no answer in time")
    if isinstance(error, ConnectionRefusedError):
        return N_("nobody listens there")
    if isinstance(error, socket.gaierror):
        return N_("its name is not known")
    return Phrase("no answer (%(why)s)", why=type(error).__name__)
