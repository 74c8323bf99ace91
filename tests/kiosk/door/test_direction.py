"""The direction of a door: the door's own, or the one chosen by staff."""

import pytest

from badges.admission.facts import Direction
from badges.wire import wire
from kiosk.door.direction import DirectionState
from tests.kiosk.support.door_fixture import DOOR, LocalDoor


def facts(mode: str) -> wire.DoorFacts:
    return wire.DoorFacts(door=DOOR, names={"en": "LocalDoor"}, mode=mode)


def at(door: LocalDoor, state: DirectionState) -> Direction:
    assert door.replica.context is not None
    return state.at(door.replica.context)


def test_staff_choose_at_a_door_for_both(door: LocalDoor) -> None:
    door.load(door=facts("both"))
    changes: list[Direction | None] = []
    state = DirectionState(door.replica, on_choice=lambda: changes.append(state.chosen()))
    assert (state.chosen(), at(door, state)) == (Direction.ENTRY, Direction.ENTRY)
    assert state.choose(Direction.EXIT)
    assert (state.chosen(), at(door, state)) == (Direction.EXIT, Direction.EXIT)
    assert changes == [Direction.EXIT], "a listener finds the new one"


@pytest.mark.parametrize("mode", ["entry", "exit"])
def test_another_door_has_its_own(door: LocalDoor, mode: str) -> None:
    door.load(door=facts(mode))
    changes: list[bool] = []
    state = DirectionState(door.replica, Direction.EXIT, lambda: changes.append(True))
    assert not state.choose(Direction.ENTRY)
    assert (state.chosen(), at(door, state), changes) == (None, Direction(mode), [])


def test_the_choice_outlives_a_move_to_a_one_way_door(door: LocalDoor) -> None:
    door.load(door=facts("both"))
    state = DirectionState(door.replica)
    state.choose(Direction.EXIT)
    door.load(door=facts("entry"))
    assert at(door, state) is Direction.ENTRY
    door.load(door=facts("both"))
    assert at(door, state) is Direction.EXIT
