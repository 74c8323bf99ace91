"""A state of a world: disks, memories, and the truth that only the explorer knows."""

from dataclasses import dataclass

Act = tuple[str, ...]  # its kind, and what it is done to


class BrokenPromiseError(AssertionError):
    """A promise was broken."""


@dataclass(frozen=True)
class Person:
    """Where a person really is. Several may carry a copy of one badge."""

    badge: int
    inside: tuple[str, ...] = ()  # halls, the innermost first
    entry: tuple[str, int, int] | None = None  # the record that admitted them
    beyond: tuple[str, ...] = ()  # halls in which they are on an override place
    at_exit: str = ""  # the door at which they saw no light, and will show their badge again
    is_omitted: bool = False  # a wrong attestation has not counted them


@dataclass(frozen=True)
class DoorState:
    """`part` is a running kiosk's disk and memory. `is_thief`: in other hands, with its key."""

    at: str  # the door of the venue where it stands
    part: int
    is_cut: bool = False
    is_used: bool = True  # people come to it
    is_thief: bool = False
    is_stopped: bool = False  # fenced or retired by staff
    kept: int | None = None  # an earlier copy of its disk
    ahead: int = 0  # of the right time, in ms


@dataclass(frozen=True)
class OpenedPage:
    """A form that staff opened and have not sent. Their words were true then."""

    form: str
    hall: str
    shown: tuple[str, ...]
    before: int
    names: tuple[str, ...] = ()  # doors that it names
    words: tuple[tuple[int, int], ...] = ()  # by hall: the number that staff will send


@dataclass(frozen=True)
class OpenedLine:
    """A line of a muster's list that staff opened, about a person whom they see outside."""

    person: int
    at: int  # Unix ms
    epoch: int  # of the server's clock
    entries: str  # that the page showed, hashed


@dataclass(frozen=True)
class Mail:
    """A door's message that is on its way."""

    door: str
    counter: int
    body: bytes


@dataclass(frozen=True)
class State:
    """Parts are numbers (`tests/worlds/parts.py`)."""

    server: int
    doors: dict[str, DoorState]
    people: tuple[Person, ...]
    now: int  # Unix ms
    runs: int = 1  # how often the server's program has started
    used: tuple[tuple[str, int], ...] = ()  # how often each kind of limited act was done
    page: OpenedPage | None = None
    is_mustering: bool = False
    line: OpenedLine | None = None
    backup: int | None = None
    away: int | None = None  # the server when the second disk went away: that has its acts
    mail: Mail | None = None
    is_dropped: bool = False  # the key that signed the badges, out of the ring
    closed: tuple[str, ...] = ()  # halls
    capacity: tuple[tuple[str, int], ...] = ()  # by hall: as staff have set it
    # By hall: the capacity, or after it was lowered what was out then, less what came back since.
    bound: tuple[tuple[str, int], ...] = ()
    is_nested: bool = True  # the plan's inner halls are inside the outer one
    is_rolled_back: bool = False  # the server's database is not the newest that existed
    # By hall: granted places that a database put back unnoticed has forgotten.
    forgotten: tuple[tuple[str, int], ...] = ()
    copied: tuple[tuple[str, int], ...] = ()  # by hall: free places that a copy of a disk had

    @property
    def parts(self) -> set[int]:
        numbers = {self.server, *(door.part for door in self.doors.values())}
        numbers |= {door.kept for door in self.doors.values() if door.kept is not None}
        return numbers | {part for part in (self.backup, self.away) if part is not None}
