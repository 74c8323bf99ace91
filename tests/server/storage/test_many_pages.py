"""A worker that serves many pages at once, repeatedly, keeps no more threads and files.

A few rounds here; `make bench BENCH=night` runs 200, with the worker's memory.
"""

import concurrent.futures
import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from server.core.event.directory import Event
from server.storage.database import Database
from tests.processes import children
from tests.server.app.test_serve import Server, running, signed_in
from tests.system.support.nursery import Nursery
from tests.system.support.nursery import forks as forks

pytestmark = pytest.mark.system

AT_ONCE = 12
FEEDS = 3
ROUNDS = 6


def threads_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def files_of(pid: int) -> int:
    """The number of a process's descriptors of the event's database."""
    count = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            count += link.readlink().name == "hallkeeper.db"
    return count


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


def search(server: Server, cookie: str) -> None:
    """Search the attendees, many times at once."""
    targets = [f"/admin/people/?q={quote(word)}" for word in ("anna", "王小明", "e", "nobody")]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        answers = [pool.submit(server.get, target, Cookie=cookie) for target in targets * 3]
        assert {answer.result().status for answer in answers} == {200}


@pytest.mark.sqlite_alone  # which opens files, and these are counted
def test_threads_and_files_are_used_again(
    event: Event, site: Database, admin_password: str, forks: Nursery
) -> None:
    cookie = signed_in(event, admin_password)
    with running(event, forks) as server:
        (worker,) = children(server.process.pid)[-1:]
        before = threads_of(worker)
        with feeds(server, cookie, FEEDS):
            for _ in range(ROUNDS):
                search(server, cookie)
                assert threads_of(worker) <= before + AT_ONCE + FEEDS
                assert files_of(worker) <= 1 + AT_ONCE + FEEDS
        assert worker in children(server.process.pid), "the worker has died"
