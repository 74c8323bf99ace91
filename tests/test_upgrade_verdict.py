"""The judgement of the bench `upgrade`: who was refused though the hall had room."""

import pytest

from tests.bench.upgrade.day import Answer
from tests.bench.upgrade.people import HALLS, Door
from tests.bench.upgrade.verdict import Hall, is_wrong

DOOR = Door("A0", "A", "entry", 0)
FULL = [(at, at, 1) for at in range(HALLS["A"])]  # a person each millisecond, until it is full


def denied(at: int, reason: str = "hall_full", *, after_ms: int = 5, again: bool = False) -> Answer:
    fields = {"at": at, "decision": "denied", "reason": reason, "seq": 1}
    return Answer(DOOR, at + after_ms, after_ms, again, "1.0.0", fields)


def test_people_are_counted_not_entries() -> None:
    hall = Hall([(1, 7, 1), (2, 7, 1), (3, 8, 1), (4, 7, -1), (5, 7, -1)])
    assert [hall.most(at, at) for at in range(6)] == [0, 1, 1, 2, 1, 1]
    assert hall.most(2, 4) == 2


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (denied(20_000), False),
        (denied(29_999), False),
        (denied(30_500), False),  # within the second in which a place comes to a door
        (denied(22_000, after_ms=8_500), False),
        (denied(22_000, after_ms=9_500), True),
        (denied(31_001), True),
        (denied(20_000, "revoked"), True),
        (denied(31_001, "before_restart", again=True), False),
    ],
)
def test_a_denial_is_wrong_if_the_hall_had_room(answer: Answer, wrong: bool) -> None:
    halls = {"A": Hall([*FULL, (30_000, 0, -1)])}
    assert is_wrong(answer, halls) == wrong
