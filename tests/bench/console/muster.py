"""How long a muster of 30,000 people in 40 halls with offline doors takes to the list, the page and
paper, and the server's cost of a roll call of 2,000.

The event is in a temporary directory, with a whole programme of earlier stays. The app itself is
called, without a network.
"""

import os
import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from badges.admission.facts import Calendar
from badges.credential.keys import PrivateKey
from badges.record import ScanRecord, encode_record
from badges.transparency.chain import chain_next, chain_start
from badges.wire import wire
from server.app.app import close_app, create_app
from server.app.new_event import init_event
from server.core.event.calendar import day_starts
from server.core.event.directory import Event, load_event
from server.core.event.settings import EventSettings
from server.core.kiosks import contact
from server.core.ledger import ingest
from server.core.muster import muster
from server.core.staff import users
from server.features.muster import lists
from server.storage.database import Database
from server.web import auth

PEOPLE = 100_000  # on the roster
INSIDE = 30_000
HALLS = 40
DOORS = 4  # of each hall
AWAY = 10  # halls with an offline door
HELPED = 300
EARLIER_STAYS = 300_000
SEEN = 2_000
POINTS = 3
TIMES = 9
NOW = 1_777_860_000_000
MINUTE = 60_000
PASSWORD = "correct-horse-42"
SETTINGS = EventSettings(
    name={"en": "Large Forum"},
    time_zone="Asia/Shanghai",
    first_day=date(2026, 5, 4),
    days=3,
    public_host="localhost",
    port=8443,
)
_STAY = (
    "INSERT INTO stay (kiosk, generation, seq, hall_id, door_id, serial, opened_at, closed_at,"
    " closed_by, clock_known) VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, 1)"
)


