"""Process state from Linux: the children of each process, and ended processes."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_PROCESSES = Path("/proc")


def children(pid: int) -> list[int]:
    """The children of its first thread, in order. An ended process has none."""
    try:
        pids = (_PROCESSES / f"{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(child) for child in pids]


def with_descendants(pid: int) -> Iterator[int]:
    """The process, its children and all their descendants."""
    yield pid
    with contextlib.suppress(OSError):
        for thread in (_PROCESSES / f"{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                for child in (thread / "children").read_text().split():
                    yield from with_descendants(int(child))


def has_ended(pid: int) -> bool:
    """An ended process may stay in the list of processes until its parent reads its status."""
    try:
        return (_PROCESSES / f"{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except OSError:
        return True


def await_ended(pids: Sequence[int], longest_s: float) -> None:
    """Wait until all have ended. Raises AssertionError if one runs on too long."""
    deadline = time.monotonic() + longest_s
    while left := [pid for pid in pids if not has_ended(pid)]:
        assert time.monotonic() < deadline, f"processes go on: {left}"
        time.sleep(0.02)
