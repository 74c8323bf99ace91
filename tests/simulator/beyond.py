"""Days on which supervisors admit people beyond a hall's capacity, on override places.

An automatic admission may bring their number above the capacity by at most the
overrides that a door with places has not confirmed (docs/design/places.md, rule 11).
"""

from typing import Any

from badges.places.pool import KioskKey, Pool
from tests.simulator.checkers import ViolationError, overstated, slack_of
from tests.simulator.messages import OPENED, Answer
from tests.simulator.nested import HALLS, NestedWorld
from tests.simulator.rules import Rules
from tests.simulator.server_side import OPEN
from tests.simulator.two_pools import TwoPoolDoor, TwoPoolWorld

OVERRIDES = "override places"
ORDINARY, BEYOND = HALLS
NOBODY = Pool(0)  # of kept places


class BeyondDoor(TwoPoolDoor):
    """A kiosk with two books: for ordinary and for override places."""

    def __init__(self, key: KioskKey, rules: Rules, *, trusting: bool, hard: bool) -> None:
        super().__init__(key, rules, trusting=trusting, hard=hard)
        self.books[ORDINARY].is_owed = self.is_owed
        self.confirmed: set[int] = set()  # known entries on override places
        self._confirmed_in = -1, 0  # incarnation and position of the confirmed feed

    def is_owed(self) -> bool:
        """Whether, as far as known here, a person is inside on an override place."""
        book = self.books[BEYOND]
        others = (stay for stays in book.known.values() for stay in stays if stay not in book.named)
        return any(book.own.values()) or any(others)

    def admit(self, badge: int, uid: int, now: int, *, override: bool) -> int | None:
        """Admit the holder, and return the book of the place; None if the door stays shut."""
        if self.stopped or self.forked:
            return None
        if self.hard and not override and any(book.refuses(badge) for book in self.books):
            return None
        for used in HALLS if override else (ORDINARY,):
            if self.books[used].enter(badge, uid, now) is not None:
                self.books[1 - used].refuse(badge, uid, now)
                return used
        return None

    def take(self, answers: tuple[Answer, ...]) -> None:
        super().take(answers)
        answer = answers[BEYOND]
        if answer.order is None or answer.incarnation < self.account.incarnation or self.forked:
            return
        incarnation, cursor = self._confirmed_in
        if incarnation != answer.incarnation:
            self.confirmed, cursor = set(), 0
        new = answer.feed[cursor : answer.cursor]
        self.confirmed |= {
            change.stay.uid for change in new if change.what == OPENED and change.stay
        }
        self._confirmed_in = answer.incarnation, max(cursor, answer.cursor)


