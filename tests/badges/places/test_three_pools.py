"""A hall's three pools under its capacity and its fire limit, in any order of grants, uses,
capacities and releases.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from badges.places.account import Account
from badges.places.pool import Held, Limited, Pool, within_limit
from badges.record import PlaceKind

KIOSKS = (("a", 1), ("b", 1))
LIMIT = 9
KIOSK = st.sampled_from(KIOSKS)
KIND = st.sampled_from(list(PlaceKind))
ORDINARY, OVERRIDE, ACCESSIBLE = PlaceKind


class ThreePools(RuleBasedStateMachine):
    """Plays the server's pools and two doors. Doors hear of everything late. The capacity changes,
    and kept places are released and kept again.
    """

    def __init__(self) -> None:
        super().__init__()
        pool = Pool(0)
        for kiosk in KIOSKS:
            pool = pool.enrol(kiosk)
        self.pools = dict.fromkeys(PlaceKind, pool)
        self.doors = {(kind, kiosk): Account() for kind in PlaceKind for kiosk in KIOSKS}
        self.inside = dict.fromkeys(PlaceKind, 0)
        self.seen = dict.fromkeys(self.doors, 0)
        self.largest = 0  # capacity at any grant
        self.untouched = True  # the capacity and the number of kept places have not changed yet

    @initialize(capacity=st.integers(0, LIMIT), kept=st.integers(0, LIMIT))
    def begin(self, capacity: int, kept: int) -> None:
        self.kept = self.kept_at_first = kept
        self.capacity_at_first = capacity
        self._size(capacity)

    @rule(capacity=st.integers(0, LIMIT))
    def resize(self, capacity: int) -> None:
        self.untouched = False
        self._size(capacity)

    @rule(kept=st.integers(0, LIMIT))
    def release_or_keep(self, kept: int) -> None:
        self.untouched = False
        self.kept = kept

    def _size(self, capacity: int) -> None:
        self.capacity = capacity
        self.pools[ORDINARY] = self.pools[ORDINARY].resized(capacity)
        self.pools[OVERRIDE] = self.pools[OVERRIDE].resized(LIMIT - capacity)

    def limited(self) -> Limited:
        return within_limit(*self.pools.values(), kept=self.kept, fire_limit=LIMIT)

    @rule(kind=KIND, kiosk=KIOSK, count=st.integers(1, LIMIT))
    def grant(self, kind: PlaceKind, kiosk, count: int) -> None:
        self._grant(self.limited(), kind, kiosk, count)
        if kind is not OVERRIDE:
            self.largest = max(self.largest, self.capacity)

    @rule(kiosk=KIOSK, other=KIOSK, counts=st.tuples(*[st.integers(0, LIMIT)] * 3))
    def share(self, kiosk, other, counts: tuple[int, ...]) -> None:
        """As the server does it: each pool's limit is computed once, and then all grant."""
        limited = self.limited()
        for kind, to, count in zip(PlaceKind, (kiosk, other, kiosk), counts, strict=True):
            self._grant(limited, kind, to, count)
        self.largest = max(self.largest, self.capacity)

    def _grant(self, limited: Limited, kind: PlaceKind, kiosk, count: int) -> None:
        before = self.pools[kind]
        granted = limited.of(kind).grant(kiosk, count).resized(before.capacity)
        self.pools[kind] = granted
        if kind is not OVERRIDE and granted != before:
            assert self.with_those_beyond() <= self.capacity

    def with_those_beyond(self) -> int:
        """The allowed number of people on ordinary and kept places, and those on override
        places.
        """
        ordinary, override, accessible = self.pools.values()
        return ordinary.worst_case + accessible.worst_case + override.open_stays

    @rule(kind=KIND, kiosk=KIOSK, recall=st.integers(0, LIMIT))
    def obey(self, kind: PlaceKind, kiosk, recall: int) -> None:
        order = self.pools[kind].order(kiosk, recall)
        self.doors[kind, kiosk] = self.doors[kind, kiosk].obey(order)

    @rule(kind=KIND, kiosk=KIOSK)
    def enter(self, kind: PlaceKind, kiosk) -> None:
        if self.doors[kind, kiosk].free > 0:
            self.doors[kind, kiosk] = self.doors[kind, kiosk].enter()
            self.inside[kind] += 1

    @rule(kind=KIND, kiosk=KIOSK)
    def sync(self, kind: PlaceKind, kiosk) -> None:
        account = self.doors[kind, kiosk]
        pool = self.pools[kind].hear(kiosk, granted=account.granted, incarnation=1)
        for _ in range(account.entries - self.seen[kind, kiosk]):
            pool = pool.open_stay(kiosk, gone=False)
        self.seen[kind, kiosk] = account.entries
        self.pools[kind] = pool.hear_returned(kiosk, account.returned)

    @rule(kind=KIND)
    def leave(self, kind: PlaceKind) -> None:
        if self.pools[kind].open_stays:
            self.pools[kind] = self.pools[kind].close_stay()
            self.inside[kind] -= 1

    @invariant()
    def the_limit_holds(self) -> None:
        assert sum(pool.worst_case for pool in self.pools.values()) <= LIMIT
        assert sum(self.inside.values()) <= LIMIT

    @invariant()
    def the_capacity_holds(self) -> None:
        assert self.inside[ORDINARY] + self.inside[ACCESSIBLE] <= self.largest

    @invariant()
    def what_is_kept_is_kept(self) -> None:
        if self.largest and self.untouched:
            others = max(0, self.capacity_at_first - self.kept_at_first)
            assert self.pools[ORDINARY].worst_case <= others


