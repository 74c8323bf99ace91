"""Runs long computations in a separate process, and reads database files there.

A thread that computes for seconds would block all pages and doors through the interpreter lock.
`WorkedOut` starts the work and keeps the result, and the page reloads until it is there.

Closing any descriptor of a file releases all of the process's POSIX locks on it, including those of
SQLite on an open database (sqlite.org/howtocorrupt.html, 2.2). Files from outside are read with
limits on memory and time.
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
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Generic, TypeAlias, TypeVar

from badges.i18n import N_, Spoken
from server.storage.connection import Connection
from server.storage.opening import connect_to_read

AT_ONCE = 2
TURN_S = 60.0  # maximum wait for others' work
WORK_S = 300.0
NICE = 5
FRESH_S = 3.0  # a result is shown this long after it was started, even if data has changed since
KEPT_MAX = 8

T = TypeVar("T")
Tell: TypeAlias = Callable[[int, int], None]  # gets how much is done, of how much
_turns = threading.BoundedSemaphore(AT_ONCE)


class ApartError(Spoken):
    """Raised if work in a separate process could not be done."""


@dataclass(frozen=True)
class Bounds:
    """Limits of a separate process. None means unlimited. `work_s` is from its start, or from its
    last progress.
    """

    memory_bytes: int | None = None
    cpu_s: int | None = None
    work_s: float = WORK_S

    def keep(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, self.work_s)
        if self.memory_bytes is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (self.memory_bytes, self.memory_bytes))
        if self.cpu_s is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (self.cpu_s, self.cpu_s + 1))


_NO_BOUNDS = Bounds()
FILE_BOUNDS = Bounds(memory_bytes=1_000_000_000, cpu_s=120)  # for reading a file from outside


def read_apart(path: Path, read: Callable[[Connection], T]) -> T:
    """Call `read` in a separate process, with a read-only connection. Raises like `work_apart`."""
    return work_apart(partial(_read, path, read))


def read_file_apart(path: Path, read: Callable[[Connection], T]) -> T:
    """Like `read_apart`, for an untrusted file. Also raises ApartError if it exceeds limits of
    memory or time.
    """
    return work_apart(partial(_read, path, read), FILE_BOUNDS)


def work_apart(work: Callable[[], T], bounds: Bounds = _NO_BOUNDS) -> T:
    """`work` is a module's function or a partial of one, with picklable arguments. Its exceptions
    are raised here. Raises ApartError if the process ended early, or if too many such processes
    run.
    """
    if not _turns.acquire(timeout=TURN_S):
        raise ApartError(N_("The server is busy with other such work. Try again in a minute."))
    try:
        return _run(_Job(work, bounds), _ignore)
    finally:
        _turns.release()


def work_telling(work: Callable[[Tell], T], tell: Tell) -> T:
    """Like `work_apart`, for one long job that reports its progress to `tell`. If `tell` raises,
    the process ends, and so do those that it has started.
    """
    return _run(_Job(work, _NO_BOUNDS, tells=True), tell)


def _run(job: "_Job[T]", tell: Tell) -> T:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "server.web.apart"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        try:
            pickle.dump(job, process.stdin, pickle.HIGHEST_PROTOCOL)
            process.stdin.flush()
            while isinstance(message := _read_message(process.stdout), _Progress):
                tell(message.done, message.total)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            raise _ended_early(process.wait(), job.bounds) from None
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    result: T = message.value()
    return result


def _read_message(source: IO[bytes]) -> "_Progress | _Outcome":
    message: _Progress | _Outcome = pickle.load(source)  # noqa: S301 - our own process wrote it
    return message


def _ended_early(status: int, bounds: Bounds) -> ApartError:
    if status in (-signal.SIGALRM, -signal.SIGXCPU):
        seconds = bounds.work_s if status == -signal.SIGALRM else bounds.cpu_s or 0
        return ApartError(
            N_("This took more than %(seconds)s seconds and was given up."),
            seconds=f"{seconds:.0f}",
        )
    return ApartError(
        N_(
            "This ended before it was done, perhaps because the computer has too little memory "
            "left. Nothing was changed. Try again, when less is going on there."
        )
    )


def _ignore(done: int, total: int) -> None:
    pass


@dataclass(frozen=True)
class _Job(Generic[T]):
    work: Callable[..., T]
    bounds: Bounds
    tells: bool = False

    def outcome(self, tell: Tell) -> bytes:
        """Do the work, and return its pickled outcome."""
        raised: Exception
        try:
            result = self.work(tell) if self.tells else self.work()
            return pickle.dumps(_Outcome(result), pickle.HIGHEST_PROTOCOL)
        except MemoryError:
            raised = ApartError(N_("The file takes more memory than a file may. Make it smaller."))
        except RecursionError:
            raised = ApartError(N_("The file has parts in parts without end, and can't be read."))
        except Exception as error:
            raised = error
        return pickle.dumps(_Outcome(raised=raised), pickle.HIGHEST_PROTOCOL)


@dataclass(frozen=True)
class _Progress:
    done: int
    total: int


@dataclass(frozen=True)
class _Outcome:
    result: Any = None
    raised: Exception | None = None

    def value(self) -> Any:
        if self.raised is not None:
            raise self.raised
        return self.result


@dataclass
class _Work:
    """A computation, ended if `ended_at` (monotonic, in s) is set."""

    state: object
    ended_at: float | None = None
    result: Any = None
    raised: Exception | None = None

    def is_good(self, state: object) -> bool:
        """Return whether the result is current enough. While `state` changes constantly, a result
        may be as old as its computation took.
        """
        assert self.ended_at is not None
        return self.state == state or time.monotonic() - self.ended_at < FRESH_S


class WorkedOut:
    """Computes values on threads, and keeps the newest of each key."""

    def __init__(self) -> None:
        # guards the work and its results
        self._lock = threading.Lock()
        self._works: dict[str, _Work] = {}

    def get(self, key: str, state: object, work: Callable[[], T]) -> T | None:
        """Return the result for `state`, or None while it is computed.

        An exception of `work` is raised once, and the next call starts again.
        """
        with self._lock:
            current = self._works.get(key)
            if current is not None and (current.ended_at is None or current.is_good(state)):
                if current.raised is not None:
                    del self._works[key]
                    raise current.raised
                result: T | None = current.result
                return result
            self._forget()
            begun = self._works[key] = _Work(state)
        threading.Thread(target=self._run, args=(begun, work), name="worked out").start()
        return None

    def _forget(self) -> None:
        ended = [(work.ended_at, key) for key, work in self._works.items() if work.ended_at]
        for _, key in sorted(ended)[: max(0, len(ended) - KEPT_MAX + 1)]:
            del self._works[key]

    def _run(self, work: _Work, read: Callable[[], Any]) -> None:
        result, raised = None, None
        try:
            result = read()
        # Any error is raised again in `get`.
        except Exception as error:
            raised = error
        with self._lock:
            work.result, work.raised, work.ended_at = result, raised, time.monotonic()


def _read(path: Path, read: Callable[[Connection], T]) -> T:
    with closing(connect_to_read(path)) as db:
        return read(db)


def main() -> None:
    """Run a job from standard input, and write progress and outcome to standard output."""
    os.nice(NICE)
    job: _Job[Any] = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own process wrote it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # The work may print, but not into our messages.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    job.bounds.keep()

    def tell(done: int, total: int) -> None:
        signal.setitimer(signal.ITIMER_REAL, job.bounds.work_s)
        answers.write(pickle.dumps(_Progress(done, total)))
        answers.flush()

    answers.write(job.outcome(tell))
    answers.flush()
    os._exit(0)


def _end_with_parent() -> None:
    """End this session's processes when the server closes our input or dies."""
    os.read(sys.stdin.fileno(), 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    # Imported by name, so that pickled classes are found.
    from server.web import apart

    apart.main()
