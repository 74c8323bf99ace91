"""Waiters for a place are notified at once that it came, or that none can come."""

import threading
from collections.abc import Callable
from typing import cast

import pytest

from badges.places.account import Order
from badges.places.pool import PoolKey
from badges.record import PlaceKind
from kiosk.door.facts import OVERRIDE_SERVES
from tests.kiosk.support.door_fixture import HALL, LocalDoor
from tests.kiosk.support.waits import Watched

PATIENCE_S = 3600.0


def waited(door: LocalDoor, then: Callable[[], object], none_before: int | None = 0, **how) -> bool:
    """The result of a wait during which `then` happens."""
    outcomes: list[bool] = []

    def wait() -> None:
        outcomes.append(door.journal.wait_for_place(HALL, PATIENCE_S, none_before, **how))

    waits = door.journal._places_came = Watched()
    thread = threading.Thread(target=wait)
    thread.start()
    waits.until_begun(1, thread)
    then()
    thread.join(240)
    assert not thread.is_alive(), "nothing ended the wait"
    return outcomes[0]


@pytest.fixture
def full(door: LocalDoor) -> LocalDoor:
    door.grant(10, recall=10)
    assert door.free() == 0
    return door


def test_the_word_that_none_can_come_ends_the_wait(full: LocalDoor) -> None:
    assert waited(full, lambda: full.journal.no_place(HALL)) is False
    assert full.journal.times_none(HALL) == 1


def test_a_place_ends_it(full: LocalDoor) -> None:
    assert waited(full, lambda: full.grant(11)) is True


def test_an_earlier_word_ends_no_later_wait(full: LocalDoor) -> None:
    full.journal.no_place(HALL)
    assert waited(full, lambda: full.grant(11), full.journal.times_none(HALL)) is True


def test_a_word_that_came_before_the_wait_ends_it(full: LocalDoor) -> None:
    before = full.journal.times_none(HALL)
    full.journal.no_place(HALL)
    assert waited(full, lambda: None, before) is False


def test_another_hall_s_word_is_none(full: LocalDoor) -> None:
    def both() -> None:
        full.journal.no_place(HALL + 1)
        full.grant(11)

    assert waited(full, both) is True


def test_with_an_override_only_a_place_counts(full: LocalDoor) -> None:
    def both() -> None:
        full.journal.no_place(HALL)
        cast(Watched, full.journal._places_came).until_begun(2)
        full.journal.obey([(PoolKey(HALL, PlaceKind.OVERRIDE), Order(1, 0, 1))])

    assert waited(full, both, None, kinds=OVERRIDE_SERVES) is True


def test_a_free_place_is_not_waited_for(door: LocalDoor) -> None:
    assert waited(door, lambda: None) is True


def test_the_wait_ends_by_itself(full: LocalDoor) -> None:
    waits = full.journal._places_came = Watched()
    assert full.journal.wait_for_place(HALL, 0.05) is False
    assert waits.begun > 0
