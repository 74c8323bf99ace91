"""Bounds how long a server waits for PostgreSQL, and how long PostgreSQL waits for a server.

A network that is cut says nothing. Whoever waits for an answer over it would wait for ever, and so
would everybody for whom the writer's lock is kept by a server that can't be heard any more. So both
ends ask the other machine whether it is still there, and give up after SILENT_S.

A machine can also answer such questions while its database does not, as when its disk stands still.
Therefore a server waits for no statement longer than ANSWER_S, and PostgreSQL ends a transaction in
which a server has asked nothing for IDLE_S. (It does not count after `executemany`, behind which
psycopg asks it to send what it has. So this is the second line alone, behind the machines' own.)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.errors import PipelineAborted
from psycopg.pq import TransactionStatus

CONNECT_S = 3
SILENT_S = 4
# Longer than a statement takes in a server, and longer than anybody waits for the writer's lock.
ANSWER_S = 30.0
ROW_S = 0.005  # For each of many rows that are sent at once.
# Longer than a step works between two statements, as while it signs many badges.
IDLE_S = 30.0
_ASK_AFTER_S = 2  # of silence
_ASK_EVERY_S = 1
_ASKED_MOST = SILENT_S - _ASK_AFTER_S
# What libpq is told. The address may say otherwise.
OPTIONS = {
    "connect_timeout": CONNECT_S,
    "keepalives_idle": _ASK_AFTER_S,
    "keepalives_interval": _ASK_EVERY_S,
    "keepalives_count": _ASKED_MOST,
    "tcp_user_timeout": SILENT_S * 1000,
}
# What PostgreSQL is told for the session. On a socket of the same machine it has no effect.
SESSION = (
    f"SET tcp_keepalives_idle = {_ASK_AFTER_S}; SET tcp_keepalives_interval = {_ASK_EVERY_S};"
    f" SET tcp_keepalives_count = {_ASKED_MOST}; SET tcp_user_timeout = {SILENT_S * 1000};"
)


class BoundedConnection(psycopg.Connection[Any]):
    """Waits no longer than `answer_s` for an answer, and is lost after that. None is no bound."""

    answer_s: float | None = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        if timeout is not None or self.answer_s is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.answer_s)
        except psycopg.OperationalError as error:
            # Where statements are sent without waiting for each, it is active after an answer too.
            answered = error.sqlstate is not None or isinstance(error, PipelineAborted)
            if answered or self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            # The answer may still come, and would be taken for that of the next statement.
            self.pgconn.finish()
            raise psycopg.OperationalError(
                f"the database did not answer within {self.answer_s:.0f} s"
            ) from None

    @contextmanager
    def rows(self, count: int) -> Iterator[None]:
        """Wait longer in this block, in which so many rows are sent before the answer."""
        kept = self.answer_s
        self.answer_s = None if kept is None else kept + count * ROW_S
        try:
            yield
        finally:
            self.answer_s = kept

    def give_up_after(self, answer_s: float, idle_s: float | None) -> None:
        """Bound how long an answer may take, and how long a transaction may stand idle."""
        self.answer_s = answer_s
        if idle_s is not None:
            asked = f"SET idle_in_transaction_session_timeout = {int(idle_s * 1000)}"
            self.execute(asked, prepare=False)
