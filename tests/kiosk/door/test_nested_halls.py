"""A door that leads into a room and the hall around it: both places in one commit, or neither."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from badges.admission.facts import Admitted, Direction, Flag
from badges.places.account import NoPlaceError, Order
from badges.places.pool import PoolKey
from badges.record import OuterHall, PlaceKind, ScanRecord, StayRef
from badges.wire import wire
from kiosk.journal.values import Draft, OuterDraft
from kiosk.steps import run
from kiosk.supervisor.override import OverrideHandler, Word
from tests.kiosk.support.door_fixture import (
    DOOR,
    GENERATION,
    HALL,
    KIOSK,
    NOON,
    Clock,
    LocalDoor,
    badge,
    credential,
    hall_facts,
    reason,
    snapshot,
    stay_of,
)

AROUND, SERIAL = 3, 1001
NAMES = {"en": "Exhibition", "zh": "展览"}


def around(*stays: wire.StayFacts, **changes: object) -> list[wire.OuterFacts]:
    facts: dict[str, object] = {"hall": AROUND, "names": NAMES, **changes}
    return [wire.OuterFacts(hall_facts(**facts), list(stays))]


@pytest.fixture
def door(tmp_path: Path) -> Iterator[LocalDoor]:
    local_door = LocalDoor(tmp_path, Clock())
    local_door.load(outer=around())
    yield local_door
    local_door.close()


def grant(door: LocalDoor, places: int, hall: int, *, override: bool = False) -> None:
    door.journal.obey([(PoolKey(hall, PlaceKind(override)), Order(places, 0, 1))])


def grant_both(door: LocalDoor) -> None:
    for hall in (HALL, AROUND):
        grant(door, 5, hall)


def leave(door: LocalDoor, serial: int = SERIAL) -> ScanRecord:
    """Present a badge at the exit, and return the record."""
    door.present(badge(serial), direction=Direction.EXIT)
    (record,) = door.journal.newest(1)
    return record


def free(door: LocalDoor) -> tuple[int, int]:
    accounts = door.journal.accounts()
    return tuple(accounts[PoolKey(h)].free if PoolKey(h) in accounts else 0 for h in (HALL, AROUND))


def test_an_entry_takes_a_place_of_both(door: LocalDoor) -> None:
    grant(door, 5, HALL)
    grant(door, 2, AROUND)
    answer = door.present(badge(SERIAL))
    assert answer.admitted
    assert free(door) == (4, 1)
    assert (answer.free_places, answer.free_names) == (1, NAMES)
    (record,) = door.journal.newest(1)
    assert record.outer_halls == (OuterHall(hall=AROUND),)


def test_the_places_left_are_those_of_the_fuller_hall(door: LocalDoor) -> None:
    grant(door, 2, HALL)
    grant(door, 5, AROUND)
    answer = door.present(badge(SERIAL))
    assert (answer.free_places, answer.free_names) == (1, {})


@pytest.mark.parametrize(("room", "hall"), [(5, 0), (0, 5), (0, 0), (1, 0), (0, 1)])
def test_no_entry_without_a_place_in_each_hall(door: LocalDoor, room: int, hall: int) -> None:
    grant(door, room, HALL)
    grant(door, hall, AROUND)
    answer = door.present(badge(SERIAL))
    assert reason(answer) == "hall_full"
    assert answer.decision.hall_id == (AROUND if room else None)
    assert free(door) == (room, hall)
    assert door.asked == [h for h, places in ((HALL, room), (AROUND, hall)) if not places]


def test_a_no_for_one_hall_ends_the_wait_for_the_other(
    door: LocalDoor,
) -> None:
    """A place in only one of them admits no one."""

    def ask(hall: int, kind: PlaceKind) -> bool:
        if hall == AROUND:
            door.journal.no_place(AROUND)
        return True

    door.ask_for_place = ask
    assert reason(door.present(badge(SERIAL))) == "hall_full"
    assert door.told == [], "nobody waited"


def test_no_wait_if_one_of_the_halls_can_t_be_asked_for_a_place(
    door: LocalDoor,
) -> None:
    door.ask_for_place = lambda hall, kind: hall == AROUND
    assert reason(door.present(badge(SERIAL))) == "hall_full"
    assert door.told == []


def test_a_journal_commits_both_or_neither(door: LocalDoor) -> None:
    grant(door, 5, HALL)
    draft = Draft(
        direction=Direction.ENTRY,
        door=DOOR,
        hall=HALL,
        scanned_at=NOON,
        decision=Admitted(),
        badge=credential(SERIAL),
        outer=(OuterDraft(AROUND),),
    )
    with pytest.raises(NoPlaceError), door.journal.transaction() as step:
        step.append(draft)
    assert free(door) == (5, 0)
    assert door.journal.state().last_seq == 0


@pytest.mark.parametrize(
    ("stop", "expected"), [("fence", "kiosk_retired"), ("rest", "door_resting")]
)
def test_a_door_out_of_use_gives_that_reason_even_without_places(
    door: LocalDoor, stop: str, expected: str
) -> None:
    """It has returned them, and full halls would be the less useful answer."""
    grant_both(door)
    getattr(door.journal, stop)()
    assert free(door) == (0, 0)
    assert reason(door.present(badge(SERIAL))) == expected


def test_an_exit_before_anything_was_sent_gives_back_both(door: LocalDoor) -> None:
    grant_both(door)
    door.present(badge(SERIAL))
    door.present(badge(SERIAL), direction=Direction.EXIT)
    assert free(door) == (5, 5)
    own = wire.StayRef(KIOSK, GENERATION, 1)
    (record,) = door.journal.newest(1)
    assert (record.closes, record.credited) == (own, True)
    assert record.outer_halls == (OuterHall(hall=AROUND, closes=own, credited=True),)
    offer = door.journal.offer(10)
    assert (offer.closed_before_upload, offer.outer_closed_before_upload) == ([1], ((1, AROUND),))


def test_an_exit_after_the_entry_was_sent_leaves_both_to_the_server(door: LocalDoor) -> None:
    grant_both(door)
    door.present(badge(SERIAL))
    door.journal.offer(10)
    door.present(badge(SERIAL), direction=Direction.EXIT)
    assert free(door) == (4, 4)
    assert door.journal.offer(10).outer_closed_before_upload == ()


def test_the_outer_stay_is_that_of_the_same_entry(door: LocalDoor) -> None:
    """Two copies of a badge are inside: the exit ends both stays of one entry."""
    early = stay_of("south-1", 4, SERIAL)
    late = msgspec.structs.replace(stay_of("south-1", 9, SERIAL), since=early.since + 1)
    door.load(stays=[early], outer=around(late, early))
    record = leave(door)
    assert record.closes == record.outer_halls[0].closes == early.stay
    record = leave(door)
    assert (record.closes, record.outer_halls[0].closes) == (None, late.stay)


def test_where_that_one_is_over_the_newest_in_the_hall_around_ends(door: LocalDoor) -> None:
    """A person with this badge goes out through both."""
    here = stay_of("south-1", 4, SERIAL)
    older = stay_of("south-1", 8, SERIAL)
    newer = msgspec.structs.replace(stay_of("south-1", 7, SERIAL), since=older.since + 1)
    door.load(stays=[here], outer=around(older, newer))
    record = leave(door)
    assert (record.closes, record.outer_halls[0].closes) == (here.stay, newer.stay)


def test_who_is_known_in_neither_hall_may_leave(door: LocalDoor) -> None:
    left = door.present(badge(SERIAL), direction=Direction.EXIT)
    assert left.decision == Admitted(flags=frozenset({Flag.NO_ENTRY}))
    (record,) = door.journal.newest(1)
    assert (record.closes, record.outer_halls) == (None, (OuterHall(hall=AROUND),))


@pytest.mark.parametrize("override", [False, True])
def test_an_exit_records_the_pool_of_the_outer_place(door: LocalDoor, override: bool) -> None:
    stay = msgspec.structs.replace(stay_of("south-1", 4, SERIAL), override=override)
    door.load(outer=around(stay))
    record = leave(door)
    closed = OuterHall(hall=AROUND, closes=stay.stay, override_place=override)
    assert record.outer_halls == (closed,)


def test_the_feed_reports_each_hall(door: LocalDoor) -> None:
    facts = stay_of("south-1", 4, SERIAL)
    door.replica.apply(wire.StayOpened(facts, AROUND), 11)
    assert door.replica.stays(SERIAL, HALL) == []
    assert [stay.stay.seq for stay in door.replica.stays(SERIAL, AROUND)] == [4]
    door.replica.apply(wire.StayClosed(facts.stay, AROUND, SERIAL), 12)
    assert door.replica.stays(SERIAL, AROUND) == []
    door.replica.apply(wire.StayClosed(wire.StayRef(KIOSK, GENERATION, 8), AROUND, SERIAL), 13)
    assert (door.replica.is_ended(8, AROUND), door.replica.is_ended(8, HALL)) == (True, False)


@pytest.mark.parametrize(
    ("policy", "expected"), [("hard", "already_inside"), ("soft", None), ("off", None)]
)
def test_each_hall_has_its_own_anti_passback(
    door: LocalDoor, policy: str, expected: str | None
) -> None:
    grant_both(door)
    door.load(outer=around(stay_of("south-1", 4, SERIAL), anti_passback=policy))
    answer = door.present(badge(SERIAL))
    if expected is None:
        assert ["passback"] * (policy == "soft") == [flag.value for flag in answer.decision.flags]
    else:
        assert (reason(answer), answer.decision.hall_id) == (expected, AROUND)


@pytest.mark.parametrize(("exits", "back"), [("strict", 0), ("trusting", 1)])
def test_each_hall_has_its_own_way_with_exits(door: LocalDoor, exits: str, back: int) -> None:
    stay = stay_of("south-1", 4, SERIAL)
    door.load(stays=[stay], outer=around(stay, exits=exits))
    door.present(badge(SERIAL), direction=Direction.EXIT)
    assert free(door) == (0, back)


def test_an_own_stay_in_the_hall_around_that_ended_elsewhere_is_over(door: LocalDoor) -> None:
    grant_both(door)
    door.present(badge(SERIAL))
    own = [StayRef(KIOSK, GENERATION, 1)]
    assert door.journal.own_open(1, AROUND) == own
    door.replica.load(snapshot(outer=around()), own, {AROUND: own})
    assert door.replica.is_ended(1, AROUND)


def test_who_was_seen_elsewhere_since_is_not_inside_and_can_leave(door: LocalDoor) -> None:
    """By hall: the server reported that the place of each is still counted."""
    grant_both(door)
    door.present(badge(SERIAL))
    door.journal.offer(10)
    own = wire.StayRef(KIOSK, GENERATION, 1)
    other = stay_of("south-1", 4, SERIAL + 1)
    for hall in (HALL, AROUND):
        door.replica.apply(wire.StayClosed(own, hall, SERIAL, counted=True), 11)
        door.replica.apply(wire.StayOpened(other, hall), 12)
    door.replica.apply(wire.StayClosed(other.stay, AROUND, SERIAL + 1, counted=True), 13)
    assert door.replica.stays(SERIAL + 1, AROUND) == []
    assert len(door.replica.stays(SERIAL + 1, HALL)) == 1
    assert (door.replica.has_moved(1, HALL), door.replica.has_moved(1, AROUND)) == (True, True)
    record = leave(door)
    assert record.closes == record.outer_halls[0].closes == own
    record = leave(door, SERIAL + 1)
    assert record.closes == record.outer_halls[0].closes == other.stay
    assert door.present(badge(SERIAL)).admitted


def test_a_likely_copy_is_flagged_when_a_supervisor_overrules(door: LocalDoor) -> None:
    grant_both(door)
    door.replica.apply(wire.HolderChanged(wire.HolderFacts(SERIAL, 1, False, 1)), 11)
    denied = door.present(badge(SERIAL))
    assert reason(denied) == "likely_copy"
    word = Word("7", "Petra", "known to her")
    steps = OverrideHandler(door.journal, door.replica).override(denied, word, at=NOON)
    answer = run(steps, door.journal.wait)
    assert Flag.LIKELY_COPY in answer.decision.flags
    assert free(door) == (4, 4)


def test_a_restart_keeps_the_halls_of_the_door(door: LocalDoor) -> None:
    door.restart()
    assert door.replica.context is not None
    assert door.replica.context.halls == (HALL, AROUND)
    assert door.replica.context.outer_names == {AROUND: NAMES}
