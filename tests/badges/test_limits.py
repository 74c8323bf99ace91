"""Limits on how often something may be done: which uses are allowed, and when the next one is."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from badges.limits import NEW, Backoff, Limit, State, Steady, Window

MINUTE = 60_000
NOW = 1_000_000_000
LIMITS = [
    Window(3, MINUTE),
    Steady(3, MINUTE),
    Backoff(3, MINUTE, 4 * MINUTE, 60 * MINUTE),
]


def try_at(limit: Limit, state: State, at: int) -> tuple[bool, State]:
    """Use a limit if it allows that. Return whether it did, and the state afterwards."""
    state = limit.settle(state, at)
    if limit.next_at(state) > at:
        return False, state
    return True, limit.use(state, at)


def allowed(limit: Limit, times: list[int]) -> list[int]:
    """Return the times at which a use was allowed."""
    state, uses = NEW, []
    for at in times:
        is_allowed, state = try_at(limit, state, at)
        uses += [at] if is_allowed else []
    return uses


def waits(limit: Limit, count: int) -> list[int]:
    """Return the waits before each of so many uses, each made as soon as it is allowed."""
    state, at, pauses = NEW, NOW, []
    for _ in range(count):
        state = limit.settle(state, at)
        pauses.append(max(0, limit.next_at(state) - at))
        at += pauses[-1]
        state = limit.use(limit.settle(state, at), at)
    return pauses


@given(st.lists(st.integers(0, 10 * MINUTE), max_size=40).map(sorted))
def test_a_window_never_has_more_uses(times: list[int]) -> None:
    uses = allowed(Window(3, MINUTE), times)
    assert all(later - first >= MINUTE for first, later in zip(uses, uses[3:], strict=False))


def test_a_window_frees_each_use_by_itself() -> None:
    times = [NOW, NOW + 10, NOW + 20, NOW + 30, NOW + MINUTE, NOW + MINUTE, NOW + MINUTE + 10]
    assert allowed(Window(3, MINUTE), times) == [NOW, NOW + 10, NOW + 20, NOW + MINUTE,
                                                 NOW + MINUTE + 10]  # fmt: skip


def test_a_window_forgets_uses_that_no_longer_count() -> None:
    limit = Window(3, MINUTE)
    assert limit.settle((NOW, NOW + 1), NOW + MINUTE) == (NOW + 1,)
    assert limit.next_at(NEW) == 0


def test_steady_uses_come_back_one_by_one() -> None:
    assert waits(Steady(3, 100), 6) == [0, 0, 0, 100, 100, 100]


@given(st.lists(st.integers(0, 5_000), max_size=60).map(sorted))
def test_steady_allows_no_more_than_its_rate(times: list[int]) -> None:
    uses = allowed(Steady(3, 100), times)
    for begin, first in enumerate(uses):
        for count, last in enumerate(uses[begin:], 1):
            assert count <= 3 + (last - first) // 100


def test_waits_double_up_to_the_longest() -> None:
    limit = Backoff(3, MINUTE, 5 * MINUTE, 60 * MINUTE)
    assert waits(limit, 8) == [n * MINUTE for n in (0, 0, 0, 1, 2, 4, 5, 5)]


def test_a_million_uses_wait_no_longer() -> None:
    assert Backoff(3, MINUTE, 5 * MINUTE, 60 * MINUTE).wait_ms(10**6) == 5 * MINUTE
    assert Backoff(0, 1, 1 << 30, MINUTE).wait_ms(10**6) == 1 << 20


def test_backoff_forgets_after_a_time_without_a_use() -> None:
    limit = Backoff(3, MINUTE, 4 * MINUTE, 60 * MINUTE)
    assert limit.settle((9, NOW), NOW + 60 * MINUTE) == (9, NOW)
    assert limit.settle((9, NOW), NOW + 60 * MINUTE + 1) == NEW


def test_a_use_is_undone() -> None:
    limit = Backoff(3, MINUTE, 4 * MINUTE, 60 * MINUTE)
    assert limit.next_at((3, NOW)) == NOW + MINUTE
    assert limit.next_at(limit.undo((3, NOW))) == NOW
    assert limit.undo((2, NOW)) == (1, NOW)
    assert limit.undo((1, NOW)) == limit.undo(NEW) == NEW
    assert limit.next_at(NEW) == 0


@pytest.mark.parametrize("limit", LIMITS)
def test_a_clock_that_was_set_back_adds_no_longer_wait(limit: Limit) -> None:
    state: State = NEW
    for _ in range(3):
        _, state = try_at(limit, state, NOW)
    yesterday = NOW - 24 * 60 * MINUTE
    is_allowed, state = try_at(limit, state, yesterday)
    assert not is_allowed
    is_allowed, _ = try_at(limit, state, yesterday + 4 * MINUTE)
    assert is_allowed


@pytest.mark.parametrize("limit", LIMITS)
def test_a_refusal_changes_nothing(limit: Limit) -> None:
    times = [NOW + n for n in range(10)]
    uses = allowed(limit, times)
    assert len(uses) == 3
    assert all(first < last for first, last in pairwise(uses))
    state: State = NEW
    for at in uses:
        state = limit.use(limit.settle(state, at), at)
    first_free = limit.next_at(state)
    for at in times[3:]:
        _, state = try_at(limit, state, at)
    assert limit.next_at(state) == first_free
