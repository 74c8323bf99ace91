"""What whoever uses the transport must know of it."""

from typing import Protocol

from kiosk.texts.messages import Code, Message, as_message

# What the server refuses for good, in words of the kiosk's own, which every language has.
REFUSED = {
    "fork": Code.NOT_ITS_JOURNAL,
    "retired": Code.RETIRED,
    "unknown_kiosk": Code.UNKNOWN_KIOSK,
    "bad_signature": Code.BAD_SIGNATURE,
}
# What ails the server, and ends without the kiosk's doing.
AILING = {
    "disk_full": Code.SERVER_DISK_FULL,
    "disk_read_only": Code.SERVER_DISK,
    "disk_failing": Code.SERVER_DISK,
}


class TransportError(Exception):
    """A request failed. `permanent`: asking again as it is will not help.

    `counter`, where the request's was too low: the highest that the server has seen.
    """

    def __init__(
        self, code: str, said: str | Message, *, permanent: bool = False, counter: int = 0
    ) -> None:
        super().__init__(str(said))
        self.code = code
        self.permanent = permanent
        self.counter = counter
        self.ailing = Message(AILING[code]) if code in AILING else None  # for staff, while it lasts
        self.message = Message(REFUSED[code]) if code in REFUSED else as_message(said)


class Server(Protocol):
    """Where the server is and how to know it. An enrolment code and an identity are both one."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def spki_sha256(self) -> bytes: ...
