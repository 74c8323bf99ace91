"""Admission at its limits: people admitted by name, and other scans while a repeat is possible."""

from types import SimpleNamespace

import msgspec
import pytest

from badges.admission.facts import Admitted, Direction, Flag
from badges.record import decode_record
from badges.wire import wire
from kiosk.door.admit import Admitter
from kiosk.journal import journal
from kiosk.steps import run
from tests.kiosk.support.door_fixture import (
    DELEGATE,
    HALL,
    NOON,
    LocalDoor,
    badge,
    hall_facts,
    reason,
    records_of,
    stay_of,
)
from tests.kiosk.support.supervised import PERSON

SERIAL = 5


@pytest.mark.parametrize(
    ("bits", "flags"),
    [
        (0b000, set()),
        (0b001, {Flag.ATTENTION}),
        (0b010, {Flag.ESCORT}),
        (0b011, {Flag.ATTENTION, Flag.ESCORT}),
        (0b111, {Flag.ATTENTION, Flag.ESCORT}),  # a flag that a later server may have
    ],
)
def test_who_is_found_by_name_keeps_the_flags_of_the_badge(
    door: LocalDoor, bits: int, flags: set[Flag]
) -> None:
    person = msgspec.structs.replace(
        PERSON, serial=SERIAL, category=DELEGATE, valid_days=0b11, zones=0b1, flags=bits
    )
    steps = door.admitter.admit_by_name(person, user="user:1", user_name="Bob", at=NOON)
    answer = run(steps, door.journal.wait)
    assert isinstance(answer.decision, Admitted)
    assert answer.decision.flags == flags | {Flag.LOOKED_UP}
    record = decode_record(records_of(door.journal)[-1])
    assert (record.serial, record.issue, record.by) == (SERIAL, person.issue, "user:1")


class Waits:
    """A door without a place that waits in vain, by a clock that only such waits advance."""

    def __init__(self, door: LocalDoor, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.door = door
        self.told: list[tuple[bool, float]] = []
        door.grant(10, recall=10)
        door.online = True
        monkeypatch.setattr(journal, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(door.journal, "wait_for_place", self._wait)
        door.on_asking = lambda asking: self.told.append((asking, self.now))

    def _wait(self, hall: int, timeout_s: float, *how: object) -> bool:
        self.now += timeout_s
        self.door.clock.pass_ms(round(timeout_s * 1000))
        return False


@pytest.mark.parametrize("halls", [1, 2])
def test_a_wait_ends_after_ten_seconds_and_is_shown_after_a_tenth(
    door: LocalDoor, monkeypatch: pytest.MonkeyPatch, halls: int
) -> None:
    """Of all the halls that the door leads into together."""
    if halls == 2:
        door.load(outer=[wire.OuterFacts(hall_facts(hall=HALL + 1), [])])
    waits = Waits(door, monkeypatch)
    answer = door.present(badge(SERIAL))
    assert reason(answer) == "hall_full"
    assert waits.told == [(True, pytest.approx(0.1)), (False, pytest.approx(10.0))]


def test_an_admitter_that_knows_no_server_asks_none_and_is_not_offline(door: LocalDoor) -> None:
    """No answer waits for a place, and trusting exits give none back."""
    door.load(hall=hall_facts(exits="trusting"), stays=[stay_of("south-1", 9, SERIAL)])
    door.grant(10, recall=10)
    asked: list[bool] = []
    alone = Admitter(door.journal, door.replica, on_asking=asked.append)
    left = alone.present(badge(SERIAL), at=NOON, direction=Direction.EXIT)
    assert left.free_places == 0
    assert reason(alone.present(badge(SERIAL + 1), at=NOON)) == "hall_full"
    assert asked == []


def test_a_clock_whose_error_is_unknown_was_measured_in_no_epoch(door: LocalDoor) -> None:
    door.skew = lambda: None
    door.present(badge(SERIAL))
    record = records_of(door.journal)[0]
    assert b"epoch" not in record
    assert decode_record(record).skew_ms is None


def test_who_is_inside_beyond_the_capacity_enters_again_on_an_ordinary_place(
    door: LocalDoor,
) -> None:
    """Only the stay's exit depends on its kind of place."""
    inside = msgspec.structs.replace(stay_of("south-1", 9, SERIAL), override=True)
    door.load(hall=hall_facts(anti_passback="soft"), stays=[inside])
    door.grant(1, override=True)
    answer = door.present(badge(SERIAL))
    assert answer.free_places == 9
    assert door.free(override=True) == 1
    assert decode_record(records_of(door.journal)[0]).override_place is False
