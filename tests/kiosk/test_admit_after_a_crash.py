"""A presentation that the power cut short: the first answer again, and nobody inside uncounted."""

from badges import wire
from badges.admission import Direction
from badges.admission.facts import StayId
from badges.record import StayRef
from tests.kiosk.door import GENERATION, HALL, KIOSK, PRESS, Door, badge, reason, records_of

SERIAL = 0x00ABCD


def test_the_same_presentation_gets_its_first_answer(door: Door) -> None:
    first = door.present(badge(SERIAL))
    door.restart()
    door.clock.pass_ms(10_000)
    again = door.present(badge(SERIAL))
    assert again.repeated
    assert (again.seq, again.free_places) == (first.seq, 9)
    assert len(records_of(door.journal)) == 1


def test_not_after_ten_seconds(door: Door) -> None:
    door.present(badge(SERIAL))
    door.restart()
    door.clock.pass_ms(10_001)
    assert reason(door.present(badge(SERIAL))) == "already_inside"


def test_not_without_a_restart(door: Door) -> None:
    door.present(badge(SERIAL))
    assert reason(door.present(badge(SERIAL))) == "already_inside"


def test_not_once_the_holder_has_left(door: Door) -> None:
    """Else somebody would be inside whom no record counts."""
    door.present(badge(SERIAL))
    door.present(badge(SERIAL), direction=Direction.EXIT)
    door.restart()
    entered = door.present(badge(SERIAL))
    assert entered.admitted
    assert not entered.repeated
    assert len(records_of(door.journal)) == 3


def test_not_once_the_holder_has_left_after_the_restart(door: Door) -> None:
    door.present(badge(SERIAL))
    door.restart()
    door.present(badge(SERIAL), direction=Direction.EXIT)
    assert not door.present(badge(SERIAL)).repeated


def test_not_once_the_holder_left_by_another_door(door: Door) -> None:
    door.present(badge(SERIAL))
    door.restart()
    door.replica.apply(wire.StayClosed(StayRef(KIOSK, GENERATION, 1), HALL, SERIAL), 11)
    assert not door.present(badge(SERIAL)).repeated


def test_not_for_another_issue_or_a_denial(door: Door) -> None:
    door.present(badge(SERIAL))
    door.present(badge(SERIAL + 1, category=PRESS))
    door.restart()
    assert reason(door.present(badge(SERIAL, issue=2))) == "already_inside"
    assert reason(door.present(badge(SERIAL + 1, category=PRESS))) == "not_entitled"


def test_an_exit_too(door: Door) -> None:
    door.present(badge(SERIAL))
    door.present(badge(SERIAL), direction=Direction.EXIT)
    door.restart()
    again = door.present(badge(SERIAL), direction=Direction.EXIT)
    assert again.repeated
    assert again.decision.closes == StayId(KIOSK, GENERATION, 1)
    assert len(records_of(door.journal)) == 2
