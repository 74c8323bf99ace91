"""The cost of the entry log's page with 1,000,000 entries: 700,000 scans, 60,000 acts, 200,000
inferred exits, and 40,000 erased entries. Each filter: its first page and an old one.
"""

import json
import random
import statistics
import sys
import time
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from flask.testing import FlaskClient

from server.app.app import close_app, create_app
from server.app.new_event import init_event
from server.core.entry_log.act_names import Act
from server.core.staff import users
from server.storage.connection import Connection
from server.storage.database import Database
from server.web import auth
from tests.bench.forum import entries
from tests.bench.forum.entries import DAY_MS, DOORS, HALLS, SETTINGS, START

SCANS, OTHERS = 700_000, 300_000
TURNS = 10
ACTS = (Act.PHONE_LINK_SHOWN, Act.BADGE_REISSUED, Act.HALL_CLOSED, Act.PEOPLE_SEARCHED)
WHATS = (
    "", "scan", "entry", "exit", "denial", "override", "annul", "act", "inferred_exit", "erased",
    "act:hall_closed", "act:phone_link_shown", "act:muster_begun",
)  # fmt: skip
QUERIES = [
    f"what={what}&{more}"
    for what in WHATS
    for more in ("", "hall=1", "hall=55", "kiosk=k299", "day=2026-05-05", "day=2030-01-01",
                 "day=2026-05-06&hall=7", "day=2026-05-04&kiosk=k7", "hall=9&kiosk=k8")
]  # fmt: skip
DEEP = 90_000  # The old page begins at this number.


def fill(db: Connection) -> None:
    (first,) = db.execute("SELECT MAX(number) + 1 FROM leaf").fetchone()
    entries.venue(db)
    size = SCANS + OTHERS
    body = b'{"type":"scan"%s}' % (b" " * 300)
    others = [number for number in range(size) if number % 10 in (2, 5, 8)]
    scans = [number for number in range(size) if number % 10 not in (2, 5, 8)]
    at = [START + int(number * 3 * DAY_MS / size) for number in range(size)]
    db.executemany(
        "INSERT INTO leaf (number, kind, at, hash, body) VALUES (?, ?, ?, ?, ?)",
        ((first + n, "erased" if n % 100 == 1 else "scan", at[n], bytes(32), body) for n in scans),
    )
    db.executemany(
        "INSERT INTO leaf (number, kind, at, hash, body) VALUES (?, ?, ?, ?, ?)",
        ((first + n, *_other(n, at[n])) for n in others),
    )
    db.executemany(
        "INSERT INTO scan (number, kiosk, generation, seq, act, direction, door_id, hall_id,"
        " serial, category, session_id, decision, reason, flags, scanned_at, received_at,"
        " supervisor, note) VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ((first + n, *row[1:]) for n, row in zip(scans, islice(entries.scans(0), SCANS),
                                                 strict=True)),
    )  # fmt: skip


def _other(number: int, at: int) -> tuple[str, int, bytes, bytes]:
    draw = random.Random(number)
    kind = draw.choices(("act", "inferred_exit", "erased"), (20, 67, 13))[0]
    if kind == "act":
        act = draw.choices(ACTS, (50, 20, 10, 20))[0]
        subject = {
            Act.PHONE_LINK_SHOWN: {"issue": 1, "serial": draw.randint(1, 90_000)},
            Act.BADGE_REISSUED: {"issue": 2, "reason": "lost", "serial": draw.randint(1, 90_000)},
            Act.HALL_CLOSED: {"hall": draw.randint(1, HALLS)},
            Act.PEOPLE_SEARCHED: {"answers": 3, "kiosk": f"k{draw.randrange(DOORS)}"},
        }[act]
        told = {"act": act, "at": at, "by": "user:1", "subject": subject, "type": "act"}
        return kind, at, bytes(32), json.dumps(told, separators=(",", ":")).encode()
    if kind == "erased":
        return kind, at, bytes(32), bytes(32)
    seq = draw.randrange(SCANS)
    closes = {"generation": 1, "kiosk": f"k{draw.randrange(DOORS)}", "seq": seq}
    told = {"at": at, "by": "move", "cause": None, "closes": closes, "type": "inferred_exit"}
    if draw.random() < 0.3:
        told["hall"] = draw.randint(1, HALLS)
    return kind, at, bytes(32), json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def timed(client: FlaskClient, query: str) -> list[float]:
    """CPU of the page, in ms."""
    found = []
    for _ in range(TURNS):
        began = time.thread_time()
        answer = client.get(f"/admin/log/?{query}", base_url="https://localhost")
        found.append((time.thread_time() - began) * 1000)
        assert answer.status_code == 200, query
    return found


def run() -> dict[str, object]:
    with TemporaryDirectory(dir=Path.cwd()) as place:
        event, password = init_event(Path(place) / "e", SETTINGS, now=START, password_stays=True)
        with Database(event.database_path) as database:
            database.write(fill)
            entries.mark_all(database)
            app = create_app(event, database, now=lambda: START + 3 * DAY_MS)
            _, token = users.sign_in(database, "admin", password, now=START + 3 * DAY_MS)
            client = app.test_client()
            client.set_cookie(auth.COOKIE, token, domain="localhost", secure=True)
            asked = [q for query in QUERIES for q in (query, f"{query}&before={DEEP}")]
            took = {query: timed(client, query) for query in asked}
            close_app(app)
    every = sorted(one for times in took.values() for one in times)
    worst = sorted(took, key=lambda query: statistics.median(took[query]), reverse=True)[:8]
    return {
        "bench": "timeline",
        "entries": SCANS + OTHERS,
        "pages": len(every),
        "cpu_p50_ms": round(statistics.median(every), 1),
        "cpu_p95_ms": round(every[int(len(every) * 0.95)], 1),
        "cpu_p99_ms": round(every[int(len(every) * 0.99)], 1),
        "slowest_ms": {query: round(statistics.median(took[query]), 1) for query in worst},
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run()) + "\n")
