"""Runs long work in the background, with its progress on the pages of each server.

One job of a kind runs at a time in an event. Its state is a setting in the database, written at
most once a second. Its result and its file, such as a PDF of all cards, stay in the server that ran
it. The file is private, under a random name, and is deleted after an hour, when another job of its
kind begins, and whenever the server starts or stops.

A file may have the data of any attendee. So an erasure ends each job with a file (`drop_files`, in
its transaction), and each server deletes its own file within `LOOK_S` of the commit.
"""

import json
import logging
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from badges.i18n import N_, Phrase, Spoken, phrase_of, restored, stored
from server.core.event.processes import all_processes, server_name
from server.repeating import Repeating
from server.storage import dialect
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.storage.errors import EngineError
from server.storage.tables import keep_setting
from server.web.services import Services

log = logging.getLogger(__name__)

FOLDER = "downloads"  # in the event's directory
LIFE_MS = 3_600_000
LOOK_S = 1.0  # between two looks for files that are to be deleted
WRITTEN_S = 1.0  # the least time between two writes of a job's progress
CLOSE_S = 10.0  # the longest wait for a cancelled job when the server stops
ERASED = N_("Personal data was erased meanwhile, and this file may have it. Make the file again.")


class State(StrEnum):
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"
    BROKEN = "broken"  # its server ended before it was done


class JobError(Spoken):
    """Raised if a job can't begin or was not done. The text gives the reason."""


class CancelledError(Exception):
    """Raised by a job's work once it was cancelled."""


@dataclass
class Job:
    kind: str
    by: str
    server: str
    begun_at: int  # Unix ms
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: State = State.RUNNING
    done: int = 0
    total: int = 0
    figures: dict[str, int] = field(default_factory=dict)
    name: str = ""  # of the file to download, "" without one
    problem: str = ""
    again: str = ""  # the page that begins the rest again
    stopping: bool = False
    ended_at: int | None = None  # Unix ms


_KEY = "job "  # begins the setting of a job
# Written to the database.
_FIELDS = tuple(Job.__dataclass_fields__)


@dataclass
class OwnJob(Job):
    """A job of this server."""

    path: Path = Path()
    result: Any = None
    taken: bool = False  # whether a download was counted
    taking: threading.Lock = field(default_factory=threading.Lock)
    cancelled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    keep: Callable[["OwnJob"], None] = lambda job: None
    written_s: float = 0.0  # by the monotonic clock

    def tell(self, done: int, total: int, **figures: int) -> None:
        """Report progress. Raises CancelledError once the job was cancelled."""
        self.done, self.total, self.figures = done, total, figures
        if time.monotonic() - self.written_s >= WRITTEN_S:
            self.keep(self)
        if self.cancelled.is_set():
            raise CancelledError

    def give_up(self, problem: str) -> None:
        """Delete the file and the result."""
        self.state, self.problem, self.result = State.FAILED, problem, None
        self.cancelled.set()
        self.path.unlink(missing_ok=True)


# Writes the file at the job's path, if any, and returns the result. Raises Spoken if it can't.
Work = Callable[[OwnJob], object]


