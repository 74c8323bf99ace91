"""Refuses a pooler that gives a session's statements to several processes of the database.

A session of ours holds locks, settings, prepared statements and whom it listens to. pgbouncer with
`pool_mode = transaction` or `statement` takes them away between two transactions.
"""

from collections.abc import Callable
from contextlib import closing

import psycopg

from server.storage.disk import DatabaseError
from server.storage.postgresql.bounds import BoundedConnection

_PROCESS = "SELECT pg_backend_pid()"
# A pooler may have several processes at hand, and give out one after the other.
TRIES = 20
ANSWER_S = 5.0


def is_behind_a_proxy(connection: BoundedConnection) -> bool:
    """Return whether the session's process is not the one that the other end named at first."""
    return _process_of(connection) != connection.info.backend_pid


def check(
    connection: BoundedConnection, shown: str, another: Callable[[], BoundedConnection]
) -> None:
    """Raise DatabaseError where the database's process changes within the session, or another
    connection gets the same one. `another` makes a second connection to the same address.
    """
    if not is_behind_a_proxy(connection):
        return
    mine = _process_of(connection)
    with closing(another()) as second:
        second.answer_s = ANSWER_S
        try:
            second.execute("BEGIN", prepare=False)
            found = {_process_of(second)}
            second.execute("ROLLBACK", prepare=False)
            found.update(_process_of(second) for _ in range(TRIES))
        except psycopg.Error:
            # It has one process for both, or none for a transaction.
            found = {mine}
    if mine in found or len(found) > 1:
        raise DatabaseError(
            f"the database ({shown}) is behind a pooler that gives each transaction another "
            "connection, such as pgbouncer with pool_mode = transaction. A server keeps locks, "
            "settings and prepared statements for as long as it is connected, and loses them "
            "there. Name PostgreSQL itself, or set pool_mode = session for this database. Nothing "
            "was changed."
        )


def _process_of(connection: BoundedConnection) -> int:
    found = connection.execute(_PROCESS, prepare=False).fetchone()
    return 0 if found is None else int(found[0])
