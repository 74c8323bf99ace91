"""The real server and real kiosks in one process: its app behind a client, their journals on disk.

The database can be copied and put back while all else goes on, as by a file copy or a snapshot of
the machine.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from flask import Flask

from badges.credential.credential import Credential, issue_credential
from badges.credential.keys import PrivateKey
from badges.places.account import Account
from badges.places.pool import PoolKey
from badges.wire import wire
from badges.wire.enrolment import proof
from badges.wire.version import HEADER, UNSTATED, read_version
from badges.wire.wire import ErrorCode
from kiosk.door.admit import Admitter
from kiosk.journal.journal import Journal
from kiosk.replica.replica import Replica
from kiosk.sync.follow import Feed
from kiosk.sync.link import Link
from kiosk.sync.protocol import REPLAY_TRIES, ConnectionFault, TransportError, checked
from kiosk.sync.signer import Signer
from kiosk.sync.transport import Transport
from kiosk.sync.upload import Sync
from server.app.app import close_app, create_app
from server.core.entry_log import entry_log
from server.core.event.directory import Event, load_event
from server.core.kiosks import registry
from server.core.occupancy import pools
from server.core.second_disk.copy import Backups
from server.storage import event_state
from server.storage.database import Database
from server.web.services import keep_services, services_of
from tests.server.conftest import NOW

HALL = 1
CAPACITY, FIRE_LIMIT = 6, 8


class AppTransport(Transport):
    """A transport to the current app, without a network. `wire_cut`: the kiosk is away."""

    def __init__(self, forum: "Forum", signer: Signer) -> None:
        self._forum = forum
        self._signer = signer
        self.wire_cut = False

    def post(self, target, message, kind):
        return wire.decode(self._ask("POST", target, wire.encode(message)), kind)

    def get(self, target, kind):
        return wire.decode(self._ask("GET", target, b""), kind)

    def close(self) -> None:
        pass

    def avoid(self) -> None:
        pass

    def _ask(self, method: str, target: str, body: bytes) -> bytes:
        if self.wire_cut:
            raise TransportError(ConnectionFault.UNREACHABLE, "no network")
        for tries_left in reversed(range(REPLAY_TRIES)):
            headers = self._signer.headers(method, target, body)
            client = self._forum.app.test_client()
            answer = client.open(target, method=method, data=body, headers=headers)
            self.peer = read_version(answer.headers.get(HEADER)) or UNSTATED
            try:
                return checked(answer.status_code, answer.data)
            except TransportError as error:
                if error.code != ErrorCode.REPLAYED or not tries_left:
                    raise
                self._signer.overtaken(error.counter)
        raise AssertionError


class InProcessKiosk:
    """A kiosk at a door of the hall, whose threads do not run: each act is a call."""

    def __init__(self, forum: "Forum", name: str, key: PrivateKey, generation: int = 1) -> None:
        self.forum, self.name, self.key = forum, name, key
        self.directory = forum.path / name
        self.directory.mkdir(exist_ok=True)
        self.who = (name, generation)
        self.open()

    def open(self) -> None:
        event = self.forum.event
        root = event.root_key.public
        self.journal = Journal(
            self.directory / "journal.db", *self.who, self.key, root=root, event_id=event.event_id
        )
        self.replica = Replica(
            self.directory / "replica.db", *self.who, root, clock=lambda: self.forum.now
        )
        self.link = Link(lambda: self.forum.now)
        self.transport = AppTransport(
            self.forum, Signer(*self.who, self.key, self.journal.next_counter)
        )
        self.feed = Feed(self.journal, self.replica, self.transport, self.link)
        self.sync = Sync(
            self.journal,
            self.replica,
            self.transport,
            self.link,
            clock=lambda: self.forum.now,
            on_stale=self.feed.refresh,
        )
        self.admitter = Admitter(self.journal, self.replica, monotonic=lambda: self.forum.now)

    def close(self) -> None:
        self.journal.close()
        self.replica.close()

    def exchange(self) -> None:
        """Send batches until none waits, as the kiosk's thread does, and a heartbeat."""
        for _ in range(8):
            if not self.sync.exchange() and self.journal.state().waiting == 0:
                break
        self.sync.exchange()

    def refresh(self) -> None:
        self.feed._answered(self.feed._snapshot())

    def ask(self) -> None:
        """Ask for a place: a person waits at a door without a free place."""
        self.sync.ask_for_place(HALL)
        self.exchange()

    def present(self, serial: int) -> bool:
        """Whether the light turns green."""
        return self.admitter.present(self.forum.badge(serial), at=self.forum.now).admitted

    def fill(self, serials: range) -> int:
        """Let people in until a refusal; return their number."""
        inside = 0
        for serial in serials:
            if not self.present(serial):
                break
            inside += 1
        return inside

    @property
    def account(self) -> Account:
        return self.journal.accounts().get(PoolKey(HALL), Account())


