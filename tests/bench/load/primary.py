"""Two servers on one PostgreSQL database, whose primary dies while 20 kiosks scan. Its synchronous
standby is promoted at once.

The guarantees are checked as in `cut`; a run that breaks one ends with an error.
"""

import shutil
import tempfile
from pathlib import Path

from tests.server.support.postgresql.cluster import MISSING, binaries
from tests.server.support.postgresql.failover import pair
from tests.system.support.cut_database import milliseconds
from tests.system.support.dead_primary import Death, play
from tests.system.support.many_servers import ManyServers, on_loopback

KIOSKS, CAPACITY, AFTER_S, RUNS = 20, 12, 4.0, 6


def run() -> object:
    if not binaries():
        return {"bench": "primary", "skipped": MISSING}
    return {
        "bench": "primary",
        "kiosks": KIOSKS,
        "lost": 0,  # otherwise it would have ended with an error
        "deaths": [figures(_once()) for _ in range(RUNS)],
    }


def _once() -> Death:
    path = Path(tempfile.mkdtemp(prefix="hallkeeper-primary-"))
    try:
        with pair(synchronous=True) as database:
            machines = on_loopback(database.url, 2)
            many = ManyServers(path, database.url, machines, kiosks=KIOSKS, capacity=CAPACITY)
            try:
                many.start()
                return play(many, database.kill_primary, database.standby.promote, AFTER_S)
            finally:
                many.close()
    finally:
        shutil.rmtree(path, ignore_errors=True)


def figures(found: Death) -> dict[str, object]:
    return {
        "scans": found.scans,
        "greens": found.greens,
        "acknowledged": [found.acknowledged_before, found.acknowledged_after],
        "until_promoted_s": round(found.until_promoted_s, 1),
        "until_next_s": [round(one, 1) for one in sorted(found.until_next_s)],
        "longest_gap_s": round(found.longest_gap_s, 1),
        "answers": len(found.answers),
        "answer_ms": [milliseconds(found.answers, share) for share in (0.5, 0.99, 1)]
        if found.answers
        else [],
    }
