"""Days with a room inside a hall, each with doors, on which one entry counts in both.

Each kiosk has one journal and a book for each of the two halls, each a door of the flat
simulator: a record that does not count in a hall is an empty line there. The server has a ledger
for each hall; both take a batch or neither. A person who enters the room from outside is also in
the hall around it: the checkers count by this truth, whatever the kiosk recorded.
"""

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from badges.places.account import NoPlaceError, enter_all
from badges.places.pool import KioskKey, PoolKey
from tests.simulator.checkers import Truth, ViolationError, check_door, unseen
from tests.simulator.door_side import ModelDoor
from tests.simulator.faults import Mix, draw
from tests.simulator.messages import Answer, Batch, Elsewhere, Ordered, Record
from tests.simulator.quiet import RECALL_ALL, ROUNDS_MAX, _agree, _presence, _stranded
from tests.simulator.rules import Rules
from tests.simulator.server_side import ModelServer
from tests.simulator.world import DOORS_MAX, KIOSKS, MINUTE_MS, World, sign_hall

NESTED = "nested halls"
ROOM, AROUND = 0, 1
HALLS = (ROOM, AROUND)
# The halls in which an entry counts, by the kiosk's door.
LEADS: dict[str, tuple[int, ...]] = {
    "hall": (AROUND,),
    "street": (ROOM, AROUND),
    "inner": (ROOM,),
}


class Sent(NamedTuple):
    """A batch, an answer to one, or one hall's order."""

    key: KioskKey
    batches: tuple[Batch, ...] = ()
    answers: tuple[Answer, ...] = ()
    order: Ordered | None = None
    hall: int = ROOM


class ModelNestedDoor:
    """A kiosk, its two books, and its door."""

    def __init__(
        self, key: KioskKey, rules: Rules, *, trusting: bool, hard: bool, leads: str
    ) -> None:
        self.key = key
        self.rules = rules
        self.hard = hard
        self.leads = leads
        self.books = tuple(ModelDoor(key, rules, trusting=trusting, hard=False) for _ in HALLS)
        self.up = True
        self.images: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.books[AROUND], name)  # what both books have in common

    def set(self, **values: Any) -> None:
        for book in self.books:
            for name, value in values.items():
                setattr(book, name, value)

    @property
    def forked(self) -> bool:
        return any(book.forked for book in self.books)

    @property
    def halls(self) -> tuple[int, ...]:
        return LEADS[self.leads]

    def counts_in(self) -> tuple[int, ...]:
        """The halls of which an entry here takes a place."""
        return self.halls if self.rules.enters_outer else self.halls[:1]

    def enter(self, badge: int, uid: int, now: int, torn: bool) -> bool:
        """Admit the holder, in one commit for all halls. `torn`: the power fails in between."""
        books, halls = self.books, self.counts_in()
        if self.stopped or self.forked:
            return False
        if self.hard and any(books[hall].refuses(badge) for hall in halls):
            return False
        accounts = {PoolKey(hall): books[hall].account for hall in halls}
        try:
            if self.rules.needs_all_places:
                enter_all(accounts)
            else:
                accounts[PoolKey(halls[0])].enter()
        except NoPlaceError:
            return False
        for hall, book in enumerate(books):
            left_out = torn and hall != halls[0] and not self.rules.one_commit
            if hall not in halls or left_out or book.enter(badge, uid, now) is None:
                book.refuse(badge, uid, now)
        return True

    def refuse(self, badge: int, uid: int, now: int) -> None:
        for book in self.books:
            book.refuse(badge, uid, now)

    def leave(self, badge: int, uid: int, now: int, *, offline: bool) -> list[tuple[int, Record]]:
        """Record an exit, with its effect in each hall that it leads out of."""
        halls = self.halls if self.rules.exits_outer else self.halls[:1]
        records = []
        for hall, book in enumerate(self.books):
            if hall not in halls:
                book.refuse(badge, uid, now)
                continue
            records.append((hall, book.leave(badge, uid, now, offline=offline)))
            if records[-1][1].credited and hall != halls[0] and not self.rules.outer_credited_once:
                book.account = book.account.credit()
        return records

    def offer(self, limit: int) -> Sent:
        batches = [book.offer(limit) for book in self.books]
        if not self.rules.gone_by_hall:
            batches[AROUND] = batches[AROUND]._replace(gone=batches[ROOM].gone)
        return Sent(self.key, batches=tuple(batches))

    def take(self, answers: tuple[Answer, ...]) -> None:
        for book, answer in zip(self.books, answers, strict=True):
            book.take(answer)
        if self.forked:
            self.set(forked=True)  # there is one journal


