import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.presentation import Presentations

SIGHTINGS = {
    "in view for a minute": ("A" * 60, 1.0, "1" + "0" * 59),
    "again after it was away": ("A....A", 1.0, "1    1"),
    "away for just the hold": ("A..A", 1.0, "1  0"),
    "another one between": ("ABA", 1.0, "110"),
    "two codes that flicker": ("ABABABAB", 1.0, "11000000"),
    "the first comes back late": ("ABBBBA", 1.0, "110001"),
    "at frame rate": ("A" * 30 + "B" * 30 + "A" * 30, 1 / 30, "1" + "0" * 29 + "1" + "0" * 59),
}


@pytest.mark.parametrize(("codes", "step_s", "new"), SIGHTINGS.values(), ids=SIGHTINGS.keys())
def test_one_presentation_is_one_scan(codes: str, step_s: float, new: str) -> None:
    presentations = Presentations(hold_s=3.0)
    told = [
        " " if code == "." else str(int(presentations.present(code, at * step_s)))
        for at, code in enumerate(codes)
    ]
    assert "".join(told) == new


def test_hold_is_counted_from_the_last_sighting_not_the_first() -> None:
    presentations = Presentations(hold_s=3.0)
    assert presentations.present("A", 0.0)
    assert not presentations.present("A", 2.9)
    assert not presentations.present("A", 5.8)
    assert presentations.present("A", 8.9)


def test_a_clock_that_jumps_back_never_silences_a_code() -> None:
    presentations = Presentations(hold_s=3.0)
    assert presentations.present("A", 1000.0)
    assert not presentations.present("A", 999.0)
    assert presentations.present("A", 10.0)


def test_forget_lets_the_code_in_view_count_again() -> None:
    presentations = Presentations()
    assert presentations.present("A", 0.0)
    presentations.forget()
    assert presentations.present("A", 0.1)


def test_memory_is_bounded() -> None:
    presentations = Presentations()
    for number in range(Presentations.MEMORY_MAX * 4):
        assert presentations.present(str(number), 0.0)
    assert len(presentations._seen_at) == Presentations.MEMORY_MAX
    assert not presentations.present(str(number), 0.0)


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.floats(0, 5)), max_size=50))
def test_never_twice_within_the_hold_and_always_after_it(
    sightings: list[tuple[str, float]],
) -> None:
    presentations, at_s, last = Presentations(hold_s=3.0), 0.0, dict[str, float]()
    for code, pause_s in sightings:
        at_s += pause_s
        expected = code not in last or at_s - last[code] > 3.0
        assert presentations.present(code, at_s) is expected
        last[code] = at_s
