"""Bounds how long a server waits for PostgreSQL, and how long PostgreSQL waits for a server.

A network that is cut says nothing. Whoever waits for an answer over it would wait for ever, and so
would everybody for whom the writer's lock is kept by a server that can't be heard any more. So both
ends ask the other machine whether it is still there, and give up after a silence. A server's own
connections do so after CUT_S, because kiosks wait no longer for a server. Nothing is lost by a
connection that was given up too early, because another one is made at once. Commands, whose work
would be lost, wait for SILENT_S.

Two machines can also answer each other while the programs on them do not, as when a disk stands
still. Therefore a server waits for no statement longer than ANSWER_S, and PostgreSQL ends a
transaction in which a server has asked nothing for IDLE_S. (It does not count after `executemany`,
behind which psycopg asks it to send what it has. So this is the second line alone, behind the
machines' own.) A transaction of scans, which all servers wait for and which kiosks send again, is
ended after TURN_S.
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
CUT_S = 0.8  # The kernel counts it from where it sends again, some 0.2 s later.
# Longer than a statement takes in a server, and longer than anybody waits for the writer's lock.
ANSWER_S = 30.0
CANCEL_S = 1.0
ROW_S = 0.005  # For each of many rows that are sent at once.
# Longer than a step works between two statements, as while it signs many badges.
IDLE_S = 30.0
# Longer than a step with scans works between two statements.
TURN_S = 1.0
# So often the database is asked whether it is there, and so long an answer may take. A server may
# wait for something else of it meanwhile, of which the machines' own questions tell later.
PULSE_S = 0.1
PULSE_ANSWER_S = 1.5


def options(silent_s: float) -> dict[str, int]:
    """Return what libpq is told. The address may say otherwise."""
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
    """Return what PostgreSQL is told for the session. On a socket of the same machine it has no
    effect.
    """
    idle, every, most = _asks(silent_ms)
    return (
        f"SET tcp_keepalives_idle = {idle}; SET tcp_keepalives_interval = {every};"
        f" SET tcp_keepalives_count = {most}; SET tcp_user_timeout = {silent_ms};"
    )


def _asks(silent_ms: int) -> tuple[int, int, int]:
    """Return after how many seconds of silence the other machine is asked, how often, and how many
    times. The kernel counts whole seconds.
    """
    silent_s = max(1, -(-silent_ms // 1000))
    idle = max(1, silent_s // 2)
    return idle, 1, max(1, silent_s - idle)


class BoundedConnection(psycopg.Connection[Any]):
    """Waits no longer than `answer_s` for an answer, and is lost after that. None is no bound."""

    answer_s: float | None = None
    # Since when it waits for an answer, by the monotonic clock. Other threads read it.
    waits_since: float | None = None
    _line: socket.socket | None = None
    _line_lock: threading.Lock

    def keep_line(self) -> None:
        """Let another thread break this connection off from now on."""
        self._line_lock = threading.Lock()
        self._line = _line_of(self)

    def break_off(self) -> None:
        """Let whoever waits for an answer wait no longer. The connection is lost. Any thread may
        call it.
        """
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
            # Where statements are sent without waiting for each, it is active after an answer too.
            answered = error.sqlstate is not None or isinstance(error, PipelineAborted)
            if answered or self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            # A commit that waits for its standby would keep its locks and its process there for as
            # long as that is away, and there would be another one of them after each attempt.
            with suppress(psycopg.Error):
                self.cancel_safe(timeout=CANCEL_S)
            # The answer may still come, and would be taken for that of the next statement.
            self.pgconn.finish()
            raise psycopg.OperationalError(
                f"the database did not answer within {self.answer_s:.0f} s"
            ) from None
        finally:
            self.waits_since = None

    @contextmanager
    def rows(self, count: int) -> Iterator[None]:
        """Wait longer in this block, in which so many rows are sent before the answer.

        The database's machine may also be slower to take them than a cut would be noticed.
        """
        kept = self.answer_s
        self.answer_s = None if kept is None else kept + count * ROW_S
        line = None if kept is None else _line_of(self)
        try:
            with _slow(line):
                yield
        finally:
            self.answer_s = kept

    def give_up_after(self, answer_s: float, idle_s: float | None) -> None:
        """Bound how long an answer may take, and how long a transaction may stand idle."""
        self.answer_s = answer_s
        if idle_s is not None:
            asked = f"SET idle_in_transaction_session_timeout = {int(idle_s * 1000)}"
            self.execute(asked, prepare=False)


def _line_of(connection: BoundedConnection) -> socket.socket | None:
    """Return the connection's socket once more, which the caller closes. There is none once it is
    lost.
    """
    with suppress(psycopg.Error, OSError):
        return socket.socket(fileno=os.dup(connection.pgconn.socket))
    return None


@contextmanager
def _slow(line: socket.socket | None) -> Iterator[None]:
    """Let the other machine be silent for SILENT_S in this block."""
    if line is None:
        yield
        return
    with line:
        if line.family not in (socket.AF_INET, socket.AF_INET6):
            yield
            return
        what = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        before = line.getsockopt(*what)
        line.setsockopt(*what, max(before, SILENT_S * 1000))
        try:
            yield
        finally:
            with suppress(OSError):
                line.setsockopt(*what, before)
