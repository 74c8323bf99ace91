"""A night's pattern: 200 times searches and feeds, then quiet until their threads have ended.

The same worker must be there at the end, with no more threads and files than after the first.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from server.app.new_event import init_event
from server.app.supervise import THREAD_IDLE_VARIABLE
from server.core.event.settings import EventSettings
from server.core.people.attendees import add_attendee
from server.storage.database import Database
from tests.processes import children
from tests.server.app.test_serve import running, signed_in
from tests.server.storage.test_threads_ending import IDLE_S, files_of, night, threads_of

CYCLES = 200
SETTLED_S = 20  # until the last feeds' threads have noticed that nobody listens
PEOPLE = (("Anna", "Keller"), ("小明", "王"), ("Boris", "Novak"))


def run() -> dict[str, object]:
    with TemporaryDirectory() as folder, short_idle():
        place = Path(folder) / "event"
        settings = EventSettings(
            name={"en": "Night"},
            time_zone="Asia/Shanghai",
            first_day=date(2026, 5, 4),
            days=3,
            public_host="localhost",
        )
        event, password = init_event(place, settings)
        with Database(event.database_path) as database:
            for given, family in PEOPLE:
                values = {"given_name": given, "family_name": family, "category": 1}
                add = partial(add_attendee, values=values, by="bench", now=0, random=os.urandom)
                database.write(add)
        cookie = signed_in(event, password)
        told: list[tuple[int, int, int, int]] = []
        began = time.monotonic()
        with running(event) as server:
            (worker,) = children(server.process.pid)[-1:]
            night(
                server,
                cookie,
                CYCLES,
                lambda cycle, busy, quiet: told.append((cycle, busy, quiet, files_of(worker))),
            )
            time.sleep(SETTLED_S)
            end = threads_of(worker), files_of(worker)
            alive = worker in children(server.process.pid)
        return {
            "cycles": len(told),
            "threads_ended": sum(busy - quiet for _, busy, quiet, _ in told),
            "worker_alive": alive,
            "threads_most": max(busy for _, busy, _, _ in told),
            "database_files_most": max(one[3] for one in told),
            "threads_and_files_at_the_end": end,
            "took_s": round(time.monotonic() - began),
        }


@contextmanager
def short_idle() -> Iterator[None]:
    os.environ[THREAD_IDLE_VARIABLE] = str(IDLE_S)
    try:
        yield
    finally:
        del os.environ[THREAD_IDLE_VARIABLE]
