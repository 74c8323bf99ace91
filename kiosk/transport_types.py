"""What whoever uses the transport must know of it."""

from typing import Protocol


class TransportError(Exception):
    """A request failed. `permanent`: asking again as it is will not help.

    `counter`, where the request's was too low: the highest that the server has seen.
    """

    def __init__(
        self, code: str, message: str, *, permanent: bool = False, counter: int = 0
    ) -> None:
        super().__init__(message)
        self.code = code
        self.permanent = permanent
        self.counter = counter


class Server(Protocol):
    """Where the server is and how to know it. An enrolment code and an identity are both one."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def spki_sha256(self) -> bytes: ...
