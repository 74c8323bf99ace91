"""A supervisor at the door: unlocking, looking people up, moving, and the shift's end."""

import pytest

from badges.admission.facts import Admitted, Direction, Flag
from badges.admission.phrases import Tone
from badges.wire import wire
from badges.wire.supervisor import Found
from kiosk.door.admit import NotReadyError
from kiosk.journal.values import Stored
from kiosk.supervisor.sessions import IDLE_MS
from kiosk.supervisor.status import ShiftFigures, Unlocked
from kiosk.sync.protocol import Steps
from tests.kiosk.support.door_fixture import HALL, PRESS, Clock, LocalDoor, badge, reason, snapshot
from tests.kiosk.support.supervised import (
    LOST,
    MEI,
    OMAR,
    PERSON,
    PIN,
    SUPERVISORS,
    Supervised,
    load,
    refused,
)

SERIAL = 0x00ABCD


@pytest.fixture
def here(door: LocalDoor) -> Supervised:
    """Offline, with ten places, and locked."""
    load(door)
    return Supervised(door)


class TestSession:
    def test_it_works(self, here: Supervised) -> None:
        status = here.status()
        assert [s.name for s in status.supervisors] == ["Mei Lin", "Omar"]
        assert status.supervisor is None
        session = here.supervision.unlock(MEI, PIN)
        until = here.door.clock.wall + IDLE_MS
        assert session.shown() == Unlocked(MEI, "Mei Lin", until)
        assert here.status().supervisor == session.shown()

    def test_it_ends_when_nothing_is_done(self, here: Supervised) -> None:
        here.unlock()
        here.door.clock.pass_ms(IDLE_MS - 1)
        here.supervision.doors()
        here.door.clock.pass_ms(IDLE_MS - 1)
        assert here.status().supervisor.user == MEI, "each act begins the time anew"
        here.door.clock.pass_ms(1)
        assert here.status().supervisor is None
        assert refused(here.supervision.doors) == "not_unlocked"

    def test_a_clock_that_is_set_back_does_not_keep_it_open(self, here: Supervised) -> None:
        here.unlock()
        here.door.clock.wall -= 3_600_000
        here.door.clock.monotonic += IDLE_MS
        assert here.status().supervisor is None

    def test_it_ends_by_a_word_and_at_a_restart(self, here: Supervised) -> None:
        here.unlock()
        here.supervision.lock()
        assert refused(here.supervision.doors) == "not_unlocked"
        here.unlock()
        here.restart()
        assert refused(here.supervision.doors) == "not_unlocked"

    @pytest.mark.parametrize("left", [[], [SUPERVISORS[1]]])
    def test_it_ends_when_the_server_takes_the_pin_away(self, here: Supervised, left) -> None:
        here.unlock()
        load(here.door, supervisors=left)
        assert refused(here.supervision.doors) == "not_unlocked"
        assert refused(here.supervision.unlock, MEI, PIN) == "not_a_supervisor"

    def test_it_ends_when_the_pin_is_another(self, here: Supervised) -> None:
        here.unlock()
        other = wire.SupervisorFacts(MEI, "Mei Lin", SUPERVISORS[1].pin_hash)
        load(here.door, supervisors=[other])
        assert refused(here.supervision.doors) == "not_unlocked"

    def test_without_a_pin_nothing_can_be_done(self, here: Supervised) -> None:
        denied = here.present(badge(SERIAL, category=PRESS))
        supervision = here.supervision
        acts = [
            lambda: supervision.override(denied.seq, "vip", ""),
            lambda: supervision.annul(denied.seq, "by_mistake", ""),
            lambda: supervision.people("lost"),
            lambda: supervision.admit(LOST),
            lambda: supervision.turn(Direction.EXIT),
            supervision.doors,
            lambda: supervision.move(71),
            supervision.end_shift,
            supervision.resume,
        ]
        assert [refused(act) for act in acts] == ["not_unlocked"] * len(acts)
        assert here.server.asked == []
        assert not here.journal.state().resting

    def test_before_the_first_facts(self, tmp_path, clock: Clock) -> None:
        door = LocalDoor(tmp_path, clock)
        with pytest.raises(NotReadyError):
            Supervised(door).unlock()
        door.close()


