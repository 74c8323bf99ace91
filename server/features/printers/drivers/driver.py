"""Defines what a driver of a printer does, and what it tells.

A driver speaks to one printer, and every wait of it is bounded. Before the first byte of a card may
reach the printer it calls `Turn.sending`, which is on disk when it returns. `print` returns when
the printer said that the card is out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from server.features.printers.states import PrintingError, Status


class NotPrintedError(PrintingError):
    """Is raised where the card certainly was not printed. `status` says how the printer is."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.words)
        self.status = status


class PerhapsPrintedError(PrintingError):
    """Is raised where the card may have come out, or not. The text says why nobody knows."""


class GarbledError(PrintingError):
    """Is raised where a printer answers what can't be read."""


@dataclass(frozen=True)
class Sheet:
    """Holds a card to print. It is drawn when a driver asks, and so may raise CardError then."""

    name: str  # The name of the job at the printer. Nothing personal is in it.
    size_mm: tuple[float, float]
    pdf: Callable[[], bytes]
    picture: Callable[[float], Image.Image]  # Takes dots per inch.


class Turn(Protocol):
    """Represents one print of one job, as a driver sees it."""

    def sending(self, remote: str) -> None:
        """Note on disk that bytes may reach the printer from now on, and what it calls the job."""

    def wait(self, seconds: float) -> None:
        """Wait. Raises StoppedError where the server stops meanwhile."""

    def stands_still(self, status: Status) -> bool:
        """Tell how the printer is while it can't go on. Returns whether to take the job back."""


class StoppedError(Exception):
    """Is raised in a driver where the server stops. The job is looked after at the next start."""


class Driver(Protocol):
    """Represents one printer."""

    def status(self) -> Status:
        """Return how the printer is. It is a state too that the printer can't be reached."""

    def print(self, sheet: Sheet, turn: Turn) -> None:
        """Print a card, and return when it is out.

        Raises NotPrintedError, PerhapsPrintedError, CardError or StoppedError.
        """

    def resume(self, remote: str, turn: Turn) -> None:
        """Wait for a card that was sent before the server stopped, and return when it is out.

        Raises as `print` does.
        """
