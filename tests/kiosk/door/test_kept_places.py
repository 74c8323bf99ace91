"""Places that a hall keeps for wheelchair users and their companions, at a single door."""

import threading

import msgspec
import pytest

from badges.admission.facts import Direction, Reason
from badges.places.account import Order
from badges.places.pool import PoolKey
from badges.record import OuterHall, PlaceKind
from badges.wire import wire
from tests.kiosk.support.door_fixture import (
    HALL,
    NOON,
    LocalDoor,
    badge,
    hall_facts,
    stay_of,
)

KEPT = PlaceKind.ACCESSIBLE
AROUND = 31
MINUTE = 60_000
ANNA, COMPANION, BORIS = 101, 102, 103  # Boris has no kept place
RELEASED_AT = NOON + 30 * MINUTE
CLOSED_AT = NOON + 90 * MINUTE


def load(door: LocalDoor, **changes) -> None:
    facts = {"released": [(RELEASED_AT, CLOSED_AT)], "anti_passback": "off"} | changes
    door.load(hall=hall_facts(**facts), accessible=[ANNA, COMPANION])


@pytest.fixture
def keeping(door: LocalDoor) -> LocalDoor:
    load(door)
    return door


def give(door: LocalDoor, ordinary: int, kept: int, hall: int = HALL) -> None:
    """Give the door these places, instead of its first ten."""
    door.journal.obey(
        [(PoolKey(hall), Order(10 + ordinary, 10, 1)), (PoolKey(hall, KEPT), Order(kept, 0, 1))]
    )


def free(door: LocalDoor, hall: int = HALL) -> tuple[int, int]:
    accounts = door.journal.accounts()
    return accounts[PoolKey(hall)].free, accounts[PoolKey(hall, KEPT)].free


def test_who_is_entitled_uses_a_kept_place_first(keeping: LocalDoor) -> None:
    give(keeping, 2, 2)
    answer = keeping.present(badge(ANNA))
    assert answer.decision.kept_place
    assert free(keeping) == (2, 1)
    assert keeping.journal.newest(1)[0].kind is KEPT
    keeping.present(badge(COMPANION))
    assert free(keeping) == (2, 0)
    answer = keeping.present(badge(ANNA))
    assert not answer.decision.kept_place
    assert free(keeping) == (1, 0), "and else an ordinary one"


def test_others_never_use_one_before_the_release(keeping: LocalDoor) -> None:
    give(keeping, 1, 2)
    assert not keeping.present(badge(BORIS)).decision.kept_place
    denied = keeping.present(badge(BORIS)).decision
    assert (denied.reason, denied.kept, denied.kept_until) == (Reason.HALL_FULL, 2, RELEASED_AT)
    assert free(keeping) == (0, 2)
    assert [record.kind for record in keeping.journal.newest(2)] == [PlaceKind.ORDINARY] * 2
    assert keeping.asked_kinds == [PlaceKind.ORDINARY], "the server is asked for an ordinary place"


def test_after_the_release_an_offline_door_gives_them_to_everyone(keeping: LocalDoor) -> None:
    give(keeping, 1, 1)
    keeping.clock.wall = RELEASED_AT
    for _ in range(2):
        assert not keeping.present(badge(BORIS)).decision.kept_place
    assert free(keeping) == (0, 0)
    assert keeping.present(badge(BORIS)).decision.reason is Reason.HALL_FULL
    assert [record.kind for record in keeping.journal.newest(3)][1:] == [KEPT, PlaceKind.ORDINARY]


def test_they_are_kept_again_once_admission_closes(keeping: LocalDoor) -> None:
    give(keeping, 0, 1)
    keeping.clock.wall = CLOSED_AT
    denied = keeping.present(badge(BORIS)).decision
    assert (denied.kept, denied.kept_until) == (1, None)


def test_a_hall_may_keep_them_for_good(door: LocalDoor) -> None:
    load(door, released=[])
    give(door, 0, 1)
    door.clock.wall = CLOSED_AT - 1
    assert door.present(badge(BORIS)).decision.kept == 1
    assert door.present(badge(ANNA)).decision.kept_place


