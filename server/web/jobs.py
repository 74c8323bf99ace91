"""Makes files in the background, such as a PDF of all cards, for a page with progress and download.

One file of a kind is made at a time in a server. It is in a private folder of the event, under a
random name, for the user who began it, and is deleted after an hour, when another is begun, and
whenever the server starts or stops.
"""

import logging
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from badges.i18n import N_, Phrase, Spoken, phrase_of
from server.web.services import Services

log = logging.getLogger(__name__)

LIFE_S = 3600.0
CLOSE_S = 10.0  # the longest wait for a cancelled job when the server stops


class State(StrEnum):
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobError(Spoken):
    """Raised if a job can't begin or was not done. The text gives the reason."""


class CancelledError(Exception):
    """Raised by a job's work once it was cancelled."""


@dataclass
class Job:
    kind: str
    by: str
    name: str  # of the download
    path: Path
    begun_at: int  # Unix ms
    state: State = State.RUNNING
    done: int = 0
    total: int = 0
    problem: str = ""
    result: Any = None
    taken: bool = False  # whether it was downloaded
    ended_s: float | None = None  # by the monotonic clock
    cancelled: threading.Event = field(default_factory=threading.Event)

    def tell(self, done: int, total: int) -> None:
        """Report progress. Raises CancelledError once the job was cancelled."""
        self.done, self.total = done, total
        if self.cancelled.is_set():
            raise CancelledError


# Writes the file at the job's path, and returns the job's result. Raises Spoken if it can't.
Work = Callable[[Job], object]


class Jobs:
    """The jobs of one server. Thread-safe. Close it before the database."""

    def __init__(self, folder: Path, now: Callable[[], int]) -> None:
        self._folder = folder
        self._now = now
        self._lock = threading.Lock()
        self._jobs: dict[str, tuple[Job, threading.Thread]] = {}
        shutil.rmtree(folder, ignore_errors=True)

    def start(self, kind: str, by: str, name: str, work: Work) -> Job:
        """Replaces an earlier job of its kind. Raises JobError while that runs."""
        with self._lock:
            earlier = self._jobs.get(kind)
            if earlier is not None and earlier[1].is_alive():
                raise JobError(N_("One is being made already. Wait for it, or cancel it first."))
            self._drop(kind)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            job = Job(kind, by, name, self._folder / secrets.token_urlsafe(16), self._now())
            thread = threading.Thread(target=_run, args=(job, work), name=f"job {kind}")
            self._jobs[kind] = job, thread
            thread.start()
            return job

    def find(self, kind: str) -> Job | None:
        with self._lock:
            job, _ = self._jobs.get(kind, (None, None))
            if job and job.ended_s is not None and time.monotonic() - job.ended_s > LIFE_S:
                self._drop(kind)
                return None
            return job

    def cancel(self, kind: str) -> None:
        with self._lock:
            if kind in self._jobs:
                self._jobs[kind][0].cancelled.set()

    def close(self) -> None:
        with self._lock:
            for job, _ in self._jobs.values():
                job.cancelled.set()
            for _, thread in self._jobs.values():
                thread.join(CLOSE_S)
            shutil.rmtree(self._folder, ignore_errors=True)

    def _drop(self, kind: str) -> None:
        job, _ = self._jobs.pop(kind, (None, None))
        if job is not None:
            job.path.unlink(missing_ok=True)


def jobs_of(here: Services) -> Jobs:
    return here.own(Jobs, lambda: Jobs(here.event.path / "downloads", here.now))


def _run(job: Job, work: Work) -> None:
    try:
        job.result = work(job)
        job.state = State.READY
    except CancelledError:
        job.state = State.CANCELLED
    except Spoken as error:
        job.problem, job.state = phrase_of(error), State.FAILED
    except Exception as error:
        # The error's text may contain names.
        log.error("%s while making %s", type(error).__name__, job.kind)
        job.problem = Phrase("It broke off. The server's log has the cause.")
        job.state = State.FAILED
    if job.state is not State.READY:
        job.path.unlink(missing_ok=True)
    job.ended_s = time.monotonic()
