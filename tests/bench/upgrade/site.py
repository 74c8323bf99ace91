"""The day's processes: servers, and kiosks in groups, each of a version that can be replaced."""

import json
import os
import queue
import shutil
import signal
import sqlite3
import ssl
import subprocess
import threading
import urllib.request
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import IO

import psycopg

from kiosk.config.files import JOURNAL_FILE
from server.demo.forum.forum import noon_zone
from tests.bench.upgrade.people import GROUPS, Door, Guest, doors, roster, venue
from tests.bench.upgrade.versions import Version
from tests.system.support.site import free_port, now_ms, wait_for

COMMANDS_AT_ONCE = 2


class Process:
    """A child in its own process group. Each line of its output goes to `hear`."""

    def __init__(self, command: Sequence[str], log: Path, hear: Callable[[str], None]) -> None:
        # Python finds only what the version installed.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        with log.open("ab") as errors:
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                start_new_session=True, cwd=log.parent, env=environment,
            )  # fmt: skip
        self._log, self._hear = log, hear
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def write(self, line: str) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(line.encode() + b"\n")
        self._child.stdin.flush()

    def check(self) -> None:
        assert self._child.poll() is None, self._log.read_text()[-2000:]

    def stop(self) -> None:
        """As an operator stops a server, and as the end of its orders stops a group of kiosks."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        if "serve" in self._child.args:
            self._child.terminate()
        self._ended()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._ended()

    def _ended(self) -> None:
        self._child.wait()
        self._reader.join()
        with suppress(BrokenPipeError):
            self._child.stdin.close()
        self._child.stdout.close()

    def _read(self) -> None:
        output: IO[bytes] = self._child.stdout
        for line in output:
            self._hear(line.decode())


@dataclass
class Group:
    """Kiosks in one process. `presented` are the badges that wait for a door's answer."""

    number: int
    version: Version
    process: Process | None = None
    open: bool = False  # whether people may come to its doors
    ready: set[str] = field(default_factory=set)  # codes of doors
    presented: dict[str, deque[Guest]] = field(default_factory=lambda: defaultdict(deque))

    @property
    def is_asked(self) -> bool:
        return any(self.presented.values())


