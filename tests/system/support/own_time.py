"""How long something takes a program, without what a busy machine lets it wait.

A limit in seconds says little of a program that has to share its cores and its disk. Linux counts
how long each thread was ready to run and had no core, and how long anybody waited for the disk.
Both are left out here. A program that waits for something else, such as its next look, is as slow
as before.
"""

import contextlib
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.processes import with_descendants

_PROCESSES = Path("/proc")
_DISK = Path("/proc/pressure/io")  # since Linux 4.20, where it is not switched off


class OwnTime:
    """A watch that begins when it is made, for a process and all that it has started. Where none
    is named it is this one.
    """

    def __init__(self, process: int | None = None) -> None:
        self._process = os.getpid() if process is None else process
        self._before_ns = _waits_ns(self._process)
        self._waits_ns = dict(self._before_ns)
        self._disk_s = _disk_s()
        self._began = time.monotonic()

    def look(self) -> None:
        """Keep what is known of processes that may end before the time is asked for."""
        self._waits_ns |= _waits_ns(self._process)

    @property
    def s(self) -> float:
        """Seconds until now, without the waits."""
        took_s = time.monotonic() - self._began
        self.look()
        before = self._before_ns
        waits_ns = sum(ns - before.get(thread, 0) for thread, ns in self._waits_ns.items())
        return max(0.0, took_s - waits_ns / 1e9 - (_disk_s() - self._disk_s))


def end_of(process: "subprocess.Popen[Any]", longest_s: float) -> float:
    """Wait until a process has ended. Return the seconds of its own that it took."""
    since, deadline = OwnTime(process.pid), time.monotonic() + longest_s
    while process.poll() is None:
        since.look()
        assert time.monotonic() < deadline, f"it has not ended after {longest_s} s"
        time.sleep(0.05)
    return since.s


def _waits_ns(first: int) -> dict[int, int]:
    """How long each thread has waited for a core, as the kernel's documents tell of `schedstat`."""
    found = {}
    for process in with_descendants(first):
        with contextlib.suppress(OSError):
            for thread in (_PROCESSES / str(process) / "task").iterdir():
                with contextlib.suppress(OSError):
                    found[int(thread.name)] = int((thread / "schedstat").read_text().split()[1])
    return found


def _disk_s() -> float:
    """For how long some thread has waited for the disk."""
    with contextlib.suppress(OSError):
        for line in _DISK.read_text().splitlines():
            if line.startswith("some"):
                return int(line.rpartition("total=")[2]) / 1e6
    return 0.0
