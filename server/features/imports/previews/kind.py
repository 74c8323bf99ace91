from collections.abc import Callable, Mapping
from dataclasses import dataclass

from server.core.event.settings import EventSettings
from server.features.imports.venue_plan import Venue
from server.storage.connection import Connection

Answers = Mapping[str, str]


@dataclass(frozen=True)
class Question:
    """Asks for the meaning of a file's word. `options` are answers with texts; without any the
    answer is a number of people.
    """

    key: str
    words: str
    options: tuple[tuple[str, str], ...]
    answer: str  # "" for no answer yet.


@dataclass(frozen=True)
class Reading:
    """A file's content. Things with a problem are in `problems`, not in `venue`."""

    venue: Venue
    problems: tuple[str, ...] = ()
    left_out: str = ""  # How many rows or sessions.
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True)
class FileKind:
    name: str  # In addresses.
    title: str
    words: str
    label: str
    suffixes: tuple[str, ...]
    # Takes the file, its name, the settings and the answers. Raises VenueError.
    read: Callable[[Connection, bytes, str, EventSettings, Answers], Reading]
    reports: frozenset[str]
    then: str  # The endpoint of the page after an import.
    formats: str = ""
    samples: tuple[str, ...] = ()  # Sample files: a workbook, then the same as text.
