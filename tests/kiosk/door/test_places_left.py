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
        ({}, (None, HALL, None)),
        ({99: (1, 5)}, (None, HALL, None)),
        ({HALL: (4, 5)}, (4, HALL, 5)),
        ({AROUND: (9, 6)}, (9, AROUND, 6)),
        ({HALL: (4, 9), AROUND: (9, 6), 99: (1, 1)}, (4, HALL, 9)),
        ({HALL: (4, 5), AROUND: (2, 6)}, (2, AROUND, 6)),
    ],
    ids=["none told", "another's", "its own", "around it", "its own is fuller", "around is fuller"],
)
def test_in_a_whole_hall(
    door: LocalDoor, left: Mapping[int, tuple[int, int]], shown: tuple[int | None, int, int | None]
) -> None:
    """With the time of the server's report."""
    assert door.replica.context is not None
    assert least_left(door.replica.context, left) == shown
