"""The cost of the page of entries with 1,000,000 scans by 100,000 people, for each filter and for
combinations that find almost nothing, and of its files.

Also the cost of the marks: the time of a block, and the bytes they add to the file. A scan that
arrives costs no more, because only full blocks are marked.
"""

import random
import resource
import statistics
import time
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from flask.testing import FlaskClient

from server.app.app import close_app, create_app
from server.app.new_event import init_event
from server.core.event.directory import Event
from server.core.event.settings import EventSettings
from server.core.ledger import marks
from server.core.people import search
from server.core.staff import users
from server.storage.connection import Connection
from server.storage.database import Database
from server.web import auth
from tests.bench import searching

SCANS = 1_000_000
PEOPLE = 100_000
HALLS, DOORS, SESSIONS = 55, 300, 2_000
TURNS = 20
START = 1_777_860_000_000
DAY_MS = 86_400_000
SETTINGS = EventSettings(
    name={"en": "Bench"}, time_zone="Asia/Shanghai",
    first_day=date(2026, 5, 4), days=3, public_host="localhost",
)  # fmt: skip
# Single filters, then combinations. Many combinations find nothing, the slowest case.
QUERIES = (
    "", "person=wang", "person=王伟", "person=keller", "person=müller+gia", "person=nosuchname",
    "organisation=harbour", "organisation=清华大学", "organisation=siemens", "badge=00PSX",
    "category=1", "category=5", "hall=1", "hall=55", "door=300", "kiosk=k299", "session=s1999",
    "session=Talk+77", "act=entry", "act=exit", "act=denial", "act=override", "act=annul",
    "decision=denied", "reason=forged", "reason=door_resting", "remark=escort", "remark=late",
    "remark=day_credential", "supervisor=user:1", "supervisor=user:99", "note=wet", "note=王",
    "note=nothing+of+it", "from=2026-05-05T12:00&to=2026-05-05T12:01",
    "from=2026-05-04T09:00&to=2026-05-06T20:00", "from=2027-01-01T00:00", "to=2025-01-01T00:00",
    "rows=500", "rows=500&act=exit",
    "act=exit&decision=denied", "act=exit&reason=hall_full", "category=5&hall=55",
    "category=5&hall=55&act=exit&from=2026-05-06T08:00", "act=override&reason=forged",
    "hall=1&door=300", "kiosk=k299&door=1", "organisation=harbour&category=5&remark=late",
    "organisation=清华大学&act=override&note=wet", "person=wang&organisation=harbour&act=exit",
    "person=王&hall=7&act=denial&remark=late", "organisation=harbour&hall=1&door=300",
    "organisation=harbour&supervisor=user:99", "organisation=harbour&to=2025-01-01T00:00",
    "category=1&act=entry&remark=escort&hall=3&from=2026-05-04T09:00&to=2026-05-04T09:30",
    "organisation=清华大学&category=5&act=exit&decision=admitted&remark=late&session=s1999",
)  # fmt: skip


def venue(db: Connection) -> None:
    halls = ((n, f"h{n}", f'{{"en":"Hall {n}"}}') for n in range(1, HALLS + 1))
    db.executemany(
        "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones, sessions_only,"
        " anti_passback, exits) VALUES (?, ?, ?, 900, 900, 1, 0, 'soft', 'strict')",
        halls,
    )
    doors = ((n, f"d{n}", n % HALLS + 1, f'{{"en":"Door {n}"}}') for n in range(1, DOORS + 1))
    db.executemany(
        "INSERT INTO door (door_id, code, hall_id, names, mode) VALUES (?, ?, ?, ?, 'both')", doors
    )
    db.executemany(
        "INSERT INTO kiosk (kiosk, generation, door_id, state, created_at)"
        " VALUES (?, 1, ?, 'active', 0)",
        ((f"k{n}", n + 1) for n in range(DOORS)),
    )
    db.executemany(
        "INSERT INTO session (session_id, code, hall_id, titles, starts_at, ends_at, opens_at,"
        " closes_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (n, f"s{n}", n % HALLS + 1, f'{{"en":"Talk {n}"}}', START, START + 9, START, START + 9)
            for n in range(1, SESSIONS + 1)
        ),
    )


def scans(first: int) -> Iterator[tuple[object, ...]]:
    """Three days of ten hours. One scan in fifty comes hours late, from an offline door."""
    draw = random.Random(3)
    categories, weights = range(1, 7), (60, 20, 10, 5, 1, 4)
    for place in range(SCANS):
        day, part = divmod(place * 3 / SCANS, 1)
        at = int(START + day * DAY_MS + part * 36_000_000)
        door = draw.randint(1, DOORS)
        is_exit, denied, acted = draw.random() < 0.4, draw.random() < 0.05, draw.random() < 0.01
        late_ms = draw.randrange(7_200_000) if draw.random() < 0.02 else 200
        denied = denied and not is_exit
        reasons = ("hall_full", "not_entitled", "already_inside", "forged")
        yield (
            first + place, f"k{door - 1}", place,
            draw.choice(("override", "annul")) if acted else "scan",
            "exit" if is_exit else "entry", door, door % HALLS + 1, draw.randint(1, PEOPLE),
            draw.choices(categories, weights)[0],
            int(day * 600 + part * 600) + 1 if draw.random() < 0.7 else None,
            "denied" if denied else "admitted", draw.choice(reasons) if denied else None,
            "escort" if draw.random() < 0.003 else "", at - late_ms, at,
            f"user:{draw.randint(1, 40)}" if acted else None,
            draw.choice(("badge got wet", "lost badge", "王先生确认")) if acted else None,
        )  # fmt: skip


