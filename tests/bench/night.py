"""Five nights with held feeds, each with 40 times 12 searches at once. At the end the same worker
must run, with no more threads, files and memory than after the first nights.
"""

import os
import re
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from server.app.new_event import init_event
from server.core.people.attendees import add_attendee
from server.storage.database import Database
from tests.bench.event import SETTINGS
from tests.processes import children
from tests.server.app.test_serve import running, signed_in
from tests.server.storage.test_many_pages import feeds, files_of, search, threads_of

NIGHTS, ROUNDS = 5, 40
FEEDS = 3  # each night; a user may hold 20, and the server notices a closed one after seconds
SETTLED_S = 20  # until the last feeds' threads have noticed the closed connections
PEOPLE = (("Anna", "Keller"), ("小明", "王"), ("Boris", "Novak"))


class Used(NamedTuple):
    threads: int
    files: int
    resident_mb: int


def run() -> dict[str, object]:
    with TemporaryDirectory() as folder:
        place = Path(folder) / "event"
        event, password = init_event(place, SETTINGS)
        with Database(event.database_path) as database:
            for given, family in PEOPLE:
                values = {"given_name": given, "family_name": family, "category": 1}
                add = partial(add_attendee, values=values, by="bench", now=0, random=os.urandom)
                database.write(add)
            database.write(lambda db: db.execute("UPDATE staff_user SET must_change = 0") and None)
        cookie = signed_in(event, password)
        began = time.monotonic()
        with running(event) as server:
            (worker,) = children(server.process.pid)[-1:]
            used: list[Used] = []
            for _ in range(NIGHTS):
                with feeds(server, cookie, FEEDS):
                    for _ in range(ROUNDS):
                        search(server, cookie)
                    used.append(used_by(worker))
            time.sleep(SETTLED_S)
            end = used_by(worker)
            alive = worker in children(server.process.pid)
        return {
            "worker_alive": alive,
            "threads_files_mb_each_night": used,
            "threads_files_mb_at_the_end": end,
            "took_s": round(time.monotonic() - began),
        }


def used_by(pid: int) -> Used:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (resident_kb,) = re.findall(r"VmRSS:\s+(\d+)", status)
    return Used(threads_of(pid), files_of(pid), int(resident_kb) // 1000)
