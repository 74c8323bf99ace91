"""What whoever uses the transport must know of it."""

from typing import Protocol


class TransportError(Exception):
    """A request failed. `permanent`: asking again as it is will not help."""

    def __init__(self, code: str, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.permanent = permanent


class Server(Protocol):
    """Where the server is and how to know it. An enrolment code and an identity are both one."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def spki_sha256(self) -> bytes: ...
