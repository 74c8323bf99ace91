"""A supervisor's requests to the server: look up a person, list the doors, move the kiosk.

Names on a kiosk are ciphertext that only their badges open, so a look-up needs the server. Only
the server moves a kiosk.
"""

from collections.abc import Callable
from typing import Any

from badges.wire import supervisor
from badges.wire.wire import ErrorCode
from kiosk.supervisor.texts import REFUSALS, SupervisorError
from kiosk.sync.protocol import Request, Steps, TransportError


class ServerDesk:
    """Makes the requests, and fails at once without a server instead of after a timeout."""

    def __init__(self, is_online: Callable[[], bool]) -> None:
        self._is_online = is_online

    def look_up(self, words: str, by: str) -> Steps[supervisor.Found]:
        """By name or organisation. Raises SupervisorError."""
        asked = supervisor.LookUp(words, by)
        found: supervisor.Found = yield from self._ask(
            Request("/api/people", supervisor.Found, asked)
        )
        return found

    def doors(self) -> Steps[list[supervisor.DoorChoice]]:
        """Raises SupervisorError."""
        choices: supervisor.DoorChoices = yield from self._ask(
            Request("/api/doors", supervisor.DoorChoices)
        )
        return choices.doors

    def move(self, door: int, by: str) -> Steps[None]:
        """Raises SupervisorError."""
        asked = supervisor.MoveDoor(door, by)
        yield from self._ask(Request("/api/door", supervisor.Moved, asked))

    def _ask(self, request: Request) -> Steps[Any]:
        if not self._is_online():
            raise SupervisorError("no_server")
        try:
            return (yield request)
        except TransportError as error:
            raise SupervisorError(_code(error)) from None


def _code(error: TransportError) -> str:
    if error.code in REFUSALS:
        return error.code
    if error.code == ErrorCode.RETIRED:
        return "kiosk_retired"
    return "failed" if error.permanent else "no_server"
