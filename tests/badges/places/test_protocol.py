"""The places protocol: each rule by itself, then any order of messages under Hypothesis.

The whole-day simulator with its mutants is tests/simulator.
"""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from badges.places.account import Account, NoPlaceError, Order, PlacesError, may_credit, may_trust
from badges.places.pool import Pool
from badges.record import StayRef

A = ("door-a", 1)
B = ("door-b", 1)


def test_an_entry_needs_a_place() -> None:
    account = Account().obey(Order(granted=1, recall=0, incarnation=1)).enter()
    assert account.free == 0
    with pytest.raises(NoPlaceError):
        account.enter()


def test_orders_are_totals_so_repeats_and_reordering_are_harmless() -> None:
    first, second = Order(3, 0, 1), Order(5, 0, 1)
    assert Account().obey(second).obey(first).obey(second) == Account().obey(second)


def test_a_recall_takes_free_places_only() -> None:
    account = Account().obey(Order(3, 0, 1)).enter().obey(Order(3, 3, 1))
    assert (account.free, account.returned) == (0, 2)
    assert account.obey(Order(3, 3, 1)) == account


def test_an_order_of_an_earlier_incarnation_is_dropped() -> None:
    account = Account().obey(Order(2, 0, 2))
    assert account.obey(Order(9, 0, 1)) == account


def test_a_fenced_kiosk_returns_its_free_places_and_stops() -> None:
    account = Account().obey(Order(3, 0, 1)).enter().fence()
    assert (account.free, account.returned) == (0, 2)
    with pytest.raises(NoPlaceError):
        account.obey(Order(9, 0, 1)).enter()


@pytest.mark.parametrize(
    ("stay", "offered", "closed", "expected"),
    [
        (StayRef("door-a", 1, 5), 4, False, True),
        (StayRef("door-a", 1, 5), 5, False, False),
        (StayRef("door-a", 1, 5), 4, True, False),
        (StayRef("door-b", 1, 5), 4, False, False),
        (StayRef("door-a", 2, 5), 4, False, False),
        (None, 0, False, False),
    ],
    ids=["own and unoffered", "offered", "closed", "another's", "another generation's", "unnamed"],
)
def test_who_may_credit(stay: StayRef | None, offered: int, closed: bool, expected: bool) -> None:
    decision = may_credit(stay, kiosk="door-a", generation=1, offered=offered, closed=closed)
    assert decision is expected


def pool(capacity: int = 4) -> Pool:
    return Pool(capacity).enrol(A).enrol(B)


def test_the_pool_never_gives_more_than_it_has() -> None:
    given = pool(4).grant(A, 3).grant(B, 3)
    assert (given.kiosks[A].held, given.kiosks[B].held, given.free) == (3, 1, 0)
    assert given.grant(B, 1) == given


def test_a_stay_moves_a_place_to_the_server_and_back() -> None:
    inside = pool().grant(A, 2).open_stay(A, gone=False)
    assert (inside.kiosks[A].held, inside.open_stays, inside.worst_case) == (1, 1, 2)
    assert inside.close_stay().worst_case == 1
    with pytest.raises(PlacesError):
        pool().close_stay()


def test_lowered_capacity_is_a_debt_that_exits_repay() -> None:
    full = pool(2).grant(A, 2).open_stay(A, gone=False)
    lowered = full.resized(1)
    assert lowered.free == -1
    assert lowered.grant(B, 1) == lowered
    assert lowered.close_stay().free == 0


def test_a_fenced_kiosk_stays_counted_until_attested_and_is_not_given_back_twice() -> None:
    fenced = pool(4).grant(A, 3).fence(A)
    assert fenced.worst_case == 3
    attested = fenced.attest(A, 1, seq=0)  # of the three, at most one is inside
    assert attested.worst_case == 1
    heard = attested.hear_returned(A, 2)  # its journal is found after all
    assert heard.worst_case == 1
    with pytest.raises(PlacesError):
        pool().attest(A, 1, seq=0)


A1, A2, A3 = (StayRef(*A, seq) for seq in (1, 2, 3))


