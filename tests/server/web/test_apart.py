"""Reading in a separate process: results and errors."""

import itertools
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from server.features.imports.venue_plan import VenueError
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.web import apart
from server.web.apart import ApartError, Bounds, WorkedOut, read_apart, work_apart, work_telling
from server.web.jobs import CancelledError
from tests.processes import has_ended
from tests.server.support.apart import (
    count_people,
    count_to,
    die,
    refuse,
    tell_of_a_child,
    write,
)
from tests.waiting import until

pytestmark = pytest.mark.system


@pytest.mark.system
def test_another_process_reads(site: Database) -> None:
    count, process = read_apart(site.path, partial(count_people, more=10))
    assert count == 14
    assert process != os.getpid()


@pytest.mark.system
def test_it_cannot_write(site: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        read_apart(site.path, write)
    assert read_apart(site.path, count_people)[0] == 4


@pytest.mark.system
def test_what_it_raises_is_raised_here_as_it_was(site: Database) -> None:
    with pytest.raises(VenueError) as raised:
        read_apart(site.path, refuse)
    assert raised.value.problems == ("hall h1: is missing", "hall h2: is missing")


@pytest.mark.system
def test_a_process_that_dies_is_told(site: Database) -> None:
    with pytest.raises(ApartError, match=r"Nothing was changed\. Try again"):
        read_apart(site.path, die)


@pytest.mark.system
def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "event.db"
    path.write_bytes(b"no database at all, but long enough to be taken for one" * 40)
    with pytest.raises((DatabaseError, sqlite3.DatabaseError)):
        read_apart(path, count_people)


@pytest.mark.system
def test_a_process_over_time_is_ended() -> None:
    with pytest.raises(ApartError, match="was given up"):
        work_apart(partial(time.sleep, 600), Bounds(work_s=0.01))


@pytest.mark.system
def test_progress_then_the_result() -> None:
    told: list[tuple[int, int]] = []
    result = work_telling(partial(count_to, 3), lambda done, total: told.append((done, total)))
    assert (result, told) == (3, [(1, 3), (2, 3), (3, 3)])


@pytest.mark.system
def test_a_cancelled_job_ends_with_its_children() -> None:
    pids: list[int] = []

    def tell(pid: int, _: int) -> None:
        pids.append(pid)
        raise CancelledError

    with pytest.raises(CancelledError):
        work_telling(tell_of_a_child, tell)
    until(lambda: has_ended(pids[0]))


@pytest.mark.system
def test_who_finds_all_turns_taken_is_told(site: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_turns", threading.BoundedSemaphore(1))
    monkeypatch.setattr(apart, "TURN_S", 0.01)
    with apart._turns, pytest.raises(ApartError, match="Try again in a minute"):
        read_apart(site.path, count_people)
    assert read_apart(site.path, count_people)[0] == 4, "a turn that was not had is not given back"


def until_there(kept: WorkedOut, state: object, work: Callable[[], object]) -> object:
    deadline = time.monotonic() + 240
    while (result := kept.get("a", state, work)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return result


def test_nobody_waits_and_what_was_worked_out_is_kept() -> None:
    kept, go, runs = WorkedOut(), threading.Event(), []

    def work() -> int:
        runs.append(1)
        go.wait(240)
        return len(runs)

    assert kept.get("a", 1, work) is None
    assert kept.get("a", 1, work) is None, "it is begun once"
    go.set()
    assert until_there(kept, 1, work) == 1
    assert until_there(kept, 1, work) == 1
    assert len(runs) == 1


def test_what_is_so_no_more_is_worked_out_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, runs = WorkedOut(), itertools.count(1)
    assert until_there(kept, "before", lambda: next(runs)) == 1
    assert kept.get("a", "after", lambda: next(runs)) == 1, "whoever waited gets it"
    monkeypatch.setattr(apart, "FRESH_S", -1.0)
    assert kept.get("a", "after", lambda: next(runs)) is None
    monkeypatch.undo()
    assert until_there(kept, "after", lambda: next(runs)) == 2


def test_what_failed_is_told_once_and_begun_anew() -> None:
    kept, results = WorkedOut(), iter([ApartError("busy"), "done"])

    def work() -> object:
        result = next(results)
        if isinstance(result, Exception):
            raise result
        return result

    with pytest.raises(ApartError, match="busy"):
        until_there(kept, 1, work)
    assert until_there(kept, 1, work) == "done"


def test_only_the_newest_are_kept() -> None:
    kept = WorkedOut()
    for key in map(str, range(apart.KEPT_MAX + 5)):
        until(lambda key=key: kept.get(key, 1, lambda: "found") is not None)
    assert len(kept._works) == apart.KEPT_MAX
