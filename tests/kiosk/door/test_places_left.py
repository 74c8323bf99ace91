"""The hall whose places a door shows: of all that an entry here enters, the one with the fewest."""

from collections.abc import Mapping

import pytest

from badges.wire import wire
from kiosk.door.facts import least_left
from tests.kiosk.support.door_fixture import HALL, LocalDoor, hall_facts

AROUND = 3


@pytest.fixture
def door(door: LocalDoor) -> LocalDoor:
    door.load(outer=[wire.OuterFacts(hall_facts(hall=AROUND), [])])
    return door


@pytest.mark.parametrize(
    ("left", "shown"),
    [
        ({}, (None, HALL)),
        ({99: 1}, (None, HALL)),
        ({HALL: 4}, (4, HALL)),
        ({AROUND: 9}, (9, AROUND)),
        ({HALL: 4, AROUND: 9, 99: 1}, (4, HALL)),
        ({HALL: 4, AROUND: 2}, (2, AROUND)),
    ],
    ids=["none told", "another's", "its own", "around it", "its own is fuller", "around is fuller"],
)
def test_in_a_whole_hall(
    door: LocalDoor, left: Mapping[int, int], shown: tuple[int | None, int]
) -> None:
    assert door.replica.context is not None
    assert least_left(door.replica.context, left) == shown