class Jobs:
    """The jobs of an event, as one server knows them. Thread-safe. Close it before the database.

    `several` is whether other servers may serve the event at the same time.
    """

    def __init__(
        self,
        folder: Path,
        database: Database,
        server: str,
        now: Callable[[], int],
        *,
        several: bool,
    ) -> None:
        self._folder = folder
        self._database = database
        self._server = server
        self._now = now
        self._several = several
        # guards the jobs of this server
        self._lock = threading.Lock()
        self._jobs: dict[str, OwnJob] = {}
        self._is_closing = False
        self._looking = Repeating(FOLDER, LOOK_S, self.look)
        shutil.rmtree(folder, ignore_errors=True)

    def start(
        self,
        kind: str,
        by: str,
        work: Work,
        *,
        name: str = "",
        again: str = "",
        people: Sequence[int] = (),
    ) -> OwnJob:
        """Replaces an earlier job of its kind. Raises JobError while that runs.

        `again` is stored where an erasure does not look, so it must have no words about people.
        `people` are the serials that the job is about. `people_of` returns them until it is done.
        """
        job = OwnJob(kind, by, self._server, self._now(), again=again, name=name, keep=self._keep)
        job.path = self._folder / job.token

        def step(db: Connection) -> None:
            earlier = stored_job(db, kind)
            if earlier is not None and self._runs(db, earlier):
                raise JobError(N_("This is under way already. Wait for it, or cancel it first."))
            _write(db, job)
            _keep_people(db, kind, people)

        with self._lock:
            self._database.write(step)
            job.written_s = time.monotonic()
            self._drop(kind)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._jobs[kind] = job
            if not self._looking.is_alive:
                self._looking.start()
        threading.Thread(
            target=self._run, args=(job, work), name=f"job {kind}", daemon=True
        ).start()
        return job

    def find(self, kind: str) -> Job | None:
        """Return the newest job, for an hour after its end. An `OwnJob` runs or ran here."""
        self.look()
        db = self._database.reader
        job = stored_job(db, kind)
        with self._lock:
            own = self._jobs.get(kind)
            # A reader may not see yet that a job has begun.
            if own and (not own.ended.is_set() or job is None or job.token == own.token):
                job = own
            if job is None or _is_old(job, self._now()):
                return None
        if job.state is State.RUNNING and not self._runs(db, job):
            job.state = State.BROKEN
        return job

    def own(self, kind: str) -> OwnJob | None:
        """Return the newest job if it runs or ran in this server."""
        job = self.find(kind)
        return job if isinstance(job, OwnJob) else None

    def take(self, job: OwnJob, count: Callable[[Connection], object]) -> None:
        """Call `count` for the first download of the job's file, in a transaction.

        Raises JobError if the file was dropped meanwhile. After any exception the next download is
        the first.
        """

        def step(db: Connection) -> None:
            current = stored_job(db, job.kind)
            if current is None or (current.token, current.state) != (job.token, State.READY):
                raise JobError(N_("There is no such file any more: make it again."))
            if not job.taken:
                count(db)

        with job.taking:
            self._database.write(step)
            job.taken = True

    def look(self) -> None:
        """Give up the jobs of this server that an erasure ended, and forget old ones."""
        with self._lock:
            if not self._jobs:
                return
            with self._database.reading() as db:
                stored = {kind: stored_job(db, kind) for kind in self._jobs}
            for kind, current in stored.items():
                own = self._jobs[kind]
                if current is None or current.token != own.token:
                    # Another server has begun one, or an erasure has forgotten it.
                    is_over = own.ended.is_set()
                else:
                    is_over = _is_old(current, self._now())
                    if current.state is State.FAILED and own.state is not State.FAILED:
                        own.give_up(current.problem)
                if is_over:
                    self._drop(kind)

    def cancel(self, kind: str) -> None:
        def step(db: Connection) -> None:
            job = stored_job(db, kind)
            if job is not None and job.state is State.RUNNING:
                job.stopping = True
                _write(db, job)

        self._database.write(step)
        with self._lock:
            if kind in self._jobs:
                self._jobs[kind].stopping = True
                self._jobs[kind].cancelled.set()

    def close(self) -> None:
        self._is_closing = True
        with self._lock:
            own = list(self._jobs.values())
        for job in own:
            job.cancelled.set()
        for job in own:
            job.ended.wait(CLOSE_S)
        self._looking.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _drop(self, kind: str) -> None:
        job = self._jobs.pop(kind, None)
        if job is not None:
            job.path.unlink(missing_ok=True)

    def _runs(self, db: Connection, job: Job) -> bool:
        if job.state is not State.RUNNING:
            return False
        if job.server == self._server:
            own = self._jobs.get(job.kind)
            return own is not None and own.token == job.token and not own.ended.is_set()
        return self._several and any(
            process.name == job.server
            and process.stopped_at is None
            and not process.is_silent(self._now())
            for process in all_processes(db)
        )

    def _keep(self, job: OwnJob) -> None:
        """Write a job's state, and learn whether another server has cancelled it."""

        def step(db: Connection) -> bool:
            current = stored_job(db, job.kind)
            if current is None or current.token != job.token:
                return True
            if current.state is not State.RUNNING:
                return True  # ended by an erasure
            job.stopping = job.stopping or current.stopping
            _write(db, job)
            if job.state is State.READY:
                _keep_people(db, job.kind, ())
            return job.stopping

        job.written_s = time.monotonic()
        try:
            stopping = self._database.write(step)
        except (DatabaseError, EngineError) as error:
            log.warning("the progress of %s can't be written: %s", job.kind, type(error).__name__)
        else:
            if stopping:
                job.cancelled.set()

    def _run(self, job: OwnJob, work: Work) -> None:
        state, problem = State.READY, ""
        try:
            job.result = work(job)
        except CancelledError:
            state = State.BROKEN if self._is_closing else State.CANCELLED
        except (Spoken, DatabaseError) as error:
            state, problem = State.FAILED, phrase_of(error)
        except Exception as error:
            # The error's text may contain names.
            log.error("%s while %s was under way", type(error).__name__, job.kind)
            state = State.FAILED
            problem = Phrase("It broke off. The server's log has the cause.")
        with self._lock:
            if job.state is State.RUNNING:  # Otherwise it was given up.
                job.state, job.problem, job.ended_at = state, problem, self._now()
            if job.state is not State.READY:
                job.path.unlink(missing_ok=True)
        self._keep(job)
        with suppress(DatabaseError, EngineError):  # The next look is in a second.
            self.look()
        job.ended.set()


