"""Records which servers serve the event, and elects the one that performs the common duties.

Each server updates its row regularly, and with the same write one of them takes the duties for a
limited time.
"""

import json
import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

from server.core.entry_log import entry_log
from server.repeating import Repeating
from server.storage import migrations
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.storage.engines.history import clock_ms
from server.storage.errors import EngineError, cause, grade
from server.storage.tables import keep_setting

log = logging.getLogger(__name__)

REPORT_S = 10.0
FORGOTTEN_MS = 24 * 3_600_000
# A server keeps the duties for this long after a write, and assumes so for slightly less.
DUTY_MS = 30_000
BELIEVED_S = 20.0
# The setting's value is JSON: the server's name, and the end of its term (Unix ms) by the
# database's clock. By their own, servers that differ by more than a term would all have the duties.
_DUTY = "duty"


@dataclass(frozen=True)
class Process:
    """A server process. Times are Unix ms by its own clock."""

    name: str
    address: str
    version: str
    started_at: int
    seen_at: int
    run: str
    log_size: int
    stopped_at: int | None
    # Failed writes in the minute before `seen_at`, and the cause of the last one.
    failed: int = 0
    cause: str = ""
    # The newest step of the tables that it knows, or None from before servers recorded it.
    knows: str | None = None

    def is_silent(self, now: int) -> bool:
        return self.stopped_at is None and now - self.seen_at > migrations.SILENT_MS


def all_processes(db: Connection) -> list[Process]:
    rows = db.execute(
        "SELECT name, address, version, started_at, seen_at, run, log_size, stopped_at, failed,"
        " cause, knows"
        " FROM server_process ORDER BY stopped_at IS NOT NULL, address, started_at"
    )
    return [Process(**dict(row)) for row in rows]


@cache
def own_version() -> str:
    """Return the version of Hallkeeper."""
    return version("hallkeeper")


def server_name(port: int) -> str:
    return f"{socket.gethostname()}:{port}, process {os.getpid()}"


class Reporter:
    """Regularly updates this server's row. Close it before the database."""

    def __init__(
        self,
        database: Database,
        name: str,
        address: str,
        run: Callable[[], str],
        now: Callable[[], int],
        on_duty: Callable[[bool], object] = lambda _: None,
        every_s: float = REPORT_S,
    ) -> None:
        """After each write, `on_duty` gets whether this server must run the common background
        jobs.
        """
        self._database = database
        self._name = name
        self._address = address
        self._run = run
        self._now = now
        self._on_duty = on_duty
        self._believed_until = float("-inf")
        self._started_at = now()
        self._repeating = Repeating("report", every_s, lambda: self._write(None))

    def start(self) -> None:
        """Raises migrations.VersionError if the event was upgraded beyond this version."""
        self._write(None)
        self._repeating.start()

    def close(self) -> None:
        """Stop, mark the server as stopped, and let another take the background jobs."""
        if self._repeating.is_alive:
            self._repeating.close()
            self._write(self._now())

    def _write(self, stopped_at: int | None) -> None:
        now = self._now()
        values = (
            self._name, self._address, own_version(), self._started_at, now, self._run(),
            self._database.failures.within(), self._database.failures.cause, migrations.newest(),
        )  # fmt: skip

        def step(db: Connection) -> bool:
            migrations.plan(db)
            db.execute("DELETE FROM server_process WHERE seen_at < ?", (now - FORGOTTEN_MS,))
            db.execute(
                "INSERT INTO server_process"
                " (name, address, version, started_at, seen_at, run, failed, cause, knows,"
                " log_size, stopped_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE"
                " SET failed = excluded.failed, cause = excluded.cause, knows = excluded.knows,"
                " address = excluded.address, version = excluded.version,"
                " started_at = excluded.started_at, seen_at = excluded.seen_at,"
                " run = excluded.run, log_size = excluded.log_size,"
                " stopped_at = excluded.stopped_at",
                (*values, entry_log.size(db), stopped_at),
            )
            return take_duties(db, self._name, leave=stopped_at is not None)

        began = time.monotonic()
        try:
            has_them = self._database.write(step)
        except (DatabaseError, EngineError) as error:
            log.log(grade(error), "this server's row can't be written: %s", cause(error))
            has_them = began < self._believed_until
        else:
            self._believed_until = began + BELIEVED_S if has_them else float("-inf")
        self._on_duty(has_them)


def take_duties(db: Connection, name: str, *, leave: bool = False) -> bool:
    """Take or extend the lease of the common duties. Return whether this server has it; with SQLite
    always.
    """
    now = clock_ms(db)
    if now is None:
        return not leave
    row = db.execute("SELECT value FROM setting WHERE key = ?", (_DUTY,)).fetchone()
    holder, until = json.loads(row[0]) if row else ("", 0)
    if holder != name and now < until <= now + DUTY_MS:
        return False
    keep_setting(db, _DUTY, json.dumps(["", 0] if leave else [name, now + DUTY_MS]))
    return not leave
