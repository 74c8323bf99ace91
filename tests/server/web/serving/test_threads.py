"""Threads that come as they are needed and end after a while, and calls of many on the loop."""

import asyncio
import threading
import time

import pytest

from server.web.serving.threads import Threads
from server.web.serving.waker import Waker

WAIT_S = 240


class Held:
    """Jobs that go on until they are let."""

    def __init__(self, threads: Threads, count: int) -> None:
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.names: set[int] = set()
        for _ in range(count):
            threads.run(self._job)

    def _job(self) -> None:
        self.names.add(threading.get_ident())
        self.begun.release()
        assert self.go_on.wait(WAIT_S)

    def await_begun(self, count: int) -> None:
        for _ in range(count):
            assert self.begun.acquire(timeout=WAIT_S)


def alive() -> int:
    return sum(one.name == "page" for one in threading.enumerate())


def await_alive(count: int) -> None:
    deadline = time.monotonic() + WAIT_S
    while alive() != count:
        assert time.monotonic() < deadline, alive()
        time.sleep(0.01)


def test_it_works() -> None:
    held = Held(Threads(5, 0.05), 5)
    held.await_begun(5)
    assert len(held.names) == 5, "all at once"
    held.go_on.set()
    await_alive(0)


def test_more_than_there_are_threads_wait() -> None:
    threads = Threads(2, 0.05)
    held = Held(threads, 5)
    held.await_begun(2)
    held.go_on.set()
    held.await_begun(3)
    assert len(held.names) == 2
    await_alive(0)


@pytest.mark.long
def test_a_thread_without_a_job_takes_the_next() -> None:
    threads = Threads(5, 0.5)
    for _ in range(20):
        done = threading.Event()
        threads.run(done.set)
        assert done.wait(WAIT_S)
        deadline = time.monotonic() + WAIT_S
        while threads._free < 1:
            assert time.monotonic() < deadline
            time.sleep(0.001)
    assert alive() == 1
    await_alive(0)


def test_a_job_that_fails_costs_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    threads = Threads(1, 0.05)

    def fail() -> None:
        raise OSError("a name")

    done = threading.Event()
    threads.run(fail)
    threads.run(done.set)
    assert done.wait(WAIT_S)
    assert "a request's thread failed: OSError" in caplog.text
    assert "a name" not in caplog.text
    await_alive(0)


def test_ended_threads_are_replaced() -> None:
    threads = Threads(3, 0.02)
    for _ in range(3):
        held = Held(threads, 3)
        held.await_begun(3)
        held.go_on.set()
        await_alive(0)


def test_calls_of_many_threads_come_in_order_and_none_is_lost() -> None:
    heard: list[tuple[int, int]] = []

    async def whole() -> None:
        waker = Waker(asyncio.get_running_loop())
        all_heard = asyncio.Event()

        def hear(who: int, number: int) -> None:
            heard.append((who, number))
            if len(heard) == 4_000:
                all_heard.set()

        def speak(who: int) -> None:
            for number in range(1_000):
                waker.call(lambda number=number: hear(who, number))

        speakers = [threading.Thread(target=speak, args=(who,)) for who in range(4)]
        for one in speakers:
            one.start()
        async with asyncio.timeout(WAIT_S):
            await all_heard.wait()
        for one in speakers:
            one.join()

    asyncio.run(whole())
    for who in range(4):
        assert [number for one, number in heard if one == who] == list(range(1_000))
