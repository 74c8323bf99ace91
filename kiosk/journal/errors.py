"""Faults of a journal. Every text has a remedy, and nothing personal."""

from pathlib import Path

from kiosk.texts.messages import Code, Message, as_message

AGAIN = "`hallkeeper-kiosk enrol --again`"


class JournalError(Exception):
    def __init__(self, message: str | Message) -> None:
        """A plain text is for the command line, before there is a screen."""
        super().__init__(str(message))
        self.message = as_message(message)


class JournalMissingError(JournalError):
    def __init__(self, path: Path) -> None:
        super().__init__(
            f"There is no {path.name} in {path.parent}, though this kiosk is enrolled. Its scans "
            f"may be on another disk. If they are lost, enrol it again ({AGAIN})."
        )
        self.path = path


class JournalDamagedError(JournalError):
    """The file's content is not what was written. It was moved to `moved_to`, unless that is
    None.
    """

    def __init__(self, problem: str, moved_to: Path | None) -> None:
        remedy = "At its next start the kiosk moves it aside and shows the remedy."
        if moved_to is not None:
            remedy = (
                f"It was kept as {moved_to.name}: give that file to the organiser. Enrol this "
                f"kiosk again ({AGAIN}) to go on."
            )
        super().__init__(f"The journal is damaged: {problem}. {remedy}")
        self.problem = problem
        self.moved_to = moved_to


class ForkError(JournalError):
    """The server has scans that this journal never sent, so one of the two was set back."""

    def __init__(self, acked: int, offered: int) -> None:
        super().__init__(
            Message(Code.FORKED, acked=acked, offered=offered, command=AGAIN),
        )
        self.acked = acked
        self.offered = offered


class OldServerError(JournalError):
    """The message is from a server in the state before a restore, and this kiosk knows of that
    restore.
    """

    def __init__(self, incarnation: int, newest: int) -> None:
        super().__init__(
            Message(Code.OLD_SERVER, incarnation=incarnation, known=newest),
        )
        self.incarnation = incarnation
        self.known = newest
