"""Background jobs: progress at each server, one at a time, cancelled from anywhere, and a server
that ends in the middle.
"""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from badges.i18n import Phrase
from server.storage.database import Database
from server.web import jobs
from server.web.jobs import JobError, Jobs, OwnJob, State, stored_job
from tests.server.conftest import NOW
from tests.waiting import LONGEST_S, until

KIND = "cards"


class Server:
    """A server of the event, with its row in the database."""

    def __init__(self, name: str, database: Database, folder: Path) -> None:
        self.now = NOW
        self.database = database
        self.jobs = Jobs(folder / name, database, name, lambda: self.now, several=True)
        database.write(
            lambda db: (
                db.execute(
                    "INSERT INTO server_process (name, address, version, started_at, seen_at, run,"
                    " log_size) VALUES (?, 'a.example:8443', '1', ?, ?, 'r', 0)",
                    (name, NOW, NOW),
                )
                and None
            )
        )


@pytest.fixture
def servers(
    site: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Server, Server]]:
    monkeypatch.setattr(jobs, "WRITTEN_S", 0.0)
    both = Server("a", site, tmp_path), Server("b", site, tmp_path)
    yield both
    for server in both:
        server.jobs.close()


class Work:
    """Work that goes on until `go` is set or it is cancelled."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.told = threading.Event()

    def __call__(self, job: OwnJob) -> str:
        while not self.go.wait(0.001):
            job.tell(3, 10, sent=2)
            self.told.set()
        job.path.write_text("file")
        return "result"


@pytest.fixture
def work() -> Work:
    return Work()


def begun(server: Server, work: Callable[[OwnJob], object], again: str = "") -> OwnJob:
    return server.jobs.start(KIND, "user:1", work, again=again)


def test_each_server_sees_the_progress_and_the_end(
    servers: tuple[Server, Server], work: Work
) -> None:
    here, other = servers
    job = begun(here, work)
    assert work.told.wait(LONGEST_S)
    until(lambda: (seen := other.jobs.find(KIND)) is not None and seen.done == 3)
    seen = other.jobs.find(KIND)
    assert seen is not None
    assert (seen.state, seen.total, seen.figures, seen.by) == ("running", 10, {"sent": 2}, "user:1")
    assert other.jobs.own(KIND) is None
    with pytest.raises(JobError, match="under way already"):
        begun(other, work)
    work.go.set()
    assert job.ended.wait(LONGEST_S)
    assert other.jobs.find(KIND).state is State.READY
    own = here.jobs.own(KIND)
    assert own is not None
    assert (own.result, own.path.read_text()) == ("result", "file")


def test_another_server_cancels_it(servers: tuple[Server, Server], work: Work) -> None:
    here, other = servers
    job = begun(here, work)
    assert work.told.wait(LONGEST_S)
    other.jobs.cancel(KIND)
    assert job.ended.wait(LONGEST_S)
    assert other.jobs.find(KIND).state is State.CANCELLED
    assert begun(other, work).server == "b"
    assert here.jobs.find(KIND).server == "b"
    work.go.set()


def test_a_server_that_stops_leaves_it_broken(servers: tuple[Server, Server], work: Work) -> None:
    here, other = servers
    begun(here, work, again="/again")
    assert work.told.wait(LONGEST_S)
    here.jobs.close()
    seen = other.jobs.find(KIND)
    assert (seen.state, seen.again, seen.done) == (State.BROKEN, "/again", 3)


def test_a_server_that_died_leaves_it_broken(
    servers: tuple[Server, Server], work: Work, tmp_path: Path
) -> None:
    here, other = servers
    begun(here, work)
    assert work.told.wait(LONGEST_S)
    assert other.jobs.find(KIND).state is State.RUNNING
    other.now += 31_000
    assert other.jobs.find(KIND).state is State.BROKEN
    # The same server, started again, with the same number of its process and with another.
    for name, several in (("a", True), ("c", False)):
        again = Jobs(tmp_path / "again", here.database, name, lambda: NOW, several=several)
        assert again.find(KIND).state is State.BROKEN
    work.go.set()


@pytest.mark.parametrize("error", [JobError("no paper"), ValueError("a name")])
def test_a_job_that_fails(servers: tuple[Server, Server], error: Exception) -> None:
    def work(job: OwnJob) -> None:
        raise error

    here, other = servers
    assert begun(here, work).ended.wait(LONGEST_S)
    seen = other.jobs.find(KIND)
    assert seen.state is State.FAILED
    assert isinstance(seen.problem, Phrase)
    assert "a name" not in seen.problem


def test_it_is_forgotten_after_an_hour(servers: tuple[Server, Server], work: Work) -> None:
    here, other = servers
    work.go.set()
    job = begun(here, work)
    assert job.ended.wait(LONGEST_S)
    here.now = other.now = NOW + jobs.LIFE_MS + 1
    assert here.jobs.find(KIND) is other.jobs.find(KIND) is None
    assert not job.path.exists()


def test_the_database_is_asked_once_a_second(
    servers: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch, site: Database
) -> None:
    monkeypatch.setattr(jobs, "WRITTEN_S", 600.0)
    told = threading.Event()

    def work(job: OwnJob) -> None:
        for number in range(100):
            job.tell(number, 100)
        assert stored_job(site.reader, KIND).done == 0
        told.set()

    assert begun(servers[0], work).ended.wait(LONGEST_S)
    assert told.is_set()
    assert servers[1].jobs.find(KIND).done == 99
