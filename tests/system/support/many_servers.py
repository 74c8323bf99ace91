"""Several server processes on one PostgreSQL database, while kiosks scan.

The kiosks are the product's own, each with its threads, in this process. Servers are killed and
restarted at random.
"""

import os
import random
import shutil
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from badges.admission.facts import Direction
from badges.credential.credential import Credential, issue_credential
from badges.credential.keys import PrivateKey
from badges.transparency.merkle import leaf_hash
from badges.wire import wire
from badges.wire.enrolment import Identity, proof, sign_identity
from badges.wire.servers import ServerAddress
from kiosk.config.files import JOURNAL_FILE
from kiosk.config.identity import make_identity, save_identity, save_key
from kiosk.config.settings import KioskSettings
from kiosk.journal.journal import Journal
from kiosk.run import Kiosk
from server.app.new_event import init_event
from server.core.entry_log.entry_log import Log, entry_of
from server.core.event.directory import load_event
from server.core.event.settings import EventSettings
from server.core.kiosks import addresses, registry
from server.demo.forum.forum import noon_zone
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.postgresql.address import Address, keep_address
from tests.system.support.ledger_checks import Journals
from tests.system.support.site import READY_S, Process, free_port, now_ms, wait_for

PER_HALL = 2  # kiosks


@dataclass(frozen=True)
class Machine:
    """A server's machine, and its route to the database."""

    address: ServerAddress
    url: str
    within: tuple[str, ...] = ()  # Words before its command.


def on_loopback(url: str, servers: int) -> list[Machine]:
    return [Machine(ServerAddress("127.0.0.1", free_port()), url) for _ in range(servers)]


@dataclass
class Found:
    """The result of a run."""

    scans: int = 0
    greens: int = 0
    kills: int = 0
    most_inside: Counter[int] = field(default_factory=Counter)
    by_server: Counter[str] = field(default_factory=Counter)
    # When each scan was answered (Unix ms), how long that took (s), and whether it was green.
    answers: list[tuple[int, float, bool]] = field(default_factory=list)


