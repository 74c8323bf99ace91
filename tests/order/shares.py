"""Says which process runs which test next, where several share them out."""

import fcntl
import mmap
import struct
import tempfile
from itertools import pairwise

NUMBERS = struct.Struct("4q")  # of one process: what it runs, what comes after, its share's ends
NONE = -1


def cuts(tests: int, workers: int) -> list[range]:
    """Cut the tests, by their places in the order, into a share for each process."""
    ends = [tests * number // workers for number in range(workers + 1)]
    return [range(begin, end) for begin, end in pairwise(ends)]


class Shares:
    """What is left for each process, in memory that all of them see.

    One that has done its share takes over half of what another has left, from the end of it. A file
    is locked meanwhile, because the system frees it when a process ends.
    """

    def __init__(self, tests: int, workers: int) -> None:
        self._workers = range(workers)
        self._memory = mmap.mmap(-1, NUMBERS.size * workers + 1)
        self._lock = tempfile.TemporaryFile()
        for worker, share in enumerate(cuts(tests, workers)):
            self._set(worker, NONE, NONE, share.start, share.stop)

    def next(self, worker: int) -> tuple[int, int | None] | None:
        """Give a process the test that it runs now, and the one that it runs after that."""
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            now = after = NONE
            if not self._memory[-1]:
                _, now, _, _ = self._get(worker)
                if now == NONE:
                    now = self._take(worker)
                after = self._take(worker)
            self._set(worker, now, after, *self._get(worker)[2:])
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)
        return None if now == NONE else (now, None if after == NONE else after)

    def running(self, worker: int) -> int | None:
        """Say which test a process has begun with last, or that it was told there is none left."""
        now, *_ = self._get(worker)
        return None if now == NONE else now

    def stop(self) -> None:
        """Let each process end after its test."""
        self._memory[-1] = 1

    def close(self) -> None:
        self._memory.close()
        self._lock.close()

    def _take(self, worker: int) -> int:
        """Take a test of a process's own share, or else of the largest of all."""
        now, after, begin, end = self._get(worker)
        if begin == end:
            most = max(self._workers, key=self._left)
            of_now, of_after, first, end = self._get(most)
            begin = first + (end - first) // 2
            self._set(most, of_now, of_after, first, begin)
        if begin == end:
            return NONE
        self._set(worker, now, after, begin + 1, end)
        return begin

    def _left(self, worker: int) -> int:
        _, _, begin, end = self._get(worker)
        return end - begin

    def _get(self, worker: int) -> tuple[int, int, int, int]:
        now, after, begin, end = NUMBERS.unpack_from(self._memory, worker * NUMBERS.size)
        return now, after, begin, end

    def _set(self, worker: int, now: int, after: int, begin: int, end: int) -> None:
        NUMBERS.pack_into(self._memory, worker * NUMBERS.size, now, after, begin, end)
