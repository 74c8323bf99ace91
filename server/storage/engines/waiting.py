"""Takes the steps that wait for the writer, as one group for each commit.

Kiosks that send at once are answered at once, by one commit. So those that go on at once come back
at about the same time, and a writer that began with the first of them would have a commit for it
alone, and one for the others. A commit costs as much for one batch as for many. So once several
batches shared a commit, the next one waits a moment for as many. Nobody else ever waits for that,
such as somebody who saves a page.

A commit has one step of each owner, such as a kiosk, so that nobody waits for more than one of
another's however many that one sends.
"""

import queue
import time
from collections import deque
from collections.abc import Hashable

from server.storage.engines.steps import Job

GROUP_MAX = 64
# Two batches often meet by chance, where nobody is in a hurry.
LEAST = 3
# About as long as kiosks take until they are back. A lone commit with its answer takes as long.
PATIENCE_S = 0.004


class Waiting:
    """Holds the steps that wait, in the order in which they came."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._patience_s = patience_s
        self._batches = 0  # which the last group had
        self._later: deque[Job] = deque()  # Steps whose owner had one in the last group.
        self._closed = False

    def __len__(self) -> int:
        return self._queue.qsize() + len(self._later)

    @property
    def ended(self) -> bool:
        """Tell whether the last step was in the last group."""
        return self._closed and not self._later

    def put(self, job: Job) -> None:
        self._queue.put(job)

    def end(self) -> None:
        """Let the group in which the last step is be the last one."""
        self._queue.put(None)

    def group(self, *, idle: bool) -> list[Job]:
        """Return what shares the next commit. An `idle` writer waits until there is something.

        The group is empty where nothing waits for a writer that has other things to do, or where
        all has `ended`.
        """
        found: list[Job] = []
        owners: set[Hashable] = set()
        later, self._later = self._later, deque()
        until = None
        while len(found) < GROUP_MAX and (later or not self._closed):
            try:
                if later:
                    job: Job | None = later.popleft()
                elif not found:
                    job = self._queue.get(block=idle)
                elif idle and self._expects_more(found):
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
                found.append(job)
                owners.add(job.owner)
        self._later.extend(later)
        self._batches = sum(job.joinable is not None for job in found)
        return found

    def _expects_more(self, found: list[Job]) -> bool:
        """Tell whether others are likely to come soon, and nobody but kiosks waits for them."""
        return (
            LEAST <= self._batches > len(found)
            and not self._later
            and all(job.joinable is not None for job in found)
        )


class Turns:
    """Holds long steps. Their owners take turns, and each one's steps keep their order."""

    def __init__(self) -> None:
        self._of_owners: dict[Hashable, deque[Job]] = {}

    def __bool__(self) -> bool:
        return bool(self._of_owners)

    def put(self, job: Job) -> None:
        self._of_owners.setdefault(job.owner, deque()).append(job)

    def take(self) -> Job:
        """Take the next step. Raises StopIteration where there is none."""
        owner = next(iter(self._of_owners))
        jobs = self._of_owners.pop(owner)
        job = jobs.popleft()
        if jobs:
            self._of_owners[owner] = jobs  # Its next one comes after those of all others.
        return job
