"""The real server through a night's pattern: threads end while idle, and others take their place.

A few cycles here; `make bench BENCH=night` runs 200.
"""

import concurrent.futures
import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server.app.supervise import THREAD_IDLE_VARIABLE
from server.core.event.directory import Event
from server.storage.database import Database
from tests.processes import children
from tests.server.app.test_serve import Server, running, signed_in
from tests.system.support.nursery import Nursery
from tests.system.support.nursery import forks as forks

pytestmark = pytest.mark.system

IDLE_S = 1
AT_ONCE = 12
ENDED_MIN = 3  # threads, in each cycle
CYCLES = 6


def threads_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def files_of(pid: int) -> int:
    """How many descriptors of the event's database a process has."""
    found = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found += link.readlink().name == "hallkeeper.db"
    return found


@contextlib.contextmanager
def feeds(server: Server, cookie: str, count: int) -> Iterator[None]:
    """Hold so many feeds of the overview."""
    with contextlib.ExitStack() as held:
        for _ in range(count):
            connection = server.connect()
            held.callback(connection.close)
            connection.request("GET", "/admin/live", headers={"Cookie": cookie})
            answer = connection.getresponse()
            assert answer.status == 200
            assert answer.readline() == b"retry: 1000\n"
        yield


def night(server: Server, cookie: str, cycles: int, tell: Callable[[int, int, int], None]) -> None:
    """Searches and feeds at once, then quiet until their threads have ended; again and again.

    `tell` hears the cycle, and the worker's threads at work and after the quiet time.
    """
    (worker,) = children(server.process.pid)[-1:]
    for cycle in range(cycles):
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool, feeds(server, cookie, 3):
            targets = [f"/admin/people/?q={word}" for word in ("anna", "王小明", "e", "nobody")]
            asked = [pool.submit(server.get, quoted(one), Cookie=cookie) for one in targets * 3]
            assert {one.result().status for one in asked} == {200}
            busy = threads_of(worker)
        deadline = time.monotonic() + 240
        while threads_of(worker) > busy - ENDED_MIN:
            assert server.process.poll() is None
            assert time.monotonic() < deadline, "no thread ended: the test shows nothing"
            time.sleep(0.1)
        assert worker in children(server.process.pid), "the worker has died"
        tell(cycle, busy, threads_of(worker))


def quoted(target: str) -> str:
    from urllib.parse import quote

    return quote(target, safe="/?=&")


@pytest.mark.sqlite_alone  # which opens files, and these are counted
def test_threads_come_and_go(
    event: Event,
    site: Database,
    admin_password: str,
    monkeypatch: pytest.MonkeyPatch,
    forks: Nursery,
) -> None:
    monkeypatch.setenv(THREAD_IDLE_VARIABLE, str(IDLE_S))
    cookie = signed_in(event, admin_password)
    told: list[tuple[int, ...]] = []
    with running(event, forks) as server:
        (worker,) = children(server.process.pid)[-1:]
        night(server, cookie, CYCLES, lambda *one: told.append(one))
        assert server.get("/admin/people/?q=anna", Cookie=cookie).status == 200
        # What the last cycle's threads have open is closed when they end. What nobody has stays.
        deadline = time.monotonic() + 240
        while (kept := files_of(worker)) > 1 + AT_ONCE + 3:
            assert time.monotonic() < deadline, f"{kept} connections stay with nobody"
            time.sleep(0.1)
    assert len(told) == CYCLES