class ManyServers:
    """Close it. `url` is of an empty database, and `machines` run the servers."""

    def __init__(
        self,
        path: Path,
        url: str,
        machines: Sequence[Machine],
        *,
        kiosks: int,
        capacity: int,
        seed: int = 1,
    ) -> None:
        self.path, self.capacity, self.dice = path, capacity, random.Random(seed)
        self.parts = ExitStack()
        self.found = Found()
        time_zone, first_day = noon_zone(now_ms())
        listed = [machine.address for machine in machines]
        first = (listed[0].host, listed[0].port)
        settings = EventSettings(
            name={"en": "Many servers"}, time_zone=time_zone, first_day=first_day, days=2,
            public_host=first[0], host=first[0], port=first[1],
        )  # fmt: skip
        init_event(path / "event", settings, now=now_ms(), postgresql=url)
        self.event = load_event(path / "event")
        self.database = self.parts.enter_context(Database(self.event.database_path))
        self.database.write(
            lambda db: addresses.set_servers(db, self.event, listed, by="test", now=now_ms())
        )
        self.machines = list(machines)
        self.servers = [self._server(number, machine) for number, machine in enumerate(machines)]
        self.names = {f"kiosk-{number}": number // PER_HALL + 1 for number in range(kiosks)}
        self.database.write(self._build)
        for name in self.names:
            self._enrol(name, first)
        self.kiosks: dict[str, Kiosk] = {}

    def _server(self, number: int, machine: Machine) -> Process:
        """A server on its own machine, with a copy of the event's directory."""
        own = self.path / f"server-{number}"
        shutil.copytree(self.event.path, own)
        keep_address(own, Address(machine.url))
        where = ["--host", machine.address.host, "--port", str(machine.address.port)]
        command = [sys.executable, "-m", "server.cli.main", "serve", "--event", str(own), *where]
        return Process(f"server-{number}", [*machine.within, *command], own / "log")

    def _build(self, db: Connection) -> None:
        for hall in sorted(set(self.names.values())):
            db.execute(
                "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones,"
                " sessions_only, anti_passback, exits)"
                " VALUES (?, ?, '{\"en\": \"Hall\"}', ?, ?, 1, 0, 'hard', 'strict')",
                (hall, f"H{hall}", self.capacity, self.capacity),
            )
            db.execute("INSERT INTO hall_category SELECT ?, category FROM category", (hall,))
        for number, (name, hall) in enumerate(self.names.items(), 1):
            door = (number, name, hall, f'{{"en": "{name}"}}')
            db.execute("INSERT INTO door VALUES (?, ?, ?, ?, 'both')", door)

    def _enrol(self, name: str, address: tuple[str, int]) -> None:
        key = PrivateKey(name.encode().ljust(32, b"."))
        now = now_ms()

        def step(db: Connection) -> None:
            code = registry.add_kiosk(
                db, self.event, name, name, address=address, by="test", now=now,
                random=os.urandom,
            )  # fmt: skip
            asked = wire.EnrolRequest(code.token, key.public.raw, proof(key, code.token))
            registry.enrol(db, self.event, asked, now)
            registry.confirm(db, self.event, name, by="test", now=now)

        self.database.write(step)
        directory = self.path / name
        directory.mkdir()
        identity = Identity(self.event.event_id, name, 1, key.public.raw, now)
        signed = sign_identity(self.event.root_key, identity)
        root = self.event.root_key.public
        save_identity(
            directory,
            make_identity(*address, self.event.spki_sha256, root.raw, signed),
        )
        save_key(directory, key)
        Journal(
            directory / JOURNAL_FILE, name, 1, key, root=root, event_id=self.event.event_id
        ).close()

    def start(self) -> None:
        for server in self.servers:
            server.start()
        for server, machine in zip(self.servers, self.machines, strict=True):
            where = machine.address
            wait_for(
                server.name, lambda starting=server, where=where: self._answers(starting, where)
            )
        for name in self.names:
            kiosk = Kiosk(self.path / name, KioskSettings(camera="none"))
            self.kiosks[name] = self.parts.enter_context(kiosk)
        for kiosk in self.kiosks.values():
            assert kiosk.wait_for_facts(READY_S)

    def _answers(self, server: Process, where: ServerAddress) -> bool:
        assert server.alive, server.log.read_text()
        with suppress(OSError), socket.create_connection((where.host, where.port), 1):
            return True
        return False

    def run(
        self,
        seconds: float,
        *,
        pause_s: float,
        greens: int = 0,
        kills: int = 0,
        fault: Callable[[threading.Event], object] | None = None,
    ) -> Found:
        """Scan at every kiosk, and kill servers or cause another fault, for so long, and longer
        until there are so many greens at two servers or more, and so many kills. A busy machine is
        slow with both.
        """
        over = threading.Event()
        threads = [
            threading.Thread(target=self._scan, args=(name, over, pause_s)) for name in self.names
        ]
        threads.append(threading.Thread(target=fault or self._kill, args=(over,)))
        for thread in threads:
            thread.start()
        journals = {
            hall: Journals(
                {
                    name: self.path / name / JOURNAL_FILE
                    for name, at in self.names.items()
                    if at == hall
                }
            )
            for hall in set(self.names.values())
        }
        until = time.monotonic() + seconds
        most = self.found.most_inside

        def is_enough() -> bool:
            lines = [line for journal in journals.values() for line in journal.all() if line.enters]
            servers = len(self.found.by_server)
            return not greens or (
                len(lines) >= greens and self.found.kills >= kills and servers > 1
            )

        def is_over() -> bool:
            """A given fault ends by itself."""
            has_ended = fault is None or not threads[-1].is_alive()
            return time.monotonic() >= until and has_ended and is_enough()

        try:
            while not is_over():
                assert time.monotonic() < until + READY_S, self.found
                for hall, journal in journals.items():
                    most[hall] = max(most[hall], len(journal.inside()))
                time.sleep(0.2)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        for hall, journal in journals.items():
            most[hall] = max(most[hall], len(journal.inside()))
        return self.found

    def _scan(self, name: str, over: threading.Event, pause_s: float) -> None:
        kiosk, dice = self.kiosks[name], random.Random(name)
        inside: list[int] = []
        while not over.wait(dice.uniform(0, 2 * pause_s)):
            leaves = bool(inside) and dice.random() < 0.5
            serial = inside.pop(0) if leaves else dice.randrange(1_000, 8_000_000)
            direction = Direction.EXIT if leaves else Direction.ENTRY
            badge, began = self._badge(serial), time.monotonic()
            answer = kiosk.admitter.present(badge, at=now_ms(), direction=direction)
            took_s = time.monotonic() - began
            kiosk.notify(answer)
            self.found.answers.append((now_ms(), took_s, answer.passes))
            if answer.passes and not leaves:
                inside.append(serial)
            self.found.by_server[kiosk.servers.current().address.text] += 1

    def _badge(self, serial: int) -> str:
        number = self.event.issuing_key_id
        fields = Credential(
            serial=serial, issue=1, category=1, valid_days=0b11, zones=1, key_id=number
        )
        return issue_credential(self.event.badge_keys[number], self.event.event_id, fields)

    def _kill(self, over: threading.Event) -> None:
        while not over.wait(self.dice.uniform(1.0, 3.0)):
            server = self.dice.choice(self.servers)
            others = [
                (other, machine.address)
                for other, machine in zip(self.servers, self.machines, strict=True)
                if other is not server
            ]
            while not over.is_set() and not any(
                other.alive and self._answers(other, where) for other, where in others
            ):
                over.wait(0.1)  # A busy machine is slow to restart the killed servers.
            server.kill()
            self.found.kills += 1
            over.wait(self.dice.uniform(0.5, 2.0))
            server.start()

    def check(self) -> Found:
        """Wait until all scans are sent, check the invariants, and return the result."""
        wait_for(
            "all scans to arrive",
            lambda: all(door.journal.state().waiting == 0 for door in self.kiosks.values()),
        )
        greens: Counter[tuple[str, int]] = Counter()
        journals = Journals({name: self.path / name / JOURNAL_FILE for name in self.names})
        journals.read()
        for line in journals.all():
            self.found.scans += 1
            if line.said["decision"] == "admitted":
                greens[line.kiosk, line.seq] += 1
        self.found.greens = len(greens)
        with self.database.reading() as db:
            sql = "SELECT kiosk, seq FROM scan WHERE decision = 'admitted'"
            ledger = Counter((kiosk, seq) for kiosk, seq in db.execute(sql))
            rows = db.execute("SELECT number, hash, body, salt FROM leaf ORDER BY number")
            for place, (number, digest, body, salt) in enumerate(rows):
                assert number == place
                held = None if salt is None else bytes(salt)
                assert bytes(digest) == leaf_hash(entry_of(bytes(body), held))
        assert ledger == greens, "each green scan is in the ledger once"
        assert max(self.found.most_inside.values()) <= self.capacity, self.found.most_inside
        log = Log(self.database, self.event.log_name, self.event.log_key)
        for kiosk in self.kiosks.values():
            assert kiosk.link.state.log_alarm is None
            newest = kiosk.journal.witness.newest()
            assert newest is not None
            assert log.has(newest.size, newest.root)
        return self.found

    def close(self) -> None:
        self.parts.close()
        for server in self.servers:
            if server.alive:
                server.stop()
            server.end()
