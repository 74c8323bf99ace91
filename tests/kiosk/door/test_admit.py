"""The door from a code's text to a committed answer."""

import threading
from collections.abc import Callable

import msgspec
import pytest

from badges.admission.facts import Admitted, Direction, Flag, Reason
from badges.credential.badge_number import badge_number
from badges.record import StayRef, decode_record
from badges.wire import wire
from kiosk.door import admit
from kiosk.door.admit import NotReadyError
from kiosk.journal.errors import JournalError
from kiosk.sync.link import Skew
from tests.kiosk.support.door_fixture import (
    DAY_MS,
    DELEGATE,
    DOOR,
    GENERATION,
    HALL,
    KIOSK,
    NOON,
    PRESS,
    Clock,
    LocalDoor,
    badge,
    hall_facts,
    key_of,
    reason,
    records_of,
    sealed_name,
    snapshot,
    stay_of,
)
from tests.kiosk.support.waits import Watched

SERIAL = 0x00ABCD


def test_it_works(door: LocalDoor) -> None:
    door.replica.take_names(wire.NamesPage([sealed_name(SERIAL, "Mei Lin")], 1, False))
    answer = door.present(badge(SERIAL))
    assert answer.admitted
    assert (answer.seq, answer.serial, answer.free_places) == (1, SERIAL, 9)
    assert answer.holder == wire.HolderName("Mei Lin", "ACME")
    assert answer.category is not None
    assert answer.category.code == DELEGATE
    assert answer.door_names["zh"] == "北门"
    assert set(answer.explanation) == {"en", "zh"}
    record = decode_record(records_of(door.journal)[0])
    assert (record.decision, record.direction, record.serial) == ("admitted", "entry", SERIAL)
    assert (record.door, record.hall, record.skew_ms, record.facts_age_ms) == (DOOR, HALL, 42, 0)


def test_the_answer_is_on_disk_when_it_is_given(door: LocalDoor) -> None:
    door.present(badge(SERIAL))
    door.restart()
    assert [record.serial for record in door.journal.newest(5)] == [SERIAL]
    assert door.free() == 9


def test_before_the_first_facts_nothing_is_decided(tmp_path, clock: Clock) -> None:
    door = LocalDoor(tmp_path, clock)
    with pytest.raises(NotReadyError, match="network"):
        door.present(badge(SERIAL))
    assert records_of(door.journal) == []
    door.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://example.org", "not_a_badge"),
        ("WIFI:T:WPA;S:Lobby;P:secret;;", "not_a_badge"),
        ("", "not_a_badge"),
        (badge(SERIAL, key=key_of("a forger")), "forged"),
        (badge(SERIAL, category=PRESS), "not_entitled"),
    ],
    ids=["a web address", "a Wi-Fi network", "empty", "forged", "press"],
)
def test_denials_are_recorded_and_cost_no_place(door: LocalDoor, text: str, expected: str) -> None:
    answer = door.present(text)
    assert reason(answer) == expected
    assert answer.free_places == 10
    assert decode_record(records_of(door.journal)[0]).reason == expected


@pytest.mark.parametrize(
    "text",
    [badge_number(SERIAL), badge_number(SERIAL).lower(), str(SERIAL), "20481633", "+86 138-0013"],
    ids=["of a badge", "in small letters", "serial", "of an order", "of a telephone"],
)
def test_a_typed_number_admits_nobody_and_is_explained(door: LocalDoor, text: str) -> None:
    answer = door.present(text)
    assert reason(answer) == "not_a_badge"
    assert (answer.serial, answer.holder, answer.free_places) == (None, None, 10)
    assert answer.explanation["en"].reason == "This is a number, not a badge"
    assert answer.explanation["en"].next_step.startswith("Scan the QR code.")
    assert answer.explanation["zh"].reason == "这是号码，不是证件"


@pytest.mark.parametrize("text", ["", "https://example.org", "hello", badge(SERIAL)[:-1], "1" * 40])
def test_other_texts_are_no_numbers(door: LocalDoor, text: str) -> None:
    assert door.present(text).explanation["en"].reason == "Not a badge"


