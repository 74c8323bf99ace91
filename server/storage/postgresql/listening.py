"""Hears of what other processes commit, as soon as they do."""

import logging
import threading
from collections.abc import Callable

import psycopg

from server.storage.postgresql.connection import PostgresConnection
from server.storage.postgresql.translation.statements import CHANNEL

log = logging.getLogger(__name__)

AGAIN_S = 1.0  # Between two attempts, while the database is away.
LOOK_S = 0.2  # So often it looks whether it is to end.


class Listener:
    """Listens on a connection and a thread of its own. Close it."""

    def __init__(
        self, connect: Callable[[], PostgresConnection], heard: Callable[[int], object]
    ) -> None:
        """`heard` is called with the number of the process in PostgreSQL that committed."""
        self._connect = connect
        self._heard = heard
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
                # Without it others are heard a little later, by those who look now and then.
                log.warning("nothing is heard of other servers: %s", type(error).__name__)
                self._over.wait(AGAIN_S)

    def _listen(self) -> None:
        connection = self._connect()
        try:
            connection.script(f"LISTEN {CHANNEL}")
            while not self._over.is_set():
                for one in connection.raw.notifies(timeout=LOOK_S, stop_after=1):
                    self._heard(one.pid)
        except psycopg.Error:
            if not self._over.is_set():
                raise
        finally:
            connection.close()