class View:
    """One of the halls, in the form of a flat day."""

    def __init__(self, world: "NestedWorld", hall: int) -> None:
        self.server, self.truth = world.servers[hall], world.truths[hall]
        self.doors = [door.books[hall] for door in world.doors]
        self.by_key = {door.key: door.books[hall] for door in world.doors}
        self.known = world.known


class NestedWorld(World):
    """`server` and `truth` are those of the outer hall."""

    leave_rounds = 1
    names: tuple[str, str] = ("places of the room", "places of the hall around")

    def __init__(self, seed: int, rules: Rules, theme: str | None = None) -> None:
        self.random = Random(seed)
        self.mix: Mix = draw(self.random, None if theme == NESTED else theme)
        self.rules = rules
        mix = self.mix
        sizes = (self._size(), mix.capacity)
        inferred = mix.inferred
        self.servers = tuple(
            ModelServer(size, rules, counted=mix.counted, inferred=inferred) for size in sizes
        )
        self.truths = tuple(Truth(size, trusting=mix.trusting, inferred=inferred) for size in sizes)
        self.truths[ROOM].shared = self.truths[AROUND].shared
        self.server, self.truth = self.servers[AROUND], self.truths[AROUND]
        self.doors: list[Any] = []
        self.by_key: dict[KioskKey, Any] = {}
        for kiosk in KIOSKS[: max(3, mix.doors)]:
            self.enrol(kiosk)
        self.net: list[Any] = []
        self.now = 0
        self.uid = 0
        self.incarnation = 1
        self.elsewhere: list[Elsewhere] = []
        self.clocks = [0]
        for server in self.servers:
            server.right_clocks = mix.right_clocks
            server.next_incarnation = self.new_incarnation
        self.saved: Any = self._backup()
        self.saved_blind = False
        self.runs = 0
        self.all_cuts: tuple[list[int], ...] = tuple([] for _ in HALLS)
        self.cuts = self.all_cuts[AROUND]
        self.times = {0: 0}
        self.taken = 0
        self.last = "the beginning"
        self._table = self._steps()

    def _size(self) -> int:
        """The room's capacity: no larger than the hall, or larger, which helps no one."""
        return self.random.choice((1, 2, self.mix.capacity, self.mix.capacity_max))

    def _steps(self) -> list[tuple[str, Callable[[Any], None]]]:
        return [*super()._steps(), *[("relocate", self.relocate)] * self.random.choice((0, 2))]

    def step(self) -> None:
        random, table, doors = self.random.random, self._table, self.doors
        self.taken += 1
        self.now += 1_000
        door = doors[int(random() * len(doors))]
        self.last, act = table[int(random() * len(table))]
        act(door)
        self._check(door)
        self.check_halls()

    def _check(self, door: Any) -> None:
        for book in door.books:
            check_door(book)

    def check_halls(self) -> None:
        for hall in HALLS:
            self.truths[hall].check(self.servers[hall])

    def enrol(self, kiosk: str) -> None:
        (key, other) = (server.enrol(kiosk) for server in self.servers)
        assert key == other
        leads = self.random.choice(list(LEADS))
        door = ModelNestedDoor(
            key, self.rules, trusting=self.mix.trusting, hard=self.mix.hard, leads=leads
        )
        self.by_key[key] = door
        self.doors.append(door)

    def _backup(self) -> Any:
        return [server.backup() for server in self.servers]

    def new_run(self) -> None:
        super().new_run()
        self.servers[ROOM].begin(self.runs)

    def act_of_staff(self) -> None:
        if self.rules.acts_on_second_disk:
            self.backup(self.doors[0])

    # People.

    def enter(self, door: Any) -> None:
        random = self.random.random
        if min(door.books[hall].account.free for hall in door.halls) < 1 and random() < 0.7:
            door = self.doors[int(random() * len(self.doors))]
        badge, uid = int(random() * self.mix.people), self.new_uid()
        if door.enter(badge, uid, self.now, torn=random() < 0.1):
            for hall in door.halls:
                self.truths[hall].enter(uid, badge, door.books[hall], self.now)
            self._check(door)
        elif self.mix.denials and not door.destroyed:
            door.refuse(badge, uid, self.now)

    def exit(self, door: Any) -> None:
        inside = self.truths[self.random.choice(HALLS)].inside
        if inside:
            badge, by = list(inside.values())[int(self.random.random() * len(inside))]
            if self.random.random() < 0.4:
                door = self.by_key[by]
            self.leave(door, badge)

    def leave(self, door: Any, badge: int) -> None:
        if not door.destroyed:
            offline = not door.up or self.random.random() < 0.2
            with_stay = {
                hall for hall in door.halls if door.books[hall].presence(badge) is not None
            }
            records = door.leave(badge, self.new_uid(), self.now, offline=offline)
            if with_stay - {hall for hall, record in records if record.closes is not None}:
                raise ViolationError("somebody left a hall, and counts in it still")
            for hall, record in records:
                self.truths[hall].leave(record, door.books[hall], self.now)
            self._check(door)

    def move(self, door: Any) -> None:
        """A person goes to a hall elsewhere, from the room or from the outer hall, where they may
        be by another entry.
        """
        inside = self.truths[self.random.choice(HALLS)].inside
        if inside:
            uid = list(inside)[int(self.random.random() * len(inside))]
            badge = inside[uid][0]
            alone = badge not in self.truth.shared
            for truth in self.truths:
                for other, (of, _) in list(truth.inside.items()):
                    if other == uid or (alone and of == badge):
                        truth.move(other)
            self._enter_elsewhere(badge)

    def copy(self, door: Any) -> None:
        """A copied badge opens another hall. No one leaves."""
        inside = self.truths[self.random.choice(HALLS)].inside
        if inside:
            badge, _ = list(inside.values())[int(self.random.random() * len(inside))]
            self.truth.shared.add(badge)
            self._enter_elsewhere(badge)

    def hear_elsewhere(self, door: Any) -> None:
        if self.server.away_seen < len(self.elsewhere):
            heard = self.elsewhere[self.server.away_seen]
            for server in self.servers:
                server.entered_elsewhere(heard)

    # Messages.

    def relocate(self, door: Any) -> None:
        """A supervisor carries the kiosk to another door."""
        if not door.destroyed:
            door.leads = self.random.choice(list(LEADS))

    def grant(self, door: Any) -> None:
        before = [self._granted(door, hall) for hall in HALLS]
        self._order(door, lambda server: server.grant(door.key, self.random.randint(1, 6)))
        for hall in HALLS:
            self.truths[hall].granted(door.key, before[hall], self._granted(door, hall))

    def _granted(self, door: Any, hall: int) -> int:
        held = self.servers[hall].pool.kiosks.get(door.key)
        return 0 if held is None else held.granted

    def recall(self, door: Any) -> None:
        self._order(door, lambda server: server.recall(door.key, self.random.randint(1, 6)))

    def _order(self, door: Any, make: Callable[[ModelServer], Ordered]) -> None:
        for hall in HALLS:
            if self.known(door) and self.random.random() < 0.7:
                self.send(Sent(door.key, order=make(self.servers[hall]), hall=hall))

    def rest(self, door: Any) -> None:
        if not door.destroyed and not door.forked:
            for book in door.books:
                book.account = book.account.rest()

    def hand_over(self, message: Any, door: Any) -> None:
        if message.batches:
            self.send(self.receive(message))
        elif message.answers:
            door.take(message.answers)
            self._check(door)
        elif message.order is not None:
            door.books[message.hall].obey(message.order.order)
            self._check(door)

    def receive(self, sent: Any) -> Any:
        """Receive a batch in one transaction: a fork, or evidence of a put-back database, counts
        for both halls.
        """
        knows = self._know_better(sent)
        before = self.server.pool.incarnation
        if any(
            server.hears(batch) and server.shows_more(batch)
            for server, batch in zip(self.servers, sent.batches, strict=True)
        ):
            incarnation = self.new_incarnation()
            for server in self.servers:
                server.become(incarnation)
        undo = self._backup() if self.mix.counted else None
        news = [[len(changes) for changes in _news(server)] for server in self.servers]
        answers = [
            server.receive(batch) for server, batch in zip(self.servers, sent.batches, strict=True)
        ]
        if answers[ROOM] is None or answers[AROUND] is None:
            if answers != [None, None]:
                raise ViolationError("one hall's ledger took what the other's did not")
            return None
        if knows:
            self._see_again(before)
        forks = [answer is not None and answer.fork for answer in answers]
        if any(forks):
            if not self.by_key[sent.key].rolled_back:
                raise ViolationError(f"door {sent.key} was never rolled back: the server errs")
            self._undo(undo, news, sent.key)
            self.act_of_staff()
            answers = [answer and answer._replace(fork=True) for answer in answers]
        return Sent(sent.key, answers=tuple(answer for answer in answers if answer is not None))

    def _know_better(self, sent: Any) -> bool:
        return any(
            self.knows_better(sent.batches[hall], self.servers[hall], self.all_cuts[hall])
            for hall in HALLS
        )

    def _see_again(self, before: int) -> None:
        """A door with newer knowledge than a put-back server was heard."""
        for truth in self.truths:
            truth.blind = False
        if self.server.pool.incarnation == before:
            raise ViolationError("a door that knew better was heard, and the server went on")

    def _undo(self, undo: Any, news: list[list[int]], key: KioskKey) -> None:
        for hall, server in enumerate(self.servers):
            for name, value in (undo[hall] if undo else {}).items():
                setattr(server, name, value)
            for changes, count in zip(_news(server), news[hall], strict=True):
                del changes[count:]
            server.fence(key)

    # Faults.

    def crash(self, door: Any) -> None:
        if self.random.random() < 0.5:
            for book in door.books:
                book.crash()
        else:
            for server in self.servers:
                server.crash()
            self.new_run()
        self.net[:] = [message for message in self.net if self.random.random() < 0.5]

    def capacity(self, door: Any) -> None:
        hall = self.random.choice(HALLS)
        server = self.servers[hall]
        server.pool = server.pool.resized(self.random.randint(1, self.mix.capacity_max))
        self.truths[hall].capacity_changed(server.pool)
        self.act_of_staff()

    def fence(self, door: Any) -> None:
        if self.known(door):
            for server in self.servers:
                server.fence(door.key)
            if self.random.random() < 0.7:
                self.replace(door)
            self.act_of_staff()

    def replace(self, door: Any) -> None:
        if len(self.doors) < DOORS_MAX and self.known(door):
            self.enrol(door.key[0])
            self.act_of_staff()

    def destroy(self, door: Any) -> None:
        if self.random.random() < 0.3:
            door.set(destroyed=True, stopped=True)

    def attest(self, door: Any) -> None:
        """An attestation is per hall. People who left the outer hall have left the room too."""
        held = self.server.pool.kiosks.get(door.key)
        if held is None or not held.fenced or door.forked:
            return
        door.set(stopped=True)
        here = {
            uid for hall in HALLS for uid in unseen(self.truths[hall], self.servers[hall], door.key)
        }
        for uid in sorted(here):
            if self.random.random() < 0.3:
                for truth in self.truths:
                    if uid in truth.inside:
                        truth.sweep(uid)
        self.sign(door)
        self.act_of_staff()

    def sign(self, door: Any) -> None:
        for hall in HALLS:
            sign_hall(self.servers[hall], self.truths[hall], door.books[hall])

    def backup(self, door: Any) -> None:
        self.saved, self.saved_blind = self._backup(), self.truth.blind

    def restore(self, door: Any) -> None:
        was_put_back = self.incarnation > self.saved[AROUND]["pool"].incarnation
        if self.rules.fresh_incarnation:
            self.new_incarnation()
        else:
            self.incarnation = self.saved[AROUND]["pool"].incarnation + 1
        for hall in HALLS:
            self.truths[hall].was_restored(self.servers[hall])
            self.servers[hall].restore(
                self.saved[hall], self.incarnation, was_put_back=was_put_back
            )
            if self.saved_blind and not was_put_back:
                self.truths[hall].restored_unaware(self.saved[hall]["pool"])
            self.truths[hall].blind = False
        self.new_run()

    def put_back(self, door: Any) -> None:
        for hall in HALLS:
            self.truths[hall].was_restored(self.servers[hall])
            self.servers[hall].put_back(self.saved[hall])
            self.truths[hall].was_put_back(self.servers[hall].pool)
            self.all_cuts[hall].append(self.servers[hall].progress)
        self.new_run()

    def image(self, door: Any) -> None:
        door.images = [*door.images[-2:], [book.image() for book in door.books]]

    def roll_back(self, door: Any) -> None:
        if door.images and not door.destroyed and not door.forked:
            images = door.images[int(self.random.random() * len(door.images))]
            for hall in HALLS:
                self.truths[hall].roll_back(door.books[hall].roll_back(images[hall]))

    def server_clock(self, door: Any) -> None:
        super().server_clock(door)
        room = self.servers[ROOM]
        room.clock_ms, room.epoch = self.server.clock_ms, self.server.epoch

    def clock(self, door: Any) -> None:
        jump = self.random.choice((-1, 1)) * self.random.randint(1, 120) * MINUTE_MS
        for book in door.books:
            book.sure = False
            book.clock_ms += jump


