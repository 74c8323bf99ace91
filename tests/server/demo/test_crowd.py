"""The demo's crowd: where guests go, and what they do after each answer."""

import random

import pytest

from server.demo import crowd as crowd_module
from server.demo.crowd import QUEUES_S, STAYS_S, TRIES, WALKS_S, Crowd, Guest, OpenHall

EXPO = OpenHall("EXPO", frozenset({1, 2}), "EXPO-south", "EXPO-south")
FORUM = OpenHall("A01", frozenset({1}), "A01-east", "A01-west")


@pytest.fixture
def one_guest(monkeypatch: pytest.MonkeyPatch) -> Crowd:
    """A guest who chooses A01, without chance."""
    monkeypatch.setattr(crowd_module, "WRONG_HALL", 0.0)
    monkeypatch.setattr(crowd_module, "TO_EXPO", 0.0)
    return Crowd([EXPO, FORUM], [Guest(7, "HK1:X", 1)], random.Random(1))


def come(crowd: Crowd, now: float) -> tuple[str, Guest]:
    due = crowd.next(now)
    assert due is not None
    return due


def test_a_guest_enters_stays_and_leaves_by_the_other_door(one_guest: Crowd) -> None:
    door, guest = come(one_guest, 1_000)
    assert door == "A01-east"
    one_guest.answered(guest, None, 1_000)
    assert one_guest.inside == 1
    assert one_guest.next(1_000 + STAYS_S[0] - 1) is None
    door, guest = come(one_guest, 1_000 + STAYS_S[1])
    assert door == "A01-west"
    one_guest.answered(guest, None, 2_000)
    assert one_guest.inside == 0
    assert one_guest.next(2_000 + WALKS_S[0] - 1) is None


def test_a_guest_waits_at_a_full_hall_and_then_goes_elsewhere(one_guest: Crowd) -> None:
    now = 1_000.0
    for _ in range(TRIES + 1):
        door, guest = come(one_guest, now)
        assert door == "A01-east"
        assert guest.wants in (FORUM, None)
        one_guest.answered(guest, "hall_full", now)
        now += QUEUES_S[1]
    assert guest.wants is None, "gave up"
    assert one_guest.counts == {"hall_full": TRIES + 1}


def test_a_refused_guest_does_not_count_as_inside(one_guest: Crowd) -> None:
    _, guest = come(one_guest, 1_000)
    one_guest.answered(guest, "not_entitled", 1_000)
    assert one_guest.inside == 0
    assert guest.wants is None
    assert one_guest.report() == (
        "The crowd: 0 inside, 1 scans, 1 refused, 0 of them at a full hall"
    )


def test_a_guest_whom_no_session_admits_goes_to_the_exhibition() -> None:
    crowd = Crowd([EXPO, FORUM], [Guest(8, "HK1:Y", 2)], random.Random(1))
    door, _ = come(crowd, 1_000)
    assert door == "EXPO-south"
