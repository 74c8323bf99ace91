"""Tells what is wrong with a roster, and what it leaves open. It tells all of it at once, each with
its remedy.
"""

from dataclasses import dataclass

from badges.i18n import Phrase, Spoken


class RosterError(Spoken, ValueError):
    """Is raised where nothing can be read from the file at all. The message says why and what to
    do.
    """


@dataclass(frozen=True)
class Problem:
    """Holds one thing to mend. `line` counts from 1, the header included, and is None where it is
    the file's.
    """

    line: int | None
    column: str | None
    message: str

    def __str__(self) -> str:
        place = [f"line {self.line}"] if self.line is not None else []
        place += [self.column] if self.column is not None else []
        return f"{', '.join(place)}: {self.message}" if place else self.message

    @property
    def words(self) -> str:
        """Say the same as a phrase, without the column's name."""
        if self.line is None:
            return self.message
        return Phrase("line %(line)s: %(what)s", line=self.line, what=self.message)


@dataclass(frozen=True)
class Finding:
    """Tells something that an organiser should know before a roster is imported.

    Where there are `answers`, it is open, and the import stops until one of these is given.
    """

    kind: str  # This word stays the same in every version.
    count: int
    message: str
    examples: tuple[str, ...] = ()  # All of them. Whoever shows them cuts the list short.
    answers: tuple[str, ...] = ()  # Each is made by `choice`.

    @property
    def open(self) -> bool:
        """Tell whether somebody must answer first."""
        return bool(self.answers)


def choice(option: str, words: str) -> Phrase:
    """Write an answer to a finding, which is an option of the command and what it does."""
    return Phrase("%(option)s: %(words)s", option=option, words=words)


class ProblemList:
    """Collects problems. It keeps the first `most` and counts the rest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[Problem] = []
        self.count = 0
        self.lines: set[int] = set()  # Lines of the file that have a problem.

    def add(self, line: int | None, column: str | None, message: str) -> None:
        self.count += 1
        if line is not None:
            self.lines.add(line)
        if len(self._kept) < self._most:
            self._kept.append(Problem(line, column, message))

    def kept(self) -> tuple[Problem, ...]:
        return tuple(self._kept)


def shown(text: str, most: int = 40) -> str:
    """Return `text` in quotes for a message, cut short, with nothing in it that a terminal would
    obey.
    """
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return "'" + "".join(char if char.isprintable() else "�" for char in cut) + "'"
