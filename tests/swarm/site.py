"""The server of a day: the real app over a real event directory.

It may be restarted, restored from a backup, or put back by hand.
"""

import gc
import queue
import random
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import argon2
from flask.testing import FlaskClient

from badges.credential.keys import PrivateKey
from badges.record import StayRef
from badges.wire import wire
from badges.wire.enrolment import proof
from kiosk.journal.errors import JournalError
from kiosk.sync.protocol import TransportError
from server.app.app import close_app, create_app
from server.app.new_event import init_event
from server.core.event.clock import ServerClock
from server.core.event.directory import Event, load_event
from server.core.event.settings import EventSettings
from server.core.kiosks import registry
from server.core.ledger.prepared import prepare
from server.core.people import issuing
from server.core.second_disk.copy import BackupError, Backups, make_backup
from server.core.second_disk.critical_state import ACTS_FILE, ActsError
from server.core.staff import users
from server.doors import replica, scans
from server.doors.heartbeats import heartbeats_of
from server.doors.signatures import Signed, verified_step
from server.features.backup.restore import restore
from server.features.imports.roster_import import import_roster
from server.features.imports.venue_file import read_venue
from server.features.imports.venue_import import import_venue
from server.storage.connection import Connection
from server.storage.database import Database
from server.web.services import Services, keep_services, services, services_of
from tests.server.conftest import roster_of
from tests.swarm.clocks import MachineClock, Time

START = 1_777_860_000_000  # 2026-05-04 10:00 in Shanghai, the event's first morning
PEOPLE = 24
CAPACITY = 6
OUTER_CAPACITY = 9

SETTINGS = EventSettings(
    name={"en": "Harbour Forum", "zh": "海港论坛"},
    time_zone="Asia/Shanghai",
    first_day=date(2026, 5, 4),
    days=3,
    public_host="localhost",
    host="127.0.0.1",
    port=8443,
    backup_dir="../second",
)


@dataclass(frozen=True)
class DoorPlan:
    """A door, its hall, and the halls that one enters by it."""

    code: str
    hall: str
    enters: tuple[str, ...]


DOORS = (
    DoorPlan("a1", "a", ("a",)),
    DoorPlan("a2", "a", ("a",)),
    DoorPlan("b1", "b", ("b",)),
    DoorPlan("b2", "b", ("b",)),
    DoorPlan("t1", "t", ("t",)),
    DoorPlan("t2", "t", ("t",)),
    DoorPlan("o1", "o", ("o",)),
    DoorPlan("r1", "r", ("r", "o")),
)


def venue_text(capacity: int = CAPACITY) -> str:
    halls = [
        f"""
[[hall]]
code = "{code}"
name = "Hall {code.upper()}"
capacity = {OUTER_CAPACITY if code == "o" else capacity}
fire_limit = {(OUTER_CAPACITY if code == "o" else capacity) + 2}
{extra}
"""
        for code, extra in (
            ("a", ""),
            ("b", 'anti_passback = "soft"\nleaving = "inferred"'),
            ("t", 'exits = "trusting"'),
            ("o", ""),
            ("r", 'parent = "o"'),
        )
    ]
    doors = [
        f'\n[[door]]\ncode = "{door.code}"\nhall = "{door.hall}"\nname = "Door {door.code}"\n'
        for door in DOORS
    ]
    return "".join(halls + doors)


def roster_text(people: int = PEOPLE) -> str:
    rows = [f"P{n},Given{n},Family{n},,,p{n}@example.org,delegate,,,,en" for n in range(people)]
    head = "id,given name,family name,organisation,country,email,category,days,zones,invitations"
    return "\n".join([f"{head},language", *rows, ""])


def kiosk_key(name: str, generation: int) -> PrivateKey:
    return PrivateKey(f"{name}/{generation}".encode().ljust(32, b"."))


def make_template(path: Path) -> None:
    """An event with halls, doors, people, badges, and a kiosk enrolled at each door."""
    users.HASHER = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    (path / "second").mkdir(parents=True)
    draw = random.Random(1).randbytes  # the same serials in every process
    event, _ = init_event(path / "event", SETTINGS, now=START - 3_600_000, random=draw)
    with Database(event.database_path) as database:
        plan = read_venue(venue_text().encode(), "venue.toml", event.settings)
        database.write(lambda db: import_venue(db, plan, by="test", now=START))
        people = roster_of(roster_text())
        database.write(
            lambda db: import_roster(db, people, skip_bad=False, by="test", now=START, random=draw)
        )
        database.write(lambda db: issuing.issue_missing(db, event, now=START, by="test"))
        for door in DOORS:
            enrol(event, database, door.code, door.code, START)


def enrol(event: Event, database: Database, kiosk: str, door: str, now: int) -> int:
    """Enrol a kiosk again. Returns its generation."""
    return database.write(lambda db: enrol_in(db, event, kiosk, door, now))


def enrol_in(db: Connection, event: Event, kiosk: str, door: str, now: int) -> int:
    """The same in the caller's transaction."""
    code = registry.add_kiosk(
        db, event, kiosk, door, address=("localhost", 8443), by="test", now=now,
        random=lambda size: f"{kiosk} {now}".encode().rjust(size, b"t")[-size:],
    )  # fmt: skip
    (generation,) = db.execute(
        "SELECT MAX(generation) FROM kiosk WHERE kiosk = ?", (kiosk,)
    ).fetchone()
    key = kiosk_key(kiosk, generation)
    asked = wire.EnrolRequest(code.token, key.public.raw, proof(key, code.token))
    registry.enrol(db, event, asked, now)
    registry.confirm(db, event, kiosk, by="test", now=now)
    return int(generation)


