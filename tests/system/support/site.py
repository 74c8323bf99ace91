"""A real site in a temporary directory: the server and its kiosks as processes, cameras as video
files.

Processes start in their own groups and are ended by id. Only the film maker is shared with the
demo.
"""

import contextlib
import itertools
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, ClassVar

from click.testing import CliRunner

from badges.wire.enrolment import EnrolmentCode
from kiosk.cli.enrol import enrol
from kiosk.config.files import JOURNAL_FILE, REPLICA_FILE
from server.app import new_event
from server.cli.main import main
from server.core.event import directory as config
from server.core.event.directory import Event
from server.core.event.settings import EventSettings
from server.core.kiosks import registry
from server.core.people import issuing
from server.demo.forum.forum import noon_zone
from server.features.imports import roster_import, venue_file, venue_import
from server.storage.database import Database

READY_S = 240.0  # on a busy machine
# Most waits end after a few hundredths of a second. Later checks are less frequent, because each
# takes CPU time from the process under test.
SOON_S, LOOK_S = 0.01, 0.1
FIRST_PORT = 10_240
CONNECTIONS = Path("/proc/sys/net/ipv4/ip_local_port_range")  # of Linux
GOLDEN_RATIO = 0.618034  # Its multiples fall far apart, at any count.
_PORTS = itertools.count()
CATEGORIES = ("delegate", "speaker", "exhibitor", "press", "staff", "vip", "visitor")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def free_port() -> int:
    """A port of loopback that is still free when a process listens there, also after a restart.

    It is outside the range from which the system takes ports for outgoing connections. Each process
    of the tests begins elsewhere in that rest, far from the processes started just before and after
    it.
    """
    many = _first_of_connections() - FIRST_PORT
    begin = int(os.getpid() * GOLDEN_RATIO % 1 * many)
    for number in _PORTS:
        port = FIRST_PORT + (begin + number) % many
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("unreachable")


def _first_of_connections() -> int:
    try:
        return int(CONNECTIONS.read_text().split()[0])
    except OSError:
        return 32_768


def wait_for(event: str, check: Callable[[], bool], timeout_s: float = READY_S) -> None:
    deadline, pause_s = time.monotonic() + timeout_s, SOON_S
    while not check():
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {event}"
        time.sleep(pause_s)
        pause_s = min(1.5 * pause_s, LOOK_S)


def hallkeeper(*words: str) -> str:
    """Return a command's output. It runs within this process, because starting Python takes longer
    than the command.
    """
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    return done.output


@dataclass(frozen=True)
class Ground:
    """Where a site's processes run and how they are reached."""

    host: str = "127.0.0.1"  # of the server, as kiosks reach it
    within: Callable[[str], list[str]] = lambda name: []  # words before that process's command
    connect: Callable[[tuple[str, int], float], socket.socket] = socket.create_connection
    listens: str = ""  # the server's address, if `host` is a name


LOOPBACK = Ground()