def _news(server: ModelServer) -> tuple[list[Any], ...]:
    """Changes that the checkers have not processed yet."""
    return server.freed, server.inferred, server.meant


# When all is quiet: both sides agree in each hall, and then all leave.


def drain(world: NestedWorld) -> None:
    """End all faults, and exchange until nothing changes."""
    world.net.clear()
    for door in world.doors:
        door.up = True
    for _ in range(ROUNDS_MAX):
        before = _figures(world)
        while world.server.away_seen < len(world.elsewhere):
            world.hear_elsewhere(world.doors[0])
        for door in world.doors:
            _exchange(world, door)
        world.check_halls()
        if _figures(world) == before:
            return
    raise ViolationError("doors and server come to no rest")


def _exchange(world: NestedWorld, door: ModelNestedDoor) -> None:
    if door.destroyed or door.forked or not world.known(door):
        return
    sent: Sent | None = world.receive(door.offer(1_000))
    if sent is not None:
        door.take(sent.answers)
    if door.forked and not world.server.pool.kiosks[door.key].fenced:
        for server in world.servers:
            server.fence(door.key)


def _figures(world: NestedWorld) -> list[object]:
    books = [book for door in world.doors for book in door.books]
    doors = [(b.account, b.acked, b.cursor, b.view, b.wants_snapshot) for b in books]
    return [[s.pool for s in world.servers], world.server.away_seen, *doors]