def lost() -> Pool:
    """A had five places. One was used by a known entry; of the other four, staff attest that at
    most one is used by a person inside.
    """
    held = pool(9).grant(A, 5).open_stay(A, gone=False)
    return held.fence(A).attest(A, 1, seq=1)


def test_a_place_that_was_attested_does_not_come_back_by_its_exit_too() -> None:
    assert lost().worst_case == 2
    after = lost().open_stay(A, gone=False).open_stay(A, gone=False)
    assert after.worst_case == 3, "three are known to be in, whatever staff saw"
    out = after.close_stay(A2)  # the one that staff did not see
    assert out.worst_case == 2
    assert out.close_stay(A3).worst_case == 2, "nor by the next one's"
    assert out.close_stay(A1).worst_case == 1


def test_a_stay_from_before_the_attestation_gives_its_place_back() -> None:
    assert lost().close_stay(A1).worst_case == 1


def test_once_all_that_was_attested_is_accounted_for_exits_count_again() -> None:
    after = lost()
    for _ in range(4):
        after = after.open_stay(A, gone=False)
    for stay in (A2, A3, StayRef(*A, 4)):
        after = after.close_stay(stay)
    assert after.kiosks[A].reclaimed == 0
    assert after.close_stay(StayRef(*A, 5)).worst_case == after.worst_case - 1


def test_false_returns_of_a_stolen_kiosk_give_nobodys_place_back() -> None:
    """Two people entered by A before the server was restored, and one of them left by another door.
    It is true that at most one is inside.
    """
    restored = pool(2).grant(A, 2).restored(2).fence(A).hear(B, granted=0, incarnation=2)
    told = restored.attest(A, 1, seq=0).hear_returned(A, 1)
    after = told.open_stay(A, gone=False).close_stay(A1)
    assert after.worst_case == 1


def test_a_kiosk_that_is_not_awaited_never_lowers_its_total() -> None:
    granted = pool(2).grant(A, 2)
    assert granted.hear(A, granted=0, incarnation=granted.incarnation) == granted


def test_a_backup_of_an_abandoned_line_grants_no_place_twice() -> None:
    """Yesterday's backup is restored by mistake, and is in use until today's is."""
    yesterday = pool(2)
    today = yesterday.grant(A, 2)  # the order was lost on its way
    by_mistake = yesterday.restored(2).hear(A, granted=0, incarnation=2)
    by_mistake = by_mistake.hear(B, granted=0, incarnation=2).grant(B, 2)
    first = Account(incarnation=2)
    second = Account().obey(by_mistake.order(B)).enter().enter()
    restored = today.restored(3)
    for _ in range(2):
        first, second = first.obey(restored.order(A)), second.obey(restored.order(B))
        assert first.free + second.free + second.entries == 2
        restored = restored.hear(A, granted=first.granted, incarnation=first.incarnation)
        restored = restored.hear(B, granted=second.granted, incarnation=second.incarnation)
    assert (restored.worst_case, restored.awaited) == (2, frozenset())


def test_a_wrong_attestation_exceeds_nothing_once_its_kiosk_is_heard() -> None:
    """A admitted three and is attested to have no one inside. Three more enter by B, and then A's
    entries arrive.
    """
    wrong = pool(3).grant(A, 3).fence(A).attest(A, 0, seq=0).grant(B, 3)
    for seen in range(3):
        wrong = wrong.open_stay(B, gone=False).open_stay(A, gone=False)
        assert wrong.worst_case == 3 + seen + 1
    for left in (StayRef(*B, 1), A1, StayRef(*B, 2)):
        assert wrong.grant(B, 1) == wrong, "they are more than the hall takes"
        wrong = wrong.close_stay(left)
        assert wrong.worst_case == wrong.open_stays
    assert wrong.grant(B, 1) == wrong, "it is full"
    assert wrong.close_stay(A2).grant(B, 1).kiosks[B].held == 1


