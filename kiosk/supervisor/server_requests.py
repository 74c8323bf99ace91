"""A supervisor's requests to the server: look up a person, list the doors, move the kiosk.

Names on a kiosk are ciphertext that only their badges open, so a look-up needs the server. Only
the server moves a kiosk.
"""

from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from badges.wire import supervisor
from kiosk.supervisor.texts import REFUSALS, SupervisorError
from kiosk.sync.transport import Transport, TransportError

T = TypeVar("T", bound=Struct)


class ServerDesk:
    """Sends requests on a separate connection, so that scans never wait."""

    def __init__(self, transport: Transport, is_online: Callable[[], bool]) -> None:
        self._transport = transport
        self._is_online = is_online

    def look_up(self, words: str, by: str) -> supervisor.Found:
        """By name or organisation. Raises SupervisorError."""
        asked = supervisor.LookUp(words, by)
        return self._ask(lambda: self._transport.post("/api/people", asked, supervisor.Found))

    def doors(self) -> list[supervisor.DoorChoice]:
        """Raises SupervisorError."""
        choices = self._ask(lambda: self._transport.get("/api/doors", supervisor.DoorChoices))
        return choices.doors

    def move(self, door: int, by: str) -> None:
        """Raises SupervisorError."""
        asked = supervisor.MoveDoor(door, by)
        self._ask(lambda: self._transport.post("/api/door", asked, supervisor.Moved))

    def _ask(self, request: Callable[[], T]) -> T:
        # fail at once instead of after a timeout
        if not self._is_online():
            raise SupervisorError("no_server")
        try:
            return request()
        except TransportError as error:
            raise SupervisorError(_code(error)) from None


def _code(error: TransportError) -> str:
    if error.code in REFUSALS:
        return error.code
    if error.code == "retired":
        return "kiosk_retired"
    return "failed" if error.permanent else "no_server"
