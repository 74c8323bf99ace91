"""The crowd of the demo: everybody without a part in the films, at doors without cameras.

People arrive, enter a hall with a session that admits them, stay, leave by its other door, and walk
to the next hall. Some choose a wrong hall, and some halls are full. The answers are those of real
kiosks (`hallkeeper-kiosk many`) and are not judged.
"""

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from server.core.people import attendees, issuing
from server.core.venue import store
from server.demo.forum.forum import EXPO, SMALL_HALL
from server.storage.connection import Connection

HALLS_MAX = 29
FIRST_WAVE_S = 150.0  # until everybody has arrived
STAYS_S = (240.0, 900.0)
WALKS_S = (70.0, 180.0)  # longer than the shortest walk between halls, 60 s
QUEUES_S = (20.0, 45.0)  # in front of a full hall
TRIES = 4  # at a full hall
WRONG_HALL = 0.03
TO_EXPO = 0.3


@dataclass(frozen=True)
class OpenHall:
    """A hall that admits people now. `entry` and `exit` are the codes of its doors' kiosks."""

    code: str
    categories: frozenset[int]
    entry: str
    exit: str


@dataclass
class Guest:
    serial: int
    text: str  # of the badge
    category: int
    inside: OpenHall | None = None
    wants: OpenHall | None = None  # the hall in front of which the guest waits
    tries: int = 0


@dataclass
class Crowd:
    """The guests, in the order in which they next come to a door. Times are in seconds."""

    halls: Sequence[OpenHall]
    guests: Sequence[Guest]
    dice: random.Random
    counts: Counter[str] = field(default_factory=Counter)  # of answers, by decision or reason

    def __post_init__(self) -> None:
        self._numbers = itertools.count()  # order guests of the same time
        self._due: list[tuple[float, int, Guest]] = []
        for guest in self.guests:
            self._later(guest, self.dice.uniform(0, FIRST_WAVE_S))

    @property
    def inside(self) -> int:
        return sum(guest.inside is not None for guest in self.guests)

    def report(self) -> str:
        refused = self.counts.total() - self.counts["admitted"]
        return (
            f"The crowd: {self.inside} inside, {self.counts.total()} scans, {refused} refused,"
            f" {self.counts['hall_full']} of them at a full hall"
        )

    def next(self, now: float) -> tuple[str, Guest] | None:
        """None if nobody is due."""
        if not self._due or self._due[0][0] > now:
            return None
        guest = heapq.heappop(self._due)[2]
        if guest.inside is not None:
            return guest.inside.exit, guest
        guest.wants = guest.wants or self._choose(guest)
        return guest.wants.entry, guest

    def answered(self, guest: Guest, refused: str | None, now: float) -> None:
        """Take a door's answer: None for admitted, or the reason for refusal."""
        self.counts[refused or "admitted"] += 1
        left, guest.inside = guest.inside, None
        if refused is None and left is None:
            guest.inside = guest.wants
        full = refused == "hall_full" and guest.tries < TRIES
        guest.tries = guest.tries + 1 if full else 0
        if not full:
            guest.wants = None
        spread = STAYS_S if guest.inside else QUEUES_S if full else WALKS_S
        self._later(guest, now + self.dice.uniform(*spread))

    def _later(self, guest: Guest, at: float) -> None:
        heapq.heappush(self._due, (at, next(self._numbers), guest))

    def _choose(self, guest: Guest) -> OpenHall:
        expo = self.halls[0]
        admitting = [hall for hall in self.halls[1:] if guest.category in hall.categories]
        if self.dice.random() < WRONG_HALL:
            return self.dice.choice(self.halls)
        if not admitting or (guest.category in expo.categories and self.dice.random() < TO_EXPO):
            return expo
        return self.dice.choice(admitting)


def open_halls(db: Connection, now: int) -> list[OpenHall]:
    """Return the exhibition, then halls with a current session, without the films' halls."""
    doors: dict[int, list[str]] = {}
    for door in store.doors(db):
        if door.mode == "both":
            doors.setdefault(door.hall_id, []).append(door.code)
    sessions = {
        session.hall_id: session
        for session in store.sessions(db, after=now)
        if session.opens_at <= now < session.closes_at and session.categories
    }
    expo, others = [], []
    for hall in store.halls(db):
        codes = doors.get(hall.hall_id, [])
        if hall.code == EXPO:
            # One door, with a kiosk for each direction.
            expo.append(OpenHall(EXPO, frozenset(hall.categories), codes[0], codes[0]))
        elif hall.hall_id in sessions and len(codes) == 2 and hall.code != SMALL_HALL:
            admitted = frozenset(sessions[hall.hall_id].categories)
            others.append(OpenHall(hall.code, admitted, codes[0], codes[1]))
    return [*expo, *others[:HALLS_MAX]]


def guests(db: Connection, without: frozenset[str]) -> list[Guest]:
    """Holders of a badge for the first day, without these external ids."""
    texts = {badge.serial: badge.credential for badge in issuing.current_badges(db)}
    people, _ = attendees.find_attendees(db, "", limit=len(texts) + len(without))
    return [
        Guest(person.serial, texts[person.serial], person.category)
        for person in people
        if person.serial in texts and person.external_id not in without and person.valid_days & 1
    ]
