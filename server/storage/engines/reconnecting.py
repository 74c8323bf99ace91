"""Replaces a lost connection on a background thread.

Over a cut network an attempt takes a second. Writes fail at once meanwhile, so that kiosks try
another server.
"""

import threading
import time
from collections.abc import Callable

from server.storage.connection import OwnConnection
from server.storage.disk import AwayError, DatabaseError
from server.storage.errors import EngineError

# A write waits this long after the loss. A restarted database is back by then.
SOON_S = 0.1
AGAIN_S = 0.5  # between two attempts
NOT_YET = "the database can't be reached yet. Nothing was changed."


class Reconnecting:
    """Reconnects the writer in the background. Thread-safe. Close it."""

    def __init__(
        self,
        connect: Callable[[], OwnConnection],
        prepare: Callable[[OwnConnection], object],
    ) -> None:
        """`connect` returns a connection, `prepare` makes it ready for use. Both raise EngineError
        or DatabaseError.
        """
        self._connect = connect
        self._prepare = prepare
        # Its lock guards all fields below.
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._began = 0.0
        self._connected = False
        self._made: OwnConnection | None = None
        self._error: EngineError | DatabaseError | None = None
        self._over = threading.Event()

    @property
    def away(self) -> bool:
        """Whether the database is unreachable.

        A reachable database may still delay commits, as without its standby. Reads work then.
        """
        if isinstance(self._error, AwayError):
            return True
        waits = self._thread is not None and not self._connected
        return waits and time.monotonic() > self._began + SOON_S

    def begin(self) -> None:
        with self._changed:
            if self._thread is None and not self._over.is_set():
                self._began = time.monotonic()
                self._connected = False
                self._thread = threading.Thread(target=self._run, name="reconnecting", daemon=True)
                self._thread.start()

    def take(self) -> OwnConnection:
        """Return the new connection. Wait for it at most until SOON_S after `begin`. Raises
        EngineError or DatabaseError if there is none yet.
        """
        self.begin()
        with self._changed:
            self._changed.wait_for(
                lambda: self._made is not None or self._error is not None,
                max(0.0, self._began + SOON_S - time.monotonic()),
            )
            if self._made is None:
                raise self._error if isinstance(self._error, DatabaseError) else AwayError(NOT_YET)
            connection, self._made, self._thread = self._made, None, None
            return connection

    def close(self) -> None:
        self._over.set()
        thread = self._thread
        if thread is not None:
            thread.join()
        if self._made is not None:
            self._made.close()
            self._made = None

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                connection = self._ready()
            except (EngineError, DatabaseError) as error:
                self._tell(None, error)
                self._over.wait(AGAIN_S)
            except Exception as error:
                # Any error must be followed by another attempt.
                self._tell(None, DatabaseError(f"no connection: {type(error).__name__}"))
                self._over.wait(AGAIN_S)
            else:
                self._tell(connection, None)
                return

    def _ready(self) -> OwnConnection:
        self._connected = False
        connection = self._connect()
        self._connected = True
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _tell(
        self, connection: OwnConnection | None, error: EngineError | DatabaseError | None
    ) -> None:
        with self._changed:
            self._made, self._error = connection, error
            self._changed.notify_all()
