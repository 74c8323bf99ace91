"""Says what can be wrong with a journal. Every text says what to do, and holds nothing personal."""

from pathlib import Path

from kiosk.texts.messages import Code, Message, as_message

AGAIN = "`hallkeeper-kiosk enrol --again`"


class JournalError(Exception):
    """Is raised where the journal can't be read or written."""

    def __init__(self, said: str | Message) -> None:
        """Take what is to be said. A plain text is for the command line, before there is a
        screen.
        """
        super().__init__(str(said))
        self.message = as_message(said)


class JournalMissingError(JournalError):
    """Is raised where this kiosk is enrolled and its journal is gone."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"There is no {path.name} in {path.parent}, though this kiosk is enrolled. Its scans "
            f"may be on another disk. If they are lost, enrol it again ({AGAIN})."
        )
        self.path = path


class JournalDamagedError(JournalError):
    """Is raised where the file does not hold what was written. It was moved aside to `moved_to`,
    unless that is None.
    """

    def __init__(self, problem: str, moved_to: Path | None) -> None:
        remedy = "The kiosk keeps it aside at its next start, and says what to do."
        if moved_to is not None:
            remedy = (
                f"It was kept as {moved_to.name}: give that file to the organiser. Enrol this "
                f"kiosk again ({AGAIN}) to go on."
            )
        super().__init__(f"The journal is damaged: {problem}. {remedy}")
        self.problem = problem
        self.moved_to = moved_to


class ForkError(JournalError):
    """Is raised where the server has scans that this journal never sent, so that one of the two was
    set back.
    """

    def __init__(self, acked: int, offered: int) -> None:
        super().__init__(
            Message(Code.FORKED, acked=acked, offered=offered, command=AGAIN),
        )
        self.acked = acked
        self.offered = offered


class OldServerError(JournalError):
    """Is raised where the word comes from a server of before a restore that this kiosk knows of."""

    def __init__(self, incarnation: int, known: int) -> None:
        super().__init__(
            Message(Code.OLD_SERVER, incarnation=incarnation, known=known),
        )
        self.incarnation = incarnation
        self.known = known
