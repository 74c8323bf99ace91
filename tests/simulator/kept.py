"""Days on which a hall keeps places for wheelchair users and companions, releases them and keeps
them again, while doors are away.

An entry uses a place of one pool, by the production rule. People inside count together against the
capacity.
"""

from typing import Any

from msgspec.structs import replace

from badges.admission.facts import Hall, Holder, Outer
from badges.admission.kept import serving
from badges.places.pool import Pool
from badges.record import PlaceKind
from tests.simulator.checkers import ViolationError, overstated, slack_of
from tests.simulator.messages import Record
from tests.simulator.nested import HALLS, NestedWorld
from tests.simulator.rules import Rules
from tests.simulator.two_pools import TwoPoolDoor, TwoPoolWorld

KEPT_PLACES = "kept places"
ORDINARY, KEPT = HALLS
BOOK = {PlaceKind.ORDINARY: ORDINARY, PlaceKind.ACCESSIBLE: KEPT}
NOBODY = Pool(0)  # of override places: no supervisor acts on these days
ALWAYS = ((0, 2**53),)


class KeptDoor(TwoPoolDoor):
    """A kiosk with two books: for ordinary and for kept places."""

    def admit(
        self, badge: int, uid: int, now: int, *, accessible: bool, released: bool
    ) -> int | None:
        """Admit the holder, and return the book of the place; None if the door stays shut."""
        if self.stopped or self.forked:
            return None
        if self.hard and any(book.refuses(badge) for book in self.books):
            return None
        hall = Hall(1, "", keeps_places=True, released=ALWAYS if released else ())
        free = [book.account.free for book in self.books]
        holder = Holder(accessible=accessible or not self.rules.keeps_for_some)
        kinds = serving(Outer(hall, None, *free), holder, now)
        if not kinds:
            return None
        used = BOOK[kinds[0]]
        if self.books[used].enter(badge, uid, now) is None:
            return None
        self.books[1 - used].refuse(badge, uid, now)
        return used

    def leave(self, badge: int, uid: int, now: int, *, offline: bool) -> list[tuple[int, Record]]:
        before = [book.account.credited for book in self.books]
        ((mine, record),) = super().leave(badge, uid, now, offline=offline)
        book, other = self.books[mine], self.books[1 - mine]
        if not self.rules.credits_own_pool and book.account.credited > before[mine]:
            book.account = replace(book.account, credited=before[mine])
            other.account = other.account.credit()
        return [(mine, record)]