class TestLookUp:
    def test_it_works(self, here: Supervised) -> None:
        here.unlock()
        assert here.supervision.people("lost acme").people == [PERSON]
        assert here.server.asked == [("people", "lost acme", f"user:{MEI}")]
        answer = here.supervision.admit(LOST)
        assert answer.decision == Admitted(flags=frozenset({Flag.LOOKED_UP}))
        assert (answer.holder, answer.by, answer.tone) == (PERSON.holder, "Mei Lin", Tone.LOOK)
        record = here.last()
        assert (record.act, record.by, record.flags) == ("scan", f"user:{MEI}", ("looked_up",))
        assert (record.serial, record.issue, record.category) == (LOST, 1, PERSON.category)
        assert here.door.free() == 9
        assert here.told == [answer]

    def test_denied_stays_denied_and_may_be_overridden(self, here: Supervised) -> None:
        here.door.replica.apply(wire.HolderChanged(wire.HolderFacts(LOST, 1, True)), 11)
        here.unlock()
        here.supervision.people("lost")
        denied = here.supervision.admit(LOST)
        assert reason(denied) == "revoked"
        assert here.last().by == f"user:{MEI}"
        decision = here.status().can_override
        assert (decision.seq, decision.name, decision.reason) == (
            denied.seq,
            "Lost Badge",
            "revoked",
        )
        assert here.supervision.override(denied.seq, "other", "mistake at the desk").admitted

    def test_a_person_inside_already(self, here: Supervised) -> None:
        here.present(badge(LOST))
        here.unlock()
        here.supervision.people("lost")
        assert reason(here.supervision.admit(LOST)) == "already_inside"

    def test_an_exit_without_a_badge(self, here: Supervised) -> None:
        entry = here.present(badge(LOST))
        here.direction.choose(Direction.EXIT)
        here.unlock()
        here.supervision.people("lost")
        assert here.supervision.admit(LOST).decision.closes.seq == entry.seq

    def test_only_those_just_found_and_each_once(self, here: Supervised) -> None:
        here.unlock()
        assert refused(here.supervision.admit, LOST) == "look_up_first"
        here.supervision.people("lost")
        here.supervision.admit(LOST)
        assert refused(here.supervision.admit, LOST) == "look_up_first"

    def test_names_are_forgotten_with_the_session(self, here: Supervised) -> None:
        here.unlock()
        here.supervision.people("lost")
        here.unlock(OMAR, "270461")
        assert refused(here.supervision.admit, LOST) == "look_up_first"

    def test_names_that_come_after_the_session_are_not_kept(
        self, here: Supervised, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def slow(words: str, by: str) -> Steps[Found]:
            yield from ()
            here.supervision.lock()
            return Found([PERSON], more=False)

        monkeypatch.setattr(here.server, "look_up", slow)
        here.unlock()
        assert refused(here.supervision.people, "lost") == "not_unlocked"
        here.unlock(OMAR, "270461")
        assert refused(here.supervision.admit, LOST) == "look_up_first"

    @pytest.mark.parametrize("code", ["no_server", "too_many", "not_a_supervisor"])
    def test_the_refusal_has_its_reason(self, here: Supervised, code: str) -> None:
        here.unlock()
        here.server.refuse = code
        assert refused(here.supervision.people, "lost") == code


class TestStanding:
    def test_direction(self, here: Supervised) -> None:
        here.unlock()
        here.supervision.turn(Direction.EXIT)
        assert here.direction.chosen() is Direction.EXIT
        here.one_way()
        assert refused(here.supervision.turn, Direction.ENTRY) == "one_way"

    def test_another_door(self, here: Supervised) -> None:
        here.unlock()
        here.present(badge(SERIAL, category=PRESS))
        here.supervision.move(71)
        assert here.server.asked == [("door", 71, f"user:{MEI}")]
        assert here.moves == 1
        assert here.status().can_override is None, "that was another hall's affair"

    def test_not_without_the_server(self, here: Supervised) -> None:
        here.unlock()
        here.server.refuse = "no_server"
        assert refused(here.supervision.move, 71) == "no_server"
        assert here.moves == 0

    def test_own_stays_in_the_old_hall_are_not_taken_for_ended(self, here: Supervised) -> None:
        """The new hall's snapshot has none of them, and the kiosk may come back."""
        here.present(badge(SERIAL))
        own = here.journal.own_open(1, HALL)
        assert [stay.seq for stay in own] == [1]
        assert here.journal.own_open(1, HALL + 1) == []
        there = wire.HallFacts(**{**_fields(snapshot().hall), "hall": HALL + 1})
        here.door.replica.load(snapshot(hall=there), here.journal.own_open(1, HALL + 1))
        load(here.door)
        assert reason(here.present(badge(SERIAL))) == "already_inside"


def _fields(struct) -> dict:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


class TestShift:
    def test_it_works(self, here: Supervised) -> None:
        here.unlock()
        here.present(badge(SERIAL))
        here.present(badge(SERIAL), direction=Direction.EXIT)
        denied = here.present(badge(SERIAL, category=PRESS))
        entry = here.supervision.override(denied.seq, "vip", "")
        here.supervision.annul(entry.seq, "by_mistake", "")
        here.supervision.people("lost")
        here.supervision.admit(LOST)
        shift = here.supervision.end_shift()
        assert shift == ShiftFigures(
            since=None,
            ended_at=here.door.clock.wall,
            admitted=3,
            denied=1,
            exits=1,
            overrides=1,
            annulled=1,
            looked_up=1,
        )
        status = here.status()
        assert (status.resting, status.shift, status.supervisor) == (True, shift, None)
        assert here.door.free() == 0, "all places went back"
        assert here.wakes == 1, "and the server hears of it at once"

    def test_no_admissions_but_exits(self, here: Supervised) -> None:
        here.present(badge(SERIAL))
        here.unlock()
        here.supervision.end_shift()
        here.door.grant(15)
        denied = here.present(badge(SERIAL + 1))
        assert reason(denied) == "door_resting"
        assert denied.explanation["en"].reason == "This door is closed: its shift has ended"
        assert here.door.asked == [], "no place is asked for"
        left = here.present(badge(SERIAL), direction=Direction.EXIT)
        assert left.admitted
        assert here.door.free() == 0, "its place goes back too"
        here.unlock()
        assert refused(here.supervision.override, denied.seq, "vip", "") == "not_overridable"
        assert here.status().shift.exits == 1

    def test_an_override_of_an_earlier_denial(self, here: Supervised) -> None:
        denied = here.present(badge(SERIAL, category=PRESS))
        here.unlock()
        here.supervision.end_shift()
        here.unlock()
        assert refused(here.supervision.override, denied.seq, "vip", "") == "resting"

    def test_it_lasts_over_a_restart_and_ends_by_a_pin(self, here: Supervised) -> None:
        here.present(badge(SERIAL))
        here.unlock()
        shift = here.supervision.end_shift()
        here.restart()
        assert here.status().shift == shift
        assert reason(here.present(badge(SERIAL + 1))) == "door_resting"
        here.door.clock.pass_ms(60_000)
        here.unlock()
        here.supervision.resume()
        assert not here.status().resting
        here.door.grant(20)
        assert here.present(badge(SERIAL + 2)).admitted
        ended = here.supervision.end_shift()
        assert (ended.since, ended.admitted) == (here.door.clock.wall, 1), "a new shift"

    def test_twice_is_once(self, here: Supervised) -> None:
        here.unlock()
        here.supervision.resume()
        first = here.supervision.end_shift()
        here.door.clock.pass_ms(1000)
        here.unlock()
        assert here.supervision.end_shift() == first


class TestRollCall:
    """A kiosk at an assembly point notes people without the server, and admits no one."""

    def test_it_shows_and_records_the_person_and_the_place(self, here: Supervised) -> None:
        here.present(badge(SERIAL))
        here.unlock()
        here.supervision.begin_roll_call("  A  ")
        status = here.status()
        assert (status.roll_call, status.resting, status.supervisor) == ("A", True, None)
        assert here.door.free() == 0, "all places went back"
        seen = here.present(badge(SERIAL))
        assert reason(seen) == "roll_call"
        assert (seen.tone, seen.passes) == (Tone.SEEN, False)
        assert seen.explanation["en"].word == "SEEN"
        assert seen.explanation["zh"].reason == "已在本集合点登记"
        (record,) = here.door.journal.newest(1)
        assert (record.decision, record.reason, record.note) == ("denied", "roll_call", "A")
        assert (record.direction, record.serial, record.by) == ("entry", SERIAL, f"user:{MEI}")
        assert here.status().shift.seen == 1
        assert here.status().shift.denied == 0
        assert here.door.asked == [], "no place is asked for"

    def test_each_record_is_counted_once(
        self, here: Supervised, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A status is shown four times a second, also after thousands of records."""
        here.unlock()
        here.supervision.begin_roll_call("A")
        began, read, stored = [], [], here.journal.stored

        def noted(after: int, limit: int) -> list[Stored]:
            read.append(after)
            return stored(after, limit)

        monkeypatch.setattr(here.journal, "stored", noted)
        for number in range(3):
            here.present(badge(SERIAL + number))
            assert here.status().shift.seen == number + 1
            began.append(read[0])
            read.clear()
            assert here.status().shift.seen == number + 1
            assert read == []
        assert began == [0, 1, 2]

    def test_it_ends_no_stay(self, here: Supervised) -> None:
        entry = here.present(badge(SERIAL))
        here.unlock()
        here.supervision.begin_roll_call("A")
        seen = here.present(badge(SERIAL), direction=Direction.EXIT)
        assert reason(seen) == "roll_call"
        with here.door.journal.transaction() as transaction:
            (stay,) = transaction.own_stays(SERIAL, HALL)
        assert stay.stay.seq == entry.seq, "the stay is open still"

    def test_it_lasts_over_a_restart_and_the_door_stays_closed_after_it(
        self, here: Supervised
    ) -> None:
        here.unlock()
        here.supervision.begin_roll_call("A")
        here.restart()
        assert here.status().roll_call == "A"
        assert reason(here.present(badge(SERIAL))) == "roll_call"
        here.unlock()
        here.supervision.end_roll_call()
        assert here.status().roll_call == ""
        assert reason(here.present(badge(SERIAL))) == "door_resting"
        here.supervision.resume()
        here.door.grant(20)
        assert here.present(badge(SERIAL)).admitted

    def test_resuming_the_shift_ends_it(self, here: Supervised) -> None:
        here.unlock()
        here.supervision.begin_roll_call("A")
        here.unlock()
        here.supervision.resume()
        here.door.grant(20)
        assert here.status().roll_call == ""
        assert here.present(badge(SERIAL)).admitted

    def test_a_seen_person_cannot_be_admitted_by_override(self, here: Supervised) -> None:
        here.unlock()
        here.supervision.begin_roll_call("A")
        seen = here.present(badge(SERIAL))
        here.unlock()
        assert refused(here.supervision.override, seen.seq, "vip", "") == "not_overridable"

    @pytest.mark.parametrize("point", ["", "  ", "x" * 31])
    def test_a_point_needs_a_name(self, here: Supervised, point: str) -> None:
        here.unlock()
        assert refused(here.supervision.begin_roll_call, point) == "point_missing"
        assert here.present(badge(SERIAL)).admitted, "the door goes on"

    def test_it_needs_a_pin(self, here: Supervised) -> None:
        assert refused(here.supervision.begin_roll_call, "A") == "not_unlocked"
        assert refused(here.supervision.end_roll_call) == "not_unlocked"
