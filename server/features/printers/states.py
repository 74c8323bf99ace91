"""Names how printers are, how jobs are, and what a driver can say about one print."""

from dataclasses import dataclass
from enum import StrEnum

from badges.i18n import Spoken


class PrinterState(StrEnum):
    """Says how a printer is, in one word."""

    UNKNOWN = "unknown"  # It was not asked yet, or it can't say.
    READY = "ready"
    PRINTING = "printing"
    PAPER_OUT = "paper_out"
    COVER_OPEN = "cover_open"
    OFFLINE = "offline"
    ERROR = "error"

    @property
    def can_print(self) -> bool:
        """Say whether a job may be given to a printer that is so."""
        return self in (PrinterState.READY, PrinterState.PRINTING)


class JobState(StrEnum):
    """Says how a job is."""

    WAITING = "waiting"
    PRINTING = "printing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Problem(StrEnum):
    """Says why a job failed. The desk acts differently on each."""

    NONE = ""
    PERHAPS_PRINTED = "perhaps_printed"  # Somebody must look whether the card came out.
    NOT_PRINTED = "not_printed"
    NOT_DRAWN = "not_drawn"  # The card can't be drawn as it is.
    REPLACED = "replaced"  # The badge is no longer the attendee's newest.
    REVOKED = "revoked"


@dataclass(frozen=True)
class Status:
    """Holds what a printer says of itself."""

    state: PrinterState
    words: str = ""  # A plain sentence, or "" where the state says it all.
    certificate: str = ""  # SHA-256 of what it showed over TLS, in hex.


class PrintingError(Spoken):
    """Is raised where nothing can be printed as asked. The text says what to do."""


class NoPrinterError(PrintingError):
    """Is raised where no printer serves the desk."""


class JobError(PrintingError):
    """Is raised where a job can't be changed so, because of how it is."""


class UnknownJobError(PrintingError):
    """Is raised where there is no job of that number."""


class UnknownPrinterError(PrintingError):
    """Is raised where there is no printer of that number or name."""