# Half as many again as a usual test.
ThreePools.TestCase.settings = settings(
    max_examples=settings().max_examples * 3 // 2, stateful_step_count=40, deadline=None
)
TestThreePools = ThreePools.TestCase


def holding(capacity: int, places: int, open_stays: int = 0) -> Pool:
    """A pool with places out at one door, and people inside."""
    pool = Pool(capacity).enrol(("a", 1)).grant(("a", 1), places + open_stays)
    for _ in range(open_stays):
        pool = pool.open_stay(("a", 1), gone=False)
    return pool


def free(ordinary: Pool, override: Pool, accessible: Pool, kept: int) -> tuple[int, ...]:
    limited = within_limit(ordinary, override, accessible, kept=kept, fire_limit=9)
    return tuple(pool.free for pool in limited)


def test_override_places_count_ordinary_ones_still_out() -> None:
    """Lower a capacity of 6 to 2 while six places are out. The override pool may not have seven."""
    assert free(holding(6, 6).resized(2), Pool(7), Pool(0), kept=0) == (-4, 3, 0)


def test_a_raised_capacity_waits_for_override_places() -> None:
    override = holding(3, 3).resized(0)
    assert free(Pool(9), override, Pool(0), kept=0) == (6, -3, 0)


def test_a_place_that_comes_back_goes_first_to_who_is_inside_beyond_the_capacity() -> None:
    """Three of three are in, and a fourth by override. Its own place serves another person once it
    is a place within the capacity.
    """
    full, beyond = holding(3, 0, open_stays=3), holding(6, 0, open_stays=1)
    assert free(full, beyond, Pool(0), kept=0) == (-1, 5, 0)
    one_left = full.close_stay()
    assert free(one_left, beyond, Pool(0), kept=0) == (0, 6, 0)
    assert free(one_left.close_stay(), beyond, Pool(0), kept=0) == (1, 6, 0)
    assert free(full, beyond.close_stay(), Pool(0), kept=0) == (0, 6, 0)


def test_no_kept_place_is_granted_while_people_are_beyond_the_capacity() -> None:
    beyond = holding(6, 0, open_stays=1)
    assert free(holding(3, 0, open_stays=2), beyond, Pool(1), kept=1) == (-1, 6, 0)
    assert free(holding(3, 0, open_stays=1), beyond, Pool(1), kept=1) == (0, 6, 1)


def test_kept_places_are_a_part_of_the_capacity() -> None:
    assert free(Pool(6), Pool(3), Pool(2), kept=2) == (4, 3, 2)


def test_released_places_are_ordinary_ones_only_after_they_came_back() -> None:
    kept = holding(2, 2)
    assert free(Pool(6), Pool(3), kept, kept=0) == (4, 3, -2), "they are called back first"
    back = kept.hear_returned(("a", 1), 2)
    assert free(Pool(6), Pool(3), back, kept=0) == (6, 3, 0)


def test_who_is_inside_on_a_released_place_is_no_debt() -> None:
    assert free(Pool(6), Pool(3), holding(2, 0, open_stays=1), kept=0) == (5, 3, 0)


def test_places_are_kept_again_as_they_come_free() -> None:
    full = holding(6, 0, open_stays=6)
    assert free(full, Pool(3), Pool(2), kept=2) == (-2, 3, 0)
    assert free(full.close_stay(), Pool(3), Pool(2), kept=2) == (-1, 3, 1)


def test_an_open_stay_whose_place_staff_s_word_gave_back_is_no_room_for_another() -> None:
    """A lost door was attested to have no one inside, and then its entry arrived. It counts."""
    pool = Pool(2, open_stays=1, kiosks={("a", 1): Held(granted=1, handed_over=1, reclaimed=1)})
    assert (pool.open_stays, pool.worst_case) == (1, 1)
    assert free(holding(6, 6), Pool(3), pool, kept=0) == (-1, 2, 0)