def test_a_badge_of_another_day_and_a_key_past_its_last(door: LocalDoor) -> None:
    door.clock.pass_ms(2 * DAY_MS)
    assert reason(door.present(badge(SERIAL))) == "not_valid_today"
    door.load(day_starts=[NOON - DAY_MS, NOON + 9 * DAY_MS])
    door.clock.pass_ms(DAY_MS)
    assert reason(door.present(badge(SERIAL))) == "expired"


def test_a_second_entry_is_refused_and_an_exit_lets_in_again(door: LocalDoor) -> None:
    assert door.present(badge(SERIAL)).admitted
    again = door.present(badge(SERIAL))
    assert reason(again) == "already_inside"
    assert "North" in again.explanation["en"].reason
    left = door.present(badge(SERIAL), direction=Direction.EXIT)
    assert left.decision == Admitted(closes=StayRef(KIOSK, GENERATION, 1))
    assert left.free_places == 10
    assert decode_record(records_of(door.journal)[2]).credited
    assert door.present(badge(SERIAL)).admitted


def test_an_exit_of_an_offered_stay_is_not_credited(door: LocalDoor) -> None:
    door.present(badge(SERIAL))
    door.journal.offer(500)
    left = door.present(badge(SERIAL), direction=Direction.EXIT)
    assert left.free_places == 9
    assert not decode_record(records_of(door.journal)[1]).credited
    assert door.present(badge(SERIAL)).admitted, "closed here at once all the same"


def test_an_exit_names_the_stay_reported_by_the_server(door: LocalDoor) -> None:
    door.load(stays=[stay_of("south-1", 9, SERIAL)])
    assert reason(door.present(badge(SERIAL))) == "already_inside"
    left = door.present(badge(SERIAL), direction=Direction.EXIT)
    assert left.decision == Admitted(closes=StayRef("south-1", 1, 9))
    assert left.free_places == 10, "strict: the server gives it back"
    second = door.present(badge(SERIAL), direction=Direction.EXIT)
    assert second.decision == Admitted(flags=frozenset({Flag.NO_ENTRY}))
    door.load(stays=[stay_of("south-1", 9, SERIAL)])  # the server has not heard yet
    assert door.present(badge(SERIAL)).admitted


def test_an_own_stay_that_ended_elsewhere_is_over(door: LocalDoor) -> None:
    door.present(badge(SERIAL))
    ended = wire.StayClosed(StayRef(KIOSK, GENERATION, 1), HALL, SERIAL)
    door.replica.apply(ended, 11)
    left = door.present(badge(SERIAL), direction=Direction.EXIT)
    assert left.decision == Admitted(flags=frozenset({Flag.NO_ENTRY}))
    assert left.free_places == 9, "its place is the server's"
    assert door.present(badge(SERIAL)).admitted


