"""The small venues: their halls, doors and people, as a database in memory."""

import random
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import argon2

from server.app.new_event import init_event
from server.core.event.directory import Event, load_event
from server.core.people import issuing
from server.core.staff import users
from server.features.imports.roster_import import import_roster
from server.features.imports.venue_file import read_venue
from server.features.imports.venue_import import import_venue
from server.storage.database import Database
from tests.server.conftest import NOW, SETTINGS, roster_of
from tests.swarm.site import enrol_in, roster_text

START = NOW
OVERRIDES = 1  # places between a hall's capacity and its fire limit
PAGE_BYTES = 1024  # small pages, so that a state that differs a little costs little


@dataclass(frozen=True)
class HallPlan:
    code: str
    capacity: int = 2
    parent: str = ""
    settings: str = ""  # further lines of the venue file


@dataclass(frozen=True)
class DoorPlan:
    """A door, and the halls that one enters by it, its own first."""

    code: str
    enters: tuple[str, ...]


@dataclass(frozen=True)
class Venue:
    halls: tuple[HallPlan, ...]
    doors: tuple[DoorPlan, ...]
    people: int = 4

    @property
    def text(self) -> str:
        halls = [
            f'\n[[hall]]\ncode = "{hall.code}"\nname = "Hall {hall.code}"\n'
            f"capacity = {hall.capacity}\nfire_limit = {hall.capacity + OVERRIDES}\n"
            f"{hall.settings}\n" + (f'parent = "{hall.parent}"\n' if hall.parent else "")
            for hall in self.halls
        ]
        doors = [
            f'\n[[door]]\ncode = "{door.code}"\nhall = "{door.enters[0]}"\n'
            f'name = "Door {door.code}"\n'
            for door in self.doors
        ]
        return "".join(halls + doors)


@dataclass(frozen=True)
class Opened:
    """A venue before the first act: the event, and the server's database with an enrolled kiosk at
    each door.
    """

    event: Event
    database: bytes
    badges: tuple[tuple[int, str], ...]  # serial and text, by person
    hall_ids: dict[str, int]
    door_ids: dict[str, int]


def opened(venue: Venue) -> Opened:
    users.HASHER = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    draw = random.Random(1).randbytes
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "event"
        settings = replace(SETTINGS, backup_dir=None) if SETTINGS.backup_dir else SETTINGS
        event, _ = init_event(path, settings, now=START - 3_600_000, random=draw)
        with Database(event.database_path) as database:
            plan = read_venue(venue.text.encode(), "venue.toml", event.settings)
            database.write(lambda db: import_venue(db, plan, by="test", now=START))
            people = roster_of(roster_text(venue.people))
            database.write(
                lambda db: import_roster(
                    db, people, skip_bad=False, by="test", now=START, random=draw
                )
            )
            database.write(lambda db: issuing.issue_missing(db, event, now=START, by="test"))
            for door in venue.doors:
                database.write(lambda db, code=door.code: enrol_in(db, event, code, code, START))
            db = database.reader
            badges = tuple(
                (serial, text)
                for serial, text in db.execute("SELECT serial, credential FROM badge ORDER BY 1")
            )
            halls = dict(map(tuple, db.execute("SELECT code, hall_id FROM hall")))
            doors = dict(map(tuple, db.execute("SELECT code, door_id FROM door")))
        loaded = load_event(path)
        return Opened(loaded, _compact(event.database_path), badges, halls, doors)


def _compact(path: Path) -> bytes:
    """The database with small pages, and without a write-ahead log, which memory has not."""
    with closing(sqlite3.connect(path)) as file, closing(sqlite3.connect(":memory:")) as db:
        file.execute("PRAGMA journal_mode = DELETE")
        file.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        file.execute("VACUUM")
        file.backup(db)
        return bytes(db.serialize())
