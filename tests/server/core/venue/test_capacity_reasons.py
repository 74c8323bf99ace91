"""The capacity of a hall, by examples computed by hand."""

import pytest

from server.core.venue.capacity_reasons import Measures, Reason, reasons, warning


@pytest.mark.parametrize(
    ("measures", "kind", "people"),
    [
        # 2 lanes × 660 an hour, in an hour and in a quarter of one
        (Measures(entry_lanes=2), "entry", 1320),
        (Measures(entry_lanes=2, fill_min=15), "entry", 330),
        (Measures(entry_lanes=0), "entry", 0),
        (Measures(seats=310), "holding", 310),
        # 450 ÷ 1.5
        (Measures(floor_m2=450, m2_per_person=1.5), "holding", 300),
        # 100 ÷ 0.3 = 333.3
        (Measures(floor_m2=100, m2_per_person=0.3), "holding", 333),
        # a whole number, though 4.1 ÷ 0.1 is 40.99… in binary fractions
        (Measures(floor_m2=4.1, m2_per_person=0.1), "holding", 41),
        (Measures(seats=310, floor_m2=450, m2_per_person=1.5), "holding", 300),
        (Measures(seats=290, floor_m2=450, m2_per_person=1.5), "holding", 290),
        # 1.2 × 82 × 8 = 787.2
        (Measures(exit_width_m=1.2), "exit", 787),
        # 1.2 × 66 × 8 = 633.6
        (Measures(exit_steps_width_m=1.2), "exit", 633),
        # (2.4 × 82 + 1.2 × 66) × 5 = (196.8 + 79.2) × 5
        (Measures(exit_width_m=2.4, exit_steps_width_m=1.2, clear_min=5), "exit", 1380),
        # 2.4 × 82 × 2.5
        (Measures(exit_width_m=2.4, emergency_min=2.5), "emergency", 492),
        (Measures(exit_width_m=0), "emergency", 0),
    ],
)
def test_a_capacity_by_hand(measures: Measures, kind: str, people: int) -> None:
    assert {reason.kind: reason.people for reason in reasons(measures)}[kind] == people


def test_the_lowest_comes_first() -> None:
    hall = Measures(
        floor_m2=480, m2_per_person=1.5, exit_width_m=3.6, entry_lanes=1, emergency_min=2.5
    )
    assert [(reason.kind, reason.people) for reason in reasons(hall)] == [
        ("holding", 320),
        ("entry", 660),
        ("emergency", 738),
        ("exit", 2361),
    ]


def test_what_nobody_measured_is_left_out() -> None:
    assert reasons(Measures()) == ()
    assert reasons(Measures(floor_m2=100)) == ()
    assert reasons(Measures(fill_min=10, clear_min=3, emergency_min=3)) == ()


def test_a_sum_can_be_checked() -> None:
    lanes, exit_, emergency = sorted(
        reasons(Measures(entry_lanes=3, exit_width_m=2.4, exit_steps_width_m=1.2, emergency_min=4)),
        key=lambda reason: ["entry", "exit", "emergency"].index(reason.kind),
    )
    assert lanes.sum == "3 × 660 an hour × 60 min (assumed)"
    assert exit_.sum == "(2.4 m level × 82 + 1.2 m steps × 66) a minute × 8 min (assumed)"
    assert emergency.sum == "(2.4 m level × 82 + 1.2 m steps × 66) a minute × 4 min"


def test_a_capacity_above_its_reasons() -> None:
    reasons = (Reason("entry", 330, "a"), Reason("holding", 400, "b"), Reason("exit", 900, "c"))
    assert warning(330, reasons) is None
    assert warning(1000, ()) is None
    assert warning(401, reasons) == (
        "capacity 401 is above the limits from its measures: entry 330 (a), holding 400 (b)"
    )
