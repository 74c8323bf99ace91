"""A ledger without a network: one hall, doors with enough places, batches sent to the writer."""

import os
import queue
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from badges.admission.facts import Calendar
from badges.places.pool import PoolKey
from badges.transparency.chain import chain_start
from badges.wire import wire
from server.core.feed import changes
from server.core.kiosks import contact
from server.core.ledger import ingest, read_ahead
from server.core.ledger.prepared import prepare
from server.core.occupancy import pools
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.engines.joint import Joinable
from server.storage.migrations import migrate
from server.storage.opening import connect
from server.storage.transactions import transaction
from tests.server.support.fake_door import FakeDoor

NOW = 1_777_860_000_000
DAY = 86_400_000
CALENDAR = Calendar((NOW - DAY, NOW + DAY))
PEOPLE = 20_000
GRANTED = 1_000_000  # to each door
STAY_MS = 60_000
STEP_MS = 10  # between two people; a full round outlasts a stay, so no person is in twice
_BATCHES = read_ahead.kind(lambda db, results: results)


def build(db: Connection, doors: Sequence[FakeDoor], halls: int, people: int) -> None:
    """Halls with room for all, and doors that have more places than they need."""
    db.execute(
        "INSERT INTO category (category, code, names, letter, colour)"
        " VALUES (1, 'delegate', '{}', 'D', '#003366')"
    )
    for hall in range(1, halls + 1):
        db.execute(
            "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones, sessions_only,"
            " anti_passback, exits) VALUES (?, ?, '{}', ?, ?, 1, 0, 'hard', 'strict')",
            (hall, f"H{hall}", GRANTED * len(doors), GRANTED * len(doors)),
        )
        db.execute("INSERT INTO hall_category VALUES (?, 1)", (hall,))
    changes.publish(db, wire.VenueChanged())
    db.executemany(
        "INSERT INTO attendee (serial, given_name, family_name, organisation, country, email,"
        " category, valid_days, zones, flags, language, created_at)"
        " VALUES (?, 'A', 'B', '', '', '', 1, 3, 1, 0, 'en', 0)",
        ((serial,) for serial in range(people)),
    )
    for door in doors:
        row = (door.door, door.kiosk, door.hall)
        db.execute("INSERT INTO door VALUES (?, ?, ?, '{}', 'both')", row)
        db.execute(
            "INSERT INTO kiosk (kiosk, generation, door_id, state, public_key, head, created_at,"
            " seen_at) VALUES (?, 1, ?, 'active', ?, ?, 0, ?)",
            (door.kiosk, door.door, door.key.public.raw, chain_start(door.kiosk, 1), NOW),
        )
        key = PoolKey(door.hall)
        pools.enrol(db, door.hall, (door.kiosk, 1))
        before = pools.load(db, key)
        pools.save(db, key, before, before.grant((door.kiosk, 1), GRANTED))
        door.granted = GRANTED


def new_ledger(path: Path, doors: Sequence[FakeDoor], halls: int, people: int) -> None:
    connection = connect(path)
    migrate(connection)
    with transaction(connection):
        build(connection, doors, halls, people)
    connection.close()


class LedgerSite:
    """One door that scans people in and out, and its ledger. Close it."""

    def __init__(self, folder: Path) -> None:
        path = folder / "event.db"
        self.door = FakeDoor("west", 1, 1)
        new_ledger(path, [self.door], 1, PEOPLE)
        self.database = Database(path)
        self._steps = 0

    def close(self) -> None:
        self.database.close()

    def scan(self, count: int) -> None:
        """People in and out, each with a minute inside."""
        for _ in range(count // 2):
            self._steps += 1
            at, serial = NOW + self._steps * STEP_MS, self._steps % PEOPLE
            entry = self.door.scan(at, serial, v=2, salt=os.urandom(16).hex())
            self.door.leave(
                at + STAY_MS, serial, self.door.ref(entry), v=2, salt=os.urandom(16).hex()
            )

    def batches(self, scans: int) -> list[wire.ScanBatch]:
        """All unsent records, signed."""
        ends = range(self.door.acked, len(self.door.records), scans)
        return [
            self.door.batch(NOW, first + 1, min(len(self.door.records), first + scans))
            for first in ends
        ]

    def send(self, batch: wire.ScanBatch) -> None:
        """As the API passes it on; acknowledged records are dropped."""
        door = self.door
        prepared = prepare(batch, door.key.public.raw)
        key = (door.kiosk, door.generation)
        short = len(batch.records) <= ingest.IN_ORDER

        def step(db: sqlite3.Connection) -> ingest.Ingested:
            sender, _ = contact.sender(db, *key)
            return ingest.ingest(db, sender, batch, calendar=CALENDAR, now=NOW, prepared=prepared)

        results: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
        self.database.write_then(
            step,
            lambda *result: results.put(result),
            early=True,
            joinable=Joinable(_BATCHES, read_ahead.About(key, prepared)) if short else None,
        )
        taken, error = results.get()
        if error is not None:
            raise error
        acked = taken.acked_seq
        door.records[door.acked : acked] = [b""] * (acked - door.acked)
        door.heads[door.acked : acked] = [b""] * (acked - door.acked)
        door.acked = acked

    def measure(self, count: int, scans: int) -> tuple[float, float]:
        """Microseconds for each of `count` scans in batches of `scans`: on the clock, and of CPU
        (without the doors' signatures).
        """
        self.scan(count)
        batches = self.batches(scans)
        wall, cpu = time.perf_counter(), time.process_time()
        for batch in batches:
            self.send(batch)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return wall / count * 1e6, cpu / count * 1e6
