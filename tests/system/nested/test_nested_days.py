"""Days with the product's kiosks and server at a room inside a hall, checked against people's true
positions.

People pass doors as the building allows and show their badges; some badges are copies. Links are
cut, kiosks restart and move to other doors, supervisors override and annul. A failure names its
seed; HALLKEEPER_NESTED_DAYS sets the number of days.
"""

import os
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from badges.admission.facts import Denied, Reason
from kiosk.steps import run
from kiosk.supervisor.texts import SupervisorError
from server.core.kiosks import relocation
from server.core.occupancy import hall_control
from tests.system.nested.test_nested_halls import VENUE
from tests.system.support.nested_site import WORD, Nested, NestedDoor

SEEDS = int(os.environ.get("HALLKEEPER_NESTED_DAYS", "3"))
STEPS = 120
OUTSIDE, EXPO, ROOM = "outside", "EXPO", "ROOM"
LIMIT = {EXPO: 8, ROOM: 7}
# The halls on both sides of each door.
WAYS = {
    "expo": (OUTSIDE, EXPO),
    "street": (OUTSIDE, ROOM),
    "stairs": (OUTSIDE, ROOM),
    "inner": (EXPO, ROOM),
}


class Day:
    """A day of one seed."""

    def __init__(self, path: Path, seed: int) -> None:
        self.random = Random(seed)
        self.copied = self.random.random() < 0.5
        policy = 'anti_passback = "off"\n' if self.copied else ""
        exits = 'exits = "strict"\n'
        text = VENUE.replace("capacity = 6\n", f"capacity = 6\n{policy}{exits}")
        self.site = Nested(path, text, people=20)
        self.at = {door: self.site.enrol(f"k-{door}", door) for door in WAYS}
        self.site.quiet()
        self.where = dict.fromkeys(range(20), OUTSIDE)
        self.overruled = False

    def badge(self, person: int) -> int:
        return person // 2 if self.copied else person

    def inside(self, hall: str) -> int:
        """People truly in the hall: a person in the room is also in the surrounding hall."""
        halls = (ROOM,) if hall == ROOM else (EXPO, ROOM)
        return sum(place in halls for place in self.where.values())

    def step(self) -> None:
        acts = (self.walk,) * 12 + (self.cut,) * 2
        acts += (self.restart, self.carry, self.overrule, self.annul, self.resize, self.talk)
        self.random.choice(acts)()
        self.check()

    def walk(self) -> None:
        """Let a person through a door in either direction, if it admits them."""
        door = self.random.choice(list(WAYS))
        outer, inner = WAYS[door]
        entering = self.random.random() < 0.6
        here = [p for p, place in self.where.items() if place == (outer if entering else inner)]
        if not here:
            return
        person = self.random.choice(here)
        kiosk = self.at[door]
        answer = (kiosk.enter if entering else kiosk.leave)(self.badge(person))
        if answer.admitted:
            self.where[person] = inner if entering else outer

    def cut(self) -> None:
        door = self.random.choice(list(self.at.values()))
        door.up = not door.up

    def talk(self) -> None:
        self.site.quiet()

    def restart(self) -> None:
        self.random.choice(list(self.at.values())).restart()

    def carry(self) -> None:
        """Two kiosks swap doors: each learns its new door before it continues."""
        first, second = self.random.sample(list(self.at), 2)
        if self.at[first].up and self.at[second].up:
            self.at[first], self.at[second] = self.at[second], self.at[first]
            for door in (first, second):
                self._move(self.at[door], door)
            self.site.quiet()

    def _move(self, kiosk: NestedDoor, code: str) -> None:
        query = "SELECT door_id FROM door WHERE code = ?"
        (door,) = self.site.database.reader.execute(query, (code,)).fetchone()
        key = (kiosk.name, kiosk.generation)
        self.site.database.write(
            lambda db: relocation.move(db, key, door, by="test", now=self.site.now)
        )

    def overrule(self) -> None:
        """Let a supervisor admit a person who was refused for lack of a place."""
        door = self.random.choice(list(WAYS))
        outer, inner = WAYS[door]
        person = self.random.choice(list(self.where))
        if self.where[person] != outer:
            return
        answer = self.at[door].enter(self.badge(person))
        if answer.admitted:
            self.where[person] = inner
        elif isinstance(answer.decision, Denied) and answer.decision.reason is Reason.HALL_FULL:
            with suppress(SupervisorError):
                at = self.at[door]
                steps = at.override_handler.override(answer, WORD, at=self.site.now)
                run(steps, at.journal.wait)
                self.where[person] = inner
                self.overruled = True

    def annul(self) -> None:
        """Annul an admission: the person did not go through."""
        door = self.random.choice(list(WAYS))
        outer = WAYS[door][0]
        here = [person for person, place in self.where.items() if place == outer]
        kiosk = self.at[door]
        if here:
            answer = kiosk.enter(self.badge(self.random.choice(here)))
            if answer.admitted:
                with suppress(SupervisorError):
                    kiosk.override_handler.annul(answer.seq, WORD, holder=None, at=self.site.now)
                    kiosk.exchange()

    def resize(self) -> None:
        code = self.random.choice((EXPO, ROOM))
        hall, now = self.site.hall(code), self.site.now
        size = self.random.randint(4, 6)
        self.site.database.write(
            lambda db: hall_control.set_capacity(db, hall, size, by="test", now=now)
        )

    def check(self) -> None:
        for hall in (EXPO, ROOM):
            people, (counted, worst) = self.inside(hall), self.site.figures(hall)
            worst += self.site.overrides(hall)
            assert people <= worst, f"{people} in {hall}, at most {worst} are said to be"
            assert people <= (LIMIT[hall] if self.overruled else 6), f"{people} in {hall}"
            assert worst <= LIMIT[hall], f"worst case of {hall}: {worst} ({counted} counted)"

    def end(self) -> None:
        """Hear all doors, and count all people."""
        for kiosk in self.at.values():
            kiosk.up = True
        for _ in range(3):
            self.site.quiet()
        self.check()
        for hall in (EXPO, ROOM):
            # An exit at a door that was away may name a stay that is over; it ends no other.
            assert self.site.figures(hall)[0] >= self.inside(hall), hall
        self.site.close()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_day(tmp_path: Path, seed: int) -> None:
    day = Day(tmp_path, seed)
    for _ in range(STEPS):
        day.step()
    day.end()
