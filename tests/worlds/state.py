"""A state of a world: disks, memories, and the truth that only the explorer knows."""

from dataclasses import dataclass
from typing import Any

from tests.worlds.door import Disk

Act = tuple[str, ...]  # its kind, and what it is done to


@dataclass(frozen=True)
class Person:
    """Where a person really is. Several may carry a copy of one badge."""

    badge: int
    inside: tuple[str, ...] = ()  # halls, the innermost first
    entry: tuple[str, int, int] | None = None  # the record that admitted them


@dataclass(frozen=True)
class DoorState:
    """`disk` and `values` are a running kiosk's. `is_thief`: in other hands, with its key."""

    at: str  # the door of the venue where it stands
    disk: Disk
    values: Any
    is_cut: bool = False
    is_used: bool = True  # people come to it
    is_thief: bool = False
    is_stopped: bool = False  # fenced or retired by staff
    kept: Disk | None = None  # an earlier copy of its disk


@dataclass(frozen=True)
class OpenedPage:
    """A form that staff opened and have not sent. Their words were true then."""

    form: str
    hall: str
    shown: tuple[str, ...]
    before: int
    names: tuple[str, ...] = ()  # doors that it names


@dataclass(frozen=True)
class State:
    server: tuple[bytes, ...]
    doors: dict[str, DoorState]
    people: tuple[Person, ...]
    now: int  # Unix ms
    used: tuple[tuple[str, int], ...] = ()  # how often each kind of limited act was done
    page: OpenedPage | None = None
    backup: tuple[bytes, ...] | None = None
    capacity: tuple[tuple[str, int], ...] = ()  # by hall: the highest so far
    is_nested: bool = True  # the plan's inner halls are inside the outer one
    is_rolled_back: bool = False  # the server's database is not the newest that existed
    # By hall: granted places that a database put back unnoticed has forgotten.
    forgotten: tuple[tuple[str, int], ...] = ()
