"""Runs long reading in a process of its own, and reading of the database's files.

A thread that computes for seconds keeps all other threads of a server waiting for the interpreter,
again and again, and so every page and every door. A process beside it keeps nobody waiting, gives
way to the server where cores are few, and gives its memory back when it ends.

A page does not wait for it either. `WorkedOut` begins the work and keeps what came of it, and the
page that asked is shown again until it is there.

The files of an open database are read there, too. A process that closes any descriptor of a file
loses all POSIX locks that it has on it, and SQLite's are such (sqlite.org/howtocorrupt.html, 2.2).

A file from outside is read there within bounds of memory and time, because whoever made it may have
made it so that reading takes all of both.

What goes there and comes back is pickled, between this program and itself, over pipes.
"""

import os
import pickle
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from badges.i18n import N_, Spoken
from server.storage.connection import Connection
from server.storage.database import connect_to_read

AT_ONCE = 2
TURN_S = 60.0  # how long somebody waits for others' work
WORK_S = 300.0
NICE = 5
# What may be used to read a file from outside, of memory and of the processor.
FILE_MEMORY_BYTES = 1_000_000_000
FILE_CPU_S = 120
FRESH_S = 3.0  # for so long a result is shown although something has changed since it was begun
KEPT_MAX = 8

T = TypeVar("T")
_turns = threading.BoundedSemaphore(AT_ONCE)


class ApartError(Spoken):
    """Is raised where the work could not be done. The text says why and what to do."""


@dataclass(frozen=True)
class _Bounds:
    """Says what a process may use. None is as much as there is."""

    memory_bytes: int | None = None
    cpu_s: int | None = None

    def keep(self) -> None:
        """Hold this process to them from now on."""
        if self.memory_bytes is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (self.memory_bytes, self.memory_bytes))
        if self.cpu_s is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (self.cpu_s, self.cpu_s + 1))


_NO_BOUNDS = _Bounds()


def read_apart(path: Path, read: Callable[[Connection], T]) -> T:
    """Return what `read` returns, which is given a connection to the database at `path`. It can't
    write. Raises what `work_apart` raises.
    """
    return work_apart(partial(_read, path, read))


def read_file_apart(path: Path, read: Callable[[Connection], T]) -> T:
    """Return what `read` makes of a file from outside, as `read_apart` does. Raises ApartError as
    well where the file takes more memory or time than a file may.
    """
    return work_apart(partial(_read, path, read), _Bounds(FILE_MEMORY_BYTES, FILE_CPU_S))


def work_apart(work: Callable[[], T], bounds: _Bounds = _NO_BOUNDS) -> T:
    """Return what `work` returns.

    `work` is a function of a module, or a partial of one, with arguments that can be pickled. What
    it raises is raised here. Raises ApartError too, where the process ended before it was done, or
    where others keep the machine busy with such work.
    """
    if not _turns.acquire(timeout=TURN_S):
        raise ApartError(N_("The server is busy with other such work. Try again in a minute."))
    try:
        done = _run(pickle.dumps((bounds, work), pickle.HIGHEST_PROTOCOL))
    except subprocess.TimeoutExpired:
        raise _too_long(WORK_S) from None
    except (subprocess.CalledProcessError, OSError) as error:
        if getattr(error, "returncode", 0) == -signal.SIGXCPU:
            raise _too_long(FILE_CPU_S) from None
        raise ApartError(
            N_(
                "This ended before it was done, perhaps because the machine has too little memory "
                "left. Nothing was changed. Try again, when less is going on there."
            )
        ) from error
    finally:
        _turns.release()
    result, raised = pickle.loads(done)  # noqa: S301 - our own process wrote it
    if raised is not None:
        raise raised
    found: T = result
    return found


def _run(job: bytes) -> bytes:
    """Do a job in a process of its own."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "server.web.apart"],
        input=job,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        timeout=WORK_S,
        check=True,
    ).stdout


def _too_long(seconds: float) -> ApartError:
    return ApartError(
        N_("This took more than %(seconds)s seconds and was given up."), seconds=f"{seconds:.0f}"
    )


@dataclass
class _Work:
    """Holds one piece of work, and what came of it once `ended_at` (monotonic, in s) is set."""

    state: object
    ended_at: float | None = None
    result: Any = None
    raised: Exception | None = None


class WorkedOut:
    """Works things out on threads of its own, and keeps the newest result of each."""

    def __init__(self) -> None:
        # The lock guards the work and all that it holds.
        self._lock = threading.Lock()
        self._works: dict[str, _Work] = {}

    def get(self, key: str, state: object, work: Callable[[], T]) -> T | None:
        """Return what `work` returned, or None while it is under way. It is begun where it has not
        been yet, or where `state` is another than it was then.

        What `work` raised is raised here once, and the next call begins anew.
        """
        with self._lock:
            found = self._works.get(key)
            if found is not None and (found.ended_at is None or self._is_good(found, state)):
                result: T | None = self._take(key, found)
                return result
            self._forget()
            begun = self._works[key] = _Work(state)
        threading.Thread(target=self._run, args=(begun, work), name="worked out").start()
        return None

    def _is_good(self, done: _Work, state: object) -> bool:
        """Say whether a result may still be shown. Where things change all the time, whoever waits
        gets one that is as old as it took.
        """
        assert done.ended_at is not None
        return done.state == state or time.monotonic() - done.ended_at < FRESH_S

    def _take(self, key: str, work: _Work) -> Any:
        if work.raised is not None:
            del self._works[key]
            raise work.raised
        return work.result

    def _forget(self) -> None:
        """Keep no more than so many results, the newest."""
        ended = [(work.ended_at, key) for key, work in self._works.items() if work.ended_at]
        for _, key in sorted(ended)[: max(0, len(ended) - KEPT_MAX + 1)]:
            del self._works[key]

    def _run(self, work: _Work, read: Callable[[], Any]) -> None:
        result, raised = None, None
        try:
            result = read()
        # Whatever it is, it is raised again where somebody waits for it.
        except Exception as error:
            raised = error
        with self._lock:
            work.result, work.raised, work.ended_at = result, raised, time.monotonic()


def _read(path: Path, read: Callable[[Connection], T]) -> T:
    with closing(connect_to_read(path)) as db:
        return read(db)


def _answer(work: Callable[[], Any]) -> bytes:
    """Return the pickled result, and the pickled error in its place where there is one."""
    raised: Exception
    try:
        return pickle.dumps((work(), None), pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        raised = ApartError(N_("The file takes more memory than a file may. Make it smaller."))
    except RecursionError:
        raised = ApartError(N_("The file has parts in parts without end, and can't be read."))
    except Exception as error:
        raised = error
    return pickle.dumps((None, raised), pickle.HIGHEST_PROTOCOL)


def main() -> None:
    """Do the job that stands on the standard input, and write its result to the output."""
    os.nice(NICE)
    bounds, work = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own process wrote it
    bounds.keep()
    sys.stdout.buffer.write(_answer(work))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    # By its name, so that what is pickled here is known there.
    from server.web import apart

    apart.main()