def test_a_second_attestation_may_only_lower() -> None:
    assert lost().attest(A, 3, seq=1).worst_case == 2
    assert lost().attest(A, 0, seq=1).worst_case == 1


def test_a_restored_server_hears_of_people_without_places() -> None:
    """It has forgotten its grants, so the attestation exceeds its knowledge."""
    restored = pool(9).restored(2).hear(B, granted=0, incarnation=2).fence(A)
    assert restored.awaited == {A}
    attested = restored.attest(A, 2, seq=0)
    assert (attested.awaited, attested.worst_case) == (frozenset(), 2)
    heard = attested.hear(A, granted=5, incarnation=2)  # its grants arrive
    assert heard.worst_case == 2
    assert heard.hear(A, granted=5, incarnation=2) == heard


def test_a_shortage_that_no_grant_explains_is_left_to_staff() -> None:
    """It was places on trust, or the kiosk hides grants. Its own total can't tell which."""
    restored = pool(9).grant(A, 1).restored(2).hear(B, granted=0, incarnation=2).fence(A)
    attested = restored.attest(A, 2, seq=0)
    assert attested.worst_case == 2
    heard = attested.hear(A, granted=1, incarnation=2)
    assert heard.worst_case == 2
    assert heard.attest(A, 1, seq=0).worst_case == 1


def found_late(granted: int, returned: int, incarnation: int) -> Pool:
    """A server that forgot A's grants heard an attestation of four people inside by A. Then A's
    totals arrive.
    """
    restored = pool(9).restored(2).hear(B, granted=0, incarnation=2).fence(A)
    attested = restored.attest(A, 4, seq=0)
    assert attested.worst_case == 4
    heard = attested.hear(A, granted=granted, incarnation=incarnation)
    return heard.hear_returned(A, returned)


@pytest.mark.parametrize(("granted", "returned"), [(0, 0), (2, 0), (2, 2), (4, 4), (9, 5)], ids=str)
def test_totals_from_before_a_restore_do_not_reduce_the_attestation(
    granted: int, returned: int
) -> None:
    """A was granted nine places, and returned five. A batch from before may lack any of it."""
    late = found_late(granted, returned, 1)
    assert late.worst_case == 4
    late = late.hear(A, granted=9, incarnation=2).hear_returned(A, 5)
    assert late == found_late(9, 5, 2)
    assert late.worst_case == 4


def test_records_from_before_a_restore_use_the_attested_places() -> None:
    late = found_late(2, 0, 1).open_stay(A, gone=False).open_stay(A, gone=False)
    assert (late.open_stays, late.worst_case) == (2, 4)
    heard = late.hear(A, granted=2, incarnation=2)  # no more than these two, as the kiosk says
    assert heard.worst_case == 4
    assert heard.attest(A, 0, seq=2).worst_case == 2


def test_a_place_on_trust_moves_from_the_stay_to_the_door() -> None:
    inside = pool(2).grant(A, 1).open_stay(A, gone=False)
    moved = inside.trust(B).close_stay(A1)
    assert (moved.worst_case, moved.kiosks[B].held) == (1, 1)
    assert moved.trust(A).worst_case == 2  # a second door took it too
    assert Account().trust().enter().free == 0


@pytest.mark.parametrize(
    ("stay", "offline", "closed", "expected"),
    [
        (A1, True, False, True),
        (A1, False, False, False),
        (A1, True, True, False),
        (None, True, False, False),
    ],
    ids=["offline", "online", "closed", "unnamed"],
)
def test_whom_a_door_may_trust(
    stay: StayRef | None, offline: bool, closed: bool, expected: bool
) -> None:
    assert may_trust(stay, offline=offline, closed=closed) is expected


def test_no_more_exits_are_credited_than_entries_made() -> None:
    with pytest.raises(PlacesError):
        Account(granted=1).credit()


def test_after_a_restore_nothing_is_granted_until_all_have_echoed() -> None:
    restored = pool(4).restored(2)
    assert restored.grant(A, 1) == restored
    heard = restored.hear(A, granted=3, incarnation=1)  # not yet the new incarnation
    assert heard.awaited == {A, B}
    both = heard.hear(A, granted=3, incarnation=2).hear(B, granted=0, incarnation=2)
    assert both.kiosks[A].held == 3
    assert both.grant(B, 9).kiosks[B].held == 1


