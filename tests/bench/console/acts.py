"""The cost of the page of acts with 1,000,000 leaves in the entry log, and the time of its CSV.

One leaf in ten is an act. Some filters find almost nothing: the slowest case without an index.
"""

import random
from collections.abc import Iterator

from server.core.entry_log import act_list, entry_log
from server.core.entry_log.act_words import WORDS
from server.storage.database import Database
from tests.bench.event import new_event, page_times, timed
from tests.server.conftest import NOW

LEAVES = 1_000_000
TURNS = 40
QUERIES = (
    "",
    "who=user:1",
    "what=signed_in",
    "who=user:2&what=capacity_set",
    "who=user:999",
    "what=restored",
    "who=user:999&what=restored",
    "from=2026-05-04T12:00&to=2026-05-04T12:01",
    "from=2026-05-04T12:00&to=2026-05-04T20:00&who=user:3",
)


def leaves(count: int) -> Iterator[tuple[int, str, int, bytes, bytes]]:
    draw = random.Random(1)
    kinds = sorted(set(WORDS) - {"server_restored"})
    for number in range(count):
        at = NOW + number * 40
        if number % 10:
            body = b'{"seq":%d,"type":"scan"%s}' % (number, b" " * 300)
            yield number, "scan", at, bytes(32), body
            continue
        act = {
            "act": draw.choice(kinds), "at": at, "by": f"user:{draw.randint(1, 30)}",
            "subject": {"user": draw.randint(1, 30), "hall": 1}, "type": "act",
        }  # fmt: skip
        yield number, "act", at, bytes(32), entry_log.canonical(act)


def edges(database: Database) -> list[str]:
    """A page in the middle and the last one."""
    db = database.reader
    middle = act_list.Edge(NOW + LEAVES // 2 * 40, LEAVES // 2)
    last = act_list.page(db, act_list.Filter()).acts[-1].edge
    return [f"before={middle}", f"before={NOW + 400}-10", f"after={last}"]


def run() -> dict[str, object]:
    with new_event() as pages:
        admin = pages.staff("admin")
        insert = "INSERT OR REPLACE INTO leaf (number, kind, at, hash, body) VALUES (?, ?, ?, ?, ?)"
        pages.database.write(lambda db: db.executemany(insert, leaves(LEAVES)) and None)
        queries = (*QUERIES, *edges(pages.database))
        csv_ms, _ = timed(lambda: admin.get("/admin/acts.csv").data)
        return {
            "bench": "acts",
            "leaves": LEAVES,
            **page_times(admin, [f"/admin/acts?{query}" for query in queries], TURNS),
            "csv_s": round(csv_ms / 1000, 1),
        }
