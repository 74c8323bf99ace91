"""Exits through two halls: each trusts them by its own rule, and only while the server is away."""

import pytest

from badges.admission.facts import Direction
from badges.places.account import Order
from badges.places.pool import PoolKey
from tests.kiosk.door.test_nested_halls import AROUND, SERIAL, around, free
from tests.kiosk.support.door_fixture import HALL, LocalDoor, badge, hall_facts, stay_of

ELSEWHERE = stay_of("south-1", 9, SERIAL)


@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize("outer", ["strict", "trusting"])
@pytest.mark.parametrize("inner", ["strict", "trusting"])
def test_places_come_back_where_the_hall_trusts_and_the_server_is_away(
    door: LocalDoor, inner: str, outer: str, online: bool
) -> None:
    door.load(hall=hall_facts(exits=inner), stays=[ELSEWHERE], outer=around(ELSEWHERE, exits=outer))
    for hall in (HALL, AROUND):
        door.journal.obey([(PoolKey(hall), Order(10, 0, 1))])
    door.online = online
    door.present(badge(SERIAL), direction=Direction.EXIT)
    back = [int(exits == "trusting" and not online) for exits in (inner, outer)]
    assert free(door) == (10 + back[0], 10 + back[1])
    (record,) = door.journal.newest(1)
    assert [record.credited, record.outer_halls[0].credited] == [bool(place) for place in back]
