from dataclasses import dataclass
from enum import StrEnum

from badges.i18n import Spoken


class PrinterState(StrEnum):
    UNKNOWN = "unknown"  # Not asked yet, or unable to report
    READY = "ready"
    PRINTING = "printing"
    PAPER_OUT = "paper_out"
    COVER_OPEN = "cover_open"
    OFFLINE = "offline"
    ERROR = "error"

    @property
    def can_print(self) -> bool:
        return self in (PrinterState.READY, PrinterState.PRINTING)


class JobState(StrEnum):
    WAITING = "waiting"
    PRINTING = "printing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Problem(StrEnum):
    """Why a job failed. The desk reacts differently to each."""

    NONE = ""
    PERHAPS_PRINTED = "perhaps_printed"  # The desk must check whether the card came out
    NOT_PRINTED = "not_printed"
    NOT_DRAWN = "not_drawn"  # The card can't be drawn
    REPLACED = "replaced"  # The badge is no longer the newest
    REVOKED = "revoked"


@dataclass(frozen=True)
class Status:
    state: PrinterState
    words: str = ""  # A sentence, or "" if the state suffices
    certificate: str = ""


class PrintingError(Spoken):
    """Printing is impossible."""


class NoPrinterError(PrintingError):
    """No printer serves the desk."""


class JobError(PrintingError):
    """The job's state does not allow the change."""


class UnknownJobError(PrintingError):
    pass


class UnknownPrinterError(PrintingError):
    pass
