"""The sharing policy: each rule by itself."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.occupancy.sharing_policy import (
    FEW,
    FLOOR,
    MEMORY_MIN,
    RATE_MAX,
    RESERVE,
    SILENT_MS,
    Door,
    Plan,
    fair_shares,
    plan,
    smoothed,
)

QUIET = Plan({}, {}, frozenset(), settled=True)
A, B, C = ("door-a", 1), ("door-b", 1), ("door-c", 1)


def door(
    kiosk: tuple[str, int], has: int, rate: float = 1.0, *, wants: bool = False, live: bool = True
) -> Door:
    return Door(kiosk, held=has, free=has, rate=rate, wants=wants, live=live)


def shared(*doors: Door, free: int = 0, closed: bool = False, spread: bool = False) -> Plan:
    return plan(doors, free, closed=closed, spread=spread)


def test_at_the_opening_doors_get_equal_parts_and_the_pool_keeps_a_reserve() -> None:
    orders = shared(door(A, 0, 0), door(B, 0, 0), free=100)
    kept = int(100 * RESERVE)
    assert sum(orders.grants.values()) == 100 - kept > 0
    assert abs(orders.grants[A] - orders.grants[B]) <= 1
    assert not orders.recalls


def test_places_follow_the_arrivals() -> None:
    orders = shared(door(A, 0, 9.0), door(B, 0, 1.0), free=100)
    assert orders.grants[A] > 4 * orders.grants[B]


def test_a_place_in_the_pool_goes_to_who_asks() -> None:
    orders = shared(door(A, 0, wants=True), door(B, 2), free=1)
    assert orders == Plan({A: 1}, {}, frozenset(), settled=False)


def test_the_last_places_wait_in_the_pool_for_who_asks() -> None:
    assert shared(door(A, 0), door(B, 0), free=2 * FEW) == QUIET
    assert shared(door(A, 0, wants=True), door(B, 0), free=2 * FEW).grants == {A: 1}


def test_the_last_places_are_spread_where_nobody_can_be_asked() -> None:
    orders = shared(door(A, 0), door(B, 0), free=2, spread=True)
    assert orders.grants == {A: 1, B: 1}


def test_a_door_with_none_gets_one_from_the_richest() -> None:
    orders = shared(door(A, 0, wants=True), door(B, 1), door(C, 3))
    assert orders == Plan({}, {C: 1}, frozenset(), settled=False)


def test_a_place_on_its_way_to_somebody_is_left_to_them() -> None:
    orders = shared(door(A, 1, wants=True), door(B, 0, wants=True))
    assert orders == replace(QUIET, settled=False)


def test_an_idle_door_gives_back_when_another_runs_low() -> None:
    orders = shared(door(A, 90, 0.0), door(B, 10, 5.0))
    assert orders.recalls.keys() == {A}
    assert 10 + orders.recalls[A] >= 0.8 * 100


def test_nothing_moves_while_no_door_is_low() -> None:
    assert shared(door(A, 45, 1.1), door(B, 55, 0.9)) == QUIET


def test_a_door_without_what_is_due_to_it_is_looked_after_at_once() -> None:
    low = shared(door(A, 0), door(B, 10))
    assert low.recalls.keys() == {B}
    assert not low.settled, "what B returns is A's"
    assert shared(door(A, 0), door(B, 10), free=30).settled, "it has been given some"
    assert shared(door(A, 0), door(B, 0)).settled, "a full hall has none for anybody"


def test_nobody_is_given_hope_in_vain() -> None:
    assert shared(door(A, 0, wants=True), door(B, 0)).hopeless == {A}
    assert shared(door(A, 0, wants=True), door(B, 4, live=False)).hopeless == {A}
    assert shared(door(A, 0, wants=True), door(B, 1)).hopeless == frozenset()


def test_a_closed_hall_calls_everything_back() -> None:
    orders = shared(door(A, 0, wants=True), door(B, 7), free=5, closed=True)
    assert orders == Plan({}, {B: 7}, frozenset({A}), settled=False)


def test_a_debt_is_called_back_and_no_more_than_that_leaves_a_door_without() -> None:
    orders = shared(door(A, 50), door(B, 50), free=-30)
    assert not orders.grants
    assert 30 <= sum(orders.recalls.values()) <= 32
    assert shared(door(A, 3, wants=True), door(B, 4), free=-30).recalls == {A: 3, B: 4}


def test_a_door_that_asks_is_served_beside_the_debt() -> None:
    orders = shared(door(A, 0, 0.0, wants=True), door(B, 8, 60.0), free=-3)
    assert sum(orders.recalls.values()) >= 4


def test_a_door_that_asks_while_the_debt_takes_all_is_told_so() -> None:
    assert shared(door(A, 0, wants=True), door(B, 4), free=-4).hopeless == {A}


def test_nothing_is_expected_of_a_silent_door() -> None:
    silent = replace(door(C, 60), silent_ms=SILENT_MS + 1)
    orders = shared(door(A, 0, wants=True), door(B, 1), silent)
    assert orders.recalls == {B: 1}
    orders = shared(door(A, 0, wants=True), silent)
    assert orders == Plan({}, {C: 1}, frozenset(), settled=False), "it may be there after all"


def test_a_door_that_says_nothing_of_what_it_was_granted_is_asked_too() -> None:
    unsaid = replace(door(B, 2), free=0)
    assert shared(door(A, 0, wants=True), unsaid).recalls == {B: 1}


@given(st.floats(0, RATE_MAX), st.lists(st.floats(0.001, 30), min_size=1, max_size=8))
def test_a_steady_stream_keeps_its_rate(rate: float, gaps: list[float]) -> None:
    smooth = rate
    for minutes in gaps:
        smooth = smoothed(smooth, minutes, 0) + rate - smoothed(rate, minutes, 0)
    assert smooth == pytest.approx(rate)
    assert smoothed(6.0, 10.0, 60) == pytest.approx(6.0)


def test_arrivals_fade() -> None:
    assert smoothed(10.0, MEMORY_MIN, 0) == pytest.approx(10 / 2.71828, rel=1e-4)
    assert smoothed(0.0, 0.05, 3) == pytest.approx(3 / MEMORY_MIN, rel=0.01)
    assert smoothed(0.0, 0.0, 500) == RATE_MAX
    assert smoothed(0.0, 600.0, 500) < 1


rates = st.one_of(st.just(0.0), st.floats(0.001, RATE_MAX))


@given(st.lists(rates, min_size=1, max_size=8), st.integers(0, 2000))
def test_shares_are_whole_and_keep_the_floor(parts: list[float], places: int) -> None:
    doors = [door((f"door-{n}", 1), 0, rate) for n, rate in enumerate(parts)]
    shares = fair_shares(doors, places)
    assert sum(shares.values()) == places
    assert min(shares.values()) >= int(places * FLOOR / len(doors) * (1 - 1e-9))
    ordered = sorted(doors, key=lambda busy: busy.rate)
    for less, more in itertools.pairwise(ordered):
        assert less.rate == more.rate or shares[less.kiosk] <= shares[more.kiosk]


@given(st.lists(rates, min_size=2, max_size=8), st.integers(0, 2000), st.floats(0.01, 60))
def test_more_arrivals_never_mean_less(parts: list[float], places: int, more: float) -> None:
    doors = [door((f"door-{n}", 1), 0, rate) for n, rate in enumerate(parts)]
    busier = [replace(doors[0], rate=parts[0] + more), *doors[1:]]
    first = doors[0].kiosk
    assert fair_shares(busier, places)[first] >= fair_shares(doors, places)[first]


def test_the_first_door_of_the_day_does_not_get_everything() -> None:
    """The others are still to come; a door that asks may have their shares too."""
    to_come = [door(kiosk, 0, 0.0, live=False) for kiosk in (B, C)]
    given = shared(door(A, 0, 3.0), *to_come, free=90).grants[A]
    assert 25 <= given <= 30
    assert shared(door(A, 0, 3.0, wants=True), *to_come, free=2).grants == {A: 1}


def test_the_first_person_of_the_day_moves_few_places() -> None:
    """The network may fail a second later: the other door needs some too."""
    grants = shared(door(A, 0, 0.125), door(B, 0, 0.0), free=12).grants
    assert grants[A] + grants[B] == 12
    assert grants[B] >= 4


def phone(
    kiosk: tuple[str, int], has: int, most: int, rate: float = 1.0, *, wants: bool = False
) -> Door:
    return Door(kiosk, held=has, free=has, rate=rate, wants=wants, live=True, most=most)


def test_a_phone_gets_no_more_than_its_limit_and_the_others_share_the_rest() -> None:
    orders = shared(phone(A, 0, 10, rate=9.0), door(B, 0), door(C, 0), free=100)
    kept = int(100 * RESERVE)
    assert orders.grants[A] == 10
    assert orders.grants[B] + orders.grants[C] == 100 - kept - 10


def test_where_all_are_phones_the_pool_keeps_the_rest() -> None:
    assert shared(phone(A, 0, 10), phone(B, 4, 10), free=500).grants == {A: 10, B: 6}


def test_a_phone_that_holds_its_limit_is_left_alone() -> None:
    assert shared(phone(A, 10, 10, rate=9.0), free=500) == QUIET


def test_with_a_limit_of_0_a_phone_gets_a_place_for_each_waiting_person() -> None:
    assert shared(phone(A, 0, 0), free=500) == QUIET
    assert shared(phone(A, 0, 0, wants=True), free=500).grants == {A: 1}


def test_a_phone_that_may_hold_unsent_entries_up_to_its_limit_gets_no_more() -> None:
    """It may have used all ten without the server knowing, or lie."""
    waiting = Door(A, held=10, free=0, rate=1.0, wants=True, live=True, most=10)
    orders = shared(waiting, door(B, 40), free=100)
    assert A not in orders.grants
    assert not orders.recalls
    assert not orders.settled


def test_places_beyond_a_phones_limit_are_recalled() -> None:
    assert shared(phone(A, 14, 10), free=500).recalls == {A: 4}
    assert shared(phone(A, 1, 0), free=500).recalls == {A: 1}
    assert not shared(phone(A, 1, 0, wants=True), free=500).recalls, "a person waits for it"


@given(
    st.lists(st.tuples(rates, st.sampled_from([None, 0, 3, 10, 200])), max_size=8),
    st.integers(0, 500),
)
def test_limits_take_nothing_from_the_others(
    drawn: list[tuple[float, int | None]], places: int
) -> None:
    doors = [
        Door((f"door-{n}", 1), 0, 0, rate, wants=False, live=True, most=most)
        for n, (rate, most) in enumerate(drawn)
    ]
    shares, without = (
        fair_shares(doors, places),
        fair_shares([replace(door, most=None) for door in doors], places),
    )
    assert all(door.most is None or shares[door.kiosk] <= door.most for door in doors)
    assert sum(shares.values()) <= places
    if any(door.most is None for door in doors):
        assert sum(shares.values()) == places
    assert all(
        shares[door.kiosk] >= min(without[door.kiosk], places if door.most is None else door.most)
        for door in doors
    )
