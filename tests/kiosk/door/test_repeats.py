"""Answers given again after a crash, at the edges of every time that counts."""

import pytest

from badges.admission.facts import Admitted, Direction, Flag
from badges.record import StayRef
from kiosk.door import repeats
from kiosk.supervisor.override import OverrideHandler, Word
from tests.kiosk.support.door_fixture import (
    GENERATION,
    KIOSK,
    NOON,
    LocalDoor,
    badge,
    hall_facts,
    reason,
    records_of,
)

SERIAL = 0x00ABCD


def started(door: LocalDoor, monkeypatch: pytest.MonkeyPatch, boot: str | None) -> None:
    """The machine was started; None: it can't say which start this is."""
    path = door.directory / f"boot {boot}"
    if boot is not None:
        path.write_text(boot)
    monkeypatch.setattr(repeats, "_BOOT_ID", path)
    door.restart()


@pytest.mark.parametrize("by_ms", [1_000, -1_000])
def test_a_clock_that_was_corrected_by_a_second_was_not_set(door: LocalDoor, by_ms: int) -> None:
    """While the process was down, and after it was up again."""
    door.present(badge(SERIAL))
    door.present(badge(SERIAL + 1))
    door.clock.pass_ms(2_000)
    door.clock.wall += by_ms
    door.restart()
    assert door.present(badge(SERIAL)).repeated
    door.clock.wall -= by_ms
    assert door.present(badge(SERIAL + 1)).repeated


def test_by_more_than_a_second_it_was_set(door: LocalDoor) -> None:
    door.present(badge(SERIAL))
    door.clock.pass_ms(2_000)
    door.clock.wall += 1_001
    door.restart()
    assert reason(door.present(badge(SERIAL))) == "already_inside"


def test_a_correction_between_two_scans_leaves_both_to_be_repeated(door: LocalDoor) -> None:
    door.present(badge(SERIAL))
    door.clock.wall += 1_000
    door.present(badge(SERIAL + 1))
    door.restart()
    assert door.present(badge(SERIAL)).repeated
    assert door.present(badge(SERIAL + 1)).repeated


def test_two_who_saw_no_light_both_get_their_answers(door: LocalDoor) -> None:
    """One after the other was admitted, and then the power failed."""
    for serial in (SERIAL, SERIAL + 1):
        door.present(badge(serial))
        door.clock.pass_ms(100)
    door.restart()
    assert [door.present(badge(s)).repeated for s in (SERIAL, SERIAL + 1)] == [True, True]
    assert len(records_of(door.journal)) == 2


@pytest.mark.parametrize(("since_boot_ms", "again"), [(10_000, True), (10_001, False)])
def test_a_machine_that_says_no_start_is_trusted_as_long_as_it_has_been_on(
    door: LocalDoor, monkeypatch: pytest.MonkeyPatch, since_boot_ms: int, again: bool
) -> None:
    """It can't be told from one that was started in between."""
    started(door, monkeypatch, None)
    door.clock.monotonic = since_boot_ms
    door.present(badge(SERIAL))
    door.restart()
    assert door.present(badge(SERIAL)).repeated == again


def test_a_start_is_noted_though_the_clock_stands_as_before(
    door: LocalDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else no answer of this start would ever be given again."""
    door.present(badge(SERIAL))
    started(door, monkeypatch, "the next")
    door.clock.pass_ms(60_000)
    door.present(badge(SERIAL + 1))
    door.restart()
    assert door.present(badge(SERIAL + 1)).repeated


def test_a_process_that_has_run_ten_seconds_still_repeats(door: LocalDoor) -> None:
    """A machine whose clock runs a little behind the one that nobody sets."""
    door.present(badge(SERIAL))
    door.restart()
    door.clock.pass_ms(10_000)
    door.clock.wall -= 500
    assert door.present(badge(SERIAL)).repeated


def test_an_exit_is_not_repeated_once_the_holder_came_in_again(door: LocalDoor) -> None:
    """The second exit must end the second stay."""
    door.present(badge(SERIAL))
    door.present(badge(SERIAL), direction=Direction.EXIT)
    door.restart()
    again = door.present(badge(SERIAL))
    left = door.present(badge(SERIAL), direction=Direction.EXIT)
    assert not left.repeated
    assert left.decision.closes == StayRef(KIOSK, GENERATION, again.seq)


def test_the_newest_sixty_four_scans_are_looked_through(door: LocalDoor) -> None:
    door.load(hall=hall_facts(anti_passback="off"))
    for place in range(2):
        door.present(badge(SERIAL + place))
    for _ in range(63):
        door.present("no badge")
    door.restart()
    assert not door.present(badge(SERIAL)).repeated
    assert door.present(badge(SERIAL + 1)).repeated


def test_who_was_let_in_by_a_supervisor_gets_that_answer_again(door: LocalDoor) -> None:
    door.load(hall=hall_facts(categories=[]))
    denied = door.present(badge(SERIAL))
    word = Word("7", "Petra", "a speaker")
    let_in = OverrideHandler(door.journal, door.replica).override(denied, word, at=NOON)
    door.restart()
    again = door.present(badge(SERIAL))
    assert again.repeated
    assert again.seq == let_in.seq


@pytest.mark.parametrize("later_ms", [-1, 0])
def test_only_scans_from_before_the_restart_are_repeated(door: LocalDoor, later_ms: int) -> None:
    """By the clock as it stands at the start: what is later than that was seen by another clock."""
    door.present(badge(SERIAL))
    door.clock.wall += later_ms
    door.restart()
    door.clock.wall -= later_ms
    assert door.present(badge(SERIAL)).repeated == (later_ms == 0)


def test_an_annulment_is_no_exit_that_could_be_repeated(door: LocalDoor) -> None:
    """Nobody went out by it: whoever leaves now is one whom no record let in."""
    entered = door.present(badge(SERIAL))
    word = Word("7", "Petra", "turned back")
    OverrideHandler(door.journal, door.replica).annul(entered.seq, word, holder=None, at=NOON)
    door.restart()
    left = door.present(badge(SERIAL), direction=Direction.EXIT)
    assert left.decision == Admitted(flags=frozenset({Flag.NO_ENTRY}))


@pytest.mark.parametrize(("on_ms", "again"), [(5_000, True), (5_001, False)])
def test_a_scan_is_ten_seconds_old_at_most_down_and_up_together(
    door: LocalDoor, on_ms: int, again: bool
) -> None:
    door.present(badge(SERIAL))
    door.clock.pass_ms(5_000)
    door.restart()
    door.clock.pass_ms(on_ms)
    assert door.present(badge(SERIAL)).repeated == again


@pytest.mark.parametrize("later", [badge(SERIAL + 1), "no badge"])
def test_a_scan_of_a_time_to_come_makes_those_before_it_doubtful(
    door: LocalDoor, later: str
) -> None:
    """The clock was set back a little, too little to be taken for set: which is old is not sure."""
    door.present(badge(SERIAL))
    door.clock.wall += 900
    door.present(later)
    door.clock.wall -= 900
    door.restart()
    assert not door.present(badge(SERIAL)).repeated


def test_a_clock_that_was_set_makes_every_earlier_answer_doubtful(door: LocalDoor) -> None:
    """Whoever is seen first finds it out, and it stays so for the others."""
    for serial in (SERIAL, SERIAL + 1):
        door.present(badge(serial))
    door.restart()
    door.clock.wall -= 60_000
    assert not door.present(badge(SERIAL)).repeated
    door.clock.wall += 60_000
    assert not door.present(badge(SERIAL + 1)).repeated
