"""A supervisor's overrides and annulments, and their places."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from badges.admission.facts import Admitted, Direction, Flag
from badges.admission.phrases import Tone
from badges.record import StayRef
from badges.wire import wire
from kiosk.supervisor.override import ANNUL_MS
from kiosk.supervisor.recent import OVERRIDE_MS
from kiosk.supervisor.texts import SupervisorError
from tests.kiosk.support.door_fixture import (
    DAY_MS,
    DOOR,
    GENERATION,
    HALL,
    KIOSK,
    PRESS,
    LocalDoor,
    badge,
    hall_facts,
    key_of,
    reason,
    records_of,
    stay_of,
)
from tests.kiosk.support.supervised import MEI, Supervised, load, refused

SERIAL = 0x00ABCD


@pytest.fixture
def here(door: LocalDoor) -> Supervised:
    """Unlocked by Mei, at a door with ten ordinary places."""
    load(door)
    supervised = Supervised(door)
    supervised.unlock()
    return supervised


class TestOverride:
    def test_it_works(self, here: Supervised) -> None:
        denied = here.present(badge(SERIAL, category=PRESS))
        assert reason(denied) == "not_entitled"
        answer = here.supervision.override(denied.seq, "invited_by_host", "")
        assert answer.decision == Admitted()
        assert (answer.act, answer.by, answer.tone) == ("override", "Mei Lin", Tone.ADMIT)
        assert answer.explanation["en"].reason == "Admitted by Mei Lin: invited by the host"
        assert "主办方邀请" in answer.explanation["zh"].reason
        record = here.last()
        assert (record.act, record.by, record.note) == (
            "override",
            f"user:{MEI}",
            "invited_by_host",
        )
        assert (record.direction, record.decision, record.serial) == ("entry", "admitted", SERIAL)
        assert (record.category, record.door, record.hall) == (PRESS, DOOR, HALL)
        assert (record.override_place, record.skew_ms) == (False, 42)
        assert here.told[-1] is answer
        assert here.door.free() == 9

    def test_it_takes_a_place_beyond_the_capacity_where_no_ordinary_one_is_free(
        self, here: Supervised
    ) -> None:
        here.full()
        here.door.grant(1, override=True)
        denied = here.present(badge(SERIAL))
        assert reason(denied) == "hall_full"
        assert here.supervision.override(denied.seq, "vip", "").admitted
        assert here.last().override_place
        assert here.door.free(override=True) == 0
        denied = here.present(badge(SERIAL + 1))
        assert refused(here.supervision.override, denied.seq, "vip", "") == "no_place"
        assert len(records_of(here.journal)) == 3, "nothing was recorded"
        assert here.asked == [HALL], "the server was asked for one"

    def test_it_waits_for_the_place_that_the_server_gives(self, here: Supervised) -> None:
        here.full()
        timer = threading.Timer(0.05, lambda: here.door.grant(1, override=True))

        def ask() -> bool:
            timer.start()
            return True

        here.on_ask = ask
        denied = here.present(badge(SERIAL))
        assert here.supervision.override(denied.seq, "vip", "").admitted
        timer.join()

    def test_an_exit_gives_the_place_back_to_the_pool_that_it_came_from(
        self, here: Supervised
    ) -> None:
        here.full()
        here.door.grant(1, override=True)
        here.supervision.override(here.present(badge(SERIAL)).seq, "vip", "")
        left = here.present(badge(SERIAL), direction=Direction.EXIT)
        assert left.admitted
        assert here.last().override_place
        assert (here.door.free(), here.door.free(override=True)) == (0, 1)

    @pytest.mark.parametrize("how", ["exit", "annulment"])
    def test_until_then_no_other_place_comes_back_to_this_door(
        self, here: Supervised, how: str
    ) -> None:
        """A place of the capacity goes first to people inside beyond it."""
        here.full()
        here.door.grant(1, override=True)
        beyond = here.present(badge(SERIAL))
        here.supervision.override(beyond.seq, "vip", "")
        here.door.grant(11, recall=10)
        entry = here.present(badge(1))
        assert entry.admitted
        if how == "exit":
            here.present(badge(1), direction=Direction.EXIT)
        else:
            here.supervision.annul(entry.seq, "nobody_passed", "")
        assert not here.last().credited
        assert reason(here.present(badge(2))) == "hall_full"
        here.door.grant(12, recall=10)
        here.present(badge(SERIAL), direction=Direction.EXIT)
        assert here.present(badge(2)).admitted
        here.present(badge(2), direction=Direction.EXIT)
        assert here.last().credited, "nobody is beyond the capacity any more"

    def test_who_was_seen_at_another_hall_since_is_not_taken_to_be_inside(
        self, here: Supervised
    ) -> None:
        elsewhere = stay_of("south-1", 9, SERIAL)
        here.door.replica.apply(wire.StayOpened(elsewhere, HALL), 11)
        here.door.replica.apply(wire.StayClosed(elsewhere.stay, HALL, SERIAL, counted=True), 12)
        denied = here.present(badge(SERIAL, category=PRESS))
        answer = here.supervision.override(denied.seq, "vip", "")
        assert answer.decision == Admitted()

    def test_a_person_inside_gets_a_second_stay_and_is_flagged(self, here: Supervised) -> None:
        here.present(badge(SERIAL))
        denied = here.present(badge(SERIAL))
        assert reason(denied) == "already_inside"
        answer = here.supervision.override(denied.seq, "other", "left by the fire exit")
        assert answer.decision == Admitted(flags=frozenset({Flag.PASSBACK}))
        assert answer.tone is Tone.LOOK
        assert "left by the fire exit" in answer.explanation["en"].reason
        assert here.last().note == "left by the fire exit"
        closed = [here.present(badge(SERIAL), direction=Direction.EXIT) for _ in range(2)]
        assert [answer.decision.closes.seq for answer in closed] == [3, 1]

    def test_its_reason_is_whole_text_before_it_is_signed(self, here: Supervised) -> None:
        denied = here.present(badge(SERIAL, category=PRESS))
        note = "badge of Rene\u0301e\0\ud800 lost"
        answer = here.supervision.override(denied.seq, "other", note)
        assert here.last().note == "badge of Ren\u00e9e\ufffd lost"
        assert "Ren\u00e9e" in answer.explanation["en"].reason

    @pytest.mark.parametrize(
        "expected", ["superseded", "hall_closed", "not_valid_today", "facts_too_old"]
    )
    def test_overridable_denials(self, here: Supervised, expected: str) -> None:
        if expected == "hall_closed":
            load(here.door, hall=hall_facts(closed=True))
        elif expected == "facts_too_old":
            load(here.door, hall=hall_facts(facts_age_max_ms=1))
        elif expected == "not_valid_today":
            here.door.clock.pass_ms(2 * DAY_MS)
        elif expected == "superseded":
            here.present(badge(SERIAL, issue=2))
        here.door.clock.pass_ms(10)
        here.unlock()
        denied = here.present(badge(SERIAL))
        assert reason(denied) == expected
        assert here.supervision.override(denied.seq, "badge_lost", "").admitted

    @pytest.mark.parametrize(
        "text",
        ["https://example.org", badge(SERIAL, key=key_of("a forger"))],
        ids=["web", "forged"],
    )
    def test_never_for_a_code_that_is_no_badge_of_this_event(
        self, here: Supervised, text: str
    ) -> None:
        denied = here.present(text)
        assert here.status().can_override is None
        assert refused(here.supervision.override, denied.seq, "vip", "") == "not_overridable"

    def test_never_at_a_retired_kiosk(self, here: Supervised) -> None:
        denied = here.present(badge(SERIAL, category=PRESS))
        here.journal.fence()
        assert refused(here.supervision.override, denied.seq, "vip", "") == "kiosk_retired"
        denied = here.present(badge(SERIAL + 1))
        assert refused(here.supervision.override, denied.seq, "vip", "") == "not_overridable"

    def test_only_the_newest_denial_and_not_for_long(self, here: Supervised) -> None:
        first = here.present(badge(SERIAL, category=PRESS))
        here.present(badge(SERIAL + 2))  # an admission does not interfere
        assert here.status().can_override.seq == first.seq
        second = here.present(badge(SERIAL + 1, category=PRESS))
        assert refused(here.supervision.override, first.seq, "vip", "") == "nothing_to_override"
        here.door.clock.pass_ms(OVERRIDE_MS + 1)
        assert refused(here.supervision.override, second.seq, "vip", "") == "nothing_to_override"
        assert here.status().can_override is None

    def test_once(self, here: Supervised) -> None:
        denied = here.present(badge(SERIAL, category=PRESS))
        here.supervision.override(denied.seq, "vip", "")
        assert refused(here.supervision.override, denied.seq, "vip", "") == "nothing_to_override"

    @pytest.mark.parametrize(
        ("why", "note", "code"),
        [
            ("because", "", "reason_missing"),
            ("other", " \n ", "reason_missing"),
            ("other", "x" * 201, "note_too_long"),
            ("vip", "x" * 196, "note_too_long"),
        ],
    )
    def test_with_a_reason(self, here: Supervised, why: str, note: str, code: str) -> None:
        denied = here.present(badge(SERIAL, category=PRESS))
        assert refused(here.supervision.override, denied.seq, why, note) == code
        assert here.supervision.override(denied.seq, "other", "x" * 200).admitted

    def test_a_reason_with_a_note(self, here: Supervised) -> None:
        denied = here.present(badge(SERIAL, category=PRESS))
        answer = here.supervision.override(denied.seq, "vip", " of the\x1b host\n")
        assert here.last().note == "vip: of the host"
        assert answer.explanation["en"].reason.endswith("VIP: of the host")

    def test_two_clicks_admit_once(self, here: Supervised) -> None:
        denied = here.present(badge(SERIAL, category=PRESS))
        codes: list[str] = []

        def click() -> None:
            try:
                here.supervision.override(denied.seq, "vip", "")
            except SupervisorError as error:
                codes.append(error.code)

        with ThreadPoolExecutor(4) as pool:
            for _ in range(4):
                pool.submit(click)
        assert codes == ["nothing_to_override"] * 3
        assert here.door.free() == 9

    def test_after_a_crash_a_second_person_needs_a_second_override(self, here: Supervised) -> None:
        here.present(badge(SERIAL))
        here.restart()
        here.unlock()
        asked = here.present(badge(SERIAL))
        assert reason(asked) == "before_restart"
        assert here.supervision.override(asked.seq, "vip", "").admitted
        assert here.door.free() == 8


class TestAnnul:
    def test_it_works(self, here: Supervised) -> None:
        entry = here.present(badge(SERIAL))
        assert here.status().can_annul.seq == entry.seq
        answer = here.supervision.annul(entry.seq, "nobody_passed", "")
        assert answer.decision == Admitted(closes=StayRef(KIOSK, GENERATION, entry.seq))
        assert (answer.act, answer.direction, answer.tone) == (
            "annul",
            Direction.EXIT,
            Tone.GOODBYE,
        )
        assert not answer.passes, "no relay for it"
        assert answer.explanation["en"].word == "ANNULLED"
        assert here.replica.context.local_time(entry.scanned_at) in answer.explanation["zh"].reason
        record = here.last()
        assert (record.act, record.direction, record.by) == ("annul", "exit", f"user:{MEI}")
        assert (record.note, record.credited, record.serial) == ("nobody_passed", True, SERIAL)
        assert here.door.free() == 10, "its place is free at once: the server never knew of it"
        assert here.status().can_annul is None
        assert here.present(badge(SERIAL)).admitted, "and the holder may enter"

    def test_of_an_entry_that_the_server_may_know_the_server_gives_the_place_back(
        self, here: Supervised
    ) -> None:
        entry = here.present(badge(SERIAL))
        here.journal.offer(10)
        here.supervision.annul(entry.seq, "wrong_person", "")
        assert not here.last().credited
        assert here.door.free() == 9
        assert here.present(badge(SERIAL)).admitted, "anti-passback is over all the same"

    def test_of_an_override(self, here: Supervised) -> None:
        here.full()
        here.door.grant(1, override=True)
        denied = here.present(badge(SERIAL))
        entry = here.supervision.override(denied.seq, "vip", "")
        here.supervision.annul(entry.seq, "by_mistake", "")
        assert (here.last().override_place, here.door.free(override=True)) == (True, 1)

    def test_not_twice(self, here: Supervised) -> None:
        entry = here.present(badge(SERIAL))
        here.supervision.annul(entry.seq, "by_mistake", "")
        assert refused(here.supervision.annul, entry.seq, "by_mistake", "") == "already_over"

    def test_not_after_the_exit(self, here: Supervised) -> None:
        entry = here.present(badge(SERIAL))
        left = here.present(badge(SERIAL), direction=Direction.EXIT)
        assert here.status().can_annul is None
        assert refused(here.supervision.annul, entry.seq, "by_mistake", "") == "already_over"
        assert refused(here.supervision.annul, left.seq, "by_mistake", "") == "not_last"

    def test_not_a_stay_of_another_kiosk_nor_before_there_is_one(self, here: Supervised) -> None:
        load(here.door, stays=[stay_of("south-1", 9, SERIAL)])
        assert refused(here.supervision.annul, 9, "by_mistake", "") == "nothing_to_annul"
        here.present(badge(SERIAL + 1))
        assert refused(here.supervision.annul, 9, "by_mistake", "") == "not_last"

    def test_only_the_last(self, here: Supervised) -> None:
        first = here.present(badge(SERIAL))
        here.present(badge(SERIAL + 1))
        assert refused(here.supervision.annul, first.seq, "by_mistake", "") == "not_last"

    def test_not_later_than_a_quarter_of_an_hour(self, here: Supervised) -> None:
        entry = here.present(badge(SERIAL))
        here.door.clock.pass_ms(ANNUL_MS + 1)
        here.unlock()
        assert here.status().can_annul is None
        assert refused(here.supervision.annul, entry.seq, "by_mistake", "") == "too_late"

    def test_after_a_restart(self, here: Supervised) -> None:
        entry = here.present(badge(SERIAL))
        here.restart()
        here.unlock()
        annullable = here.status().can_annul
        assert (annullable.seq, annullable.name) == (entry.seq, None)
        assert here.supervision.annul(entry.seq, "by_mistake", "").admitted
        assert here.door.free() == 10

    def test_with_a_reason_and_a_pin(self, here: Supervised) -> None:
        entry = here.present(badge(SERIAL))
        assert refused(here.supervision.annul, entry.seq, "vip", "") == "reason_missing"
        here.supervision.lock()
        assert refused(here.supervision.annul, entry.seq, "by_mistake", "") == "not_unlocked"