class SteppedSite:
    """The running server. `stop` and `start` are a restart."""

    def __init__(self, path: Path, time: Time) -> None:
        self.path = path
        self.clock = MachineClock(time)
        self.client: FlaskClient | None = None
        self.kept: list[Path] = []  # copies of the event directory, made by hand
        self.start()

    @property
    def directory(self) -> Path:
        return self.path / "event"

    @property
    def second(self) -> Path:
        return self.path / "second"

    @property
    def services(self) -> Services:
        return services_of(self.app)

    def start(self) -> None:
        """Raises ActsError or BackupError if the second disk shows that the database is old."""
        replica.KEEP_ALIVE_S = 0.0
        self.event = load_event(self.directory)
        self.database = Database(self.event.database_path)
        clock = ServerClock(
            self.database, wall=self.clock.wall, steady=self.clock.monotonic, boot=lambda: "boot"
        )
        self.app = create_app(self.event, self.database, now=self.clock.wall, clock=clock)
        try:
            backups = Backups(self.event, self.database, self.clock.wall)
            keep_services(self.app, replace(services_of(self.app), backups=backups))
            backups._keeper.keep()  # as its thread does at the start
        except BaseException:
            close_app(self.app)
            self.database.close()
            raise
        # Its thread does not run: the day calls its work.
        heartbeats_of(services_of(self.app)).is_on = True
        self.client = self.app.test_client()

    def write_heartbeats(self) -> None:
        """As the server does twice a second."""
        if self.client is not None:
            heartbeats_of(services_of(self.app)).write()

    def stop(self) -> None:
        if self.client is not None:
            self.client = None
            close_app(self.app)
            self.database.close()
            del self.app
            gc.collect(0)

    def copy_by_hand(self) -> None:
        """Copy the stopped server's directory, like a snapshot of its computer."""
        target = self.path / f"copy{len(self.kept)}"
        self.stop()
        shutil.copytree(self.directory, target)
        self.start()
        self.kept.append(target)

    def put_back_by_hand(self, copy: Path) -> None:
        """Put the copy back later, unannounced.

        If the second disk shows that it is old, the server does not start, and requires a
        restore.
        """
        self.stop()
        shutil.rmtree(self.directory)
        shutil.copytree(copy, self.directory)
        try:
            self.start()
        except (ActsError, BackupError):
            self._restore_from(copy)
            self.start()

    def back_up(self) -> None:
        make_backup(self.event, self.second, self.clock.wall(), pause_s=0.0)

    def restore(self) -> bool:
        """Restore the newest backup by the product's own command. False without one."""
        copies = sorted(path for path in self.second.iterdir() if path.is_dir())
        if not copies:
            return False
        self.stop()
        self._restore_from(copies[-1])
        self.start()
        return True

    def overridden(self) -> frozenset[StayRef]:
        """The stays on override places that the server knows and that may be open."""
        rows = self.database.reader.execute(
            "SELECT kiosk, generation, seq FROM stay WHERE override = 1"
            " AND (closed_at IS NULL OR after_move IS NOT NULL)"
        )
        return frozenset(StayRef(*row) for row in rows)

    def take_together(self, senders: Sequence[Callable[[], object]]) -> None:
        """Upload the doors' scans in this order, all in one commit.

        None may have a backlog, because a backlog takes turns with others' scans.
        """
        gate, begun = threading.Event(), threading.Event()
        self.database.write_then(lambda db: begun.set() or gate.wait(), lambda *_: None)
        begun.wait()
        came = threading.Semaphore(0)  # each waits for the commit, or is done without it
        joined = partial(_joined, came, scans.signed_write)
        with patch.object(scans, "signed_write", joined):
            threads = [threading.Thread(target=_send, args=(sender, came)) for sender in senders]
            for thread in threads:
                thread.start()
                came.acquire()
            gate.set()
            for thread in threads:
                thread.join()

    def _restore_from(self, source: Path) -> None:
        restore(
            source, self.directory, now=self.clock.wall(), over=True,
            acts_file=self.second / ACTS_FILE,
        )  # fmt: skip


def _send(send: Callable[[], object], came: threading.Semaphore) -> None:
    with suppress(TransportError, JournalError):
        send()
    came.release()


def _joined(
    came: threading.Semaphore,
    alone: Callable[..., Any],
    signed: Signed,
    step: Callable[..., Any],
    *,
    batch: wire.ScanBatch | None = None,
    **options: bool,
) -> Any:
    """As the serving loop does it (server/doors/scans_lane.py), not the app."""
    if batch is None:
        came.release()
        return alone(signed, step, **options)
    here = services()
    answers: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
    prepared = prepare(batch)
    here.database.write_then(
        verified_step(signed, scans.step_for(here, batch, prepared), here.now, batch=batch),
        lambda taken, error: answers.put((taken, error)),
        joinable=scans.joinable(prepared, signed.stamp.key),
    )
    came.release()
    taken, error = answers.get()
    if error is not None:
        raise error
    return taken
