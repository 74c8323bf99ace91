"""Runs long reading in a process of its own.

A thread that computes for seconds keeps all other threads of a server waiting for the interpreter,
again and again, and so every page and every door. A process beside it keeps nobody waiting, gives
way to the server where cores are few, and gives its memory back when it ends.

What goes there and comes back is pickled, between this program and itself, over pipes.
"""

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from server.storage.connection import Connection
from server.storage.database import connect_to_read

AT_ONCE = 2
TURN_S = 60.0  # how long somebody waits for others' work
WORK_S = 300.0
NICE = 5

T = TypeVar("T")
_turns = threading.BoundedSemaphore(AT_ONCE)


class ApartError(Exception):
    """Is raised where the work could not be done. The text says why and what to do."""


def read_apart(path: Path, read: Callable[[Connection], T]) -> T:
    """Return what `read` returns, which is given a connection to the database at `path`.

    `read` is a function of a module, or a partial of one, with arguments that can be pickled. It
    can't write. What it raises is raised here. Raises ApartError too, where the process ended
    before it was done, or where others keep the machine busy with such work.
    """
    if not _turns.acquire(timeout=TURN_S):
        raise ApartError("The server is busy with other such work. Try again in a minute.")
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "server.web.apart"],
            input=pickle.dumps((path, read), pickle.HIGHEST_PROTOCOL),
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            timeout=WORK_S,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise ApartError(f"This took more than {WORK_S:.0f} seconds and was given up.") from None
    except (subprocess.CalledProcessError, OSError) as error:
        raise ApartError(
            "This ended before it was done, perhaps because the machine has too little memory left."
            " Nothing was changed. Try again, when less is going on there."
        ) from error
    finally:
        _turns.release()
    result, raised = pickle.loads(done.stdout)  # noqa: S301 - our own process wrote it
    if raised is not None:
        raise raised
    found: T = result
    return found


def _answer(read: Callable[[Connection], Any], path: Path) -> bytes:
    """Return the pickled result, and the pickled error in its place where there is one."""
    try:
        with closing(connect_to_read(path)) as db:
            return pickle.dumps((read(db), None), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        return pickle.dumps((None, error), pickle.HIGHEST_PROTOCOL)


def main() -> None:
    """Do the work that stands on the standard input, and write its result to the output."""
    os.nice(NICE)
    path, read = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own process wrote it
    sys.stdout.buffer.write(_answer(read, path))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
