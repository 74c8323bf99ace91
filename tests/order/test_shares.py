"""That each test is run by one process, whoever takes over from whom."""

import os
import random
from collections.abc import Iterator
from itertools import chain

import pytest

from tests.order.shares import Shares, cuts


@pytest.fixture
def shares() -> Iterator[Shares]:
    made = Shares(100, 3)
    yield made
    made.close()


@pytest.mark.parametrize("tests", [0, 1, 2, 7, 100])
@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_shares_are_equal_and_leave_nothing_out(tests: int, workers: int) -> None:
    found = cuts(tests, workers)
    assert list(chain(*found)) == list(range(tests))
    assert max(map(len, found)) - min(map(len, found)) <= 1


def test_it_works(shares: Shares) -> None:
    assert [shares.next(1) for _ in range(3)] == [(33, 34), (34, 35), (35, 36)]
    assert shares.next(0) == (0, 1)
    assert (shares.running(0), shares.running(1), shares.running(2)) == (0, 35, None)


@pytest.mark.parametrize("tests", [0, 1, 5, 100, 1000])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_each_test_is_given_out_once(tests: int, workers: int) -> None:
    by_chance = random.Random(tests + workers)
    shares = Shares(tests, workers)
    ran: list[int] = []
    told: dict[int, int | None] = {}
    left = list(range(workers))
    while left:
        # One of them is ten times as fast as the others.
        worker = left[0] if by_chance.random() < 0.9 else by_chance.choice(left)
        if (found := shares.next(worker)) is None:
            left.remove(worker)
            continue
        now, after = found
        assert told.get(worker, now) == now
        ran.append(now)
        told[worker] = after
    assert sorted(ran) == list(range(tests))
    assert not any(told.values())
    shares.close()


def test_half_of_the_largest_share_is_taken_over_from_its_end(shares: Shares) -> None:
    for _ in range(20):
        shares.next(2)
    for _ in range(32):
        shares.next(0)
    # 0 runs its last but one, and its last comes after that. 1 has all of 33 to 65.
    assert shares.next(0) == (32, 49)
    assert shares.next(0) == (49, 50)
    assert [shares.next(1) for _ in range(15)][-1] == (47, 48)


def test_stopped_they_give_out_nothing_more(shares: Shares) -> None:
    shares.next(0)
    shares.stop()
    assert [shares.next(worker) for worker in range(3)] == [None] * 3


@pytest.mark.system
def test_processes_side_by_side() -> None:
    shares = Shares(2000, 4)
    reading, writing = os.pipe()
    started = []
    for worker in range(4):
        if (pid := os.fork()) == 0:
            try:
                while (found := shares.next(worker)) is not None:
                    os.write(writing, f"{found[0]}\n".encode())
            finally:
                os._exit(0)
        started.append(pid)
    os.close(writing)
    with open(reading, encoding="ascii") as told:
        ran = [int(line) for line in told]
    assert [os.waitpid(pid, 0)[1] for pid in started] == [0] * 4
    assert sorted(ran) == list(range(2000))
    shares.close()