class KeptWorld(TwoPoolWorld):
    door_type = KeptDoor
    names = ("ordinary places", "kept places")

    def __init__(self, seed: int, rules: Rules, theme: str | None = None) -> None:
        super().__init__(seed, rules, theme)
        self.capacity_now = self.mix.capacity
        self.kept = self.random.choice((1, 2, self.mix.capacity, self.mix.capacity + 2))
        self.accessible = self.random.choice((2, 3, 5))  # one badge in so many
        self.is_released = False
        self.untouched = True  # neither released nor resized yet
        self.limit = self.capacity_now  # B of the hall
        self.over = -self.capacity_now
        self.forgotten = 0  # grants of both pools that a server that was put back may repeat
        self.again = 0  # of these, out of the other pool
        for hall in HALLS:
            self.truths[hall].limit = 0
        self._limit()

    def _steps(self) -> Any:
        weight = self.random.choice((0, 2, 6))
        return [*super(NestedWorld, self)._steps(), *[("release", self.release)] * weight]

    def _limit(self) -> None:
        """Limit each pool by the other, as the server does before it grants."""
        pools = [server.pool for server in self.servers]
        limited = self.rules.within_limit(
            pools[ORDINARY].resized(self.capacity_now),
            NOBODY,
            pools[KEPT],
            kept=0 if self.is_released else self.kept,
            fire_limit=self.capacity_now,
        )
        adjusted = {ORDINARY: limited.ordinary, KEPT: limited.accessible}
        for hall in HALLS:
            self.servers[hall].pool = adjusted[hall]
            self.truths[hall].capacity_changed(adjusted[hall])

    # People.

    def enter(self, door: Any) -> None:
        random = self.random.random
        if max(book.account.free for book in door.books) < 1 and random() < 0.7:
            door = self.doors[int(random() * len(self.doors))]
        badge, uid = int(random() * self.mix.people), self.new_uid()
        entitled = badge % self.accessible == 0
        accessible = entitled and random() < 0.9  # a door may not have heard of it
        # Doors know the programme, and use their own clocks.
        by_clock = self.is_released if not door.clock_ms else random() < 0.5
        used = door.admit(badge, uid, self.now, accessible=accessible, released=by_clock)
        if used is not None:
            self._entered(door, badge, uid, used)
            if used == KEPT and not entitled and not by_clock:
                raise ViolationError("a kept place was used by somebody else")
        elif self.mix.denials and not door.destroyed:
            door.refuse(badge, uid, self.now)

    # The server.

    def release(self, door: Any) -> None:
        """A session is about to start, or is over and the next one's places are kept."""
        self.is_released = not self.is_released
        self.untouched = False
        self._limit()

    def grant(self, door: Any) -> None:
        """Grant places. After the database was put back, one pool's forgotten places may be granted
        from the other.

        That is within the documented bound for all places of the hall.
        """
        self._limit()
        truths = self.truths
        before = [sum(self._granted(door, h) for h in HALLS), sum(t.rolled for t in truths)]
        super().grant(door)
        if self.truth.blind:
            given = sum(self._granted(door, hall) for hall in HALLS) - before[0]
            again = min(given, self.forgotten)
            self.forgotten -= again
            self.again += max(0, again - (sum(truth.rolled for truth in truths) - before[1]))

    def put_back(self, door: Any) -> None:
        super().put_back(door)
        self.forgotten = sum(truth.forgotten for truth in self.truths)

    def hand_over(self, message: Any, door: Any) -> None:
        if message.order is not None and not self.rules.tells_pool:
            message = message._replace(hall=ORDINARY)
        super().hand_over(message, door)

    def capacity(self, door: Any) -> None:
        """The organiser changes the capacity, or the number of kept places."""
        if self.random.random() < 0.5:
            self.capacity_now = self.random.randint(1, self.mix.capacity_max)
            self.limit = max(self.limit, self.capacity_now)
        else:
            self.kept = self.random.randint(0, self.capacity_now)
        self.untouched = False
        self._limit()
        self.act_of_staff()

    def restore(self, door: Any) -> None:
        super().restore(door)
        if not self.rules.awaits_in_all_pools:
            kept = self.servers[KEPT]
            kept.pool = replace(kept.pool, awaited=frozenset())

    # Invariants of both pools together.

    def check_halls(self) -> None:
        super().check_halls()
        truths, pools = self.truths, [server.pool for server in self.servers]
        inside = [uid for truth in truths for uid in truth.inside]
        stayed = {uid for truth in truths if truth.inferred for uid in truth.after_move}
        people = len(inside) - len(stayed.intersection(inside))
        slack = self.again + sum(slack_of(truth) for truth in truths)
        self.over = max(self.over, len(inside) - self.limit)
        if people > self.limit + slack:
            raise ViolationError(f"{people} inside the hall; at most {self.limit} + {slack} may be")
        self._check_kept(slack)
        if any(pool.awaited for pool in pools) or self.truth.blind:
            return
        worst = sum(pool.worst_case for pool in pools)
        if worst <= self.capacity_now:
            self.limit = self.capacity_now
        elif all(truths[hall].has_all(self.servers[hall]) for hall in HALLS):
            again = sum(truths[hall].forgotten_by(self.servers[hall]) for hall in HALLS)
            more = slack + again + sum(overstated(pool) for pool in pools)
            if worst > self.limit + more:
                raise ViolationError(f"worst case {worst} of both pools, at most {self.limit}")
            self.limit = min(self.limit, worst)

    def _check_kept(self, slack: int) -> None:
        """Until places are released or resized, the others use at most the places that are not
        kept.
        """
        if not self.untouched:
            return
        ordinary = self.truths[ORDINARY]
        others = len(ordinary.inside.keys() - ordinary.after_move)
        if others > max(0, self.capacity_now - self.kept) + slack:
            raise ViolationError(f"{others} on ordinary places, and {self.kept} should be kept")
