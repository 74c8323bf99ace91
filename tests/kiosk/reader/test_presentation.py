import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.reader.presentation import Nearest, Presentations, ReadRate, SeenCode, badges_in_view

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
    events = [
        " " if code == "." else str(int(presentations.present(code, at * step_s)))
        for at, code in enumerate(codes)
    ]
    assert "".join(events) == new


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


def test_a_code_whose_answer_takes_long_is_the_same_presentation() -> None:
    presentations = Presentations(hold_s=3.0)
    assert presentations.present("A", 0.0)
    with presentations.answering("A"):
        assert not presentations.present("A", 9.0)
        assert presentations.present("B", 9.0)
    assert presentations.present("A", 12.1)


def test_a_code_can_be_forgotten_alone() -> None:
    presentations = Presentations()
    assert presentations.present("A", 0.0)
    assert presentations.present("B", 0.0)
    presentations.forget("A")
    assert presentations.present("A", 0.1)
    assert not presentations.present("B", 0.1)


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


# The choice among several


def code(text: str, area: float) -> SeenCode:
    return SeenCode(text, area)


NEAR, FAR, POSTER = code("HKNEAR", 9000), code("HKFAR", 2000), code("https://x", 50_000)


def test_the_nearer_badge_is_taken_anywhere_in_the_list() -> None:
    assert Nearest().choose([NEAR, FAR], 0.0) == NEAR
    assert Nearest().choose([FAR, NEAR], 0.0) == NEAR
    assert Nearest().choose([], 0.0) is None


def test_a_badge_goes_before_a_larger_poster() -> None:
    nearest = Nearest()
    assert nearest.choose([POSTER], 0.0) == POSTER
    assert nearest.choose([POSTER, FAR], 0.1) == FAR
    assert nearest.choose([POSTER], 5.0) == POSTER


def test_two_at_the_same_distance_do_not_take_turns() -> None:
    nearest, taken = Nearest(), []
    for step in range(20):
        wobble = 300 if step % 2 else -300
        codes = [code("HKA", 5000 + wobble), code("HKB", 5000 - wobble)]
        chosen = nearest.choose(codes, step / 30)
        assert chosen is not None
        taken.append(chosen.text)
    assert len(set(taken)) == 1


def test_one_that_comes_clearly_nearer_is_taken() -> None:
    nearest = Nearest()
    assert nearest.choose([FAR], 0.0) == FAR
    assert nearest.choose([FAR, NEAR], 0.1) == NEAR


def test_one_that_is_not_read_for_a_moment_is_waited_for() -> None:
    nearest = Nearest()
    assert nearest.choose([NEAR, FAR], 0.0) == NEAR
    assert nearest.choose([FAR], 0.1) is None
    assert nearest.choose([NEAR, FAR], 0.2) == NEAR
    assert nearest.choose([FAR], 0.8) == FAR


def test_the_next_in_the_queue_is_not_waited_for() -> None:
    nearest = Nearest()
    assert nearest.choose([NEAR], 0.0) == NEAR
    assert nearest.choose([FAR], 0.1) == FAR


def test_the_memory_of_codes_beside_is_bounded() -> None:
    nearest = Nearest()
    for number in range(1000):
        assert nearest.choose([NEAR, code(f"HK{number}", 10)], number / 30) == NEAR
    assert len(nearest._beside) <= Nearest.BESIDE_MAX + 1


def test_badges_in_view() -> None:
    assert badges_in_view([NEAR, FAR, POSTER]) == 2
    assert badges_in_view([NEAR, NEAR]) == 1  # on paper and on a phone
    assert badges_in_view([POSTER]) == 0


# The read rate of the last minute


def looked(rate: ReadRate, from_s: float, looks: int, text: str = "") -> None:
    for step in range(looks):
        rate.count_frame(from_s + step / 30, True, [text] if text and step > 3 else [])


def test_a_code_counts_once_for_as_long_as_it_is_shown() -> None:
    rate = ReadRate()
    assert rate.rate(0.0) is None
    looked(rate, 0.0, 60, "HKA")
    assert rate.counts(2.0) == (1, 1)
    looked(rate, 5.0, 60)
    assert rate.counts(8.0) == (2, 1)
    assert rate.rate(8.0) == 0.5
    looked(rate, 10.0, 60, "HKB")
    assert rate.rate(12.0) == 0.667


def test_two_after_one_another_without_a_pause_are_two() -> None:
    rate = ReadRate()
    looked(rate, 0.0, 20, "HKA")
    looked(rate, 0.7, 20, "HKB")
    assert rate.counts(2.0) == (2, 2)


def test_a_glimpse_is_no_code_that_was_not_read() -> None:
    rate = ReadRate()
    looked(rate, 0.0, ReadRate.UNREAD_FRAMES - 1)
    rate.count_frame(2.0, False)
    assert rate.rate(2.0) is None


def test_only_the_last_minute_counts() -> None:
    rate = ReadRate()
    looked(rate, 0.0, 30)
    looked(rate, 40.0, 30, "HKA")
    rate.count_frame(43.0, False)
    assert rate.rate(43.0) == 0.5
    assert rate.rate(70.0) == 1.0
    assert rate.rate(200.0) is None


def test_the_read_rates_memory_is_bounded() -> None:
    rate = ReadRate()
    for number in range(3 * ReadRate.ENDED_MAX):
        rate.count_frame(number * 1.0, True, [f"HK{number}"])
    assert len(rate._ended) == ReadRate.ENDED_MAX
