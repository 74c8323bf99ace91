"""Days on which kiosks are stolen with their keys.

The thief signs whatever he likes with the kiosk's key: invented entries, exits of people who are
inside, false totals, or nothing. Before the kiosk is fenced or retired he only adds people or is
silent, since until then the server believes a kiosk. Afterwards nothing that he sends frees a
place: N ≤ W ≤ B holds for the people of all kiosks, the stolen one's until the theft.
"""

from dataclasses import replace
from typing import Any

from tests.simulator.door_side import ModelDoor
from tests.simulator.messages import Record, Stay, next_head
from tests.simulator.rules import Rules
from tests.simulator.world import World

THIEVES = "thieves"
# Of the other faults.
LOST = "lost doors"
PUT_BACK = "put back, restored, and lost doors"


class ThiefWorld(World):
    def __init__(self, seed: int, rules: Rules) -> None:
        super().__init__(seed, rules, PUT_BACK if seed % 2 else LOST)
        self.mix = replace(self.mix, theme=THIEVES)
        self.lies: dict[tuple[str, int], int] = {}  # returned places, as the thief says

    def _steps(self) -> Any:
        draw = self.random.choice
        return [
            *super()._steps(),
            *[("steal", self.steal)] * draw((2, 5)),
            *[("stop", self.stop)] * draw((2, 5)),
            *[("lie", self.lie)] * draw((20, 60)),
        ]

    def steal(self, door: ModelDoor) -> None:
        """From now on the kiosk admits nobody for whom the organiser is answerable."""
        if not door.destroyed and not door.forked:
            door.destroyed = door.stopped = True
            self.truth.stolen.add(door.key)
            self.lies[door.key] = door.account.returned

    def stop(self, door: ModelDoor) -> None:
        """Staff fence the stolen kiosk, or enrol another in its place, which retires it."""
        if door.key not in self.lies or door.key in self.server.stopped:
            return
        if self.random.random() < 0.5:
            self.server.fence(door.key)
            self.act_of_staff()
        else:
            self.replace(door)

    def lie(self, door: ModelDoor) -> None:
        """The thief sends records and totals, some of them false."""
        if door.key not in self.lies:
            return
        random = self.random.random
        stopped = self.lies_freely(door)
        for _ in range(self.random.randint(0, 3)):
            if random() < 0.5:
                self._invent(door, "entry", None)
            elif stopped:
                self._invent(door, "exit", self._any_stay(door))
        batch = door.offer(self.random.choice((1, 5, 50)))
        if stopped:
            self.lies[door.key] += self.random.choice((0, 1, 5, 100))
            gone = frozenset(r.seq for r in batch.records if random() < 0.3)
            batch = batch._replace(gone=batch.gone | gone)
            if random() < 0.5:  # he hides what the server granted and forgot
                now = self.server.pool.incarnation
                batch = batch._replace(granted=0, incarnation=now, mark=None, heard=None)
        answer = self.receive(batch._replace(returned=self.lies[door.key]))
        if answer is not None:
            door.acked = answer.acked
            door.asks = answer.order is None

    def lies_freely(self, door: ModelDoor) -> bool:
        """The promise covers what he says from the fence on."""
        return door.key in self.server.stopped

    def _any_stay(self, door: ModelDoor) -> Stay | None:
        """A stay at any door, perhaps one of the kiosk's own that the server does not know."""
        own = [Stay(*door.key, r.seq, r.uid) for r in door.records if r.kind == "entry"]
        known = [*self.server.stays, *own]
        return self.random.choice(known) if known else None

    def _invent(self, door: ModelDoor, kind: str, closes: Stay | None) -> None:
        badge, uid = int(self.random.random() * self.mix.people), self.new_uid()
        if kind == "entry":
            self.truth.entered_at[uid] = badge, self.now
        elif closes is not None:
            badge, _ = self.truth.entered_at[closes.uid]
        else:
            self.truth.unnamed[uid] = badge, self.now
        credited = kind == "exit" and closes is not None and self.random.random() < 0.3
        number = len(door.records) + 1
        record = Record(number, kind, badge, uid, closes, credited, self.now, True)
        door.records.append(record)
        door.heads.append(next_head(door.heads[-1], record))


def check_quiet_thieves(world: ThiefWorld) -> None:
    """Staff fence and attest each stolen kiosk truly. Still everybody inside is counted."""
    for door in list(world.doors):
        if door.key in world.lies:
            world.server.fence(door.key)
            world.sign(door)
            world.truth.check(world.server)
            for _ in range(5):
                world.lie(door)
                world.truth.check(world.server)
