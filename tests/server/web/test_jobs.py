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


class Files(Work):
    """Work that waits, and then makes the file whatever became of the job."""

    def __call__(self, job: OwnJob) -> str:
        job.tell(0, 10)
        self.told.set()
        assert self.go.wait(LONGEST_S)
        job.path.write_text("file")
        return "result"


def ready(server: Server, kind: str = KIND) -> OwnJob:
    """Make a file to download."""
    work = Files()
    work.go.set()
    job = server.jobs.start(kind, "user:1", work, name=f"{kind}.pdf")
    assert job.ended.wait(LONGEST_S)
    assert job.path.exists()
    return job


def erase(site: Database) -> None:
    site.write(lambda db: jobs.drop_files(db, NOW))


def test_an_erasure_drops_the_files_of_every_server(
    servers: tuple[Server, Server], site: Database
) -> None:
    """Without a page being opened at them."""
    both = [ready(servers[0]), ready(servers[1], "backup")]
    erase(site)
    until(lambda: not any(job.path.exists() for job in both))
    until(lambda: [job.result for job in both] == [None, None])
    for server in servers:
        seen = server.jobs.find(KIND)
        assert (seen.state, seen.problem) == (State.FAILED, jobs.ERASED)
    assert both[0].state is State.FAILED
    ready(servers[1])


def test_an_erasure_drops_what_is_being_made(
    servers: tuple[Server, Server], site: Database
) -> None:
    work = Files()
    job = servers[0].jobs.start(KIND, "user:1", work, name="cards.pdf")
    assert work.told.wait(LONGEST_S)
    erase(site)
    work.go.set()
    assert job.ended.wait(LONGEST_S)
    assert not job.path.exists()
    assert job.result is None
    for server in servers:
        assert server.jobs.find(KIND).problem == jobs.ERASED


def test_work_without_a_file_goes_on_after_an_erasure(
    servers: tuple[Server, Server], work: Work, site: Database
) -> None:
    job = begun(servers[0], work)
    assert work.told.wait(LONGEST_S)
    erase(site)
    work.go.set()
    assert job.ended.wait(LONGEST_S)
    assert servers[1].jobs.find(KIND).state is State.READY


def test_a_dropped_file_is_not_counted(servers: tuple[Server, Server], site: Database) -> None:
    """An erasure comes while the file is being sent."""
    job = ready(servers[0])
    counted = []
    erase(site)
    with pytest.raises(JobError, match="no such file any more"):
        servers[0].jobs.take(job, counted.append)
    assert counted == []


def test_a_file_is_deleted_after_an_hour_unasked(servers: tuple[Server, Server]) -> None:
    job = ready(servers[0])
    servers[0].now = NOW + jobs.LIFE_MS + 1
    until(lambda: not job.path.exists())


def test_a_command_deletes_dropped_files_alone(
    servers: tuple[Server, Server], site: Database, tmp_path: Path
) -> None:
    """A server that ended by force has left a file."""
    folder = tmp_path / jobs.FOLDER
    folder.mkdir()
    job, other = ready(servers[0]), ready(servers[0], "backup")
    for name in (job.token, f"{job.token}.making", other.token, "left"):
        (folder / name).write_text("names")
    jobs.delete_dropped(site.reader, tmp_path)
    assert sorted(folder.iterdir()) == sorted(
        folder / name for name in (job.token, f"{job.token}.making", other.token)
    )
    erase(site)
    jobs.delete_dropped(site.reader, tmp_path)
    assert list(folder.iterdir()) == []