def test_exits_are_never_refused(door: LocalDoor) -> None:
    door.journal.fence()
    left = door.present("nonsense", direction=Direction.EXIT)
    assert left.decision == Admitted(flags=frozenset({Flag.UNVERIFIED}))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Staff see no wait, and a wait for a place has no time limit."""
    monkeypatch.setattr(admit, "QUIET_S", 3600.0)
    monkeypatch.setattr(admit, "PLACE_WAIT_S", 7200.0)


def once_it_waits(door: LocalDoor, then: Callable[[], object], begun: int = 1) -> threading.Thread:
    """Start a thread that does `then` as soon as an answer waits for a place."""
    waits = door.journal._places_came = Watched()

    def act() -> None:
        waits.until_begun(begun)
        then()

    thread = threading.Thread(target=act)
    thread.start()
    return thread


@pytest.mark.usefixtures("patient")
def test_a_full_door_refuses_offline_at_once(door: LocalDoor) -> None:
    door.grant(10, recall=10)
    waits = door.journal._places_came = Watched()
    assert reason(door.present(badge(SERIAL))) == "hall_full"
    assert waits.begun == 0
    assert door.asked == [HALL]


@pytest.mark.usefixtures("patient")
def test_a_full_door_online_waits_for_the_place_that_comes(door: LocalDoor) -> None:
    door.grant(10, recall=10)
    door.online = True
    granting = once_it_waits(door, lambda: door.grant(11))
    assert door.present(badge(SERIAL)).admitted
    granting.join()
    assert len(records_of(door.journal)) == 1
    assert door.told == [], "nobody reads what is gone in no time"


@pytest.mark.parametrize("comes", [True, False], ids=["it comes", "there is none"])
def test_staff_see_that_a_place_is_slow_to_come(
    door: LocalDoor, comes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admit, "PLACE_WAIT_S", 3600.0)
    door.grant(10, recall=10)
    door.online = True
    settle = (lambda: door.grant(11)) if comes else (lambda: door.journal.no_place(HALL))
    # It waits once silently, and once more afterwards.
    settling = once_it_waits(door, settle, begun=2)
    assert door.present(badge(SERIAL)).admitted is comes
    settling.join()
    assert door.told == [True, False]


@pytest.mark.usefixtures("patient")
def test_a_quick_refusal_of_a_place_shows_no_wait(door: LocalDoor) -> None:
    door.grant(10, recall=10)
    door.online = True
    refusing = once_it_waits(door, lambda: door.journal.no_place(HALL))
    assert reason(door.present(badge(SERIAL))) == "hall_full"
    refusing.join()
    assert door.told == []


def test_a_full_door_online_does_not_wait_for_ever(
    door: LocalDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert admit.QUIET_S < admit.PLACE_WAIT_S <= 10.0
    monkeypatch.setattr(admit, "PLACE_WAIT_S", 0.15)
    door.grant(10, recall=10)
    door.online = True
    waits = door.journal._places_came = Watched()
    assert reason(door.present(badge(SERIAL))) == "hall_full"
    assert waits.begun > 0
    assert len(records_of(door.journal)) == 1


def test_two_threads_never_use_one_place(door: LocalDoor) -> None:
    door.grant(10, recall=7)
    answers = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(door.present(badge(n))))
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answer.admitted for answer in answers) == 3
    assert sorted(answer.seq for answer in answers) == list(range(1, 13))


def test_a_higher_issue_voids_the_lower_for_good(door: LocalDoor) -> None:
    assert door.present(badge(SERIAL, issue=3)).admitted
    door.present(badge(SERIAL, issue=3), direction=Direction.EXIT)
    assert reason(door.present(badge(SERIAL, issue=2))) == "superseded"
    (door.directory / "replica.db").unlink()
    door.restart()
    door.load()
    assert reason(door.present(badge(SERIAL, issue=2))) == "superseded"


def test_a_revocation_lasts_until_it_is_lifted(door: LocalDoor) -> None:
    door.replica.apply(wire.HolderChanged(wire.HolderFacts(SERIAL, 1, True)), 11)
    assert reason(door.present(badge(SERIAL))) == "revoked"
    door.replica.apply(wire.HolderChanged(wire.HolderFacts(SERIAL, 1, False)), 12)
    assert door.present(badge(SERIAL)).admitted


def test_a_badge_that_was_taken_back(door: LocalDoor) -> None:
    """Also where the new badge was shown at this door before."""
    door.replica.apply(wire.HolderChanged(wire.HolderFacts(SERIAL, 2, False)), 11)
    assert reason(door.present(badge(SERIAL, issue=1))) == "superseded"
    assert door.present(badge(SERIAL, issue=2)).admitted
    door.present(badge(SERIAL, issue=2), direction=Direction.EXIT)
    taken_back = wire.HolderFacts(SERIAL, 1, False, withdrawn_to=2)
    door.replica.apply(wire.HolderChanged(taken_back), 12)
    assert reason(door.present(badge(SERIAL, issue=2))) == "superseded"
    assert door.present(badge(SERIAL, issue=1)).admitted
    door.present(badge(SERIAL, issue=1), direction=Direction.EXIT)
    door.replica.apply(wire.HolderChanged(wire.HolderFacts(SERIAL, 3, False)), 13)
    assert reason(door.present(badge(SERIAL, issue=1))) == "superseded"
    assert reason(door.present(badge(SERIAL, issue=2))) == "superseded"
    assert door.present(badge(SERIAL, issue=3)).admitted


def test_a_retired_kiosk_gives_that_reason(door: LocalDoor) -> None:
    door.journal.fence()
    assert reason(door.present(badge(SERIAL))) == "kiosk_retired"
    assert door.free() == 0


def test_old_facts_matter_only_by_the_hall_s_policy(door: LocalDoor) -> None:
    door.clock.pass_ms(3_600_000)
    assert door.present(badge(SERIAL)).admitted
    door.load(hall=hall_facts(facts_age_max_ms=60_000))
    door.clock.pass_ms(60_001)
    assert reason(door.present(badge(SERIAL + 1))) == "facts_too_old"


def test_sessions_open_and_invitations_and_refusals(door: LocalDoor) -> None:
    session = wire.SessionFacts(
        session=5,
        titles={"en": "Keynote"},
        opens_at=NOON + 60_000,
        closes_at=NOON + 120_000,
        categories=[DELEGATE],
        invited=[SERIAL + 1],
        refused=[SERIAL + 2],
    )
    door.load(hall=hall_facts(categories=[], sessions_only=True), sessions=[session])
    early = door.present(badge(SERIAL))
    assert reason(early) == "hall_closed"
    assert "Keynote" in early.explanation["en"].reason
    door.clock.pass_ms(60_000)
    assert door.present(badge(SERIAL)).admitted
    assert decode_record(records_of(door.journal)[1]).session == 5
    assert door.present(badge(SERIAL + 1, category=PRESS)).admitted
    assert reason(door.present(badge(SERIAL + 2))) == "not_entitled"


def test_a_full_disk_stops_admissions(door: LocalDoor, monkeypatch) -> None:
    def fail(self, *_: object, **__: object) -> None:
        raise JournalError("The journal can't be written: database or disk is full.")

    monkeypatch.setattr("kiosk.journal.transaction.JournalTransaction.append", fail)
    with pytest.raises(JournalError, match="full"):
        door.present(badge(SERIAL))
    monkeypatch.undo()
    assert records_of(door.journal) == []
    assert door.present(badge(SERIAL)).admitted


def test_the_door_s_own_direction(door: LocalDoor) -> None:
    door.load(door=wire.DoorFacts(door=DOOR, names={"en": "Out"}, mode="exit"))
    assert door.present(badge(SERIAL)).direction is Direction.EXIT
    door.load(door=wire.DoorFacts(door=DOOR, names={"en": "In"}, mode="entry"))
    assert door.present(badge(SERIAL)).direction is Direction.ENTRY


def test_soft_anti_passback_admits_with_a_flag_and_exits_close_the_newest_first(
    door: LocalDoor,
) -> None:
    door.load(hall=hall_facts(anti_passback="soft"))
    door.present(badge(SERIAL))
    second = door.present(badge(SERIAL))
    assert second.decision == Admitted(flags=frozenset({Flag.PASSBACK}))
    closed = [door.present(badge(SERIAL), direction=Direction.EXIT).decision for _ in range(3)]
    assert [c.closes and c.closes.seq for c in closed] == [2, 1, None]
    assert door.free() == 10


def test_another_event_s_facts_are_refused_and_the_old_ones_stay(door: LocalDoor) -> None:
    foreign = msgspec.structs.replace(snapshot(), ring=bytes(200))
    with pytest.raises(ValueError, match="signature"):
        door.replica.load(foreign)
    assert door.present(badge(SERIAL)).admitted
    assert Reason.FORGED.value == reason(door.present(badge(1, key=key_of("x"))))


class TestMovedOn:
    """The holder was seen at another hall since, and the place is still counted here."""

    @pytest.fixture(params=["own", "another door's"])
    def stay(self, request: pytest.FixtureRequest, door: LocalDoor) -> StayRef:
        if request.param == "own":
            seq = door.present(badge(SERIAL)).seq
            door.journal.offer(10)
            ref = StayRef(KIOSK, GENERATION, seq)
        else:
            ref = StayRef("south-1", 1, 9)
            door.replica.apply(wire.StayOpened(stay_of("south-1", 9, SERIAL), HALL), 11)
        door.replica.apply(wire.StayClosed(ref, HALL, SERIAL, counted=True), 12)
        return StayRef(ref.kiosk, ref.generation, ref.seq)

    def test_they_may_enter_again(self, door: LocalDoor, stay: StayRef) -> None:
        assert door.present(badge(SERIAL)).admitted

    def test_an_exit_names_that_stay_once(self, door: LocalDoor, stay: StayRef) -> None:
        exits = [door.present(badge(SERIAL), direction=Direction.EXIT) for _ in range(2)]
        assert [answer.decision.closes for answer in exits] == [stay, None]
        assert Flag.NO_ENTRY in exits[1].decision.flags

    def test_an_exit_names_the_newer_stay_first(self, door: LocalDoor, stay: StayRef) -> None:
        again = door.present(badge(SERIAL))
        exits = [door.present(badge(SERIAL), direction=Direction.EXIT) for _ in range(2)]
        named = [answer.decision.closes for answer in exits]
        assert named == [StayRef(KIOSK, GENERATION, again.seq), stay]

    def test_it_ends_when_the_server_reports_the_exit(self, door: LocalDoor, stay: StayRef) -> None:
        ref = StayRef(stay.kiosk, stay.generation, stay.seq)
        door.replica.apply(wire.StayClosed(ref, HALL, SERIAL), 13)
        gone = door.present(badge(SERIAL), direction=Direction.EXIT)
        assert gone.decision.closes is None

    def test_a_snapshot_reports_it_too(self, door: LocalDoor, stay: StayRef) -> None:
        ref = StayRef(stay.kiosk, stay.generation, stay.seq)
        moved = msgspec.structs.replace(stay_of("south-1", 9, SERIAL), stay=ref, moved=True)
        door.replica.load(snapshot(stays=[moved]), [stay] if stay.kiosk == KIOSK else [])
        assert door.present(badge(SERIAL)).admitted
        door.present(badge(SERIAL), direction=Direction.EXIT)
        gone = door.present(badge(SERIAL), direction=Direction.EXIT)
        assert gone.decision.closes == stay


class TestLikelyCopy:
    @pytest.fixture(autouse=True)
    def likely_copy(self, door: LocalDoor) -> None:
        door.replica.apply(wire.HolderChanged(wire.HolderFacts(SERIAL, 0, False, 1)), 11)

    def test_is_refused_and_the_next_issue_is_not(self, door: LocalDoor) -> None:
        refused = door.present(badge(SERIAL))
        assert reason(refused) == "likely_copy"
        assert "in use twice" in refused.explanation["en"].reason
        assert "复制" in refused.explanation["zh"].reason
        assert door.present(badge(SERIAL, issue=2)).admitted

    def test_is_flagged_where_the_hall_is_not_strict(self, door: LocalDoor) -> None:
        door.load(
            hall=hall_facts(anti_passback="soft"),
            holders=[wire.HolderFacts(SERIAL, 0, False, 1)],
        )
        answer = door.present(badge(SERIAL))
        assert answer.admitted
        assert Flag.LIKELY_COPY in answer.decision.flags

    def test_may_leave(self, door: LocalDoor) -> None:
        assert door.present(badge(SERIAL), direction=Direction.EXIT).admitted

    def test_is_admitted_again_when_staff_say_that_it_is_none(self, door: LocalDoor) -> None:
        door.replica.apply(wire.HolderChanged(wire.HolderFacts(SERIAL, 0, False)), 12)
        assert door.present(badge(SERIAL)).admitted


def test_a_record_has_the_epoch_of_its_clock_measurement(door: LocalDoor) -> None:
    door.present(badge(SERIAL))
    door.skew = lambda: Skew(42, 7)
    door.present(badge(SERIAL + 1))
    first, second = records_of(door.journal)
    assert b"epoch" not in first
    assert (decode_record(second).skew_ms, decode_record(second).epoch) == (42, 7)


def test_a_clock_that_is_set_while_a_place_is_waited_for_is_not_known(door: LocalDoor) -> None:
    """The clock is set and measured again between the scan and its record."""
    skews = iter([Skew(42, 7), Skew(300_042, 7)])
    door.skew = lambda: next(skews)
    door.present(badge(SERIAL))
    assert decode_record(records_of(door.journal)[0]).skew_ms is None
