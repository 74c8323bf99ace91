"""Finds quick tests that start a process after all, by what the system keeps of its children.

An audit hook of Python would name the command, but Python calls it for each file that is opened and
for each text that is compiled besides.
"""

import os
import resource
from pathlib import Path

THREADS = Path("/proc/self/task")  # of Linux


class Watch:
    """Looks for processes that this one has started since it was asked last."""

    def __init__(self) -> None:
        self._ended, self._living = _ended(), _living()

    def has_started(self) -> bool:
        """Say whether a process was started, whether it is there still or was waited for."""
        ended, living = self._ended, self._living
        self._ended, self._living = _ended(), _living()
        return self._ended != ended or not self._living <= living


def _ended() -> int:
    """Return how often children that were waited for asked for memory. Each has done so."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt


def _living() -> set[str]:
    """Return the children that nobody has waited for yet."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return set()  # This is so for nearly every test, and takes a microsecond to know.
    return {child for one in THREADS.glob("*/children") for child in one.read_text().split()}
