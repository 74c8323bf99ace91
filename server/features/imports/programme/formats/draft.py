"""Describes a programme file's contents before they are compared with the event."""

from collections import Counter
from dataclasses import dataclass, field

from badges.i18n import Count, Phrase, joined

CONTENT_SHOWN = 20
SESSIONS_MAX = 20_000


@dataclass(frozen=True)
class DraftPerson:
    """A text is empty if the file has none."""

    name: str
    email: str = ""
    code: str = ""
    guid: str = ""
    role: str = ""


@dataclass(frozen=True)
class Draft:
    """One session. Several sessions may belong to one activity."""

    place: str
    code: str
    activity: str  # code
    title: str
    room: str
    starts_at: int  # Unix ms
    ends_at: int  # Unix ms
    kinds: tuple[str, ...] = ()
    theme: str = ""
    language: str = ""
    people: tuple[DraftPerson, ...] = ()
    title_zh: str = ""  # beside the title
    capacity: str = ""  # of the room, as the file writes it
    admitted: tuple[str, ...] = ()  # words for categories; empty if the file does not say it
    hosts: tuple[tuple[str, str], ...] = ()  # organisation's name, and "lead" or "co_host"


@dataclass
class Found:
    drafts: list[Draft] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    # A table's titles with our columns, NOT_READ, or "" where somebody has to say it.
    columns: dict[str, str] = field(default_factory=dict)
    unread: Counter[str] = field(default_factory=Counter)  # properties not imported, and how often

    def leave(self, content: str) -> None:
        """Count `content` among the file's unread contents."""
        self.unread[content] += 1

    def all_notes(self) -> list[str]:
        if not self.unread:
            return list(self.notes)
        most = self.unread.most_common(CONTENT_SHOWN)
        left = joined(
            ", ",
            [Phrase("%(what)s (%(times)s)", what=part, times=Count(times)) for part, times in most],
        )
        more = len(self.unread) - len(most)
        if more:
            left = Phrase("%(names)s and %(count)s more", names=left, count=Count(more))
        return [*self.notes, Phrase("not imported: %(left)s", left=left)]