def jobs_of(here: Services) -> Jobs:
    def make() -> Jobs:
        name = server_name(here.event.settings.port)
        folder = here.event.path / FOLDER
        return Jobs(folder, here.database, name, here.now, several=here.several)

    return here.own(Jobs, make)


def stored_job(db: Connection, kind: str) -> Job | None:
    """Return the newest job as its server last wrote it."""
    row = db.execute("SELECT value FROM setting WHERE key = ?", (_key(kind),)).fetchone()
    if row is None:
        return None
    values = json.loads(row[0])
    state, problem = State(values.pop("state")), restored(values.pop("problem"))
    return Job(**values, state=state, problem=problem)


def people_of(db: Connection, kind: str) -> list[int]:
    """Return the serials of the people whom the newest job is about, unless it is done."""
    rows = db.execute("SELECT serial FROM job_person WHERE kind = ? ORDER BY serial", (kind,))
    return [serial for (serial,) in rows]


def _keep_people(db: Connection, kind: str, serials: Sequence[int]) -> None:
    db.execute("DELETE FROM job_person WHERE kind = ?", (kind,))
    db.execute(
        "INSERT INTO job_person (kind, serial)"
        f" SELECT ?, serial FROM attendee WHERE {dialect.one_of('serial')}",
        (kind, dialect.many(serials)),
    )


def drop_files(db: Connection, now: int) -> None:
    """End each job that makes or made a file, in the transaction of an erasure, and forget those
    that failed, whose problem may quote a mail server's answer.

    Jobs without a file go on: they read each person again before they act. Call `Jobs.look` after
    the commit.
    """
    for kind in _kinds(db):
        job = stored_job(db, kind)
        if job is not None and job.state is State.FAILED:
            db.execute("DELETE FROM setting WHERE key = ?", (_key(kind),))
        elif job is not None and job.name and job.state in (State.RUNNING, State.READY):
            job.state, job.problem, job.ended_at = State.FAILED, Phrase(ERASED), now
            _write(db, job)


def delete_dropped(db: Connection, event_dir: Path) -> None:
    """Delete files that belong to no job any more. For commands: a server looks by itself."""
    jobs = filter(None, (stored_job(db, kind) for kind in _kinds(db)))
    current = {job.token for job in jobs if job.state in (State.RUNNING, State.READY)}
    for path in (event_dir / FOLDER).glob("*"):
        if path.name.partition(".")[0] not in current:
            with suppress(FileNotFoundError):  # The server was faster.
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_old(job: Job, now: int) -> bool:
    return job.ended_at is not None and now - job.ended_at > LIFE_MS


def _kinds(db: Connection) -> list[str]:
    rows = db.execute("SELECT key FROM setting WHERE key LIKE ?", (f"{_KEY}%",)).fetchall()
    return [key.removeprefix(_KEY) for (key,) in rows]


def _write(db: Connection, job: Job) -> None:
    values = {name: getattr(job, name) for name in _FIELDS}
    values["problem"] = stored(job.problem)
    keep_setting(db, _key(job.kind), json.dumps(values, ensure_ascii=False))


def _key(kind: str) -> str:
    return f"{_KEY}{kind}"
