"""The cost of a scan in SQLite's steps, independent of the ledger's size."""

import sqlite3

import pytest

from server.core.kiosks import contact
from server.core.ledger import ingest
from server.core.people import protocol_guests
from server.storage.database import Database
from server.storage.engines import memory
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.support.site import ANNA, BORIS, CALENDAR, Site, open_site

BEFORE = 300  # stays of one holder, or halls, or accounts of other kiosks

# They count SQLite's own steps, or read its file.
pytestmark = pytest.mark.sqlite_alone


@pytest.fixture
def site(database: Database) -> Site:
    return open_site(database)


def steps(site: Site) -> int:
    """Steps of SQLite's virtual machine for one batch of the west door."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    def counted(db: sqlite3.Connection) -> None:
        memory.forget(db)  # As if another step had written.
        db.set_progress_handler(step, 1)

    def uncounted(db: sqlite3.Connection) -> None:
        db.set_progress_handler(None, 1)

    site.database.write(counted)
    try:
        site.send(site.west)
    finally:
        site.database.write(uncounted)
    return count


def entry_and_exit(site: Site, at: int, serial: int) -> int:
    entry = site.west.scan(at, serial)
    site.west.leave(at + MINUTE, serial, site.west.ref(entry))
    site.west.entries -= 1
    return steps(site)


def test_whoever_was_in_often_costs_no_more(site: Site) -> None:
    entry_and_exit(site, NOW, BORIS)
    once = entry_and_exit(site, NOW + 2 * MINUTE, BORIS)

    def lived(db: sqlite3.Connection) -> None:
        db.executemany(
            "INSERT INTO stay (kiosk, generation, seq, hall_id, door_id, serial, opened_at,"
            " closed_at, closed_by) VALUES ('east', 1, ?, 1, 2, ?, ?, ?, 'exit')",
            ((n, ANNA, NOW - HOUR + n, NOW - HOUR + n + 1) for n in range(1000, 1000 + BEFORE)),
        )

    site.database.write(lived)
    often = entry_and_exit(site, NOW + 4 * MINUTE, ANNA)
    assert often < once * 1.1


def test_a_long_ledger_costs_no_more(site: Site) -> None:
    entry_and_exit(site, NOW, BORIS)
    before = entry_and_exit(site, NOW + 2 * MINUTE, BORIS)
    for n in range(BEFORE):
        site.west.scan(NOW + 3 * MINUTE + n, None, decision="denied", reason="forged")
    site.send(site.west)
    assert entry_and_exit(site, NOW + 5 * MINUTE, BORIS) < before * 1.1


def test_a_venue_of_many_halls_costs_no_more(site: Site) -> None:
    entry_and_exit(site, NOW, BORIS)
    before = entry_and_exit(site, NOW + 2 * MINUTE, BORIS)

    def build(db: sqlite3.Connection) -> None:
        for n in range(100, 100 + BEFORE):
            db.execute(
                "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones,"
                " sessions_only, anti_passback, exits) VALUES (?, ?, '{}', 5, 5, 1, 0, 'hard',"
                " 'strict')",
                (n, f"N{n}"),
            )
            db.execute(
                "INSERT INTO place_account (hall_id, override, kiosk, generation)"
                " VALUES (?, 0, 'east', 1)",
                (n,),
            )

    site.database.write(build)
    entry_and_exit(site, NOW + 4 * MINUTE, BORIS)  # reads the rules
    assert entry_and_exit(site, NOW + 6 * MINUTE, BORIS) < before * 1.1


def test_protocol_guests_cost_whoever_is_none_nothing(site: Site) -> None:
    """A returning guest costs no more than a look at the day's arrival."""
    entry_and_exit(site, NOW, BORIS)
    entry_and_exit(site, NOW + 2 * MINUTE, ANNA)
    before = entry_and_exit(site, NOW + 4 * MINUTE, BORIS)

    def flag(db: sqlite3.Connection) -> None:
        for serial in (ANNA, *range(1, 21)):
            protocol_guests.set_protocol_guest(db, serial, [1], by="test", now=NOW)

    site.database.write(flag)
    entry_and_exit(site, NOW + 6 * MINUTE, BORIS)  # reads the rules
    # Steps differ by some per cent between minutes: counts by the minute are new.
    assert entry_and_exit(site, NOW + 8 * MINUTE, BORIS) <= before * 1.05
    entry_and_exit(site, NOW + 10 * MINUTE, ANNA)  # arrives
    assert entry_and_exit(site, NOW + 12 * MINUTE, ANNA) < before * 1.1


def test_a_batch_reads_its_pools_once(site: Site) -> None:
    """Both pools, for its records, for sharing and for the answer."""
    seen: list[str] = []
    batch = site.west.batch(NOW)

    def step(db: sqlite3.Connection) -> ingest.Ingested:
        memory.forget(db)
        sender, _ = contact.sender(db, "west", 1)
        db.set_trace_callback(seen.append)
        try:
            return ingest.ingest(db, sender, batch, calendar=CALENDAR, now=NOW)
        finally:
            db.set_trace_callback(None)

    orders = site.database.write(step).orders
    assert [(order.hall, order.override) for order in orders] == [(1, False), (1, True)]
    assert len([sql for sql in seen if "open_stays" in sql and "SELECT" in sql]) == 1
    assert len(seen) <= 8
