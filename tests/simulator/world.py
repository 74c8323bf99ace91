"""One seed's day, step by step: people, staff, network and faults around the doors and the server.

Everything is drawn from the seed, so the seed replays the day.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from tests.simulator.checkers import Truth, ViolationError, check_door, unseen
from tests.simulator.door_side import ModelDoor
from tests.simulator.faults import Mix, draw
from tests.simulator.messages import Answer, Batch, Elsewhere, Message, Ordered
from tests.simulator.rules import Rules
from tests.simulator.server_side import ModelServer

DOORS_MAX = 8
TABLE = 256  # a step is an entry of this table, with as many entries as its weight
KIOSKS = "abcdefgh"
MINUTE_MS = 60_000


class World:
    def __init__(self, seed: int, rules: Rules, theme: str | None = None) -> None:
        self.random = Random(seed)
        self.mix: Mix = draw(self.random, theme)
        self.rules = rules
        mix = self.mix
        self.truth = Truth(mix.capacity, trusting=mix.trusting, inferred=mix.inferred)
        self.server = ModelServer(mix.capacity, rules, counted=mix.counted, inferred=mix.inferred)
        self.server.right_clocks = mix.right_clocks
        self.doors: list[ModelDoor] = []
        self.by_key: dict[tuple[str, int], ModelDoor] = {}
        for kiosk in KIOSKS[: mix.doors]:
            self.enrol(kiosk)
        self.net: list[Message] = []
        self.now = 0
        self.uid = 0
        self.incarnation = 1
        self.elsewhere: list[Elsewhere] = []  # another hall's journal
        self.clocks = [0]  # of the server, by epoch: ahead of the true time
        self.server.next_incarnation = self.new_incarnation
        self.saved: Any = self.server.backup()
        self.saved_blind = False  # by a server that was put back, unnoticed
        self.runs = 0
        self.cuts: list[int] = []  # the progress at each put-back of the database
        self.times = {0: 0}  # runs: put-backs before them
        self.taken = 0  # steps
        self.last = "the beginning"
        self._table = self._steps()

    def _steps(self) -> list[tuple[str, Callable[[ModelDoor], None]]]:
        weights = self.mix.weights
        total = sum(weights.values())
        table: list[tuple[str, Callable[[ModelDoor], None]]] = []
        for name, weight in weights.items():
            count = max(1, round(TABLE * weight / total)) if weight else 0
            table += [(name, getattr(self, name))] * count
        return table

    def step(self) -> None:
        """One action at one door, and all checks after it. Raises ViolationError, or errors of the
        machines.
        """
        random, table, doors = self.random.random, self._table, self.doors
        self.taken += 1
        self.now += 1_000
        door = doors[int(random() * len(doors))]
        self.last, act = table[int(random() * len(table))]
        act(door)
        check_door(door)
        self.truth.check(self.server)

    def enrol(self, kiosk: str) -> None:
        key = self.server.enrol(kiosk)
        door = ModelDoor(key, self.rules, trusting=self.mix.trusting, hard=self.mix.hard)
        self.by_key[key] = door
        self.doors.append(door)

    def send(self, message: Message | None) -> None:
        """Put a message into the network, unless it is lost; perhaps several times."""
        random = self.random.random
        if message is None or random() < self.mix.loss:
            return
        self.net.append(message)
        while random() < self.mix.repeat:
            self.net.append(message)

    def new_uid(self) -> int:
        self.uid += 1
        return self.uid

    def new_incarnation(self) -> int:
        self.incarnation += 1
        return self.incarnation

    def new_run(self) -> None:
        """The server's process starts again."""
        self.runs += 1
        self.times[self.runs] = len(self.cuts)
        self.server.begin(self.runs)

    def act_of_staff(self) -> None:
        """An action of staff, on a second disk before it is answered (docs/design/places.md, rule
        8).
        """
        if self.rules.acts_on_second_disk:
            self.backup(self.doors[0])

    def known(self, door: ModelDoor) -> bool:
        return door.key in self.server.acked  # always, except in a mutant

    # People.

    def enter(self, door: ModelDoor) -> None:
        """People go to a door with a green light, or try here."""
        random = self.random.random
        if door.account.free < 1 and random() < 0.7:
            door = self.another(door)
        badge, uid = int(random() * self.mix.people), self.new_uid()
        stay = door.enter(badge, uid, self.now)
        if stay is not None:
            self.truth.enter(uid, badge, door, self.now)
            check_door(door)
        elif self.mix.denials and not door.destroyed:
            door.refuse(badge, uid, self.now)

    def another(self, door: ModelDoor) -> ModelDoor:
        """A door to try, perhaps the same."""
        return self.doors[int(self.random.random() * len(self.doors))]

    def exit(self, door: ModelDoor) -> None:
        inside = self.truth.inside
        if inside:
            badge, by = list(inside.values())[int(self.random.random() * len(inside))]
            if self.random.random() < 0.4:
                door = self.by_key[by]
            self.leave(door, badge)

    def false_exit(self, door: ModelDoor) -> None:
        """A badge is passed back, scanned twice, or found. No one leaves."""
        self.leave(door, int(self.random.random() * self.mix.people))

    def leave(self, door: ModelDoor, badge: int) -> None:
        if not door.destroyed:
            offline = not door.up or self.random.random() < 0.2
            record = door.leave(badge, self.new_uid(), self.now, offline=offline)
            self.truth.leave(record, door, self.now)
            check_door(door)

    def move(self, door: ModelDoor) -> None:
        """A person goes to another hall without a scan. That hall's clock may be wrong."""
        inside = self.truth.inside
        if inside:
            uid = list(inside)[int(self.random.random() * len(inside))]
            badge = inside[uid][0]
            self.truth.move(uid)
            self._enter_elsewhere(badge)

    def copy(self, door: ModelDoor) -> None:
        """A copy of an inside person's badge opens another hall. No one leaves."""
        inside = self.truth.inside
        if inside:
            badge, _ = list(inside.values())[int(self.random.random() * len(inside))]
            self.truth.shared.add(badge)
            self._enter_elsewhere(badge)

    def _enter_elsewhere(self, badge: int) -> None:
        """By a kiosk whose clock may be wrong, and which may not have heard of the server's changed
        clock.
        """
        random = self.random
        wrong = 0 if self.mix.right_clocks else random.choice((0, 0, -1, 1))
        sure = not wrong and random.random() < 0.9
        epoch = self.server.epoch
        if epoch and random.random() < 0.3:
            epoch -= 1
        at = self.now + self.clocks[epoch] + wrong * random.randint(1, 60) * 1_000
        self.elsewhere.append(Elsewhere(badge, at, sure, epoch, self.now))

    def hear_elsewhere(self, door: ModelDoor) -> None:
        if self.server.away_seen < len(self.elsewhere):
            self.server.entered_elsewhere(self.elsewhere[self.server.away_seen])

    # Messages.

    def sync(self, door: ModelDoor) -> None:
        if not door.destroyed and not door.forked:
            self.send(door.offer(self.random.choice((1, 5, 50))))

    def grant(self, door: ModelDoor) -> None:
        if self.known(door):
            before = self.server.pool.kiosks[door.key].granted
            self.send(self.server.grant(door.key, self.random.randint(1, 6)))
            self.truth.granted(door.key, before, self.server.pool.kiosks[door.key].granted)

    def recall(self, door: ModelDoor) -> None:
        if self.known(door):
            self.send(self.server.recall(door.key, self.random.randint(1, 6)))

    def rest(self, door: ModelDoor) -> None:
        """The shift ends: every free place goes back, and is requested again later."""
        if not door.destroyed and not door.forked:
            door.account = door.account.rest()

    def deliver(self, door: ModelDoor) -> None:
        """Deliver up to three messages in any order."""
        for _ in range(min(len(self.net), 3)):
            at = int(self.random.random() * len(self.net))
            self.net[at], self.net[-1] = self.net[-1], self.net[at]
            message = self.net.pop()
            to = self.by_key[message.key]
            if not to.up or to.destroyed:
                if self.random.random() < 0.5:
                    self.net.append(message)
                continue
            self.hand_over(message, to)

    def hand_over(self, message: Message, door: ModelDoor) -> None:
        if isinstance(message, Batch):
            self.send(self.receive(message))
        elif isinstance(message, Answer):
            door.take(message)
            check_door(door)
        elif self.rules.own_orders_only:
            door.obey(message.order)
            check_door(door)
        else:
            self.obey_all(message)

    def receive(self, batch: Batch) -> Answer | None:
        knows = self.knows_better(batch, self.server, self.cuts)
        before = self.server.pool.incarnation
        answer = self.server.receive(batch)
        if answer is not None and knows:
            self.truth.blind = False
            if self.server.pool.incarnation == before:
                raise ViolationError("a door that knew better was heard, and the server went on")
        if answer is not None and answer.fork:
            if not self.by_key[batch.key].rolled_back:
                raise ViolationError(f"door {batch.key} was never rolled back: the server errs")
            self.act_of_staff()
        return answer

    def knows_better(self, batch: Batch, server: ModelServer, cuts: list[int]) -> bool:
        """Whether the server was put back to before something that it had sent to this door in this
        incarnation.
        """
        if batch.key not in server.acked:
            return False
        here, pool = server.pool.incarnation, server.pool
        is_known = batch.incarnation == here and batch.key not in pool.awaited
        if is_known and batch.granted > pool.kiosks[batch.key].granted:
            return True
        heard = batch.heard
        if heard is None or heard.incarnation < here:
            return False
        since = cuts[self.times[heard.run] :]
        return heard.incarnation > here or heard.progress > min(since, default=heard.progress)

    def obey_all(self, message: Ordered) -> None:
        for door in self.doors:
            if door.key[0] == message.key[0]:
                door.obey(message.order)
                check_door(door)

    # Faults.

    def partition(self, door: ModelDoor) -> None:
        door.up = not door.up

    def crash(self, door: ModelDoor) -> None:
        """A door or the server crashes. Half of the messages in transit are lost."""
        if self.random.random() < 0.5:
            lost = [uid for uid in (r.uid for r in door.records) if uid]
            door.crash()
            kept = {record.uid for record in door.records}
            gone = [uid for uid in lost if uid not in kept]
            if gone:
                raise ViolationError("a scan that was shown green is on no disk")
        else:
            self.server.crash()
            self.new_run()
        self.net[:] = [message for message in self.net if self.random.random() < 0.5]

    def capacity(self, door: ModelDoor) -> None:
        server = self.server
        server.pool = server.pool.resized(self.random.randint(1, self.mix.capacity_max))
        self.truth.capacity_changed(server.pool)
        self.act_of_staff()

    def fence(self, door: ModelDoor) -> None:
        """A lost kiosk, which may still admit; perhaps another in its place."""
        if self.known(door):
            self.server.fence(door.key)
            if self.random.random() < 0.7:
                self.replace(door)
            self.act_of_staff()

    def replace(self, door: ModelDoor) -> None:
        """Enrol again. The earlier generation is retired."""
        if len(self.doors) < DOORS_MAX and self.known(door):
            self.enrol(door.key[0])
            self.act_of_staff()

    def destroy(self, door: ModelDoor) -> None:
        """Destroy a kiosk with its disk. Only after a fence can its places come back."""
        if self.random.random() < 0.3:
            door.destroyed = door.stopped = True

    def attest(self, door: ModelDoor) -> None:
        """Staff have the device, or know that it is gone, and count its people inside. Some have
        left without a scan.
        """
        held = self.server.pool.kiosks.get(door.key)
        if held is None or not held.fenced or door.forked:
            return
        door.stopped = True
        here = unseen(self.truth, self.server, door.key)
        for uid in here:
            if self.random.random() < 0.3:
                self.truth.sweep(uid)
        self.sign(door)
        self.act_of_staff()

    def wrong_word(self, door: ModelDoor) -> None:
        """Staff attest too few people inside for a fenced kiosk, which may still be in use."""
        held = self.server.pool.kiosks.get(door.key)
        if held is None or not held.fenced or door.forked:
            return
        count = self.random.randint(0, len(unseen(self.truth, self.server, door.key)))
        self.server.pool = self.server.pool.attest(door.key, count, seq=self.server.acked[door.key])
        self.truth.misjudged.add(door.key)
        self.act_of_staff()

    def sign(self, door: ModelDoor) -> None:
        """A true attestation."""
        sign_hall(self.server, self.truth, door)

    def backup(self, door: ModelDoor) -> None:
        self.saved, self.saved_blind = self.server.backup(), self.truth.blind

    def restore(self, door: ModelDoor) -> None:
        # In the order of the actions: the later one may have found out that this one was put back.
        was_put_back = self.incarnation > self.saved["pool"].incarnation
        if self.rules.fresh_incarnation:
            self.new_incarnation()
        else:
            self.incarnation = self.saved["pool"].incarnation + 1
        self.truth.was_restored(self.server)
        self.server.restore(self.saved, self.incarnation, was_put_back=was_put_back)
        if self.saved_blind and not was_put_back:
            self.truth.restored_unaware(self.saved["pool"])
        self.truth.blind = False
        self.new_run()

    def put_back(self, door: ModelDoor) -> None:
        """An old database replaces the newest, or a snapshot of the computer is restored.

        Actions of staff are on the second disk, which would report it, so none is lost.
        """
        self.truth.was_restored(self.server)
        self.server.put_back(self.saved)
        self.truth.was_put_back(self.server.pool)
        self.cuts.append(self.server.progress)
        self.new_run()

    def image(self, door: ModelDoor) -> None:
        door.images = [*door.images[-2:], door.image()]

    def roll_back(self, door: ModelDoor) -> None:
        if door.images and not door.destroyed and not door.forked:
            image = door.images[int(self.random.random() * len(door.images))]
            self.truth.roll_back(door.roll_back(image))

    def server_clock(self, door: ModelDoor) -> None:
        """The server notices that its own clock was set: a new epoch of its time."""
        self.clocks.append(self.random.choice((-1, 1)) * self.random.randint(1, 120) * MINUTE_MS)
        self.server.clock_ms = self.clocks[-1]
        self.server.epoch = len(self.clocks) - 1

    def clock(self, door: ModelDoor) -> None:
        """A kiosk notices by its monotonic clock that its wall clock was set."""
        door.sure = False
        door.clock_ms += self.random.choice((-1, 1)) * self.random.randint(1, 120) * MINUTE_MS


def sign_hall(server: ModelServer, truth: Truth, door: ModelDoor) -> None:
    """A true attestation for one hall."""
    inside = len(unseen(truth, server, door.key))
    seen = set(server.ledger[door.key])
    truth.attested(
        record.uid
        for record in door.records
        if record.kind == "entry"
        and record.uid not in seen
        and record.uid not in truth.inside
        and record.seq not in door.credited
    )
    server.pool = server.pool.attest(door.key, inside, seq=server.acked[door.key])