@dataclass
class Process:
    """A child in its own process group; its standard output as lines of JSON."""

    name: str
    command: list[str]
    log: Path
    answers: list[dict] = field(default_factory=list)

    child: subprocess.Popen | None = None

    @staticmethod
    def popen(
        command: list[str], log: IO[bytes] | int, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen:
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, start_new_session=True, env=environment
        )

    # Tests have a quicker way (nursery.py), and measurements have none.
    starts: ClassVar[Callable] = popen

    def start(self) -> None:
        self.end()
        self._log = self.log.open("ab")
        self.child = self.starts(self.command, self._log)
        self._reader = threading.Thread(target=self._read, args=(self.child,), daemon=True)
        self._reader.start()

    def _read(self, child: subprocess.Popen) -> None:
        for line in child.stdout:
            with contextlib.suppress(ValueError):
                record = json.loads(line)
                if isinstance(record, dict):
                    self.answers.append(record)

    @property
    def alive(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def kill(self) -> None:
        """SIGKILL to the whole group, like a power cut."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.end()

    def stop(self, timeout_s: float = READY_S) -> int:
        """SIGTERM, as by an operator; then SIGKILL to the group if it does not end."""
        self.child.terminate()
        return self.has_stopped(timeout_s)

    def has_stopped(self, timeout_s: float = READY_S) -> int:
        """Wait until it has ended by an earlier SIGTERM."""
        try:
            self.child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
        self.end()
        return self.child.returncode

    def end(self) -> None:
        """Wait for it and close its pipes; harmless if repeated."""
        if self.child is None or self.child.stdout.closed:
            return
        self.child.wait()
        self._reader.join()
        self.child.stdout.close()
        self._log.close()

    def greens(self) -> list[dict]:
        return [answer for answer in self.answers if answer.get("decision") == "admitted"]


class LiveSite:
    """An event with a venue and a roster, and the processes that run it."""

    def __init__(
        self, path: Path, venue_toml: str, people: int, ground: Ground = LOOPBACK,
        *, postgresql: str | None = None,
    ) -> None:  # fmt: skip
        self.path = path
        self.ground = ground
        self.port = free_port()
        time_zone, first_day = noon_zone(now_ms())
        settings = EventSettings(
            name={"en": "System test"},
            time_zone=time_zone,
            first_day=first_day,
            days=2,
            public_host=ground.host,
            host=ground.listens or ground.host,
            port=self.port,
        )
        new_event.init_event(path / "event", settings, now=now_ms(), postgresql=postgresql)
        self.event: Event = config.load_event(path / "event")
        self.database = Database(self.event.database_path)
        self._fill(venue_toml, people)
        self.server = Process(
            "server",
            self._command("server", "server.cli.main", "serve", "--event", str(self.event.path)),
            path / "server.log",
        )
        self.kiosks: dict[str, Process] = {}

    def _command(self, name: str, module: str, *words: str) -> list[str]:
        return [*self.ground.within(name), sys.executable, "-m", module, *words]

    def _fill(self, venue_toml: str, people: int) -> None:
        from badges.roster.reader import read_roster
        from badges.roster.table import RosterAnswers

        plan = venue_file.read_venue(venue_toml.encode(), "venue.toml", self.event.settings)
        self.write(lambda db: venue_import.import_venue(db, plan, by="test", now=now_ms()))
        lines = ["id,given name,family name,email,category"]
        lines += [f"{n},Guest,Number {n},g{n}@example.org,delegate" for n in range(people)]
        answers = RosterAnswers(row_numbers="ids")
        text = "\n".join(lines).encode()
        rows = read_roster(text, "roster.csv", categories=CATEGORIES, answers=answers)
        self.write(
            lambda db: roster_import.import_roster(
                db, rows, skip_bad=False, by="test", now=now_ms(), random=os.urandom
            )
        )
        self.write(lambda db: issuing.issue_missing(db, self.event, now=now_ms(), by="test"))

    def write(self, step: Callable[[sqlite3.Connection], object]) -> object:
        return self.database.write(step)

    def query(self, sql: str, *values: object) -> list[tuple]:
        return [tuple(row) for row in self.database.reader.execute(sql, values)]

    def badge(self, number: int) -> str:
        sql = (
            "SELECT credential FROM badge JOIN attendee USING (serial) WHERE external_id = ?"
            " ORDER BY issue DESC LIMIT 1"
        )
        return str(self.query(sql, str(number))[0][0])

    def serial(self, number: int) -> int:
        return int(
            self.query("SELECT serial FROM attendee WHERE external_id = ?", str(number))[0][0]
        )

    def start_server(self) -> None:
        self.server.start()
        wait_for("the server", self._listening)

    @property
    def address(self) -> tuple[str, int]:
        return (self.ground.host, self.port)

    def _listening(self) -> bool:
        assert self.server.alive, self.server.log.read_text()
        with contextlib.suppress(OSError), self.ground.connect(self.address, 1):
            return True
        return False

    def enrol(self, name: str, door: str, port: int | None = None, *, again: bool = False) -> None:
        """Enrol a kiosk as an admin and a steward would. With `port` it goes through a relay.

        The kiosk's part runs here, over the network, because starting a program takes longer than
        the rest. If kiosks have their own network, it is the command.
        """
        code = self.database.write(
            lambda db: registry.add_kiosk(
                db,
                self.event,
                name,
                door,
                address=(self.ground.host, port or self.port),
                by="test",
                now=now_ms(),
                random=os.urandom,
            )
        )
        assert isinstance(code, EnrolmentCode)
        if self.ground.within(name):
            self._enrol_by_command(name, code)
            return
        with ThreadPoolExecutor(1) as pool:
            enrolling = pool.submit(
                enrol,
                self.path / name,
                code.text(),
                say=lambda _: None,
                again=again,
                wait_s=READY_S,
                poll_s=0.1,
            )
            wait_for("the six words", lambda: enrolling.done() or self._proven(name))
            self._confirm(name)
            enrolling.result(READY_S)

    def _enrol_by_command(self, name: str, code: EnrolmentCode) -> None:
        options = ("--dir", str(self.path / name), "--code", code.text())
        command = self._command(name, "kiosk", "enrol", *options)
        enrolling = Process(f"enrolling {name}", command, self.path / f"{name}-enrol.log")
        enrolling.start()
        wait_for("the six words", lambda: self._proven(name))
        self._confirm(name)
        enrolling.end()
        assert enrolling.child.returncode == 0, enrolling.log.read_text()

    def _confirm(self, name: str) -> None:
        self.write(lambda db: registry.confirm(db, self.event, name, by="test", now=now_ms()))

    def _proven(self, name: str) -> bool:
        rows = registry.kiosks(self.database.reader)
        return any(row.kiosk == name and row.state == "proven" for row in rows)

    def run(self, name: str, camera: Path, *options: str) -> Process:
        """A kiosk without a screen, with a video as its camera."""
        return self._run(name, "--camera", str(camera), "--headless", *options)

    def run_typed(self, name: str, port: int) -> Process:
        """A kiosk without a camera; a hand scanner types into its page at `port`."""
        return self._run(name, "--camera", "none", "--port", str(port))

    def _run(self, name: str, *options: str) -> Process:
        directory = str(self.path / name)
        command = self._command(name, "kiosk", "run", "--dir", directory, "--json", *options)
        log = self.path / f"{name}.log"
        process = self.kiosks.setdefault(name, Process(name, command, log))
        process.command = command
        process.start()
        return process

    def has_heard(self, name: str) -> bool:
        """Whether the kiosk knows every change so far for its door."""
        with self._read(name, REPLICA_FILE) as replica:
            (cursor,) = replica.execute("SELECT cursor FROM progress").fetchone()
        sql = (
            "SELECT COALESCE(MAX(cursor), 0) FROM change WHERE (kiosk IS NULL OR kiosk = ?) AND"
            " (hall_id IS NULL OR hall_id = (SELECT hall_id FROM kiosk JOIN door USING (door_id)"
            " WHERE kiosk = ? ORDER BY generation DESC LIMIT 1))"
        )
        return bool(cursor >= self.query(sql, name, name)[0][0])

    def settled(self) -> bool:
        """Whether every kiosk's journal is completely in the ledger."""
        return all(self.waiting(name) == 0 for name in self.kiosks)

    def waiting(self, name: str) -> int:
        with self._read(name, JOURNAL_FILE) as journal:
            (last,) = journal.execute("SELECT COALESCE(MAX(seq), 0) FROM scan").fetchone()
        (acked,) = self.query("SELECT acked_seq FROM kiosk WHERE kiosk = ?", name)[0]
        return int(last - acked)

    @contextlib.contextmanager
    def _read(self, name: str, file: str) -> Iterator[sqlite3.Connection]:
        """Read a kiosk's file while the kiosk writes it."""
        connection = sqlite3.connect(f"file:{self.path / name / file}?mode=ro", uri=True)
        with contextlib.closing(connection):
            yield connection

    def close(self) -> None:
        """End the kiosks in parallel, and then the server."""
        stopping = [kiosk for kiosk in self.kiosks.values() if kiosk.alive]
        for kiosk in stopping:
            kiosk.child.terminate()
        for kiosk in stopping:
            kiosk.has_stopped()
        if self.server.alive:
            self.server.stop()
        for process in (*self.kiosks.values(), self.server):
            process.end()
        self.database.close()


@contextlib.contextmanager
def site(path: Path, venue_toml: str, people: int, ground: Ground = LOOPBACK) -> Iterator[LiveSite]:
    live = LiveSite(path, venue_toml, people, ground)
    try:
        yield live
    finally:
        live.close()
