"""Keeps which servers serve the event, and when each was last at work, for `hallkeeper status`.

Each server writes its own row now and then. Nothing is decided by these rows.
"""

import logging
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from server.entry_log import entry_log
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.storage.errors import EngineError

log = logging.getLogger(__name__)

REPORT_S = 10.0
SILENT_MS = 30_000  # A server that wrote nothing for longer does not work, or can't reach it.
FORGOTTEN_MS = 24 * 3_600_000


@dataclass(frozen=True)
class Process:
    """Describes one server. Times are Unix ms by its own clock."""

    name: str
    address: str
    version: str
    started_at: int
    seen_at: int
    run: str
    log_size: int
    stopped_at: int | None

    def is_silent(self, now: int) -> bool:
        return self.stopped_at is None and now - self.seen_at > SILENT_MS


def all_processes(db: Connection) -> list[Process]:
    """Return the servers, those that are at work first."""
    rows = db.execute(
        "SELECT name, address, version, started_at, seen_at, run, log_size, stopped_at"
        " FROM server_process ORDER BY stopped_at IS NOT NULL, address, started_at"
    )
    return [Process(**dict(row)) for row in rows]


def server_name(port: int) -> str:
    """Return what this server is called among the event's servers."""
    return f"{socket.gethostname()}:{port}, process {os.getpid()}"


class Reporter:
    """Writes the row of this server until it is closed. Close it before the database."""

    def __init__(
        self,
        database: Database,
        name: str,
        address: str,
        run: Callable[[], str],
        now: Callable[[], int],
        every_s: float = REPORT_S,
    ) -> None:
        self._database = database
        self._name = name
        self._address = address
        self._run = run
        self._now = now
        self._every_s = every_s
        self._started_at = now()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._report_on, name="report", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop, and say so in the row."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
            self._write(self._now())

    def _report_on(self) -> None:
        self._write(None)
        while not self._stop.wait(self._every_s):
            self._write(None)

    def _write(self, stopped_at: int | None) -> None:
        now = self._now()
        values = (
            self._name, self._address, version("hallkeeper"), self._started_at, now, self._run(),
        )  # fmt: skip

        def step(db: Connection) -> None:
            db.execute("DELETE FROM server_process WHERE seen_at < ?", (now - FORGOTTEN_MS,))
            db.execute(
                "INSERT INTO server_process"
                " (name, address, version, started_at, seen_at, run, log_size, stopped_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
                " address = excluded.address, version = excluded.version,"
                " started_at = excluded.started_at, seen_at = excluded.seen_at,"
                " run = excluded.run, log_size = excluded.log_size,"
                " stopped_at = excluded.stopped_at",
                (*values, entry_log.size(db), stopped_at),
            )

        try:
            self._database.write(step)
        except (DatabaseError, EngineError) as error:
            log.warning("this server's row can't be written: %s", type(error).__name__)
