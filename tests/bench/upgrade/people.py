"""The venue of the day, and its people, who enter a hall, stay, leave, and walk to another one."""

import heapq
import itertools
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tests.system.support.venue import door_toml, hall_toml

# Capacities. A is in demand and always full; the others have room.
HALLS = {"A": 40, "B": 70, "C": 80, "D": 90, "E": 100}
POPULAR, POPULAR_SHARE = "A", 0.3
GROUPS = 4  # processes that run the kiosks
PEOPLE = 380
PACE = float(os.environ.get("UPGRADE_PACE", "1"))  # 2: half as many scans a second
ARRIVE_S, STAY_S, WALK_S = (0.0, 30.0), (20.0, 40.0), (3.0, 10.0)


class Door(NamedTuple):
    code: str
    hall: str
    direction: Literal["entry", "exit"]
    group: int

    @property
    def kiosk(self) -> str:
        return self.code.lower()


def doors() -> list[Door]:
    """Two entrances and two exits of each hall. Each group has one door of each hall."""
    return [
        Door(f"{hall}{at}", hall, "entry" if at < 2 else "exit", (at + number) % GROUPS)
        for number, hall in enumerate(HALLS)
        for at in range(4)
    ]


def venue(chosen: Sequence[Door]) -> str:
    halls = [hall_toml(hall, capacity, walk_s=0) for hall, capacity in HALLS.items()]
    return "".join(halls) + "".join(
        door_toml(door.code, door.hall, mode=door.direction) for door in chosen
    )


def roster() -> str:
    rows = (f"P{n},Guest,Number {n},g{n}@example.org,delegate" for n in range(PEOPLE))
    return "\n".join(["id,given name,family name,email,category", *rows]) + "\n"


@dataclass
class Guest:
    badge: str
    hall: str = ""  # where the guest is, or ""
    last: str = ""  # the hall that the guest left
    door: Door | None = None  # where the guest stands now
    again: bool = False  # the door's kiosk was killed before it answered
    waits_since: int = 0  # Unix ms; 0: the door is open
    shown_at: int = 0  # Unix ms, of the badge


class People:
    """The guests, in the order in which they come to a door. Times are in seconds."""

    def __init__(self, badges: Sequence[str], chosen: Sequence[Door]) -> None:
        self._dice = random.Random("upgrade")
        self._doors = chosen
        self._numbers = itertools.count()  # orders guests of the same time
        self._due: list[tuple[float, int, Guest]] = []
        for badge in badges:
            self._later(Guest(badge), self._dice.uniform(*ARRIVE_S))

    def next(self, now: float) -> Guest | None:
        """The next guest at a door, or None if nobody is due."""
        if not self._due or self._due[0][0] > now:
            return None
        guest = heapq.heappop(self._due)[2]
        guest.door = guest.door or self._choose(guest)
        return guest

    def waits(self, guest: Guest, now: float) -> None:
        """The guest's door does not answer; the guest stays there."""
        self._later(guest, now + 0.5)

    def passed(self, guest: Guest, now: float) -> None:
        assert guest.door is not None
        entered = guest.door.direction == "entry"
        guest.last, guest.hall = guest.hall, guest.door.hall if entered else ""
        guest.door = None
        self._later(guest, now + PACE * self._dice.uniform(*(STAY_S if entered else WALK_S)))

    def refused(self, guest: Guest, now: float) -> None:
        guest.door = None
        self._later(guest, now + PACE * self._dice.uniform(*WALK_S))

    def _choose(self, guest: Guest) -> Door:
        direction = "exit" if guest.hall else "entry"
        hall = guest.hall or POPULAR
        if not guest.hall and (guest.last == hall or self._dice.random() > POPULAR_SHARE):
            hall = self._dice.choice([code for code in HALLS if code not in (POPULAR, guest.last)])
        return self._dice.choice(
            [door for door in self._doors if (door.hall, door.direction) == (hall, direction)]
        )

    def _later(self, guest: Guest, at: float) -> None:
        heapq.heappush(self._due, (at, next(self._numbers), guest))
