"""Repeated work on a thread: when it is called, and the effect of its failures."""

import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from server.repeating import Ended, Repeating
from server.storage.disk import AwayError

LONG_S = 240.0


class Work:
    """Counts its calls, and does the test's action in each."""

    def __init__(self) -> None:
        self.calls = 0
        self.does: Callable[[int], float | None] = lambda call: None
        self._changed = threading.Condition()

    def __call__(self) -> float | None:
        with self._changed:
            self.calls += 1
            self._changed.notify_all()
        return self.does(self.calls)

    def wait_for(self, calls: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.calls >= calls, LONG_S)


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def repeat(work: Work) -> Iterator[Callable[..., Repeating]]:
    made: list[Repeating] = []

    def start(every_s: float = 0.001, **more: float) -> Repeating:
        made.append(Repeating("counting", every_s, work, **more))
        made[-1].start()
        return made[-1]

    yield start
    for repeating in made:
        repeating.close()


def test_it_repeats_until_it_is_closed(work: Work, repeat: Callable[..., Repeating]) -> None:
    repeating = repeat()
    work.wait_for(3)
    repeating.close()
    assert not repeating.is_alive
    calls = work.calls
    repeating.start()
    work.wait_for(calls + 2)


def test_the_first_call_may_be_sooner(work: Work, repeat: Callable[..., Repeating]) -> None:
    repeat(LONG_S, first_s=0)
    work.wait_for(1)


def test_it_is_woken(work: Work, repeat: Callable[..., Repeating]) -> None:
    repeating = repeat(LONG_S)
    repeating.wake()
    work.wait_for(1)
    repeating.wake()
    work.wait_for(2)


def test_a_wake_during_a_call_causes_another(work: Work, repeat: Callable[..., Repeating]) -> None:
    go_on = threading.Event()
    work.does = lambda call: go_on.wait(LONG_S) and None
    repeating = repeat(LONG_S, first_s=0)
    work.wait_for(1)
    repeating.wake()
    go_on.set()
    work.wait_for(2)


def test_work_sets_its_own_pace(work: Work, repeat: Callable[..., Repeating]) -> None:
    work.does = lambda call: 0 if call < 3 else None
    repeat(LONG_S, first_s=0)
    work.wait_for(3)


def test_work_ends_itself(work: Work, repeat: Callable[..., Repeating]) -> None:
    def end(call: int) -> None:
        raise Ended

    work.does = end
    repeating = repeat()
    work.wait_for(1)
    repeating._thread.join(LONG_S)
    assert not repeating.is_alive
    assert work.calls == 1


def test_closing_does_not_wait_for_the_next_call(repeat: Callable[..., Repeating]) -> None:
    repeat(LONG_S).close()


def test_several_are_closed_together(work: Work, repeat: Callable[..., Repeating]) -> None:
    go_on = threading.Event()
    work.does = lambda call: go_on.wait(LONG_S) and None
    repeating = repeat()
    work.wait_for(1)
    repeating.close(wait=False)
    assert repeating.is_closing
    assert repeating.is_alive
    go_on.set()
    repeating.close()
    assert work.calls == 1


def test_one_that_was_never_started_is_closed(work: Work) -> None:
    Repeating("counting", 1.0, work).close()


class TestFailures:
    def fail(self, call: int) -> float | None:
        raise ValueError("the name of a person")

    def test_a_cause_is_logged_once_with_its_place_and_not_its_text(
        self, work: Work, repeat: Callable[..., Repeating], caplog: pytest.LogCaptureFixture
    ) -> None:
        work.does = self.fail
        repeat()
        work.wait_for(5)
        (record,) = caplog.records
        assert record.getMessage().startswith("counting failed, and goes on: ValueError\n")
        assert "in fail" in record.getMessage()
        assert "the name of a person" not in caplog.text.replace('raise ValueError("the name', "")

    def test_another_cause_is_logged_too(
        self, work: Work, repeat: Callable[..., Repeating], caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail_in_two_ways(call: int) -> float | None:
            if call < 3:
                raise ValueError
            raise OSError

        work.does = fail_in_two_ways
        repeat()
        work.wait_for(6)
        assert len(caplog.records) == 2

    def test_the_same_cause_is_logged_again_after_a_success(
        self, work: Work, repeat: Callable[..., Repeating], caplog: pytest.LogCaptureFixture
    ) -> None:
        work.does = lambda call: self.fail(call) if call in (1, 2, 4, 5) else None
        repeat()
        work.wait_for(7)
        assert len(caplog.records) == 2

    def test_a_database_that_is_away_is_logged_by_its_connection_alone(
        self, work: Work, repeat: Callable[..., Repeating], caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(call: int) -> float | None:
            raise AwayError("away")

        work.does = fail
        with caplog.at_level(logging.INFO):
            repeat()
            work.wait_for(3)
        assert caplog.records == []

    def test_a_failure_because_of_the_close_is_not_logged(
        self, work: Work, repeat: Callable[..., Repeating], caplog: pytest.LogCaptureFixture
    ) -> None:
        go_on = threading.Event()

        def fail_late(call: int) -> float | None:
            go_on.wait(LONG_S)
            raise ValueError

        work.does = fail_late
        repeating = repeat(0.0)
        work.wait_for(1)
        repeating.close(wait=False)
        go_on.set()
        repeating.close()
        assert caplog.records == []
