"""Refuses a pooler that spreads a session over several database processes.

A session holds locks, settings, prepared statements and LISTEN. pgbouncer with `pool_mode =
transaction` or `statement` loses them between transactions.
"""

from collections.abc import Callable
from contextlib import closing

import psycopg

from server.storage.disk import DatabaseError
from server.storage.postgresql.bounds import BoundedConnection

_PROCESS = "SELECT pg_backend_pid()"
# A pooler may rotate through several processes.
TRIES = 20
ANSWER_S = 5.0


def is_behind_a_proxy(connection: BoundedConnection) -> bool:
    """Return whether the server process differs from the one named when connecting."""
    return _process_of(connection) != connection.info.backend_pid


def check(
    connection: BoundedConnection, shown: str, another: Callable[[], BoundedConnection]
) -> None:
    """Raise DatabaseError if a pooler gives each transaction another server process. `another`
    opens a second connection to the same database.
    """
    if not is_behind_a_proxy(connection):
        return
    mine = _process_of(connection)
    with closing(another()) as second:
        second.answer_s = ANSWER_S
        try:
            second.execute("BEGIN", prepare=False)
            processes = {_process_of(second)}
            second.execute("ROLLBACK", prepare=False)
            processes.update(_process_of(second) for _ in range(TRIES))
        except psycopg.Error:
            # The pooler has one process for both, or none for a transaction.
            processes = {mine}
    if mine in processes or len(processes) > 1:
        raise DatabaseError(
            f"the database ({shown}) is behind a pooler that gives each transaction another "
            "connection, such as pgbouncer with pool_mode = transaction. A server keeps locks, "
            "settings and prepared statements for as long as it is connected, and loses them "
            "there. Name PostgreSQL itself, or set pool_mode = session for this database. Nothing "
            "was changed."
        )


def _process_of(connection: BoundedConnection) -> int:
    row = connection.execute(_PROCESS, prepare=False).fetchone()
    return 0 if row is None else int(row[0])