@dataclass
class Forum:
    """A hall of six with its kiosks, and the current server."""

    event: Event
    path: Path
    second: Path | None = None
    now: int = NOW
    kiosks: dict[str, InProcessKiosk] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._serve()
        self.database.write(self._build)

    def _build(self, db: sqlite3.Connection) -> None:
        db.execute(
            "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones, sessions_only,"
            " anti_passback, exits) VALUES (?, 'H1', '{\"en\": \"Hall\"}', ?, ?, 1, 0, 'hard',"
            " 'strict')",
            (HALL, FIRE_LIMIT, CAPACITY),
        )
        db.execute("INSERT INTO hall_category SELECT ?, category FROM category", (HALL,))
        for number, name in enumerate(("west", "east", "north"), 1):
            door = (number, name, HALL, f'{{"en": "{name}"}}')
            db.execute("INSERT INTO door VALUES (?, ?, ?, ?, 'both')", door)

    def _serve(self) -> None:
        self.event = load_event(self.event.path)
        self.database = Database(self.event.database_path)
        self.app: Flask = create_app(self.event, self.database, now=lambda: self.now)
        if self.second is not None:
            try:
                backups = Backups(self.event, self.database, lambda: self.now, every_s=3_600)
                keep_services(self.app, replace(services_of(self.app), backups=backups))
            except BaseException:
                self.stop()
                raise

    def stop(self) -> None:
        close_app(self.app)
        self.database.close()

    def close(self) -> None:
        for kiosk in self.kiosks.values():
            kiosk.close()
        self.stop()

    def enrol(self, name: str, *, heard: bool = True) -> InProcessKiosk:
        """A kiosk at its door, which has its places if it was `heard` already."""
        key = PrivateKey(name.encode().ljust(32, b"."))

        def step(db: sqlite3.Connection) -> None:
            code = registry.add_kiosk(
                db, self.event, name, name, address=("localhost", 1), by="test", now=self.now,
                random=os.urandom,
            )  # fmt: skip
            asked = wire.EnrolRequest(code.token, key.public.raw, proof(key, code.token))
            registry.enrol(db, self.event, asked, self.now)
            registry.confirm(db, self.event, name, by="test", now=self.now)

        self.database.write(step)
        kiosk = self.kiosks[name] = InProcessKiosk(self, name, key)
        kiosk.refresh()
        if heard:
            kiosk.exchange()
        return kiosk

    def badge(self, serial: int) -> str:
        number = self.event.issuing_key_id
        fields = Credential(
            serial=serial, issue=1, category=1, valid_days=0b111, zones=1, key_id=number
        )
        return issue_credential(self.event.badge_keys[number], self.event.event_id, fields)

    def copy(self) -> Path:
        """Copy the current database."""
        kept = self.path / f"copy-{self.now}-{entry_log.size(self.database.reader)}.db"
        with (
            closing(sqlite3.connect(self.event.database_path)) as live,
            closing(sqlite3.connect(kept)) as copied,
        ):
            live.backup(copied)
        return kept

    def put_back(self, kept: Path) -> None:
        """By hand, against the manual: stop, copy, start."""
        self.stop()
        for suffix in ("", "-wal", "-shm"):
            self.event.database_path.with_name(self.event.database_path.name + suffix).unlink(
                missing_ok=True
            )
        shutil.copyfile(kept, self.event.database_path)
        self._serve()

    def snapshot_back(self, kept: Path) -> None:
        """By a snapshot of the machine: the server does not notice it."""
        with (
            closing(sqlite3.connect(kept)) as old,
            closing(sqlite3.connect(self.event.database_path)) as live,
        ):
            old.backup(live)
        log = services_of(self.app).log
        log._tree = type(log._tree)()
        log._note = ""
        hub = services_of(self.app).hub
        with hub._lock:
            hub._cursor = 0

    def inside(self) -> int:
        """People with an entry on any kiosk's disk, and no exit."""
        return sum(
            record.direction == "entry" and record.decision == "admitted"
            for kiosk in self.kiosks.values()
            for record in kiosk.journal.newest(1_000)
        )

    @property
    def pool(self) -> pools.Pool:
        return pools.load(self.database.reader, PoolKey(HALL))

    @property
    def incarnation(self) -> int:
        return event_state.incarnation(self.database.reader)

    def rows(self, sql: str) -> list[tuple]:
        return [tuple(row) for row in self.database.reader.execute(sql)]
