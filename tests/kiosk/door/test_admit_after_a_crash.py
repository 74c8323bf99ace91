"""After a crash: the answer that nobody saw is given again, once, and not by a clock that lies."""

import sqlite3
from contextlib import closing

import pytest

from badges.admission.facts import Direction
from badges.record import StayRef
from badges.wire import wire
from kiosk.door import repeats
from tests.kiosk.support.door_fixture import (
    GENERATION,
    HALL,
    KIOSK,
    PRESS,
    LocalDoor,
    badge,
    hall_facts,
    reason,
    records_of,
)

SERIAL = 0x00ABCD


def test_the_same_presentation_gets_its_first_answer(door: LocalDoor) -> None:
    first = door.present(badge(SERIAL))
    door.restart()
    door.clock.pass_ms(10_000)
    again = door.present(badge(SERIAL))
    assert again.repeated
    assert (again.seq, again.free_places) == (first.seq, 9)
    assert len(records_of(door.journal)) == 1


def test_not_after_ten_seconds(door: LocalDoor) -> None:
    door.present(badge(SERIAL))
    door.restart()
    door.clock.pass_ms(10_001)
    assert reason(door.present(badge(SERIAL))) == "already_inside"


def test_not_without_a_restart(door: LocalDoor) -> None:
    door.present(badge(SERIAL))
    assert reason(door.present(badge(SERIAL))) == "already_inside"


class TestOnce:
    """One place, one badge, five people."""

    @pytest.mark.parametrize("mode", ["hard", "soft", "off"])
    def test_five_people_with_one_badge(self, door: LocalDoor, mode: str) -> None:
        """After the one that the crash hid, each green is on a place of its own."""
        door.load(hall=hall_facts(anti_passback=mode))
        door.grant(1, recall=9)
        door.present(badge(SERIAL))
        free = door.free()
        door.restart()
        answers = []
        for _ in range(5):
            door.clock.pass_ms(100)
            answers.append(door.present(badge(SERIAL)))
        green = [answer for answer in answers if answer.admitted]
        assert [answer.repeated for answer in green] == [True] + [False] * (len(green) - 1)
        assert len(green) - 1 == (0 if mode == "hard" else min(4, free))
        assert free - door.free() == len(green) - 1

    @pytest.mark.parametrize("mode", ["hard", "soft", "off"])
    def test_one_place_is_one_green(self, door: LocalDoor, mode: str) -> None:
        door.load(hall=hall_facts(anti_passback=mode))
        for serial in range(1, 10):
            door.present(badge(serial))
        assert door.free() == 1
        assert door.present(badge(SERIAL)).admitted
        door.restart()
        green = [door.present(badge(SERIAL)).admitted for _ in range(5)]
        assert green == [True, False, False, False, False]

    def test_not_again_after_a_second_crash(self, door: LocalDoor) -> None:
        """That it was given again is on disk before the light."""
        door.present(badge(SERIAL))
        for _ in range(3):
            door.restart()
            door.clock.pass_ms(50)
            door.present(badge(SERIAL))
        assert [r for r in self.repeated(door)] == [1]
        door.restart()
        assert reason(door.present(badge(SERIAL))) == "already_inside"

    def test_a_second_crash_before_the_light_loses_the_repeat(self, door: LocalDoor) -> None:
        """It errs on the safe side: the supervisor sees what is in the journal."""
        door.present(badge(SERIAL))
        door.restart()
        with door.journal.transaction() as step:
            assert step.repeat(1)
        door.restart()
        assert reason(door.present(badge(SERIAL))) == "already_inside"

    def test_an_exit_too(self, door: LocalDoor) -> None:
        door.present(badge(SERIAL))
        door.present(badge(SERIAL), direction=Direction.EXIT)
        door.restart()
        answers = [door.present(badge(SERIAL), direction=Direction.EXIT) for _ in range(3)]
        assert [answer.repeated for answer in answers] == [True, False, False]

    @staticmethod
    def repeated(door: LocalDoor) -> list[int]:
        with closing(sqlite3.connect(door.directory / "journal.db")) as db:
            return [row[0] for row in db.execute("SELECT seq FROM repeated")]


