"""An answer cached for the next holder equals the computed answer."""

import random
import sqlite3

import pytest

from badges.admission.decide import decide
from badges.admission.facts import Direction, Scan
from badges.record import ScanRecord
from server.core.ledger.discrepancies import Judge, _badge
from server.core.ledger.holders import Holders
from server.core.ledger.rows import Rows
from server.core.venue import rules
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.support.site import CALENDAR, OTHER, ROOM, SMALL, Site
from tests.server.support.site import site as site
from tests.server.support.site import two_halls as two_halls

PEOPLE = range(1, 21)


def vary(db: sqlite3.Connection, chance: random.Random) -> None:
    """Sessions in two halls, and people who differ in each fact that an answer depends on."""
    for n in range(6):
        opens = NOW + chance.randrange(-90, 90) * MINUTE
        starts, ends = opens + 15 * MINUTE, opens + HOUR
        db.execute(
            "INSERT INTO session (session_id, code, hall_id, titles, starts_at, ends_at, opens_at,"
            " closes_at) VALUES (?, ?, ?, '{}', ?, ?, ?, ?)",
            (n, f"S{n}", chance.choice([SMALL, OTHER]), starts, ends, opens, ends),
        )
        db.execute("INSERT INTO session_category VALUES (?, 1)", (n,))
    db.execute(
        "UPDATE hall SET sessions_only = 1 WHERE hall_id = ?", (chance.choice([SMALL, OTHER]),)
    )
    db.execute("DELETE FROM hall_category WHERE hall_id = ?", (OTHER,))
    for serial in PEOPLE:
        changed = chance.choice(["valid_days", "zones", "flags", "revoked_at", "category"])
        value = NOW if changed == "revoked_at" else chance.randrange(1, 3)
        db.execute(f"UPDATE attendee SET {changed} = ? WHERE serial = ?", (value, serial))
        if chance.random() < 0.3:
            db.execute("INSERT INTO session_guest VALUES (?, ?, ?)", (0, serial, serial % 2))


@pytest.mark.parametrize("seed", range(3))
def test_kept_answers_are_those_that_are_worked_out(site: Site, seed: int) -> None:
    chance = random.Random(seed)

    def step(db: sqlite3.Connection) -> int:
        db.execute(
            "INSERT INTO category (category, code, names, letter, colour)"
            " VALUES (2, 'other', '{}', 'O', '#003366') ON CONFLICT DO NOTHING"
        )
        vary(db, chance)
        holders = Holders(db)
        rows = Rows(db, NOW, entries=0, quarantined=False)
        now = rules.rules(db)
        judge = Judge(db, holders, now, CALENDAR, rows)
        door = {SMALL: site.west.door, OTHER: site.other.door, ROOM: site.room.door}
        for _ in range(400):
            serial, hall = chance.choice(PEOPLE), chance.choice([SMALL, OTHER, ROOM])
            record = ScanRecord(
                kiosk="west", generation=1, seq=1, direction="entry", door=door[hall], hall=hall,
                scanned_at=NOW + chance.randrange(-14 * 60, 14 * 60) * MINUTE // 4, skew_ms=0,
                facts_age_ms=0, decision="admitted", serial=serial,
                issue=chance.choice([1, 1, 1, 2]),
            )  # fmt: skip
            person = holders.person(serial)
            assert person is not None
            scan = Scan(_badge(record, person), Direction.ENTRY, record.scanned_at)
            expected = decide(scan, judge._facts(record, person, {}))
            assert judge._answer(record, person, {}) == expected
        assert rows.entries == 0
        return len(now.answers)

    assert 10 < site.database.write(step) < 300
