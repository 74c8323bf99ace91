"""The interface of printer drivers.

Before a card's first byte may reach the printer, a driver calls `Turn.sending`, which returns when
that is on disk. `print` returns when the printer has reported the card as printed. All waits are
bounded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from server.features.printers.states import PrintingError, Status


class NotPrintedError(PrintingError):
    """The card was certainly not printed. `status` is the printer's state.

    With READY the printer refused this card, which returns to the desk. With any other the card
    waits, and another printer may print it.
    """

    def __init__(self, status: Status) -> None:
        super().__init__(status.words)
        self.status = status


class PerhapsPrintedError(PrintingError):
    """The card may have been printed. The text gives the reason."""


class GarbledError(PrintingError):
    """The printer's answer can't be parsed."""


@dataclass(frozen=True)
class Sheet:
    """A card. Drawn on demand, which may raise CardError."""

    name: str  # The job's name at the printer; contains nothing personal
    size_mm: tuple[float, float]
    pdf: Callable[[], bytes]
    picture: Callable[[float], Image.Image]  # Takes dots per inch


class Turn(Protocol):
    def sending(self, remote: str) -> None:
        """Record on disk that bytes may reach the printer, with its id of the job."""

    def wait(self, seconds: float) -> None:
        """Sleep. Raises StoppedError if the server stops."""

    def stands_still(self, status: Status) -> bool:
        """Report a stalled printer's state. Returns whether to withdraw the job."""


class StoppedError(Exception):
    """The server is stopping. The next start handles the job."""


class Driver(Protocol):
    def status(self) -> Status:
        """Return the printer's state, also if unreachable.

        The worker prints again once this is READY. The badge desk shows the words.
        """

    def print(self, sheet: Sheet, turn: Turn) -> None:
        """Print a card, and return when it is out.

        Raises NotPrintedError, PerhapsPrintedError, CardError or StoppedError.
        """

    def resume(self, remote: str, turn: Turn) -> None:
        """Wait for a card that was sent before the server stopped.

        Raises as `print` does.
        """
