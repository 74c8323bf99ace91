"""The cost of the entry log's page with 1,000,000 entries: 700,000 scans, 60,000 acts, 200,000
inferred exits, and 40,000 erased entries. Each filter: its first page and an old one.
"""

import json
import random

from server.core.entry_log.act_names import Act
from server.storage.connection import Connection
from tests.bench.event import new_event, page_times
from tests.bench.forum import entries, history, large
from tests.server.conftest import NOW

SCANS, OTHERS = 700_000, 300_000
TURNS = 10
DOORS = large.HALLS * large.DOORS_EACH
ACTS = (Act.PHONE_LINK_SHOWN, Act.BADGE_REISSUED, Act.HALL_CLOSED, Act.PEOPLE_SEARCHED)
KINDS = (
    "", "scan", "entry", "exit", "denial", "override", "annul", "act", "inferred_exit", "erased",
    "act:hall_closed", "act:phone_link_shown", "act:muster_begun",
)  # fmt: skip
QUERIES = [
    f"what={kind}&{more}"
    for kind in KINDS
    for more in ("", "hall=1", "hall=55", "kiosk=x299", "day=2026-05-05", "day=2030-01-01",
                 "day=2026-05-06&hall=7", "day=2026-05-04&kiosk=x7", "hall=9&kiosk=x8")
]  # fmt: skip
DEEP = 90_000  # The old page begins at this number.


def fill(db: Connection, now: int) -> None:
    """Three entries in ten are no scans."""
    history.add_kiosks(db, now)
    count = SCANS + OTHERS
    first = history.numbers(db).start
    scans = [first + place for place in range(count) if place % 10 not in (2, 5, 8)]
    history.add_scans(db, scans, now)
    db.executemany(
        "INSERT INTO leaf (number, kind, at, hash, body) VALUES (?, ?, ?, ?, ?)",
        (
            (first + place, *_other(place, history.moment(place, count, now)))
            for place in range(count)
            if place % 10 in (2, 5, 8)
        ),
    )


def _other(number: int, at: int) -> tuple[str, int, bytes, bytes]:
    draw = random.Random(number)
    kind = draw.choices(("act", "inferred_exit", "erased"), (20, 67, 13))[0]
    if kind == "act":
        act = draw.choices(ACTS, (50, 20, 10, 20))[0]
        subject = {
            Act.PHONE_LINK_SHOWN: {"issue": 1, "serial": draw.randint(1, 90_000)},
            Act.BADGE_REISSUED: {"issue": 2, "reason": "lost", "serial": draw.randint(1, 90_000)},
            Act.HALL_CLOSED: {"hall": draw.randint(1, large.HALLS)},
            Act.PEOPLE_SEARCHED: {"answers": 3, "kiosk": f"x{draw.randint(1, DOORS)}"},
        }[act]
        body = {"act": act, "at": at, "by": "user:1", "subject": subject, "type": "act"}
        return kind, at, bytes(32), json.dumps(body, separators=(",", ":")).encode()
    if kind == "erased":
        return kind, at, bytes(32), bytes(32)
    seq = draw.randrange(SCANS)
    closes = {"generation": 1, "kiosk": f"x{draw.randint(1, DOORS)}", "seq": seq}
    body = {"at": at, "by": "move", "cause": None, "closes": closes, "type": "inferred_exit"}
    if draw.random() < 0.3:
        body["hall"] = draw.randint(1, large.HALLS)
    return kind, at, bytes(32), json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def run() -> dict[str, object]:
    with new_event(NOW + 3 * history.DAY_MS) as pages:
        large.fill(pages)
        pages.database.write(lambda db: fill(db, pages.now))
        entries.mark_all(pages.database)
        queries = [page for query in QUERIES for page in (query, f"{query}&before={DEEP}")]
        addresses = [f"/admin/log/?{query}" for query in queries]
        times = page_times(pages.staff("admin"), addresses, TURNS)
    return {"bench": "timeline", "entries": SCANS + OTHERS, **times}
