"""The sharing policy through the protocol: from any state of a hall, and on whole days."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.occupancy.sharing_policy import SILENT_MS, Door, plan
from tests.bench.sharing.cost import live_through
from tests.bench.sharing.day import Day, Person, day
from tests.bench.sharing.hall import LIVE_S, Hall
from tests.server.core.occupancy.test_sharing_policy import A, rates

QUIET_TRIPS = 20  # the time by which places should be where they belong

any_door = st.builds(
    Door,
    kiosk=st.just(A),
    held=st.integers(0, 60),
    free=st.integers(0, 60),
    rate=rates,
    wants=st.booleans(),
    live=st.booleans(),
    silent_ms=st.sampled_from([0, SILENT_MS + 1]),
    most=st.sampled_from([None, None, None, 0, 1, 10]),
)


@given(st.lists(any_door, max_size=7), st.integers(-80, 300), st.booleans(), st.booleans())
def test_orders_are_sane_whatever_the_doors_say(
    drawn: list[Door], free: int, closed: bool, spread: bool
) -> None:
    doors = {(f"door-{n}", 1): door for n, door in enumerate(drawn)}
    doors = {kiosk: replace(door, kiosk=kiosk) for kiosk, door in doors.items()}
    orders = plan(list(doors.values()), free, closed=closed, spread=spread)
    assert sum(orders.grants.values()) <= max(0, free)
    assert all(places > 0 for places in [*orders.grants.values(), *orders.recalls.values()])
    assert all(doors[kiosk].live for kiosk in [*orders.grants, *orders.recalls, *orders.hopeless])
    assert all(places <= doors[kiosk].held for kiosk, places in orders.recalls.items())
    assert all(doors[kiosk].silent_ms <= SILENT_MS for kiosk in orders.grants)
    assert all(doors[kiosk].wants for kiosk in orders.hopeless)
    for kiosk, places in orders.grants.items():
        door = doors[kiosk]
        assert door.most is None or door.held + places <= max(door.most, door.wants)
    assert not orders.hopeless & orders.grants.keys()
    waiting = [door for door in doors.values() if door.live and door.wants and door.free < 1]
    if orders.settled and not closed:
        assert free >= 0, "exits repay a debt, and are looked at one by one"
        assert all(door.silent_ms > SILENT_MS for door in waiting), (
            "only who is heard is waited for"
        )
    if orders.settled and closed:
        assert not any(door.live and door.held > 0 for door in drawn)


@st.composite
def halls(draw: st.DrawFn) -> Hall:
    """Any state of a hall: some doors away, some with waiting people, perhaps in debt."""
    capacity = draw(st.sampled_from([1, 5, 20, 60, 400]))
    hall = Hall(draw(st.integers(1, 6)), capacity)
    hall.now = LIVE_S + 1.0
    for door in hall.doors:
        hall.pool = hall.pool.grant(door.key, draw(st.integers(0, capacity)))
        door.account = door.account.obey(hall.pool.order(door.key))
        used = draw(st.sampled_from([0.0, 0.5, 1.0, 1.0]))
        for _ in range(int(used * door.account.free)):
            hall.enter(hall.doors.index(door), hall.now)
        door.rate, door.rate_at = draw(rates), hall.now
        door.reported = door.account.free
        door.online = draw(st.sampled_from([True, True, True, False]))
        door.wants = door.online and door.reported < 1 and draw(st.booleans())
        door.heard_at = (
            hall.now
            if door.online
            else draw(st.sampled_from([0.0, hall.now - 2 * SILENT_MS / 1000]))
        )
    hall.pool = hall.pool.resized(draw(st.sampled_from([capacity, capacity, capacity // 2])))
    return hall


def a_trip(hall: Hall) -> int:
    """Orders go out and are obeyed, waiting people use places. Returns how many did."""
    hall.obey(hall.plan(hall.now))
    served = 0
    for n, door in enumerate(hall.doors):
        if door.online and door.wants and door.account.free > 0:
            served += hall.enter(n, hall.now) is not None
            door.wants = False
    return served


@given(halls())
def test_places_reach_whoever_waits_with_one_call_back_and_then_all_is_quiet(hall: Hall) -> None:
    waiting = {door.key for door in hall.doors if door.online and door.wants}
    there = hall.pool.free + sum(door.account.free for door in hall.doors if door.online)
    if there >= len(waiting):
        assert not hall.plan(hall.now).hopeless
    assert a_trip(hall) + a_trip(hall) >= min(len(waiting), there)
    away = {door.key for door in hall.doors if not door.online}
    for _ in range(QUIET_TRIPS):
        last = hall.plan(hall.now)
        if not last.grants and last.recalls.keys() <= away:  # a silent door is asked again
            break
        a_trip(hall)
    else:
        pytest.fail(f"places wander without end: {last}")
    assert hall.pool.free >= min(0, there)


@given(halls())
def test_closing_leaves_no_place_at_a_door_that_hears(hall: Hall) -> None:
    hall.obey(hall.plan(hall.now, closed=True))
    assert all(door.account.free == 0 for door in hall.doors if door.online)
    assert not hall.plan(hall.now, closed=True).grants


@pytest.mark.parametrize("doors", [[0, 1], [1, 1], [0, 0]], ids=["in turn", "one", "other"])
def test_the_fiftieth_gets_in_whichever_door_they_come_to(doors: list[int]) -> None:
    hall = Hall(2, 50)
    admitted = []
    for n in range(200):
        hall.tick(n)
        admitted.append(hall.enter(doors[n % 2], n) is not None)
    assert admitted == [True] * 50 + [False] * 150


def test_with_all_doors_online_nobody_is_refused_while_there_is_room() -> None:
    busy = day(7, load=1.3, outage=False)
    outcome = live_through(Hall(6, 800), Day(busy.people, links={}))
    assert outcome.admitted < outcome.arrivals
    assert (outcome.wrongly, outcome.most) == (0, 800)


def test_a_quiet_hall_sends_few_orders() -> None:
    """Two steady doors: no place is called back and forth."""
    people = [Person(at, at // 7 % 2, at + 900, at % 2) for at in range(0, 10_000, 7)]
    hall = Hall(2, 800)
    outcome = live_through(hall, Day(people, links={}))
    assert outcome.wrongly == 0
    assert hall.recalls < 20