class TwoDoors(RuleBasedStateMachine):
    """Two kiosks, one server, messages that are lost, repeated and late: never over capacity."""

    keys = st.sampled_from([A, B])
    few = st.integers(1, 3)

    @initialize(capacity=st.integers(1, 4))
    def begin(self, capacity: int) -> None:
        self.pool = Pool(capacity).enrol(A).enrol(B)
        self.accounts = {A: Account(), B: Account()}
        self.journals: dict[tuple[str, int], list[tuple[str, StayRef | None, bool]]] = {
            A: [],
            B: [],
        }
        self.offered = {A: 0, B: 0}
        self.acked = {A: 0, B: 0}
        self.open: set[StayRef] = set()  # at the server
        self.named: set[StayRef] = set()  # by an exit record anywhere
        self.gone: set[StayRef] = set()
        self.seen: set[StayRef] = set()  # records that the server has
        self.orders: list[tuple[tuple[str, int], Order]] = []

    @rule(key=keys, places=few)
    def grant(self, key: tuple[str, int], places: int) -> None:
        self.pool = self.pool.grant(key, places)
        self.orders.append((key, self.pool.order(key)))

    @rule(key=keys, places=few)
    def recall(self, key: tuple[str, int], places: int) -> None:
        self.orders.append((key, self.pool.order(key, places)))

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        key, order = data.draw(st.sampled_from(self.orders))
        self.accounts[key] = self.accounts[key].obey(order)

    @rule(key=keys)
    def enter(self, key: tuple[str, int]) -> None:
        try:
            self.accounts[key] = self.accounts[key].enter()
        except NoPlaceError:
            return
        self.journals[key].append(("entry", None, False))

    @rule(key=keys, data=st.data())
    def leave(self, key: tuple[str, int], data: st.DataObject) -> None:
        own = {
            StayRef(*key, seq)
            for seq, (kind, _, _) in enumerate(self.journals[key], 1)
            if kind == "entry"
        }
        candidates = sorted((own | self.open) - self.named, key=str)
        if not candidates:
            return
        stay = data.draw(st.sampled_from(candidates))
        credited = may_credit(
            stay, kiosk=key[0], generation=key[1], offered=self.offered[key], closed=False
        )
        if credited:
            self.accounts[key] = self.accounts[key].credit()
            self.gone.add(stay)
        self.named.add(stay)
        self.journals[key].append(("exit", stay, credited))

    @rule(key=keys, records=few, lost=st.booleans())
    def sync(self, key: tuple[str, int], records: int, lost: bool) -> None:
        """`lost`: the server takes the batch, the answer never comes."""
        account = self.accounts[key]
        last = min(len(self.journals[key]), self.acked[key] + records)
        self.offered[key] = max(self.offered[key], last)
        pool = self.pool.hear(key, granted=account.granted, incarnation=account.incarnation)
        for seq in range(self.acked[key] + 1, last + 1):
            kind, stay, _ = self.journals[key][seq - 1]
            ref = StayRef(*key, seq)
            if kind == "entry" and ref not in self.seen:
                gone = ref in self.gone
                pool = pool.open_stay(key, gone=gone)
                if not gone:
                    self.open.add(ref)
            elif stay in self.open:
                self.open.discard(stay)
                pool = pool.close_stay()
            self.seen.add(ref)
        self.pool = pool.hear_returned(key, account.returned)
        if not lost:
            self.acked[key] = last

    @invariant()
    def never_over_capacity(self) -> None:
        if not hasattr(self, "pool"):
            return
        entries = sum(account.entries for account in self.accounts.values())
        inside = entries - len(self.named)
        assert inside <= self.pool.worst_case <= self.pool.capacity
        assert all(account.free >= 0 for account in self.accounts.values())


TestTwoDoors = TwoDoors.TestCase
