"""Waits until data that was read is on disk, if commits are visible earlier.

In PostgreSQL a commit is visible before the server has waited for the disk and the standby
(docs/scale.md). So data read from another server may still be lost. Wait before passing it on,
above all in a lasting form. The write-ahead log is sequential: a later commit on disk implies all
earlier ones.
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
    """Wait until all data visible to this connection is on disk. SQLite needs no wait.

    Call it after reading, outside a transaction, and before passing the data on in a lasting form.
    Raises EngineError; then nothing may be passed on.
    """
    if not isinstance(db, sqlite3.Connection):
        postgres: Any = db
        postgres.make_durable()


class Durable:
    """Waits for the disk on behalf of many threads, on its own connection and thread.

    For pages: they are shown late, but not withheld while commits hang for an absent standby, when
    staff need them most.
    """

    def __init__(self, connect: Callable[[], OwnConnection | None]) -> None:
        """`connect` returns None if commits are always on disk."""
        self._connect = connect
        self._connection: OwnConnection | None = None
        self._changed = threading.Condition()
        # Numbers of waits. When a wait is done, all commits before its begin are on disk.
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
            # It may be waiting for an absent standby.
            if connection is not None:
                with suppress(Exception):
                    postgres: Any = connection
                    postgres.raw.cancel_safe(timeout=1.0)
            thread.join(0.2)

    def wait(self, within_s: float) -> bool:
        """Wait until all current commits are on disk. Return False if that is unknown after
        `within_s`.
        """
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
