"""Receives notifications of other processes' commits, and detects a silent database."""

import logging
import threading
import time
from collections.abc import Callable

import psycopg

from server.storage.errors import cause, grade
from server.storage.postgresql.bounds import PULSE_S
from server.storage.postgresql.connection import PostgresConnection
from server.storage.postgresql.error_mapping import mapped
from server.storage.postgresql.translation.statements import CHANNEL

log = logging.getLogger(__name__)

AGAIN_S = 1.0  # between two attempts


def _cause(error: Exception) -> str:
    return cause(mapped(error) if isinstance(error, psycopg.Error) else error)


class Listener:
    """Receives notifications of commits, on its own connection and thread. Close it."""

    def __init__(
        self,
        connect: Callable[[], PostgresConnection],
        heard: Callable[[int], object],
        on_silence: Callable[[float], object],
    ) -> None:
        """`heard` is called with the process number of each commit. `on_silence` is called when
        the database stops answering, with the monotonic time of the last probe.
        """
        self._connect = connect
        self._heard = heard
        self._on_silence = on_silence
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._listen()
            except Exception as error:
                # Meanwhile others' commits are found by polling.
                log.log(grade(error), "nothing is heard of other servers: %s", _cause(error))
                self._over.wait(AGAIN_S)

    def _listen(self) -> None:
        connection = self._connect()
        asked_at = time.monotonic()
        try:
            connection.script(f"LISTEN {CHANNEL}")
            while not self._over.is_set():
                self._hear(connection)
                asked_at = time.monotonic()
                connection.raw.execute("SELECT 1", prepare=False)
        except psycopg.Error as error:
            if self._over.is_set():
                return
            if error.sqlstate is None:
                # Other connections to the same host would wait longer.
                self._on_silence(asked_at)
            raise
        finally:
            connection.close()

    def _hear(self, connection: PostgresConnection) -> None:
        until = time.monotonic() + PULSE_S
        while not self._over.is_set() and (left_s := until - time.monotonic()) > 0:
            for notification in connection.raw.notifies(timeout=left_s, stop_after=1):
                self._heard(notification.pid)
