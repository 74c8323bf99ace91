"""Limits how long a server waits for PostgreSQL, and PostgreSQL for a server.

A cut network sends no error, so both ends probe each other and give up after a silence: a server's
connections after CUT_S, because kiosks wait no longer, and commands, which would lose their work,
after SILENT_S.

Programs may hang on computers that still answer probes. So a server waits at most ANSWER_S for a
statement, and PostgreSQL ends a transaction idle for IDLE_S (not counted after `executemany`, so
only a second defence). A transaction of scans, which all servers wait for and kiosks repeat, ends
after TURN_S.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.errors import PipelineAborted
from psycopg.pq import TransactionStatus

CONNECT_S = 3
SILENT_S = 4
CUT_S = 0.8  # The kernel counts from the first retransmission, about 0.2 s later.
# Longer than any statement of a server, and than waits for the writer's lock.
ANSWER_S = 30.0
CANCEL_S = 1.0
ROW_S = 0.005  # for each of many rows sent at once
# Longer than a step's pause between statements, as while it signs many badges.
IDLE_S = 30.0
# Longer than a scan step's pause between statements.
TURN_S = 1.0
# Interval and timeout of the listener's probes.
PULSE_S = 0.1
PULSE_ANSWER_S = 1.5


def options(silent_s: float) -> dict[str, int]:
    """Return the timeouts for libpq. The database URL may override them."""
    silent_ms = round(silent_s * 1000)
    idle, every, most = _asks(silent_ms)
    return {
        "connect_timeout": CONNECT_S,
        "keepalives_idle": idle,
        "keepalives_interval": every,
        "keepalives_count": most,
        "tcp_user_timeout": silent_ms,
    }


def session(silent_ms: int) -> str:
    """Return the timeouts as session settings. They have no effect on a Unix socket."""
    idle, every, most = _asks(silent_ms)
    return (
        f"SET tcp_keepalives_idle = {idle}; SET tcp_keepalives_interval = {every};"
        f" SET tcp_keepalives_count = {most}; SET tcp_user_timeout = {silent_ms};"
    )


def _asks(silent_ms: int) -> tuple[int, int, int]:
    """Idle time, interval and number of TCP keepalives, in whole seconds."""
    silent_s = max(1, -(-silent_ms // 1000))
    idle = max(1, silent_s // 2)
    return idle, 1, max(1, silent_s - idle)


class BoundedConnection(psycopg.Connection[Any]):
    """Waits at most `answer_s` for an answer (None: unlimited), and is lost after that."""

    answer_s: float | None = None
    # Start of the current wait, by the monotonic clock. Other threads read it.
    waits_since: float | None = None
    _line: socket.socket | None = None
    _line_lock: threading.Lock

    def keep_line(self) -> None:
        """Allow `break_off` from now on."""
        self._line_lock = threading.Lock()
        self._line = _line_of(self)

    def break_off(self) -> None:
        """Cut the connection, so that threads stop waiting for it. Thread-safe."""
        if self._line is None:
            return
        with self._line_lock, suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        super().close()
        if self._line is not None:
            with self._line_lock:
                self._line.close()

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        if timeout is not None or self.answer_s is None:
            return super().wait(gen, interval, timeout)
        self.waits_since = time.monotonic()
        try:
            return super().wait(gen, interval, self.answer_s)
        except psycopg.OperationalError as error:
            # In pipeline mode the status is ACTIVE after an answer too.
            answered = error.sqlstate is not None or isinstance(error, PipelineAborted)
            if answered or self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            # A commit waiting for an absent standby would keep its locks and process, one more for
            # each attempt.
            with suppress(psycopg.Error):
                self.cancel_safe(timeout=CANCEL_S)
            # A late answer would be taken for that of the next statement.
            self.pgconn.finish()
            raise psycopg.OperationalError(
                f"the database did not answer within {self.answer_s:.0f} s"
            ) from None
        finally:
            self.waits_since = None

    @contextmanager
    def rows(self, count: int) -> Iterator[None]:
        """Allow more time in the block, in which `count` rows are sent."""
        kept = self.answer_s
        self.answer_s = None if kept is None else kept + count * ROW_S
        line = None if kept is None else _line_of(self)
        try:
            with _slow(line):
                yield
        finally:
            self.answer_s = kept

    def give_up_after(self, answer_s: float, idle_s: float | None) -> None:
        """Limit the wait for an answer to `answer_s`, and an idle transaction to `idle_s`."""
        self.answer_s = answer_s
        if idle_s is not None:
            asked = f"SET idle_in_transaction_session_timeout = {int(idle_s * 1000)}"
            self.execute(asked, prepare=False)


def _line_of(connection: BoundedConnection) -> socket.socket | None:
    """Return a duplicate of the connection's socket, which the caller closes, or None if it is
    lost.
    """
    with suppress(psycopg.Error, OSError):
        return socket.socket(fileno=os.dup(connection.pgconn.socket))
    return None


@contextmanager
def _slow(line: socket.socket | None) -> Iterator[None]:
    """Tolerate SILENT_S without an answer in the block."""
    if line is None:
        yield
        return
    with line:
        if line.family not in (socket.AF_INET, socket.AF_INET6):
            yield
            return
        option = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        before = line.getsockopt(*option)
        line.setsockopt(*option, max(before, SILENT_S * 1000))
        try:
            yield
        finally:
            with suppress(OSError):
                line.setsockopt(*option, before)
