"""Exits while the server is away: strict halls wait for it, trusting ones take the place back."""

import pytest

from badges.admission.facts import Direction
from badges.record import decode_record
from tests.kiosk.support.door_fixture import LocalDoor, badge, hall_facts, records_of, stay_of

SERIAL = 0x00ABCD
ELSEWHERE = [stay_of("south-1", 9, SERIAL)]
EXIT = Direction.EXIT


@pytest.fixture
def trusting(door: LocalDoor) -> LocalDoor:
    """Offline, ten places, and a stay that began elsewhere."""
    door.load(hall=hall_facts(exits="trusting"), stays=ELSEWHERE)
    return door


def credited(door: LocalDoor) -> list[bool]:
    records = [decode_record(raw) for raw in records_of(door.journal)]
    return [record.credited for record in records if record.direction == "exit"]


def test_it_takes_the_place_back_at_once(trusting: LocalDoor) -> None:
    left = trusting.present(badge(SERIAL), direction=EXIT)
    assert left.free_places == 11
    assert credited(trusting) == [True]


def test_once_for_each_stay(trusting: LocalDoor) -> None:
    for _ in range(3):
        trusting.present(badge(SERIAL), direction=EXIT)
    assert credited(trusting) == [True, False, False]
    assert trusting.free() == 11
    trusting.load(hall=hall_facts(exits="trusting"), stays=ELSEWHERE)
    trusting.restart()
    trusting.present(badge(SERIAL), direction=EXIT)
    assert trusting.free() == 11, "not after a restart and a new snapshot either"


def test_never_more_than_the_stays_that_are_known(trusting: LocalDoor) -> None:
    stays = [stay_of("south-1", seq, seq) for seq in range(1, 4)]
    trusting.load(hall=hall_facts(exits="trusting"), stays=stays)
    for serial in range(1, 9):
        trusting.present(badge(serial), direction=EXIT)
        trusting.present("nonsense", direction=EXIT)
    assert trusting.free() == 13


def test_an_own_stay_that_was_offered(trusting: LocalDoor) -> None:
    trusting.present(badge(1))
    trusting.journal.offer(10)
    trusting.present(badge(1), direction=EXIT)
    assert trusting.free() == 10


def test_not_while_the_server_is_there(trusting: LocalDoor) -> None:
    trusting.online = True
    left = trusting.present(badge(SERIAL), direction=EXIT)
    assert left.free_places == 10
    assert credited(trusting) == [False]


def test_not_in_a_strict_hall(door: LocalDoor) -> None:
    door.load(stays=ELSEWHERE)
    assert door.present(badge(SERIAL), direction=EXIT).free_places == 10
    assert credited(door) == [False]


@pytest.mark.parametrize("override", [False, True])
def test_it_comes_back_to_its_own_pool(trusting: LocalDoor, override: bool) -> None:
    stay = type(ELSEWHERE[0])(ELSEWHERE[0].stay, SERIAL, ELSEWHERE[0].since, 71, override)
    trusting.load(hall=hall_facts(exits="trusting"), stays=[stay])
    trusting.grant(0, override=True)
    trusting.present(badge(SERIAL), direction=EXIT)
    assert (trusting.free(), trusting.free(override=True)) == ((10, 1) if override else (11, 0))
    assert decode_record(records_of(trusting.journal)[0]).override_place is override


def test_an_own_stay_beyond_the_capacity_is_marked(door: LocalDoor) -> None:
    """The exit's record names the pool of its place."""
    door.load(stays=[type(ELSEWHERE[0])(ELSEWHERE[0].stay, SERIAL, 0, 71, True)])
    door.present(badge(SERIAL), direction=EXIT)
    record = decode_record(records_of(door.journal)[0])
    assert (record.override_place, record.credited) == (True, False)


def test_no_place_comes_back_while_a_known_stay_is_beyond_the_capacity(
    trusting: LocalDoor,
) -> None:
    """It is theirs first, and the server decides. Once they have left, places come back here."""
    beyond = type(ELSEWHERE[0])(stay_of("south-1", 7, 1).stay, 1, 0, 71, True)
    others = [stay_of("south-1", seq, seq) for seq in (2, 3)]
    trusting.load(hall=hall_facts(exits="trusting"), stays=[beyond, *others])
    trusting.grant(0, override=True)
    trusting.present(badge(2), direction=EXIT)
    trusting.present(badge(1), direction=EXIT)
    trusting.present(badge(3), direction=EXIT)
    assert credited(trusting) == [False, True, True]
    assert (trusting.free(), trusting.free(override=True)) == (11, 1)
