"""Work for a process beside the server. It loads this file; loading pytest too would take longer
than the work.
"""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable


def count_people(db: sqlite3.Connection, more: int = 0) -> tuple[int, int]:
    (count,) = db.execute("SELECT COUNT(*) FROM attendee").fetchone()
    return count + more, os.getpid()


def write(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM attendee")


def refuse(_: sqlite3.Connection) -> None:
    from server.features.imports.venue_plan import VenueError  # the others do not load it

    raise VenueError(["hall h1: is missing", "hall h2: is missing"])


def die(_: sqlite3.Connection) -> None:
    os._exit(9)


def count_to(most: int, tell: Callable[[int, int], None]) -> int:
    for number in range(1, most + 1):
        tell(number, most)
    return most


def tell_of_a_child(tell: Callable[[int, int], None]) -> None:
    """Report the number of a child process that does not end by itself."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    tell(child.pid, 1)
    time.sleep(600)
