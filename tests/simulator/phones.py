"""Days on which some of the doors are phones.

A phone holds few free places. Its storage may be cleared, its disk may be copied, and both copies
may go on. A phone whose storage does not persist is online only: it lets a person in once the
server has the entry (docs/design/phones.md).
"""

from dataclasses import replace
from typing import Any

from tests.simulator.checkers import ViolationError
from tests.simulator.door_side import ModelDoor
from tests.simulator.messages import Answer, Batch
from tests.simulator.rules import Rules
from tests.simulator.world import World

PHONES = "phones"
DISKS = "old disks"  # of the other faults
ONLINE_ONLY = "c"  # these kiosks' storage does not persist
ARE_PHONES = "aceg"


class PhoneWorld(World):
    def __init__(self, seed: int, rules: Rules) -> None:
        self.cap = 0
        self.copied: set[tuple[str, int]] = set()  # phones with two copies at work
        # Phones with an older disk. They may take places back that they had offered.
        self.set_back: set[tuple[str, int]] = set()
        super().__init__(seed, rules, DISKS)
        self.mix = replace(self.mix, theme=PHONES)
        self.cap = self.random.choice((1, 2, 5))

    def _steps(self) -> Any:
        draw = self.random.choice
        return [
            *super()._steps(),
            *[("lose_storage", self.lose_storage)] * draw((0, 1, 3)),
            *[("copy_phone", self.copy_phone)] * draw((0, 1, 3)),
        ]

    def step(self) -> None:
        super().step()
        for door in self.doors:
            self._check_phone(door)

    def _check_phone(self, door: ModelDoor) -> None:
        if not is_phone(door):
            return
        free = door.account.free - door.account.trusted
        # One copy's entries may become the server's stays, while the other, which does not know
        # it, takes their places back: as many as were on the phone when it was copied. The server
        # grants the phone new ones instead. `copy_phone` allows the hall as many people.
        copies = 2 if door.key in self.copied else 1
        if free > self.cap * copies and door.key not in self.set_back:
            raise ViolationError(f"phone {door.key} has {free} free places of {self.cap}")
        if is_online_only(door):
            seen = self.server.ledger[door.key]
            for uid, (_, by) in self.truth.inside.items():
                if by == door.key and uid not in seen:
                    raise ViolationError(f"a green of {door.key} is in no ledger")

    # People.

    def enter(self, door: ModelDoor) -> None:
        if not is_online_only(door):
            super().enter(door)
        else:
            self._enter_online(door)

    def another(self, door: ModelDoor) -> ModelDoor:
        """Never an online-only phone, where people enter by `_enter_online`."""
        other = super().another(door)
        return door if is_online_only(other) else other

    def _enter_online(self, door: ModelDoor) -> None:
        badge, uid = int(self.random.random() * self.mix.people), self.new_uid()
        stay = door.enter(badge, uid, self.now)
        if stay is None:
            return
        self.truth.entered_at[uid] = (badge, self.now)
        self.exchange(door)
        heard = uid in self.server.ledger[door.key] and door.acked >= stay.seq
        if heard or not self.rules.green_when_heard:
            self.truth.enter(uid, badge, door, self.now)
        else:  # the phone shows no green, and notes that this person did not pass
            self.leave(door, badge)

    def exchange(self, door: ModelDoor) -> None:
        """A request and its answer, unless either is lost."""
        lost = self.random.random
        if not door.up or door.destroyed or door.forked or lost() < self.mix.loss:
            return
        answer: Answer | None = self.receive(door.offer(1_000))
        if answer is not None and lost() >= self.mix.loss:
            door.take(answer)

    # Messages.

    def receive(self, batch: Batch) -> Answer | None:
        """A copy whose counter is too low tries again above the server's."""
        if batch.key in self.copied:
            least = self.server.counters.get(batch.key, 0) + 1
            batch = batch._replace(counter=max(batch.counter, least))
        return super().receive(batch)

    def sync(self, door: ModelDoor) -> None:
        if door.key in self.copied:
            self.exchange(door)
        else:
            super().sync(door)

    def grant(self, door: ModelDoor) -> None:
        if not is_phone(door) or not self.known(door):
            super().grant(door)
            return
        held = self.server.pool.kiosks[door.key]
        places = self.random.randint(1, 6)
        if self.rules.caps_phones:
            places = max(0, min(places, self.cap - held.unused))
        ordered = self.server.grant(door.key, places)
        self.truth.granted(door.key, held.granted, self.server.pool.kiosks[door.key].granted)
        if door.key not in self.copied:
            self.send(ordered)

    # Faults.

    def lose_storage(self, door: ModelDoor) -> None:
        """The browser clears the phone's storage. Its places stay used until staff free them."""
        if is_phone(door) and not door.destroyed:
            door.destroyed = door.stopped = True
            if self.random.random() < 0.7:
                self.replace(door)

    def copy_phone(self, door: ModelDoor) -> None:
        """A phone's disk is copied to another phone, which starts with it. Each copy may use the
        places that it has until the server has heard both.
        """
        if not is_phone(door) or door.destroyed or door.forked or door.key in self.copied:
            return
        twin = ModelDoor(door.key, self.rules, trusting=self.mix.trusting, hard=self.mix.hard)
        door.rolled_back = True
        self.truth.roll_back(self.cap)
        twin.roll_back(door.image())
        twin.counter = door.counter
        self.copied.add(door.key)
        self.doors.append(twin)
        self.net[:] = [message for message in self.net if message.key != door.key]

    def roll_back(self, door: ModelDoor) -> None:
        if door.key not in self.copied:
            self.set_back.add(door.key)
            super().roll_back(door)

    def attest(self, door: ModelDoor) -> None:
        """Staff have both copies."""
        copies = [other for other in self.doors if other.key == door.key]
        if all(other.stopped or other.forked for other in copies if other is not door):
            super().attest(door)


def is_phone(door: ModelDoor) -> bool:
    return door.key[0] in ARE_PHONES


def is_online_only(door: ModelDoor) -> bool:
    return door.key[0] in ONLINE_ONLY