def settle(world: NestedWorld) -> None:
    """Drain, and attest kiosks whose own word does not end the server's wait."""
    drain(world)
    for door in world.doors:
        lost = (door.destroyed or door.forked) and world.known(door)
        if lost:
            for server in world.servers:
                server.fence(door.key)
        if any(door.key in server.pool.awaited & server.stopped for server in world.servers):
            door.set(stopped=True)
            world.sign(door)
    world.check_halls()
    drain(world)


def check_quiet_halls(world: NestedWorld) -> None:
    """Both sides agree in each hall, and no place of either is lost."""
    settle(world)
    for hall in HALLS:
        _agree(_view(world, hall))
    if any(door.rolled_back for door in world.doors) or world.truth.blind:
        return
    for hall in HALLS:
        _presence(_view(world, hall))
    live = [d for d in world.doors if not d.destroyed and not d.forked and world.known(d)]
    live = [door for door in live if door.key not in world.server.stopped]
    if not live:
        return
    # People inside by two pools may leave by the other one first, and then once more.
    for hall in HALLS * world.leave_rounds:
        _all_leave(world, live, hall)
    for hall in HALLS:
        view = _view(world, hall)
        for door in live:
            door.books[hall].obey(view.server.recall(door.key, RECALL_ALL).order)
    drain(world)
    for hall in HALLS:
        view = _view(world, hall)
        lost = view.server.pool.worst_case - _stranded(view)
        if lost:
            raise ViolationError(f"all have left, and {lost} {world.names[hall]} are lost")


def _all_leave(world: NestedWorld, live: list[ModelNestedDoor], hall: int) -> None:
    """People in the room leave to the street, and so the outer hall too; then the others leave by
    its own doors.
    """
    server = world.servers[hall]
    for badge, stays in [*server.open.items(), *server.counted_stays.items()]:
        for _ in stays:
            door = live[badge % len(live)]
            door.leads = "street" if hall == ROOM else "hall"
            world.leave(door, badge)
            drain(world)


def _view(world: NestedWorld, hall: int) -> Any:
    """One hall in the form of a flat day."""
    return View(world, hall)
