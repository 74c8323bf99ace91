"""A forum of 55 halls on a busy day: some full, some in trouble, and kiosks away."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from badges.roster.reader import read_roster
from badges.wire import wire
from server.app.new_event import init_event
from server.core.venue import session_states
from server.core.venue.session_states import Phase
from server.demo.forum.forum import DAYS, make_forum
from server.demo.forum.people import CATEGORY_WEIGHTS, roster_csv
from server.features.imports.roster_import import import_roster
from server.features.imports.venue_file import read_venue
from server.features.imports.venue_import import import_venue
from server.storage.connection import Connection
from server.storage.database import Database
from tests.server.conftest import MINUTE, NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages

PEOPLE = 200
KIOSKS = 14
HEALTH = (
    wire.Health(version="1.4"),
    wire.Health(version="1.4", battery_percent=12),
    wire.Health(version="1.4", camera=wire.CameraState.LOST, camera_fault="no camera found"),
    wire.Health(version="1.4", queue=340, facts_age_ms=400_000),
)


@contextmanager
def busy_forum(path: Path) -> Iterator[Pages]:
    forum = make_forum(7, PEOPLE, NOW)
    event, _ = init_event(path, forum.settings("127.0.0.1", 8443), now=NOW, password_stays=True)
    event = replace(event, settings=replace(event.settings, time_zone=forum.time_zone))
    with Database(event.database_path) as database:
        venue = read_venue(forum.venue.encode(), "venue.toml", event.settings)
        roster = read_roster(
            roster_csv(forum.people), "roster.csv", categories=tuple(CATEGORY_WEIGHTS), days=DAYS
        )
        database.write(lambda db: import_venue(db, venue, by="test", now=NOW))
        take = partial(import_roster, roster=roster, skip_bad=False, by="test", now=NOW)
        database.write(lambda db: take(db, random=os.urandom))
        with Pages(event, database, now=NOW) as pages:
            pages.issue()
            kiosks = _kiosks(pages)
            _scans(pages, kiosks)
            database.write(lambda db: _halls(db, pages.now))
            pages.now += 1_000
            yield pages


def _kiosks(pages: Pages) -> list[FakeDoor]:
    rows = pages.database.reader.execute("SELECT code FROM door ORDER BY door_id").fetchall()
    kiosks = []
    for number, row in enumerate(rows[:KIOSKS]):
        kiosks.append(pages.kiosk(f"k-{number:02}", row["code"]))
        pages.send(kiosks[-1])
    return kiosks


def _scans(pages: Pages, kiosks: list[FakeDoor]) -> None:
    rows = pages.database.reader.execute("SELECT serial, category FROM attendee").fetchall()
    for number, row in enumerate(rows):
        door = kiosks[number % len(kiosks)]
        at = pages.now - 14 * MINUTE + number * 4_000
        if number % 9 == 0:
            door.scan(at, row["serial"], decision="denied", reason="hall_full")
        else:
            door.scan(at, row["serial"], category=row["category"])
    kiosks[0].scan(pages.now, None, decision="denied", reason="forged")
    pages.send(kiosks[-1])
    # The last three are away.
    pages.now += 2 * MINUTE
    for number, door in enumerate(kiosks[:-3]):
        pages.send(door, health=HEALTH[number % len(HEALTH)])


def _halls(db: Connection, now: int) -> None:
    """Fill the halls with sessions today to different shares, some over their capacity, and one by
    an override.
    """
    minute = now // MINUTE
    phases = session_states.hall_phases(db, now, now + 12 * 60 * MINUTE)
    rest = {hall for hall, phase in phases.items() if phase.phase is Phase.NONE}
    for row in db.execute("SELECT hall_id, capacity FROM hall ORDER BY hall_id").fetchall():
        hall, capacity = row["hall_id"], row["capacity"]
        inside = 0 if hall in rest else capacity * (hall * 37 % 104) // 100
        db.execute("UPDATE hall SET open_stays = ? WHERE hall_id = ?", (inside, hall))
        for ago in range(0 if hall in rest else 12):
            db.execute(
                "INSERT OR REPLACE INTO hall_minute (hall_id, minute, came, went)"
                " VALUES (?, ?, ?, ?)",
                (hall, minute - ago, hall % 7, hall % 4),
            )
    beyond = min(phases.keys() - rest)
    sql = "UPDATE hall SET open_stays = capacity, open_overrides = 1, fire_limit = capacity + 5"
    db.execute(f"{sql} WHERE hall_id = ?", (beyond,))
