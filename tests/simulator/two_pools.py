"""Shared by days on which a hall has two pools of places, and people inside count together.

Each kiosk has one journal and a book for each pool, like the two halls in `nested`. An entry uses a
place of one pool, and is an empty line in the other's book.
"""

from typing import Any

from badges.places.pool import KioskKey
from tests.simulator.messages import Record
from tests.simulator.nested import HALLS, ModelNestedDoor, NestedWorld
from tests.simulator.rules import Rules


class TwoPoolDoor(ModelNestedDoor):
    def __init__(self, key: KioskKey, rules: Rules, *, trusting: bool, hard: bool) -> None:
        super().__init__(key, rules, trusting=trusting, hard=hard, leads="hall")

    def leave(self, badge: int, uid: int, now: int, *, offline: bool) -> list[tuple[int, Record]]:
        """Record an exit in the book that knows the stay."""
        with_stay = [h for h in HALLS if self.books[h].presence(badge)]
        with_stay += [h for h in HALLS if self.books[h].presence(badge, moved=True)]
        mine = with_stay[0] if with_stay else uid % 2
        record = self.books[mine].leave(badge, uid, now, offline=offline)
        self.books[1 - mine].refuse(badge, uid, now)
        return [(mine, record)]


class TwoPoolWorld(NestedWorld):
    """`servers` and `truths` are per pool. The hall is both together."""

    leave_rounds = 3
    door_type = TwoPoolDoor

    def _size(self) -> int:
        return self.mix.capacity

    def enrol(self, kiosk: str) -> None:
        (key, other) = (server.enrol(kiosk) for server in self.servers)
        assert key == other
        door = self.door_type(key, self.rules, trusting=self.mix.trusting, hard=self.mix.hard)
        self.by_key[key] = door
        self.doors.append(door)

    def _entered(self, door: Any, badge: int, uid: int, used: int) -> None:
        if any(of == badge for truth in self.truths for of, _ in truth.inside.values()):
            self.truth.shared.add(badge)
        self.truths[used].enter(uid, badge, door.books[used], self.now)
        self._check(door)

    def leave(self, door: Any, badge: int) -> None:
        if not door.destroyed:
            offline = not door.up or self.random.random() < 0.2
            for hall, record in door.leave(badge, self.new_uid(), self.now, offline=offline):
                self.truths[hall].leave(record, door.books[hall], self.now)
            self._check(door)
