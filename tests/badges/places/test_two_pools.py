"""A hall's two pools under one fire limit, whatever the order of grants, uses and capacities."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from badges.places.account import Account
from badges.places.pool import Pool, within_limit

KIOSKS = (("a", 1), ("b", 1))
LIMIT = 9
KIOSK = st.sampled_from(KIOSKS)
KIND = st.sampled_from(["ordinary", "override"])


class TwoPools(RuleBasedStateMachine):
    """The server's two pools and two doors. Doors hear of everything, late; capacity changes."""

    def __init__(self) -> None:
        super().__init__()
        pool = Pool(0)
        for kiosk in KIOSKS:
            pool = pool.enrol(kiosk)
        self.pools = {"ordinary": pool, "override": pool}
        self.doors = {(kind, kiosk): Account() for kind in self.pools for kiosk in KIOSKS}
        self.inside = {"ordinary": 0, "override": 0}
        self.seen = dict.fromkeys(self.doors, 0)
        self.largest = 0  # capacity in force while anybody was granted a place

    @initialize(capacity=st.integers(0, LIMIT))
    def begin(self, capacity: int) -> None:
        self.resize(capacity)

    @rule(capacity=st.integers(0, LIMIT))
    def resize(self, capacity: int) -> None:
        self.capacity = capacity
        self.pools["ordinary"] = self.pools["ordinary"].resized(capacity)
        self.pools["override"] = self.pools["override"].resized(LIMIT - capacity)

    @rule(kind=KIND, kiosk=KIOSK, count=st.integers(1, LIMIT))
    def grant(self, kind: str, kiosk, count: int) -> None:
        ordinary, override = within_limit(self.pools["ordinary"], self.pools["override"], LIMIT)
        limited = {"ordinary": ordinary, "override": override}[kind].grant(kiosk, count)
        self.pools[kind] = limited.resized(self.pools[kind].capacity)
        if kind == "ordinary":
            self.largest = max(self.largest, self.capacity)

    @rule(kind=KIND, kiosk=KIOSK, recall=st.integers(0, LIMIT))
    def obey(self, kind: str, kiosk, recall: int) -> None:
        order = self.pools[kind].order(kiosk, recall)
        self.doors[kind, kiosk] = self.doors[kind, kiosk].obey(order)

    @rule(kind=KIND, kiosk=KIOSK)
    def enter(self, kind: str, kiosk) -> None:
        if self.doors[kind, kiosk].free > 0:
            self.doors[kind, kiosk] = self.doors[kind, kiosk].enter()
            self.inside[kind] += 1

    @rule(kind=KIND, kiosk=KIOSK)
    def sync(self, kind: str, kiosk) -> None:
        account = self.doors[kind, kiosk]
        pool = self.pools[kind].hear(kiosk, granted=account.granted, incarnation=1)
        for _ in range(account.entries - self.seen[kind, kiosk]):
            pool = pool.open_stay(kiosk, gone=False)
        self.seen[kind, kiosk] = account.entries
        self.pools[kind] = pool.hear_returned(kiosk, account.returned, incarnation=1)

    @rule(kind=KIND)
    def leave(self, kind: str) -> None:
        if self.pools[kind].open_stays:
            self.pools[kind] = self.pools[kind].close_stay()
            self.inside[kind] -= 1

    @invariant()
    def the_limit_holds(self) -> None:
        ordinary, override = self.pools["ordinary"], self.pools["override"]
        assert ordinary.worst_case + override.worst_case <= LIMIT
        assert sum(self.inside.values()) <= LIMIT
        assert self.inside["ordinary"] <= self.largest


TwoPools.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestTwoPools = TwoPools.TestCase


def test_what_each_leaves_of_the_limit() -> None:
    """Six of capacity 6 are out; lowered to 2, the override pool may not have seven."""
    ordinary = Pool(6).enrol(("a", 1)).grant(("a", 1), 6).resized(2)
    lowered, beyond = within_limit(ordinary, Pool(7), 9)
    assert (lowered.free, beyond.free) == (-4, 3)


def test_a_raised_capacity_waits_for_override_places() -> None:
    override = Pool(3).enrol(("a", 1)).grant(("a", 1), 3).resized(0)
    raised, beyond = within_limit(Pool(9), override, 9)
    assert (raised.free, beyond.free) == (6, -3)
