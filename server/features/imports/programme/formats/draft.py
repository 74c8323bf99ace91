"""Describes what a programme's file says before it is compared with the event.

Each format has its own reader (`ical.py`, `frab.py`), and all of them make drafts. `adopt.py`, one
folder up, turns drafts into plans.
"""

from collections import Counter
from dataclasses import dataclass, field

from badges.i18n import Count, Phrase, joined

CONTENT_SHOWN = 20
SESSIONS_MAX = 20_000


@dataclass(frozen=True)
class DraftPerson:
    """Describes a person as the file names them. Each text is empty where the file has none."""

    name: str
    email: str = ""
    code: str = ""  # what the file's system calls them
    guid: str = ""
    role: str = ""  # one of the roles of speakers, or "" where the file does not say


@dataclass(frozen=True)
class Draft:
    """Describes one session. Several sessions may be times of one activity."""

    place: str  # where the file has it, for messages
    code: str
    activity: str  # its code
    title: str
    room: str  # as the file calls it
    starts_at: int  # Unix ms
    ends_at: int  # Unix ms
    kinds: tuple[str, ...] = ()  # words of the file, of which one may be a kind
    theme: str = ""
    language: str = ""
    people: tuple[DraftPerson, ...] = ()
    hosts: tuple[tuple[str, str], ...] = ()  # name of an organisation, and "lead" or "co_host"


@dataclass
class Found:
    """Collects what a file has, what is wrong with it, and what of it is not taken over."""

    drafts: list[Draft] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)  # codes of sessions that do not take place
    unread: Counter[str] = field(default_factory=Counter)  # what has content, and how often

    def leave(self, what: str) -> None:
        """Note that `what` has content in the file that no part of the event can hold."""
        self.unread[what] += 1

    def all_notes(self) -> list[str]:
        """Return the notes, with one for all that was left."""
        if not self.unread:
            return list(self.notes)
        most = self.unread.most_common(CONTENT_SHOWN)
        left = joined(
            ", ",
            [Phrase("%(what)s (%(times)s)", what=one, times=Count(times)) for one, times in most],
        )
        more = len(self.unread) - len(most)
        if more:
            left = Phrase("%(names)s and %(count)s more", names=left, count=Count(more))
        return [*self.notes, Phrase("not taken over: %(left)s", left=left)]
