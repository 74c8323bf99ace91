"""Requests to the server and its answers, without a connection: errors, version and limits."""

from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from badges.record import WireError
from badges.wire import wire
from badges.wire.version import OWN, WireVersion
from badges.wire.wire import ErrorCode
from kiosk.texts.messages import Code, Message, as_message

ANSWER_BYTES_MAX = 64_000_000
REPLAY_TRIES = 3
ACCEPTED = "application/json, text/event-stream"


class ConnectionFault(StrEnum):
    """Why there is no answer of the server, or none that the kiosk can use."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    SILENT = "silent"  # the feed's heartbeats stopped
    TLS = "tls"
    WRONG_SERVER = "wrong_server"
    MALFORMED_ANSWER = "malformed_answer"
    STOPPED = "stopped"  # the kiosk stops


# Permanent refusals of the server, with the kiosk's own texts, which every language has.
REFUSED: dict[ErrorCode | ConnectionFault, Code] = {
    ErrorCode.FORK: Code.NOT_ITS_JOURNAL,
    ErrorCode.RETIRED: Code.RETIRED,
    ErrorCode.UNKNOWN_KIOSK: Code.UNKNOWN_KIOSK,
    ErrorCode.BAD_SIGNATURE: Code.BAD_SIGNATURE,
}
# Temporary faults of the server.
AILING: dict[ErrorCode | ConnectionFault, Code] = {
    ErrorCode.DISK_FULL: Code.SERVER_DISK_FULL,
    ErrorCode.DISK_READ_ONLY: Code.SERVER_DISK,
    ErrorCode.DISK_FAILING: Code.SERVER_DISK,
    ErrorCode.SUPERSEDED: Code.SERVER_SUPERSEDED,
    ErrorCode.DATABASE_AWAY: Code.SERVER_DATABASE_AWAY,
}

# Faults of the server or the network, not of the request. Another server may answer.
NOT_HEARD = {
    ConnectionFault.UNREACHABLE,
    ConnectionFault.TIMEOUT,
    ConnectionFault.SILENT,
    ConnectionFault.TLS,
    ConnectionFault.WRONG_SERVER,
}

Answer = TypeVar("Answer", bound=Struct)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Request:
    """A request and the kind of its answer: a POST with a message, or a GET without one."""

    target: str  # path and query
    kind: type[Struct]
    message: Struct | None = None


# Requests, and the work between them.
Steps = Generator[Request, Any, Result]


class TransportError(Exception):
    """A request failed. `permanent`: the same request will not work later. `elsewhere`: another
    server may answer it.

    `counter` is the highest that the server has seen, if the request's was too low.
    """

    def __init__(
        self,
        code: ErrorCode | ConnectionFault,
        message: str | Message,
        *,
        permanent: bool = False,
        counter: int = 0,
        elsewhere: bool = False,
    ) -> None:
        super().__init__(str(message))
        self.code = code
        self.permanent = permanent
        self.elsewhere = elsewhere or code in NOT_HEARD
        self.counter = counter
        # Staff see this while the fault lasts.
        ailing = AILING.get(code)
        self.ailing = None if ailing is None else Message(ailing)
        refused = REFUSED.get(code)
        self.message = as_message(message) if refused is None else Message(refused)


class VersionError(TransportError):
    """The server's wire version is incompatible. Another server's may be compatible."""

    def __init__(self, peer: WireVersion) -> None:
        message = (
            Message(Code.KIOSK_TOO_OLD, own=OWN.newest, needed=peer.oldest)
            if OWN.is_too_old_for(peer)
            else Message(Code.SERVER_TOO_OLD, own=peer.newest, needed=OWN.oldest)
        )
        super().__init__(ErrorCode.VERSION, message, permanent=True, elsewhere=True)


class Sender(Protocol):
    """A connection that waits for each answer. Both methods raise TransportError."""

    def post(self, target: str, message: Struct, kind: type[Answer]) -> Answer: ...

    def get(self, target: str, kind: type[Answer]) -> Answer: ...


class CurrentServer(Protocol):
    """The server that answered last."""

    @property
    def peer(self) -> WireVersion: ...

    def avoid(self) -> None:
        """Use another server from now on, because this one's state is outdated."""


def send(sender: Sender, request: Request) -> Any:
    if request.message is None:
        return sender.get(request.target, request.kind)
    return sender.post(request.target, request.message, request.kind)


def check_version(peer: WireVersion) -> None:
    """Raises VersionError."""
    if not OWN.understands(peer):
        raise VersionError(peer)


def checked(status: int, answer: bytes) -> bytes:
    """Return the answer, or raise the server's error as TransportError."""
    if status == 200:
        return answer
    try:
        error = wire.decode(answer, wire.ErrorAnswer).error
    except WireError:
        text = f"The server answered with status {status}, and not in its own words."
        raise TransportError(ConnectionFault.MALFORMED_ANSWER, text, elsewhere=True) from None
    raise TransportError(
        error.code,
        error.message,
        permanent=not error.retry,
        counter=error.counter or 0,
        elsewhere=status >= 500,
    )


def decoded(answer: bytes, kind: type[Answer]) -> Answer:
    """Raises TransportError."""
    try:
        return wire.decode(answer, kind)
    except WireError as error:
        text = f"The server's answer is malformed: {error}."
        raise TransportError(ConnectionFault.MALFORMED_ANSWER, text) from None
