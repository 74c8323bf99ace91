"""What a scan costs the ledger: batches of 1 to 1,000, against bare `executemany` of the same rows
in the same run.
"""

import sqlite3
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from badges.admission.facts import Calendar
from badges.transparency import chain_start
from server import kiosks, ledger, places
from server.database import Database, connect
from server.schema import migrate
from tests.server.doors import Door

NOW = 1_777_860_000_000
DAY = 86_400_000
CALENDAR = Calendar((NOW - DAY, NOW + DAY))
SCANS = 4_000
PEOPLE = 20_000
HALL = 1


def build(db: sqlite3.Connection, doors: list[Door]) -> None:
    db.execute(
        "INSERT INTO category (category, code, names, letter, colour)"
        " VALUES (1, 'delegate', '{}', 'D', '#003366')"
    )
    db.execute(
        "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones, sessions_only,"
        " anti_passback, exits) VALUES (?, 'H1', '{}', 9000000, 9000000, 1, 0, 'hard', 'strict')",
        (HALL,),
    )
    db.execute("INSERT INTO hall_category VALUES (?, 1)", (HALL,))
    db.executemany(
        "INSERT INTO attendee (serial, given_name, family_name, organisation, country, email,"
        " category, valid_days, zones, flags, language, created_at)"
        " VALUES (?, 'A', 'B', '', '', '', 1, 1, 1, 0, 'en', 0)",
        ((serial,) for serial in range(PEOPLE)),
    )
    for door in doors:
        db.execute(
            "INSERT INTO door VALUES (?, ?, ?, '{}', 'both')", (door.door, door.kiosk, door.hall)
        )
        db.execute(
            "INSERT INTO kiosk (kiosk, generation, door_id, state, public_key, head, created_at,"
            " seen_at) VALUES (?, 1, ?, 'active', ?, ?, 0, ?)",
            (door.kiosk, door.door, door.key.public.raw, chain_start(door.kiosk, 1), NOW),
        )
        places.enrol(db, door.hall, (door.kiosk, 1))


def send(database: Database, door: Door, batch_scans: int) -> None:
    """One batch of what the door has not sent yet, as the API hands it on."""
    last = min(len(door.records), door.acked + batch_scans)
    batch = door.batch(NOW, last=last)

    def step(db: sqlite3.Connection) -> ledger.Ingested:
        found = kiosks.sender(db, door.kiosk, door.generation)
        assert found is not None
        return ledger.ingest(db, found[0], batch, calendar=CALENDAR, now=NOW)

    door.acked = database.write(step).acked_seq


def scan_all(door: Door, count: int) -> None:
    for n in range(0, count, 2):
        entry = door.scan(NOW + n, n % PEOPLE)
        door.leave(NOW + n + 1, n % PEOPLE, door.ref(entry))


def measure_ingest(batch_scans: int, count: int) -> tuple[float, float]:
    """Scans a second, and microseconds of CPU for each."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "event.db"
        connection = connect(path)
        migrate(connection)
        connection.close()
        door = Door("west", 1, HALL)
        with Database(path) as database:
            database.write(lambda db: build(db, [door]))
            send(database, door, 1)
            scan_all(door, count)
            wall, cpu = time.perf_counter(), time.process_time()
            while door.acked < count:
                send(database, door, batch_scans)
            return (
                count / (time.perf_counter() - wall),
                (time.process_time() - cpu) / count * 1e6,
            )


def measure_bare(batch_scans: int, count: int) -> float:
    """Rows a second of bare `executemany` with the same durability, commits as large."""
    with TemporaryDirectory() as folder:
        connection = connect(Path(folder) / "bare.db")
        connection.execute("CREATE TABLE row (number INTEGER PRIMARY KEY, body BLOB)")
        rows = [(n, b"x" * 420) for n in range(count)]
        wall = time.perf_counter()
        for first in range(0, count, batch_scans):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO row VALUES (?, ?)", rows[first : first + batch_scans]
            )
            connection.execute("COMMIT")
        rate = count / (time.perf_counter() - wall)
        connection.close()
        return rate


def run() -> dict[str, object]:
    """Rows of the table, one for each size of batch."""
    rows = []
    for batch_scans in (1, 10, 100, 1000):
        count = SCANS if batch_scans > 1 else SCANS // 4
        bare = measure_bare(batch_scans, count)
        rate, cpu = measure_ingest(batch_scans, count)
        rows.append(
            {
                "batch": batch_scans,
                "scans_per_s": round(rate),
                "cpu_us_per_scan": round(cpu),
                "bare_rows_per_s": round(bare),
                "ratio": round(bare / rate, 1),
            }
        )
    return {"ingest": rows}
