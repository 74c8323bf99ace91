import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from badges.i18n import Phrase, Spoken, counted
from badges.roster.table import UnreadSheet

YES = "yes"


class RosterError(Spoken, ValueError):
    """Raised if nothing can be read from the file. The message has the reason and the remedy."""


@dataclass(frozen=True)
class Problem:
    """A fault in the file to correct. `line` counts from 1, including the header, or is None for
    the whole file.
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
        if self.line is None:
            return self.message
        return Phrase("line %(line)s: %(what)s", line=self.line, what=self.message)


@dataclass(frozen=True)
class Choice:
    """A possible answer to a finding. A page shows it as a choice, the command line as
    an option.
    """

    field: str  # of RosterAnswers, or of the server's ImportAnswers
    value: str  # `YES` for a field that is a bool
    words: str  # its effect
    option: str = ""  # on the command line, if it is not the field with its value

    def as_option(self) -> str:
        value = "" if self.value == YES else f" {shlex.quote(self.value)}"
        option = self.option or f"--{self.field.replace('_', '-')}{value}"
        return f"{option}: {self.words}"


@dataclass(frozen=True)
class Item:
    """A part of a finding with its own answer."""

    words: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Finding:
    """Information for the organiser before an import.

    The import stops until one of its `choices`, if any, is chosen, or one of each of its `items`.
    An `optional` finding has a remedy, and stops nothing.
    """

    kind: str  # stable across versions
    count: int
    message: str
    examples: tuple[str, ...] = ()  # all of them; pages shorten the list
    choices: tuple[Choice, ...] = ()
    items: tuple[Item, ...] = ()
    optional: bool = False
    several: bool = False  # several choices may be chosen together
    sheets: tuple[UnreadSheet, ...] = ()

    @property
    def open(self) -> bool:
        return bool(self.choices or self.items) and not self.optional


def to_answer(
    kind: str, count: int, message: str, examples: Iterable[str], given: object, **effects: str
) -> Finding:
    """A finding with a choice for each answer in `effects`, or none if an answer is `given`."""
    choices = [] if given else [Choice(kind, answer, words) for answer, words in effects.items()]
    return Finding(kind, count, message, tuple(examples), tuple(choices))


def in_rows(text: str, rows: int, first_line: int) -> str:
    return counted(
        "%(text)s in %(num)s row, first in line %(lines)s",
        "%(text)s in %(num)s rows, first in line %(lines)s",
        rows,
        text=text,
        lines=first_line,
    )


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