def test_a_hall_that_keeps_none_any_more_spends_none(door: LocalDoor) -> None:
    """Those that it still has go back to the server."""
    load(door, released=msgspec.UNSET)
    give(door, 1, 1)
    door.present(badge(ANNA))
    assert free(door) == (0, 1)
    assert door.present(badge(ANNA)).decision.reason is Reason.HALL_FULL


def test_both_kinds_are_asked_for_where_either_serves(keeping: LocalDoor) -> None:
    give(keeping, 0, 0)
    assert keeping.present(badge(ANNA)).decision.reason is Reason.HALL_FULL
    assert set(keeping.asked_kinds) == {PlaceKind.ORDINARY, KEPT}


def test_a_kept_place_that_comes_ends_the_wait(keeping: LocalDoor) -> None:
    give(keeping, 0, 0)
    threads = []

    def ask(hall: int, kind: PlaceKind = PlaceKind.ORDINARY) -> bool:
        if kind is KEPT:
            threads.append(threading.Timer(0.05, give, (keeping, 0, 1)))
            threads[-1].start()
        return True

    keeping.ask_for_place = ask
    assert keeping.present(badge(ANNA)).decision.kept_place
    for thread in threads:
        thread.join()


def test_an_exit_gives_its_place_back_to_the_pool_that_it_is_of(keeping: LocalDoor) -> None:
    give(keeping, 1, 1)
    keeping.present(badge(ANNA))
    keeping.present(badge(ANNA), direction=Direction.EXIT)
    record = keeping.journal.newest(1)[0]
    assert (record.kind, record.credited) == (KEPT, True)
    assert free(keeping) == (1, 1)
    keeping.restart()  # which checks the journal against its scans
    assert free(keeping) == (1, 1)


def test_a_trusting_exit_of_another_door_s_stay_too(door: LocalDoor) -> None:
    load(door, exits="trusting")
    give(door, 0, 0)
    stay = stay_of("south-1", 4, BORIS)
    stay = msgspec.structs.replace(stay, accessible=True)
    door.replica.apply(wire.StayOpened(stay, HALL), 11)
    door.present(badge(BORIS), direction=Direction.EXIT)
    assert free(door) == (0, 1)
    door.restart()
    assert free(door) == (0, 1)


def test_each_hall_that_an_entry_counts_in_has_its_own(door: LocalDoor) -> None:
    around = wire.OuterFacts(hall_facts(hall=AROUND, released=[]), [])
    door.load(hall=hall_facts(released=[(NOON - 1, CLOSED_AT)]), outer=[around], accessible=[ANNA])
    give(door, 1, 1)
    door.journal.obey([(PoolKey(AROUND, KEPT), Order(1, 0, 1)), (PoolKey(AROUND), Order(0, 0, 1))])
    denied = door.present(badge(BORIS)).decision
    assert (denied.hall_id, denied.kept) == (AROUND, 1)
    door.present(badge(ANNA))
    record = door.journal.newest(1)[0]
    assert record.kind is KEPT
    assert record.outer_halls == (OuterHall(hall=AROUND, accessible_place=True),)
    assert (free(door), free(door, AROUND)) == ((1, 0), (0, 0))


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("en", "Hall 7: only wheelchair places left until {time}"),
        ("zh", "七号厅：{time}前仅余无障碍席位"),
    ],
)
def test_the_answer_names_the_kept_place(keeping: LocalDoor, language: str, message: str) -> None:
    give(keeping, 0, 2)
    time = keeping.replica.context.local_time(RELEASED_AT)
    assert keeping.present(badge(BORIS)).explanation[language].reason == message.format(time=time)


@pytest.mark.parametrize(
    ("language", "message"), [("en", "Welcome to Hall 7. Kept place"), ("zh", "无障碍席位")]
)
def test_the_steward_sees_a_kept_place(keeping: LocalDoor, language: str, message: str) -> None:
    give(keeping, 0, 2)
    assert message in keeping.present(badge(ANNA)).explanation[language].reason