def fill(db: Connection) -> None:
    (first,) = db.execute("SELECT MAX(number) + 1 FROM leaf").fetchone()
    venue(db)
    db.executemany(
        "INSERT INTO leaf (number, kind, at, hash, body) VALUES (?, 'scan', ?, ?, ?)",
        ((first + n, START + n, bytes(32), b'{"type":"scan"%s}' % (b" " * 300))
         for n in range(SCANS)),
    )  # fmt: skip
    db.executemany(
        "INSERT INTO scan (number, kiosk, generation, seq, act, direction, door_id, hall_id,"
        " serial, category, session_id, decision, reason, flags, scanned_at, received_at,"
        " supervisor, note) VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        scans(first),
    )


def mark_all(database: Database) -> dict[str, object]:
    """Mark every full block as the server does, and return the time of each."""
    bytes_before, took = size(database), []
    while True:
        began = time.process_time()
        if not marks.mark_next(database):
            break
        took.append((time.process_time() - began) * 1000)
    database.give_back()
    return {
        "blocks": len(took),
        "cpu_ms_of_a_block": round(statistics.median(took), 1),
        "cpu_us_of_a_scan": round(sum(took) * 1000 / (len(took) * marks.BLOCK), 1),
        "marks_mb": round((size(database) - bytes_before) / 1e6, 1),
        "file_mb": round(size(database) / 1e6, 1),
    }


def size(database: Database) -> int:
    with database.reading() as db:
        pages, page = (db.execute(f"PRAGMA {one}").fetchone()[0]
                       for one in ("page_count", "page_size"))  # fmt: skip
    return int(pages * page)


def timed(client: FlaskClient, query: str) -> list[tuple[float, float]]:
    """A page's time, and its own CPU within that on a busy machine, in ms."""
    found = []
    for _ in range(TURNS):
        began, began_cpu = time.perf_counter(), time.thread_time()
        answer = client.get(f"/admin/entries?{query}", base_url="https://localhost")
        assert answer.status_code == 200, (query, answer.status)
        cpu = (time.thread_time() - began_cpu) * 1000
        found.append(((time.perf_counter() - began) * 1000, cpu))
    return found


def pages(client: FlaskClient, queries: Iterable[str]) -> dict[str, object]:
    took = {query: timed(client, query) for query in queries}
    told: dict[str, object] = {"pages": len(took) * TURNS}
    for place, name in enumerate(("", "cpu_")):
        every = sorted(one[place] for times in took.values() for one in times)
        worst = {
            query: sorted(one[place] for one in times)[int(TURNS * 0.95) - 1]
            for query, times in took.items()
        }
        slowest = sorted(worst, key=worst.__getitem__, reverse=True)[:6]
        told[f"{name}p50_ms"] = round(statistics.median(every), 1)
        told[f"{name}p95_ms"] = round(every[int(len(every) * 0.95)], 1)
        told[f"{name}slowest_p95_ms"] = {query: round(worst[query], 1) for query in slowest}
    return told


def file(client: FlaskClient, kind: str) -> dict[str, object]:
    """Read a file of all entries piece by piece, as a server sends it."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, began_cpu, sent = time.perf_counter(), time.thread_time(), 0
    answer = client.get(f"/admin/entries.{kind}", base_url="https://localhost", buffered=False)
    for piece in answer.response:
        sent += len(piece)
    return {
        f"{kind}_s": round(time.perf_counter() - began, 1),
        f"{kind}_cpu_s": round(time.thread_time() - began_cpu, 1),
        f"{kind}_mb": round(sent / 1e6, 1),
        f"{kind}_more_memory_mb": round(
            (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, 1
        ),
    }


def run() -> dict[str, object]:
    with TemporaryDirectory(dir=Path.cwd()) as place:
        path = Path(place) / "event"
        event, password = init_event(path, SETTINGS, now=START, password_stays=True)
        searching.people(event.database_path, PEOPLE)
        with Database(event.database_path) as database:
            database.write(fill)
            search.fold_all(database.write)
            return measured(event, database, password)


def measured(event: Event, database: Database, password: str) -> dict[str, object]:
    app = create_app(event, database, now=lambda: START + 3 * DAY_MS)
    _, token = users.sign_in(database, "admin", password, now=START + 3 * DAY_MS)
    client = app.test_client()
    client.set_cookie(auth.COOKIE, token, domain="localhost", secure=True)
    unmarked = timed(client, "act=exit&decision=denied")[:3]
    found = {
        "bench": "entries",
        "scans": SCANS,
        "people": PEOPLE,
        "unmarked_cpu_ms": round(statistics.median(cpu for _, cpu in unmarked), 1),
        **mark_all(database),
        **pages(client, QUERIES),
        **file(client, "csv"),
        **file(client, "xlsx"),
    }
    close_app(app)
    return found