class BeyondWorld(TwoPoolWorld):
    door_type = BeyondDoor
    names = ("places of the capacity", "override places")

    def __init__(self, seed: int, rules: Rules, theme: str | None = None) -> None:
        super().__init__(seed, rules, theme)
        self.capacity_now = self.mix.capacity
        self.fire_limit = self.mix.capacity + self.random.choice((1, 2, 4))
        self.limit = self.capacity_now  # B of the hall
        self.beyond: int | None = None  # the most people above B by an automatic admission
        for truth in self.truths:
            truth.limit = 0
        self._limit()

    def _steps(self) -> Any:
        weight = self.random.choice((4, 12, 30))
        return [*super(NestedWorld, self)._steps(), *[("override", self.override)] * weight]

    def _limit(self) -> None:
        """Limit each pool by the other, as the server does before it grants."""
        pools = [server.pool for server in self.servers]
        limited = self.rules.within_limit(
            pools[ORDINARY].resized(self.capacity_now),
            pools[BEYOND].resized(self.fire_limit - self.capacity_now),
            NOBODY,
            kept=0,
            fire_limit=self.fire_limit,
        )
        for hall, pool in zip(HALLS, limited[:2], strict=True):
            self.servers[hall].pool = pool
            self.truths[hall].capacity_changed(pool)

    # People.

    def enter(self, door: Any) -> None:
        random = self.random.random
        if door.books[ORDINARY].account.free < 1 and random() < 0.7:
            door = self.doors[int(random() * len(self.doors))]
        self._admit(door, override=False)

    def override(self, door: Any) -> None:
        """A supervisor admits a person, on an override place if no ordinary one is free."""
        self._admit(door, override=True)

    def _admit(self, door: Any, *, override: bool) -> None:
        badge, uid = int(self.random.random() * self.mix.people), self.new_uid()
        used = door.admit(badge, uid, self.now, override=override)
        if used is not None:
            self._entered(door, badge, uid, used)
            if not override:
                self._check_admission(door)
        elif self.mix.denials and not door.destroyed:
            door.refuse(badge, uid, self.now)

    # The server.

    def grant(self, door: Any) -> None:
        self._limit()
        super().grant(door)

    def receive(self, sent: Any) -> Any:
        """Recall from each door the places that people beyond the capacity need."""
        answered = super().receive(sent)
        self._limit()
        held = self.servers[ORDINARY].pool.kiosks.get(sent.key)
        if answered is None or held is None or not self.rules.calls_back_owed:
            return answered
        ordinary, beyond = answered.answers
        pool = self.servers[ORDINARY].pool
        if ordinary.order is not None and self.rules.orders_are_totals and pool.free < 0:
            order = pool.order(sent.key, min(held.held, -pool.free))
            ordinary = ordinary._replace(order=order)
        return answered._replace(answers=(ordinary, beyond))

    def capacity(self, door: Any) -> None:
        """The organiser changes the capacity, up to the fire limit."""
        self.capacity_now = self.random.randint(1, self.fire_limit)
        self.limit = max(self.limit, self.capacity_now)
        self._limit()
        self.act_of_staff()

    # Invariants of both pools together.

    def check_halls(self) -> None:
        super().check_halls()
        people, slack = self._people(), sum(slack_of(truth) for truth in self.truths)
        if people > self.fire_limit + slack and not self.all_cuts[BEYOND]:
            raise ViolationError(f"{people} inside, and the fire limit is {self.fire_limit}")
        pools = [server.pool for server in self.servers]
        if any(pool.awaited for pool in pools):
            return
        worst = pools[ORDINARY].worst_case + pools[BEYOND].open_stays
        if worst <= self.capacity_now:
            self.limit = self.capacity_now
        elif all(truth.has_all(server) for truth, server in self._sides()):
            self.limit = min(self.limit, worst)

    def _check_admission(self, by: Any) -> None:
        """Check an automatic admission by that door."""
        if self.all_cuts[BEYOND] or any(door.rolled_back for door in self.doors):
            return
        slack = sum(slack_of(truth) for truth in self.truths)
        slack += sum(
            overstated(server.pool) + truth.forgotten_by(server) for truth, server in self._sides()
        )
        people, unconfirmed = self._people(), self._unconfirmed(by)
        if unconfirmed:
            self.beyond = max(people - self.limit, self.beyond or 0)
        if people > self.limit + unconfirmed + slack:
            raise ViolationError(
                f"{people} inside by an automatic admission; at most {self.limit} + {slack}, and"
                f" {unconfirmed} overrides are not confirmed"
            )

    def _sides(self) -> Any:
        return zip(self.truths, self.servers, strict=True)

    def _people(self) -> int:
        stayed = {uid for truth in self.truths if truth.inferred for uid in truth.after_move}
        return sum(len(truth.inside.keys() - stayed) for truth in self.truths)

    def _unconfirmed(self, by: Any) -> int:
        """The people inside on override places that the server or a door with places does not
        know.
        """
        pool = self.servers[ORDINARY].pool
        stays = self.servers[BEYOND].stays
        at_server = {stay.uid for stay, state in stays.items() if state == OPEN}
        with_places = [
            door
            for door in self.doors
            if door is by
            or door.books[ORDINARY].account.free > 0
            or door.key in pool.awaited
            or door.key not in pool.kiosks
            or pool.kiosks[door.key].held > 0
        ]
        return sum(
            uid not in at_server or any(uid not in door.confirmed for door in with_places)
            for uid in self.truths[BEYOND].inside
        )
