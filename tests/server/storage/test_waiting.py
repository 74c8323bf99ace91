"""For how many steps a commit waits, and when it does not wait."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from server.storage.engines.joint import Joinable, Kind
from server.storage.engines.steps import CallbackJob, Job
from server.storage.engines.waiting import GROUP_MAX, LEAST, Turns, Waiting

LONG_S = 3600.0  # No test waits so long: its own limit would report it.
BATCH = Joinable(Kind(lambda db, about: None, lambda db, results: results), None)


def batch() -> CallbackJob:
    """A kiosk's batch, for which no thread waits."""
    return CallbackJob(lambda db: None, lambda result, error: None, True, BATCH)


def page() -> Job:
    """A write for which a thread waits."""
    return Job(lambda db: None, False, False)


def put(waiting: Waiting, *jobs: Job) -> list[Job]:
    for job in jobs:
        waiting.put(job)
    return list(jobs)


@pytest.fixture
def busy() -> Waiting:
    """The last commit had several batches, so that the next one waits for as many."""
    waiting = Waiting(LONG_S)
    put(waiting, *(batch() for _ in range(LEAST)))
    assert len(waiting.group(idle=True)) == LEAST
    return waiting


@pytest.mark.timeout(300)
class TestPatience:
    def test_a_commit_waits_for_as_many_batches_as_the_last_one_had(self, busy: Waiting) -> None:
        jobs = [batch() for _ in range(LEAST)]
        put(busy, jobs[0])
        with ThreadPoolExecutor(1) as pool:
            group = pool.submit(busy.group, idle=True)
            put(busy, *jobs[1:])
            assert group.result() == jobs

    def test_and_takes_more_where_more_are_there(self, busy: Waiting) -> None:
        jobs = put(busy, *(batch() for _ in range(LEAST + 2)))
        assert busy.group(idle=True) == jobs

    def test_single_ones_are_taken_at_once(self) -> None:
        waiting = Waiting(LONG_S)
        for _ in range(3):
            jobs = put(waiting, batch())
            assert waiting.group(idle=True) == jobs

    def test_nobody_waits_longer_than_that(self) -> None:
        waiting = Waiting(0.05)
        put(waiting, *(batch() for _ in range(LEAST)))
        waiting.group(idle=True)
        jobs = put(waiting, batch())
        assert waiting.group(idle=True) == jobs

    def test_after_a_group_of_few_the_next_one_does_not_wait(self, busy: Waiting) -> None:
        put(busy, batch(), page())
        busy.group(idle=True)
        jobs = put(busy, batch())
        assert busy.group(idle=True) == jobs

    def test_one_that_saves_a_page_does_not_wait_for_kiosks(self, busy: Waiting) -> None:
        jobs = put(busy, page())
        assert busy.group(idle=True) == jobs

    def test_nor_where_it_comes_while_a_batch_waits(self, busy: Waiting) -> None:
        jobs = put(busy, batch())
        with ThreadPoolExecutor(1) as pool:
            group = pool.submit(busy.group, idle=True)
            jobs += put(busy, page())
            assert group.result() == jobs

    def test_a_writer_with_a_backlog_waits_for_nothing(self, busy: Waiting) -> None:
        jobs = put(busy, batch())
        assert busy.group(idle=False) == jobs
        assert busy.group(idle=False) == []

    def test_the_end_is_waited_for_by_nobody(self, busy: Waiting) -> None:
        jobs = put(busy, batch())
        ending = threading.Timer(0.01, busy.end)
        ending.start()
        assert busy.group(idle=True) == jobs
        ending.join()
        assert busy.ended
        assert busy.group(idle=True) == []


def test_a_group_has_no_more_than_64() -> None:
    waiting = Waiting(LONG_S)
    jobs = put(waiting, *(batch() for _ in range(GROUP_MAX + 1)))
    assert len(waiting) == GROUP_MAX + 1
    assert waiting.group(idle=True) == jobs[:GROUP_MAX]
    assert waiting.group(idle=False) == jobs[GROUP_MAX:]


class TestOwners:
    """A kiosk that sends a lot delays no other."""

    def of(self, owner: str, *, long: bool = False) -> Job:
        return Job(lambda db: None, long, False, owner)

    def test_a_commit_has_one_step_of_each(self) -> None:
        waiting = Waiting()
        flood = put(waiting, *(self.of("flood") for _ in range(3)))
        (other,) = put(waiting, self.of("other"))
        assert len(waiting) == 4
        assert waiting.group(idle=True) == [flood[0], other]
        (late,) = put(waiting, self.of("late"))
        assert waiting.group(idle=True) == [flood[1], late]
        assert waiting.group(idle=True) == [flood[2]], "in their order"
        assert len(waiting) == 0

    def test_steps_of_nobody_share_one_as_before(self) -> None:
        waiting = Waiting()
        jobs = put(waiting, page(), page(), self.of("a"), page())
        assert waiting.group(idle=True) == jobs

    def test_all_that_waits_is_done_before_the_end(self) -> None:
        waiting = Waiting()
        jobs = put(waiting, *(self.of("flood") for _ in range(3)))
        waiting.end()
        done = []
        while not waiting.ended:
            done += waiting.group(idle=True)
        assert done == jobs

    def test_nobody_overtakes_within_a_full_group(self) -> None:
        waiting = Waiting()
        flood = put(waiting, *(self.of("flood") for _ in range(2)))
        many = put(waiting, *(self.of(str(number)) for number in range(GROUP_MAX + 5)))
        assert waiting.group(idle=True) == [flood[0], *many[: GROUP_MAX - 1]]
        assert waiting.group(idle=True) == [flood[1], *many[GROUP_MAX - 1 :]]

    def test_long_ones_take_turns(self) -> None:
        turns = Turns()
        flood = [self.of("flood", long=True) for _ in range(3)]
        other = [self.of("other", long=True) for _ in range(2)]
        for job in (*flood, *other):
            turns.put(job)
        taken = []
        while turns:
            taken.append(turns.take())
        assert taken == [flood[0], other[0], flood[1], other[1], flood[2]]
