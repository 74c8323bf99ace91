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


def figures(death: Death) -> dict[str, object]:
    return {
        "scans": death.scans,
        "greens": death.greens,
        "acknowledged": [death.acknowledged_before, death.acknowledged_after],
        "until_promoted_s": round(death.until_promoted_s, 1),
        "until_next_s": [round(seconds, 1) for seconds in sorted(death.until_next_s)],
        "longest_gap_s": round(death.longest_gap_s, 1),
        "answers": len(death.answers),
        "answer_ms": [milliseconds(death.answers, share) for share in (0.5, 0.99, 1)]
        if death.answers
        else [],
    }
