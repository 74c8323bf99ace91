"""A roster's problems and open questions, all at once, each with its remedy."""

from dataclasses import dataclass

from badges.i18n import Phrase, Spoken


class RosterError(Spoken, ValueError):
    """Nothing can be read from the file. The message has the reason and the remedy."""


@dataclass(frozen=True)
class Problem:
    """One thing to correct. `line` counts from 1, including the header. It is None for the whole
    file.
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
        """The problem as a phrase, without the column's name."""
        if self.line is None:
            return self.message
        return Phrase("line %(line)s: %(what)s", line=self.line, what=self.message)


@dataclass(frozen=True)
class Finding:
    """Information for the organiser before an import.

    A finding with `answers` is open: the import stops until one is given.
    """

    kind: str  # stable across versions
    count: int
    message: str
    examples: tuple[str, ...] = ()  # all of them; pages shorten the list
    answers: tuple[str, ...] = ()  # made by `choice`

    @property
    def open(self) -> bool:
        return bool(self.answers)


def choice(option: str, words: str) -> Phrase:
    """An answer to a finding: an option of the command, and its effect."""
    return Phrase("%(option)s: %(words)s", option=option, words=words)


class ProblemList:
    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[Problem] = []
        self.count = 0
        self.lines: set[int] = set()  # lines of the file with a problem

    def add(self, line: int | None, column: str | None, message: str) -> None:
        self.count += 1
        if line is not None:
            self.lines.add(line)
        if len(self._kept) < self._most:
            self._kept.append(Problem(line, column, message))

    def kept(self) -> tuple[Problem, ...]:
        return tuple(self._kept)


def shown(text: str, most: int = 40) -> str:
    """Quote `text` for a message, shortened, without control characters for a terminal."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return "'" + "".join(char if char.isprintable() else "�" for char in cut) + "'"
