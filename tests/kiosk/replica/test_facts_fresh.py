"""The age of facts: only confirmed facts count as fresh."""

import msgspec
import pytest

from badges.record import StayRef
from badges.wire import wire
from kiosk.replica.replica import FRESH_SAVED_MS
from tests.kiosk.support.door_fixture import HALL, NOON, Clock, LocalDoor, stay_of
from tests.kiosk.support.fake_event import FakeEvent
from tests.kiosk.support.online import Online

SERIAL = 77


@pytest.mark.parametrize(("ahead", "age_ms"), [(1, 5_000), (0, 0), (-1, 0)])
def test_an_answer_refreshes_only_the_facts_it_confirms(
    fresh: Online, event: FakeEvent, clock: Clock, ahead: int, age_ms: int
) -> None:
    """If its cursor is ahead, the server has changes that this door lacks."""
    fresh.door.load(cursor=event.cursor - ahead)
    clock.pass_ms(5_000)
    fresh.sync.exchange()
    assert fresh.door.replica.age_ms() == age_ms


def test_a_snapshot_drops_the_stays_from_before(door: LocalDoor) -> None:
    door.load(stays=[stay_of("south-1", 9, SERIAL)])
    assert len(door.replica.stays(SERIAL, HALL)) == 1
    door.load(stays=[stay_of("south-1", 10, SERIAL + 1)])
    assert door.replica.stays(SERIAL, HALL) == []
    assert [other_stay.stay.seq for other_stay in door.replica.stays(SERIAL + 1, HALL)] == [10]


def test_a_stay_elsewhere_ends_that_one_alone(door: LocalDoor) -> None:
    """Ended by number, kiosk and generation: each of these three may be another's too."""
    stays = [
        stay_of("south-1", 9, SERIAL),
        stay_of("south-1", 10, SERIAL),
        stay_of("south-2", 9, SERIAL),
        stay_of("south-1", 9, SERIAL, generation=2),
    ]
    door.load(stays=stays)
    door.replica.apply(wire.StayClosed(StayRef("south-1", 1, 9), HALL, SERIAL), 11)
    left = {
        (other_stay.stay.kiosk, other_stay.stay.generation, other_stay.stay.seq)
        for other_stay in door.replica.stays(SERIAL, HALL)
    }
    assert left == {("south-1", 1, 10), ("south-2", 1, 9), ("south-1", 2, 9)}


def test_the_stored_age_is_as_new_as_it_may_be(door: LocalDoor, clock: Clock) -> None:
    """It is saved at the first chance after the interval, not before."""
    door.load()
    clock.pass_ms(FRESH_SAVED_MS - 1)
    door.replica.mark_fresh()
    door.restart()
    assert door.replica.age_ms() == FRESH_SAVED_MS - 1
    door.replica.mark_fresh()
    clock.pass_ms(FRESH_SAVED_MS)
    door.replica.mark_fresh()
    door.restart()
    assert door.replica.age_ms() == 0


def test_a_stopped_clock_is_not_set_back(door: LocalDoor) -> None:
    door.load()
    door.restart()
    assert door.replica.age_ms() == 0


def test_without_a_snapshot_nothing_is_fresh(door: LocalDoor, clock: Clock, tmp_path) -> None:
    (tmp_path / "new").mkdir()
    new = LocalDoor(tmp_path / "new", clock)
    new.replica.mark_fresh()
    assert new.replica.age_ms() is None
    new.close()


def test_the_newest_stay_elsewhere_comes_first(door: LocalDoor) -> None:
    older = stay_of("south-1", 9, SERIAL)
    newer = msgspec.structs.replace(stay_of("south-2", 1, SERIAL), since=NOON - 1)
    door.load(stays=[older, newer])
    assert [other_stay.stay.kiosk for other_stay in door.replica.stays(SERIAL, HALL)] == [
        "south-2",
        "south-1",
    ]
