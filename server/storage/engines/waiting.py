"""Queues the steps for the writer, one group per commit.

A commit costs nearly the same for one batch as for many, and kiosks answered by one commit return
together. So after a commit shared by several batches, the next waits briefly for as many: when
hundreds of scans come a second, and never when few come. Other writes, such as saving a page,
never wait for that.

A commit contains one step of each owner (such as a kiosk), so an owner with many steps delays
others by only one.
"""

import queue
import time
from collections import deque
from collections.abc import Hashable

from server.storage.engines.steps import Job

GROUP_MAX = 64
LEAST = 2
# With 300 scans a second one or two come in that time. Other doors hear of them later by that.
PATIENCE_S = 0.005


class Waiting:
    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._patience_s = patience_s
        self._batches = 0  # number in the last group
        self._later: deque[Job] = deque()  # their owner had a step in the last group
        self._closed = False

    def __len__(self) -> int:
        return self._queue.qsize() + len(self._later)

    @property
    def ended(self) -> bool:
        """Whether the last result of `group` contained the last step."""
        return self._closed and not self._later

    def put(self, job: Job) -> None:
        self._queue.put(job)

    def end(self) -> None:
        self._queue.put(None)

    def group(self, *, idle: bool) -> list[Job]:
        """Return the steps of the next commit. An `idle` writer waits for the first.

        The list is empty if no step is queued and the writer is not `idle`, or after the end.
        """
        jobs: list[Job] = []
        owners: set[Hashable] = set()
        later, self._later = self._later, deque()
        until = None
        while len(jobs) < GROUP_MAX and (later or not self._closed):
            try:
                if later:
                    job: Job | None = later.popleft()
                elif not jobs:
                    job = self._queue.get(block=idle)
                elif idle and self._expects_more(jobs):
                    now = time.monotonic()
                    until = until or now + self._patience_s
                    job = self._queue.get(timeout=max(0.0, until - now))
                else:
                    job = self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._closed = True
            elif job.owner is not None and job.owner in owners:
                self._later.append(job)
            else:
                jobs.append(job)
                owners.add(job.owner)
        self._later.extend(later)
        self._batches = sum(job.joinable is not None for job in jobs)
        return jobs

    def _expects_more(self, jobs: list[Job]) -> bool:
        """Return whether more kiosks' batches are likely soon, and only kiosks would wait for
        them.
        """
        return (
            LEAST <= self._batches > len(jobs)
            and not self._later
            and all(job.joinable is not None for job in jobs)
        )


class Turns:
    """A queue of long steps. Their owners take turns; each owner's steps stay in order."""

    def __init__(self) -> None:
        self._of_owners: dict[Hashable, deque[Job]] = {}

    def __bool__(self) -> bool:
        return bool(self._of_owners)

    def put(self, job: Job) -> None:
        self._of_owners.setdefault(job.owner, deque()).append(job)

    def take(self) -> Job:
        """Raises StopIteration if there is none."""
        owner = next(iter(self._of_owners))
        jobs = self._of_owners.pop(owner)
        job = jobs.popleft()
        if jobs:
            self._of_owners[owner] = jobs  # now the last in turn
        return job