class TestClocks:
    """An answer is as old as its own scan, whatever the clock is set to."""

    @pytest.mark.parametrize("back_ms", [2_000, 60_000, 1_795_000, 86_400_000])
    def test_a_clock_that_was_set_back_before_the_restart(
        self, door: LocalDoor, back_ms: int
    ) -> None:
        """An answer of long ago would look as young as one of now."""
        door.present(badge(SERIAL))
        door.clock.pass_ms(back_ms)
        door.clock.wall -= back_ms - 500
        door.restart()
        assert reason(door.present(badge(SERIAL))) == "already_inside"

    def test_a_clock_that_was_set_back_after_it(self, door: LocalDoor) -> None:
        door.present(badge(SERIAL))
        door.restart()
        door.clock.pass_ms(60_000)
        door.clock.wall -= 59_000
        assert reason(door.present(badge(SERIAL))) == "already_inside"

    def test_set_back_within_the_ten_seconds(self, door: LocalDoor) -> None:
        door.present(badge(SERIAL))
        door.restart()
        door.clock.pass_ms(9_000)
        door.clock.wall -= 8_000
        assert reason(door.present(badge(SERIAL))) == "already_inside"

    def test_the_process_runs_longer_than_the_clock_says(self, door: LocalDoor) -> None:
        """By less than a clock is taken to be set."""
        door.present(badge(SERIAL))
        door.restart()
        door.clock.pass_ms(10_500)
        door.clock.wall -= 900
        assert reason(door.present(badge(SERIAL))) == "already_inside"

    def test_a_presentation_from_before_the_scan(self, door: LocalDoor) -> None:
        """A picture that waited: it can't be the holder who saw no light."""
        door.present(badge(SERIAL))
        at = door.clock.wall - 1
        door.restart()
        assert reason(door.admitter.present(badge(SERIAL), at=at)) == "already_inside"

    def test_one_that_went_back_and_is_right_again(self, door: LocalDoor) -> None:
        door.present(badge(SERIAL))
        door.restart()
        door.clock.wall -= 60_000
        assert reason(door.present(badge(SERIAL))) == "already_inside"
        door.clock.wall += 60_000
        assert not door.present(badge(SERIAL)).repeated

    def test_a_scan_of_a_time_still_to_come(self, door: LocalDoor) -> None:
        door.present(badge(SERIAL))
        door.clock.wall -= 5_000
        door.restart()
        assert reason(door.present(badge(SERIAL))) == "already_inside"
        door.clock.pass_ms(6_000)
        assert reason(door.present(badge(SERIAL))) == "already_inside"

    def test_set_back_between_two_scans(self, door: LocalDoor) -> None:
        """The later scan says how the clock stands now; the earlier one is older than it looks."""
        door.present(badge(SERIAL))
        door.clock.pass_ms(20_000)
        door.clock.wall -= 15_000
        door.present(badge(SERIAL + 1))
        door.restart()
        assert reason(door.present(badge(SERIAL))) == "already_inside"
        assert door.present(badge(SERIAL + 1)).repeated

    @pytest.mark.parametrize(("since_boot_ms", "again"), [(4_000, True), (10_001, False)])
    def test_after_a_start_of_the_machine(
        self, door: LocalDoor, since_boot_ms: int, again: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No scan is younger than the machine has been on, whatever a clock without power says."""
        door.present(badge(SERIAL))
        monkeypatch.setattr(repeats, "_BOOT_ID", door.directory / "another")
        (door.directory / "another").write_text("another start")
        door.clock.wall += 3_000
        door.clock.monotonic = since_boot_ms
        door.restart()
        assert door.present(badge(SERIAL)).repeated == again


def test_not_once_the_holder_has_left(door: LocalDoor) -> None:
    """Else somebody would be inside whom no record counts."""
    door.present(badge(SERIAL))
    door.present(badge(SERIAL), direction=Direction.EXIT)
    door.restart()
    entered = door.present(badge(SERIAL))
    assert entered.admitted
    assert not entered.repeated
    assert len(records_of(door.journal)) == 3


def test_not_once_the_holder_has_left_after_the_restart(door: LocalDoor) -> None:
    door.present(badge(SERIAL))
    door.restart()
    door.present(badge(SERIAL), direction=Direction.EXIT)
    assert not door.present(badge(SERIAL)).repeated


def test_not_once_the_holder_left_by_another_door(door: LocalDoor) -> None:
    door.present(badge(SERIAL))
    door.restart()
    door.replica.apply(wire.StayClosed(StayRef(KIOSK, GENERATION, 1), HALL, SERIAL), 11)
    assert not door.present(badge(SERIAL)).repeated


def test_not_for_another_issue_or_a_denial(door: LocalDoor) -> None:
    door.present(badge(SERIAL))
    door.present(badge(SERIAL + 1, category=PRESS))
    door.restart()
    assert reason(door.present(badge(SERIAL, issue=2))) == "already_inside"
    assert reason(door.present(badge(SERIAL + 1, category=PRESS))) == "not_entitled"


def test_an_exit_too(door: LocalDoor) -> None:
    door.present(badge(SERIAL))
    door.present(badge(SERIAL), direction=Direction.EXIT)
    door.restart()
    again = door.present(badge(SERIAL), direction=Direction.EXIT)
    assert again.repeated
    assert again.decision.closes == StayRef(KIOSK, GENERATION, 1)
    assert len(records_of(door.journal)) == 2