class Site:
    """Close it. `url` is of an empty database in PostgreSQL, or "" for SQLite."""

    def __init__(self, path: Path, version: Version, url: str, servers: int) -> None:
        self.path, self.url = path, url
        self.ports = [free_port() for _ in range(servers)]
        self.doors = {door.code: door for door in doors()}
        self.versions = [version] * servers
        self._servers: list[Process | None] = [None] * servers
        self.groups = [Group(number, version) for number in range(GROUPS)]
        self.lines: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        self._make_event(version)

    @property
    def event(self) -> Path:
        return self.path / "event-0"

    def _make_event(self, version: Version) -> None:
        time_zone, first_day = noon_zone(now_ms())
        words = ["--time-zone", time_zone, "--first-day", first_day, "--days", 2]
        words += ["--public-host", "127.0.0.1", "--port", self.ports[0]]
        words += ["--database", self.url] if self.url else []
        self.plain_command(version, "init", self.event, *words)
        (self.path / "venue.toml").write_text(venue(list(self.doors.values())))
        (self.path / "roster.csv").write_text(roster())
        self.command(version, "import-venue", self.path / "venue.toml")
        self.command(version, "import", self.path / "roster.csv")
        self.command(version, "issue")
        if len(self.ports) > 1:
            self.command(version, "servers", *(f"127.0.0.1:{port}" for port in self.ports))
        for number in range(1, len(self.ports)):
            shutil.copytree(self.event, self.path / f"event-{number}")

    def command(self, version: Version, *words: object) -> str:
        return self.plain_command(version, *words, "--event", self.event)

    def plain_command(self, version: Version, *words: object) -> str:
        done = self._run(version, *words)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def output(self, version: Version, *words: object) -> str:
        """Also that of a command that fails."""
        done = self._run(version, *words)
        return (done.stdout + done.stderr).strip()

    def _run(self, version: Version, *words: object) -> subprocess.CompletedProcess[str]:
        command = version.command("hallkeeper", *words)
        return subprocess.run(command, cwd=self.path, capture_output=True, text=True, check=False)

    def query(self, sql: str) -> list[tuple]:
        """Read the database without a version's code, which might upgrade it."""
        if self.url:
            with psycopg.connect(self.url) as connection:
                return connection.execute(sql).fetchall()
        with closing(sqlite3.connect(f"file:{self.event}/hallkeeper.db?mode=ro", uri=True)) as db:
            return db.execute(sql).fetchall()

    # Servers

    def start_server(self, number: int, version: Version) -> None:
        """Start it, and wait until it is ready."""
        directory = self.path / f"event-{number}"
        command = version.command(
            "hallkeeper", "serve", "--event", directory, "--host", "127.0.0.1",
            "--port", self.ports[number],
        )  # fmt: skip
        process = Process(command, self.path / f"server-{number}.log", lambda line: None)
        self._servers[number], self.versions[number] = process, version
        wait_for("the server", lambda: self._is_ready(number, process))

    def stop_server(self, number: int, kill: bool) -> None:
        process = self._servers[number]
        assert process is not None
        process.kill() if kill else process.stop()
        self._servers[number] = None

    def _is_ready(self, number: int, process: Process) -> bool:
        process.check()
        context = ssl.create_default_context(cafile=str(self.event / "keys" / "certificate.pem"))
        address = f"https://127.0.0.1:{self.ports[number]}/readyz"
        with suppress(OSError):
            with urllib.request.urlopen(address, timeout=2, context=context):
                return True
        return False

    # Kiosks

    def enrol(self, group: Group) -> None:
        """Enrol its kiosks over the network, with commands as an admin types them."""
        mine = [door for door in self.doors.values() if door.group == group.number]
        with ThreadPoolExecutor(COMMANDS_AT_ONCE) as pool:
            added = pool.map(partial(self._add, group.version), mine)
            codes = dict(zip((door.code for door in mine), added, strict=True))
            self.start_group(group, group.version, codes)
            wait_for("the six words", lambda: len(self._proven()) == len(mine))
            for kiosk in self._proven():
                pool.submit(self.command, group.version, "kiosk", "confirm", kiosk, "--yes")

    def _add(self, version: Version, door: Door) -> str:
        return self.command(version, "kiosk", "add", door.kiosk, door.code).strip()

    def _proven(self) -> list[str]:
        return [kiosk for (kiosk,) in self.query("SELECT kiosk FROM kiosk WHERE state = 'proven'")]

    def start_group(
        self, group: Group, version: Version, codes: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Start it. Its doors are ready later. `codes` enrol them."""
        command = version.command("hallkeeper-kiosk", "many")
        log = self.path / f"kiosks-{group.number}.log"
        group.process = Process(command, log, lambda line: self.lines.put((now_ms(), line)))
        group.version = version
        for door in self.doors.values():
            if door.group == group.number:
                order = {"type": "open", "door": door.code, "direction": door.direction}
                order |= {"dir": str(self.path / door.kiosk), "code": codes.get(door.code, "")}
                group.process.write(json.dumps(order))

    def settle(self) -> None:
        """Wait until the ledger has every scan. Raises AssertionError if it does not get them."""

        def is_sent() -> bool:
            ((in_ledger,),) = self.query("SELECT COUNT(*) FROM scan")
            return in_ledger == sum(self._last_scan(door) for door in self.doors.values())

        wait_for("all scans", is_sent)

    def _last_scan(self, door: Door) -> int:
        journal = self.path / door.kiosk / JOURNAL_FILE
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
            return db.execute("SELECT COALESCE(MAX(seq), 0) FROM scan").fetchone()[0]

    def close(self) -> None:
        for group in self.groups:
            if group.process is not None:
                group.process.stop()
        for process in self._servers:
            if process is not None:
                process.stop()
