"""Admission at its edges: who is known by name, and what else comes while a repeat is possible."""

import msgspec
import pytest

from badges.admission import Admitted, Denied, Direction, Flag, Reason
from badges.record import decode_record
from tests.kiosk.support.door_fixture import DELEGATE, NOON, Door, badge, records_of
from tests.kiosk.support.supervised import PERSON

SERIAL = 5


@pytest.mark.parametrize(
    ("bits", "flags"),
    [
        (0b000, set()),
        (0b001, {Flag.ATTENTION}),
        (0b010, {Flag.ESCORT}),
        (0b011, {Flag.ATTENTION, Flag.ESCORT}),
        (0b111, {Flag.ATTENTION, Flag.ESCORT}),  # one that a later server may have
    ],
)
def test_who_is_found_by_name_keeps_the_flags_of_the_badge(
    door: Door, bits: int, flags: set[Flag]
) -> None:
    person = msgspec.structs.replace(
        PERSON, serial=SERIAL, category=DELEGATE, valid_days=0b11, zones=0b1, flags=bits
    )
    answer = door.admitter.admit_by_name(person, user="user:1", user_name="Bob", at=NOON)
    assert isinstance(answer.decision, Admitted)
    assert answer.decision.flags == flags | {Flag.LOOKED_UP}
    record = decode_record(records_of(door.journal)[-1])
    assert (record.serial, record.issue, record.by) == (SERIAL, person.issue, "user:1")


class TestAfterARestart:
    @pytest.fixture(autouse=True)
    def restarted(self, door: Door) -> None:
        """Somebody was admitted, and the light was not seen."""
        door.present(badge(SERIAL))
        door.restart()

    def test_what_is_no_badge_is_answered_as_ever(self, door: Door) -> None:
        assert door.present("nonsense").decision == Denied(Reason.NOT_A_BADGE)
        assert len(records_of(door.journal)) == 2

    def test_an_exit_is_no_repeat_of_an_entry(self, door: Door) -> None:
        left = door.present(badge(SERIAL), direction=Direction.EXIT)
        assert Flag.REPEATED not in left.decision.flags
        assert len(records_of(door.journal)) == 2

    def test_another_person_s_badge_is_none(self, door: Door) -> None:
        assert Flag.REPEATED not in door.present(badge(SERIAL + 1)).decision.flags
        assert len(records_of(door.journal)) == 2

    def test_a_newer_badge_of_the_same_person_is_none(self, door: Door) -> None:
        assert isinstance(door.present(badge(SERIAL, issue=2)).decision, Denied)
        assert len(records_of(door.journal)) == 2

    def test_the_same_badge_is_one(self, door: Door) -> None:
        assert Flag.REPEATED in door.present(badge(SERIAL)).decision.flags
        assert len(records_of(door.journal)) == 1


def test_a_denial_is_not_repeated(door: Door) -> None:
    door.present(badge(SERIAL))
    door.present(badge(SERIAL))
    door.restart()
    assert door.present(badge(SERIAL)).decision.reason is Reason.ALREADY_INSIDE
    assert len(records_of(door.journal)) == 3
