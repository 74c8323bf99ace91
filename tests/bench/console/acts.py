"""The cost of the page of acts with 1,000,000 leaves in the entry log, and the time of its CSV.

One leaf in ten is an act. Some filters find almost nothing: the slowest case without an index.
"""

import random
import statistics
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from flask.testing import FlaskClient

from server.app.app import close_app, create_app
from server.app.new_event import init_event
from server.core.entry_log import act_list, entry_log
from server.core.entry_log.act_words import WORDS
from server.core.event.settings import EventSettings
from server.core.staff import users
from server.storage.database import Database
from server.web import auth

LEAVES = 1_000_000
TURNS = 40
START = 1_777_860_000_000
SETTINGS = EventSettings(
    name={"en": "Bench"}, time_zone="Asia/Shanghai",
    first_day=date(2026, 5, 4), days=3, public_host="localhost",
)  # fmt: skip
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
        at = START + number * 40
        if number % 10:
            body = b'{"seq":%d,"type":"scan"%s}' % (number, b" " * 300)
            yield number, "scan", at, bytes(32), body
            continue
        told = {
            "act": draw.choice(kinds), "at": at, "by": f"user:{draw.randint(1, 30)}",
            "subject": {"user": draw.randint(1, 30), "hall": 1}, "type": "act",
        }  # fmt: skip
        yield number, "act", at, bytes(32), entry_log.canonical(told)


def timed(client: FlaskClient, target: str) -> list[float]:
    found = []
    for _ in range(TURNS):
        began = time.perf_counter()
        answer = client.get(target, base_url="https://localhost")
        assert answer.status_code == 200, answer.status
        found.append((time.perf_counter() - began) * 1000)
    return found


def edges(database: Database) -> list[str]:
    """A page in the middle and the last one."""
    db = database.reader
    middle = act_list.Edge(START + LEAVES // 2 * 40, LEAVES // 2)
    last = act_list.page(db, act_list.Filter()).acts[-1].edge
    return [f"before={middle}", f"before={START + 400}-10", f"after={last}"]


def run() -> dict[str, object]:
    with TemporaryDirectory(dir=Path.cwd()) as place:
        path = Path(place) / "event"
        event, password = init_event(path, SETTINGS, now=START, password_stays=True)
        with Database(event.database_path) as database:
            insert = (
                "INSERT OR REPLACE INTO leaf (number, kind, at, hash, body) VALUES (?, ?, ?, ?, ?)"
            )
            database.write(lambda db: db.executemany(insert, leaves(LEAVES)) and None)
            app = create_app(event, database, now=lambda: START)
            _, token = users.sign_in(database, "admin", password, now=START)
            client = app.test_client()
            client.set_cookie(auth.COOKIE, token, domain="localhost", secure=True)
            took = {
                query: timed(client, f"/admin/acts?{query}")
                for query in (*QUERIES, *edges(database))
            }
            began = time.perf_counter()
            rows = client.get("/admin/acts.csv", base_url="https://localhost").text.count("\n")
            csv_s = time.perf_counter() - began
            close_app(app)
        every = sorted(one for times in took.values() for one in times)
        return {
            "bench": "acts",
            "leaves": LEAVES,
            "pages": len(every),
            "p50_ms": round(statistics.median(every), 1),
            "p95_ms": round(every[int(len(every) * 0.95)], 1),
            "worst_query_p95_ms": max(
                (round(sorted(times)[int(TURNS * 0.95) - 1], 1), query)
                for query, times in took.items()
            ),
            "csv_rows": rows,
            "csv_s": round(csv_s, 1),
        }
