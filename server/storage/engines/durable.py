"""Waits until what was read is on disk, where a commit may be seen by others before it is.

PostgreSQL lets a server's commit be seen at once, and the server waits for the disk and the standby
afterwards (docs/scale.md). So what another server reads may still be lost with the machine. Nobody
may be told of it, above all not in a way that lasts, before it is on disk. The write-ahead log is
one line. Once a later commit is on disk, all earlier ones are.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from server.storage.connection import Connection, OwnConnection
from server.storage.disk import DatabaseError
from server.storage.errors import EngineError, cause, grade

log = logging.getLogger(__name__)

HANGS_S = 1.0


def make_durable(db: Connection) -> None:
    """Wait until all that this connection can read is on disk. For SQLite it is as it is.

    Call it after the reading, outside of a transaction, and before anybody is told in a way that
    lasts. Raises EngineError, and then nobody may be told.
    """
    if not isinstance(db, sqlite3.Connection):
        made: Any = db
        made.make_durable()


class Durable:
    """Waits in the same way for many threads at once, on a connection and a thread of its own.

    It is for pages. They are shown a little later, and not at all later where commits hang because
    the standby is away, for then staff need the pages most.
    """

    def __init__(self, connect: Callable[[], OwnConnection | None]) -> None:
        """`connect` returns None where there is nothing to wait for."""
        self._connect = connect
        self._connection: OwnConnection | None = None
        self._changed = threading.Condition()
        # A wait has a number. What was committed before it began is on disk once it is done.
        self._begun = self._done = self._failed = self._wanted = 0
        self._begun_at = 0.0
        self._over = False
        self._thread: threading.Thread | None = None

    def close(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify_all()
            thread, connection = self._thread, self._connection
        if thread is None:
            return
        while thread.is_alive():
            # It may wait for a standby that is away.
            if connection is not None:
                with suppress(Exception):
                    made: Any = connection
                    made.raw.cancel_safe(timeout=1.0)
            thread.join(0.2)

    def wait(self, within_s: float) -> bool:
        """Wait until all that is committed now is on disk. Says False where that is not known."""
        with self._changed:
            if self._over or self._hangs():
                return False
            mine = self._begun + 1
            self._wanted = max(self._wanted, mine)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="durable", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._over or self._done >= mine or self._failed >= mine, within_s
            )
            return self._done >= mine

    def _hangs(self) -> bool:
        waits = self._begun > max(self._done, self._failed)
        return waits and time.monotonic() - self._begun_at > HANGS_S

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._over or self._wanted > self._begun)
                if self._over:
                    break
                self._begun += 1
                self._begun_at = time.monotonic()
            stands = self._wait_once()
            with self._changed:
                if stands:
                    self._done = self._begun
                else:
                    self._failed = self._begun
                self._changed.notify_all()
        if self._connection is not None:
            self._connection.close()

    def _wait_once(self) -> bool:
        try:
            if self._connection is None:
                self._connection = self._connect()
            if self._connection is not None:
                make_durable(self._connection)
        except (EngineError, DatabaseError) as error:
            log.log(grade(error), "it is not known what is on disk: %s", cause(error))
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            return False
        return True
