"""After a restart the last lights may not have been seen. No green is without a place."""

import random

import msgspec
import pytest

from badges.admission.facts import Admitted, Denied, Direction, Flag, Reason
from badges.places.account import Order
from badges.places.pool import PoolKey
from badges.record import ScanRecord, StayRef, decode_record
from badges.wire import wire
from kiosk.door import repeats
from kiosk.door.answer import Answer
from kiosk.door.roll_call import RollCall
from kiosk.steps import run
from kiosk.supervisor.override import OverrideHandler, Word
from tests.kiosk.support.door_fixture import (
    DELEGATE,
    GENERATION,
    HALL,
    KIOSK,
    LocalDoor,
    badge,
    hall_facts,
    orders,
    reason,
    records_of,
)
from tests.kiosk.support.supervised import PERSON
from tests.tries import tries

SERIAL, AROUND = 0x00ABCD, 3
MODES = ("hard", "soft", "off")
WORD = Word("7", "Petra", "seen by her")


def last(door: LocalDoor) -> ScanRecord:
    return decode_record(records_of(door.journal)[-1])


def allow_several_of_one_badge(door: LocalDoor) -> None:
    door.load(hall=hall_facts(anti_passback="off"))


def leave(door: LocalDoor) -> Admitted:
    return door.present(badge(SERIAL), direction=Direction.EXIT).decision


@pytest.mark.parametrize("mode", MODES)
def test_copies_of_all_badges_find_no_place_in_a_full_hall(door: LocalDoor, mode: str) -> None:
    door.load(hall=hall_facts(anti_passback=mode))
    inside = [door.present(badge(serial)).admitted for serial in range(10)]
    assert (inside, door.free()) == ([True] * 10, 0)
    door.restart()
    door.clock.pass_ms(5_000)
    copies = [door.present(badge(serial)) for serial in range(10)]
    assert [reason(copy) for copy in copies] == ["before_restart"] * 10


@pytest.mark.parametrize("mode", MODES)
def test_the_steward_is_asked_each_time(door: LocalDoor, mode: str) -> None:
    door.load(hall=hall_facts(anti_passback=mode))
    entered = door.clock.wall
    door.present(badge(SERIAL))
    door.restart()
    for seconds in (6, 7, 8):
        door.clock.wall = entered + seconds * 1_000
        answer = door.present(badge(SERIAL))
        assert answer.decision == Denied(Reason.BEFORE_RESTART, since=entered)
        assert not answer.passes
    assert answer.explanation["en"].word == "SAME PERSON?"
    assert "counted 8 s ago" in answer.explanation["en"].next_step
    assert answer.explanation["zh"].next_step == "8秒前已放行并计数，之后本验证机重启"
    assert door.free() == 9
    assert (last(door).decision, last(door).reason) == ("denied", "before_restart")


def test_not_without_a_restart(door: LocalDoor) -> None:
    door.present(badge(SERIAL))
    assert reason(door.present(badge(SERIAL))) == "already_inside"


def test_after_each_of_several_restarts(door: LocalDoor) -> None:
    door.present(badge(SERIAL))
    for _ in range(3):
        door.restart()
        assert reason(door.present(badge(SERIAL))) == "before_restart"


@pytest.mark.parametrize(
    ("before_ms", "after_ms", "asked"),
    [(0, 60_000, True), (0, 60_001, False), (59_000, 1_000, True), (59_000, 1_001, False)],
)
def test_for_a_minute_after_the_scan(
    door: LocalDoor, before_ms: int, after_ms: int, asked: bool
) -> None:
    door.present(badge(SERIAL))
    door.clock.pass_ms(before_ms)
    door.restart()
    door.clock.pass_ms(after_ms)
    assert (reason(door.present(badge(SERIAL))) == "before_restart") is asked


def test_for_a_minute_after_the_start_where_the_clock_was_set_back(door: LocalDoor) -> None:
    door.present(badge(SERIAL))
    door.restart()
    door.clock.wall -= 3_600_000
    answer = door.present(badge(SERIAL))
    assert "counted 0 s ago" in answer.explanation["en"].next_step
    door.clock.monotonic += 60_001
    assert reason(door.present(badge(SERIAL))) == "already_inside"


def test_the_newest_records_are_searched(door: LocalDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "REPEAT_RECORDS", 3)
    for serial in (1, 2, 3, 4):
        door.present(badge(serial))
    door.restart()
    reasons = [reason(door.present(badge(serial))) for serial in (1, 2, 3, 4)]
    assert reasons == ["already_inside", *["before_restart"] * 3]


@pytest.mark.parametrize("mode", MODES)
def test_whatever_the_clocks_do_each_green_has_a_place(door: LocalDoor, mode: str) -> None:
    door.load(hall=hall_facts(anti_passback=mode))
    for seed in range(tries(40)):
        draw = random.Random(seed)
        granted = 10 * (seed + 2)
        door.journal.obey(orders((granted, 0, 1)))
        free, greens = door.free(), 0
        for _ in range(12):
            greens += door.present(badge(draw.randrange(3) + 10 * seed)).admitted
            door.clock.pass_ms(draw.choice((0, 500, 70_000)))
            door.clock.wall += draw.choice((0, 0, -5_000, 3_600_000, -3_600_000))
            if draw.random() < 0.3:
                door.restart()
        assert free - door.free() == greens


def override(door: LocalDoor, denied: Answer) -> Answer:
    handler = OverrideHandler(door.journal, door.replica)
    return run(handler.override(denied, WORD, at=door.clock.wall), door.journal.wait)


