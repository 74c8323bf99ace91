"""The kiosk's knowledge of its clock's error, and its end."""

import msgspec
import pytest

from badges.wire import wire
from kiosk.sync.link import JUMP_MS, ROUND_TRIP_MS, Link, Skew, steady


class Clocks:
    """A wall clock that can be set, and a monotonic one."""

    def __init__(self) -> None:
        self.wall = 1_000_000
        self.steady = 5_000

    def pass_by(self, ms: int) -> None:
        self.wall += ms
        self.steady += ms


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def answered(at: int) -> wire.ScanAnswer:
    """An immediate answer, at `at` by the server's clock."""
    return wire.ScanAnswer(
        acked_seq=0,
        incarnation=1,
        fenced=False,
        orders=[],
        received_at=at,
        answered_at=at,
        cursor=0,
        checkpoint="",
        consistency=[],
    )


@pytest.fixture
def link(clocks: Clocks) -> Link:
    new_link = Link(lambda: clocks.wall, lambda: clocks.steady)
    new_link.measure(clocks.wall, answered(clocks.wall - 300), clocks.wall)
    return new_link


@pytest.mark.parametrize("late_by", [ROUND_TRIP_MS + 1, 60_000, -ROUND_TRIP_MS - 1])
def test_a_slow_round_trip_does_not_measure_the_clock(
    link: Link, clocks: Clocks, late_by: int
) -> None:
    link.measure(clocks.wall, answered(clocks.wall), clocks.wall + late_by)
    assert link.state.skew_ms == 300
    fresh = Link(lambda: clocks.wall, lambda: clocks.steady)
    fresh.measure(clocks.wall, answered(clocks.wall), clocks.wall + late_by)
    assert fresh.state.skew_ms is None


def test_it_is_unknown_before_the_first_exchange(clocks: Clocks) -> None:
    assert Link(lambda: clocks.wall, lambda: clocks.steady).state.skew_ms is None


def test_it_holds_while_the_clock_runs_on(link: Link, clocks: Clocks) -> None:
    clocks.pass_by(3_600_000)
    assert link.state.skew_ms == 300


@pytest.mark.parametrize("jump", [JUMP_MS + 1, -JUMP_MS - 1, 3_600_000, -3_600_000])
def test_a_clock_that_was_set_is_unknown_again(link: Link, clocks: Clocks, jump: int) -> None:
    clocks.wall += jump
    assert link.state.skew_ms is None


def test_the_newest_order_has_the_places_left_in_a_hall(link: Link, clocks: Clocks) -> None:
    link.places([wire.PlaceOrder(7, 5, 0, 1, left=40), wire.PlaceOrder(8, 5, 0, 1, left=3)])
    link.places(
        [wire.PlaceOrder(7, 6, 0, 1, left=39), wire.PlaceOrder(7, 1, 0, 1, left=9, override=True)]
    )

    assert link.state.left == {7: 39, 8: 3}
    assert link.state.beyond == {7: 9}


def test_the_epoch_is_the_one_in_which_it_was_measured(link: Link, clocks: Clocks) -> None:
    assert link.state.skew == Skew(300, 0)
    later = msgspec.structs.replace(answered(clocks.wall), epoch=7)
    link.measure(clocks.wall, later, clocks.wall + ROUND_TRIP_MS + 1)
    assert link.state.skew == Skew(300, 0), "a slow answer told nothing"
    link.measure(clocks.wall, later, clocks.wall)
    assert link.state.skew == Skew(0, 7)
    clocks.wall += JUMP_MS + 1
    assert link.state.skew is None


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (Skew(5, 1), Skew(9, 1), Skew(9, 1)),
        (Skew(5, 1), Skew(5, 2), None),
        (Skew(5, 1), Skew(6 + JUMP_MS, 1), None),
        (None, Skew(5, 1), None),
        (Skew(5, 1), None, None),
    ],
)
def test_the_skew_that_held_throughout(
    before: Skew | None, after: Skew | None, expected: Skew | None
) -> None:
    assert steady(before, after) == expected


def test_a_server_that_stops_answering_is_expected_back_for_half_a_minute(clocks: Clocks) -> None:
    link = Link(lambda: clocks.wall, lambda: clocks.steady)
    assert link.answered(), "it did not answer before"
    assert not link.answered()
    clocks.pass_by(3_600_000)
    assert link.is_expected
    link.failed("gone")
    clocks.pass_by(29_999)
    link.failed("still gone")
    assert link.is_expected
    clocks.pass_by(1)
    assert not link.is_expected
    assert link.answered()
    assert link.is_expected


def test_other_doors_have_two_seconds_to_report_after_its_return(clocks: Clocks) -> None:
    link = Link(lambda: clocks.wall, lambda: clocks.steady)
    clocks.pass_by(60_000)
    link.answered()
    for passed_ms, settled in ((0, False), (1_999, False), (1, True)):
        clocks.pass_by(passed_ms)
        link.answered()
        assert link.is_settled is settled