def fill(db: sqlite3.Connection) -> None:
    """Add halls with doors and kiosks, people, those inside, and past stays."""
    dice = random.Random(1)
    for hall in range(1, HALLS + 1):
        db.execute(
            "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones, sessions_only,"
            " anti_passback, exits) VALUES (?, ?, ?, 3000, 3000, 1, 0, 'off', 'strict')",
            (hall, f"h{hall}", f'{{"en":"Hall {hall}","zh":"{hall} 号厅"}}'),
        )
        for number in range(DOORS):
            door = hall * 10 + number
            mode = "both" if hall % 4 else "entry"  # a quarter of the halls scan no exits
            names = f'{{"en":"Door {hall}.{number}"}}'
            db.execute(
                "INSERT INTO door VALUES (?, ?, ?, ?, ?)", (door, f"d{door}", hall, names, mode)
            )
            away = hall <= AWAY and number == 0
            _add_kiosk(db, f"k{door}", door, NOW - 20 * MINUTE if away else NOW)
            db.execute(
                "INSERT INTO place_account (hall_id, override, kiosk, generation, granted)"
                " VALUES (?, 0, ?, 1, 800)",
                (hall, f"k{door}"),
            )
    people = dice.sample(range(1, 1 << 24), PEOPLE)
    db.executemany(
        "INSERT INTO attendee (serial, external_id, given_name, family_name, organisation, email,"
        " country, category, valid_days, zones, flags, language, created_at)"
        " VALUES (?, ?, ?, ?, ?, '', 'CN', 1, 65535, 1, 0, 'en', 0)",
        (
            (serial, f"P{n}", dice.choice(("Anna", "Boris", "小明", "子衿")),
             dice.choice(("Keller", "Novak", "王", "柳")) + ("" if n % 3 else str(n)),
             f"Organisation {n % 900}")
            for n, serial in enumerate(people)
        ),
    )  # fmt: skip
    badges = ((serial, f"c{serial}", number) for number, serial in enumerate(people))
    db.executemany(
        "INSERT INTO badge (serial, issue, credential, lookup, sealed, issued_at, names_row)"
        " VALUES (?, 1, ?, X'00', X'00', 0, ?)",
        badges,
    )
    seqs = dict.fromkeys(range(1, HALLS + 1), 0)

    def stay(serial: int, closed: bool) -> tuple[object, ...]:
        hall = dice.randint(1, HALLS)
        seqs[hall] += 1
        opened = NOW - dice.randint(1, 180) * MINUTE
        door = hall * 10 + dice.randrange(DOORS)
        ended = (opened + MINUTE, "exit") if closed else (None, None)
        return (f"k{door}", 1_000_000 + seqs[hall], hall, door, serial, opened, *ended)

    db.executemany(_STAY, (stay(dice.choice(people), True) for _ in range(EARLIER_STAYS)))
    db.executemany(_STAY, (stay(serial, False) for serial in people[:INSIDE]))
    db.executemany(
        "INSERT INTO accessible_guest (serial, kind) VALUES (?, 'wheelchair')",
        ((serial,) for serial in people[: INSIDE : INSIDE // HELPED]),
    )


def _add_kiosk(db: sqlite3.Connection, kiosk: str, door: int, seen_at: int) -> None:
    db.execute(
        "INSERT INTO kiosk (kiosk, generation, door_id, state, public_key, seen_at, head,"
        " created_at) VALUES (?, 1, ?, 'active', ?, ?, ?, 0)",
        (kiosk, door, _key(kiosk).public.raw, seen_at, chain_start(kiosk, 1)),
    )


def _key(kiosk: str) -> PrivateKey:
    return PrivateKey(kiosk.encode().ljust(32, b"."))


@contextmanager
def event() -> Iterator[tuple[Event, Database]]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "event"
        init_event(path, SETTINGS, now=NOW)
        made = load_event(path)
        with Database(made.database_path) as database:
            database.write(fill)
            yield made, database


def roll_call(opened: Event, database: Database, serials: list[int]) -> dict[str, float]:
    """Three points that were offline send their records, in batches of 200 as kiosks do."""
    calendar = Calendar(day_starts(opened.settings))
    took = []
    for point in range(POINTS):
        kiosk, door, hall = f"k{20 + point}0", 200 + point * 10, 20 + point
        head, raws, heads = chain_start(kiosk, 1), [], []
        for seq, serial in enumerate(serials[point::POINTS], 1):
            record = ScanRecord(
                kiosk=kiosk, generation=1, seq=seq, direction="entry", door=door, hall=hall,
                scanned_at=NOW + MINUTE, skew_ms=0, facts_age_ms=60_000, decision="denied",
                reason="roll_call", serial=serial, issue=1, note=f"{point}", by="user:1",
            )  # fmt: skip
            raws.append(encode_record(record))
            head = chain_next(head, raws[-1])
            heads.append(head)
        for first in range(0, len(raws), 200):
            last = min(first + 200, len(raws))
            batch = wire.ScanBatch(
                records=[msgspec.Raw(raw) for raw in raws[first:last]], first_seq=first + 1,
                last_seq=len(raws), head=heads[last - 1],
                signature=_key(kiosk).sign(wire.HEAD_CONTEXT + heads[last - 1]),
                incarnation=1, sent_at=NOW + 2 * MINUTE,
            )  # fmt: skip

            def step(db: sqlite3.Connection, kiosk: str = kiosk, batch: wire.ScanBatch = batch):
                sender, _ = contact.sender(db, kiosk, 1)
                return ingest.ingest(db, sender, batch, calendar=calendar, now=NOW + 2 * MINUTE)

            took.append(_timed(lambda step=step: database.write(step))[0])
    return {
        "batches": len(took),
        "all_s": sum(w for w, _ in took),
        "all_cpu_s": sum(c for _, c in took),
    }


def _timed(step: Callable[[], object]) -> tuple[tuple[float, float], Any]:
    """Return seconds by the clock, seconds of CPU, and the result."""
    began = time.perf_counter(), time.process_time()
    found = step()
    return (time.perf_counter() - began[0], time.process_time() - began[1]), found


def run() -> dict[str, object]:
    """Begin it several times, request the pages, and let three points report people seen."""
    with event() as (opened, database):
        begun = []
        for number in range(TIMES):
            took, on = _timed(
                lambda: database.write(lambda db: muster.begin(db, "drill", by="user:1", now=NOW))
            )
            begun.append(took)
            if number < TIMES - 1:
                database.write(
                    lambda db, on=on: muster.end(db, on.muster_id, "over", by="user:1", now=NOW)
                )
        found: dict[str, object] = {
            "people": INSIDE, "halls": HALLS, "halls_with_a_door_away": AWAY,
            "begin_s": _spread(begun),
        }  # fmt: skip
        app = create_app(opened, database, now=lambda: NOW)
        try:
            get = _signed_in(app, database)
            paths = {
                "page": f"/admin/muster/{on.muster_id}",
                "page_of_a_hall": f"/admin/muster/{on.muster_id}?hall=7",
                "paper": f"/admin/muster/{on.muster_id}/list",
            }
            for name, path in paths.items():
                times, size = [], 0
                for _ in range(TIMES):
                    took, body = _timed(lambda path=path: get(path))
                    times.append(took)
                    size = len(body)
                found[f"{name}_s"], found[f"{name}_kb"] = _spread(times), size // 1000
            serials = [
                line.serial for line in lists.lines(database.reader, on.muster_id, limit=SEEN)
            ]
            found["roll_call"] = roll_call(opened, database, serials)
            counts = lists.counts(database.reader, on.muster_id)
            found["seen"] = counts.total("seen")
            found["missing"] = counts.total("missing")
        finally:
            close_app(app)
    return {"muster": found, "cores": os.cpu_count()}


def _signed_in(app, database: Database) -> Callable[[str], bytes]:
    hashed = users.hash_password(PASSWORD)
    database.write(lambda db: users.add_user(db, "bench", "admin", hashed, by="test", now=NOW))
    _, token = users.sign_in(database, "bench", PASSWORD, now=NOW)
    client = app.test_client()
    client.set_cookie(auth.COOKIE, token, domain="localhost", secure=True, httponly=True)

    def get(path: str) -> bytes:
        answer = client.get(path, base_url="https://localhost")
        assert answer.status_code == 200, answer.status
        return answer.data

    return get


def _spread(times: list[tuple[float, float]]) -> dict[str, float]:
    walls, cpus = [wall for wall, _ in times], [cpu for _, cpu in times]
    return {
        "p50": round(statistics.median(walls), 3),
        "worst": round(max(walls), 3),
        "cpu_p50": round(statistics.median(cpus), 3),
    }