class TestWhatIsNoRepeat:
    @pytest.fixture(autouse=True)
    def restarted(self, door: LocalDoor) -> None:
        door.present(badge(SERIAL))
        door.restart()

    def test_no_badge(self, door: LocalDoor) -> None:
        assert reason(door.present("nonsense")) == "not_a_badge"

    def test_another_badge(self, door: LocalDoor) -> None:
        assert door.present(badge(SERIAL + 1)).admitted

    def test_an_exit(self, door: LocalDoor) -> None:
        assert leave(door) == Admitted(closes=StayRef(KIOSK, GENERATION, 1))

    def test_an_entry_after_an_exit_here(self, door: LocalDoor) -> None:
        leave(door)
        assert door.present(badge(SERIAL)).admitted
        assert (door.free(), last(door).flags) == (9, ())

    def test_an_entry_after_an_exit_by_another_door(self, door: LocalDoor) -> None:
        door.replica.apply(wire.StayClosed(StayRef(KIOSK, GENERATION, 1), HALL, SERIAL), 11)
        assert door.present(badge(SERIAL)).admitted
        assert door.free() == 8

    def test_an_entry_into_another_hall_where_the_kiosk_was_carried(self, door: LocalDoor) -> None:
        door.load(hall=hall_facts(hall=HALL + 1))
        door.journal.obey([(PoolKey(HALL + 1), Order(1, 0, 1))])
        assert door.present(badge(SERIAL)).admitted

    def test_one_who_is_seen_at_an_assembly_point(self, door: LocalDoor) -> None:
        door.roll_call = lambda: RollCall("Car park", "user:1")
        assert reason(door.present(badge(SERIAL))) == "roll_call"


class TestStaffDecide:
    @pytest.fixture(autouse=True)
    def restarted(self, door: LocalDoor) -> None:
        door.present(badge(SERIAL))
        door.restart()

    def test_the_supervisor_annuls_and_the_door_opens_on_the_same_place(
        self, door: LocalDoor
    ) -> None:
        handler = OverrideHandler(door.journal, door.replica)
        handler.annul(1, WORD, holder=None, at=door.clock.wall)
        assert door.free() == 10
        assert door.present(badge(SERIAL)).admitted
        assert door.free() == 9

    def test_an_override_takes_a_place_of_its_own(self, door: LocalDoor) -> None:
        asked = door.present(badge(SERIAL))
        let_in = override(door, asked)
        assert let_in.decision == Admitted(flags=frozenset({Flag.PASSBACK}))
        assert door.free() == 8

    def test_who_was_let_in_by_a_supervisor_is_asked_for_as_well(self, door: LocalDoor) -> None:
        asked = door.present(badge(SERIAL))
        override(door, asked)
        door.restart()
        assert reason(door.present(badge(SERIAL))) == "before_restart"

    def test_who_is_found_by_name_too(self, door: LocalDoor) -> None:
        person = msgspec.structs.replace(
            PERSON, serial=SERIAL, category=DELEGATE, valid_days=0b11, zones=0b1, flags=0
        )
        steps = door.admitter.admit_by_name(
            person, user="user:1", user_name="Bob", at=door.clock.wall
        )
        assert reason(run(steps, door.journal.wait)) == "before_restart"


class TestExits:
    """Two people have one badge, and one of them leaves."""

    @pytest.fixture(autouse=True)
    def one_has_left(self, door: LocalDoor) -> None:
        allow_several_of_one_badge(door)
        for _ in range(2):
            door.present(badge(SERIAL))
        assert leave(door).closes == StayRef(KIOSK, GENERATION, 2)
        assert door.free() == 9

    def test_an_exit_scanned_again_ends_no_other_stay(self, door: LocalDoor) -> None:
        door.restart()
        assert leave(door) == Admitted(flags=frozenset({Flag.REPEATED}))
        assert door.free() == 9
        assert (last(door).seq, last(door).closes, last(door).flags) == (4, None, ("repeated",))

    def test_the_next_one_does(self, door: LocalDoor) -> None:
        door.restart()
        leave(door)
        assert leave(door).closes == StayRef(KIOSK, GENERATION, 1)

    def test_not_after_a_later_entry(self, door: LocalDoor) -> None:
        door.restart()
        again = door.present(badge(SERIAL))
        assert leave(door).closes == StayRef(KIOSK, GENERATION, again.seq)

    def test_an_annulment_was_no_exit(self, door: LocalDoor) -> None:
        handler = OverrideHandler(door.journal, door.replica)
        entered = door.present(badge(SERIAL))
        handler.annul(entered.seq, WORD, holder=None, at=door.clock.wall)
        door.restart()
        assert leave(door).closes == StayRef(KIOSK, GENERATION, 1)


def test_an_exit_scanned_again_ends_no_stay_in_the_hall_around(door: LocalDoor) -> None:
    around = wire.OuterFacts(hall_facts(hall=AROUND, anti_passback="off"), [])
    door.load(hall=hall_facts(anti_passback="off"), outer=[around])
    door.journal.obey([(PoolKey(AROUND), Order(10, 0, 1))])
    for _ in range(2):
        door.present(badge(SERIAL))
    leave(door)
    door.restart()
    assert leave(door) == Admitted(flags=frozenset({Flag.REPEATED}))
    assert [outer.closes for outer in last(door).outer_halls] == [None]
    assert door.journal.accounts()[PoolKey(AROUND)].free == 9
