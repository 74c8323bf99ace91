"""Names the exceptions of the databases.

PostgreSQL's are mapped to these (`postgresql/error_mapping.py`). `DatabaseError` and `DiskError` in
`disk.py` are our own; their texts contain the remedy.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from server.storage.disk import AwayError, DatabaseError

EngineError = sqlite3.Error  # any error of the database
# A violated constraint. Only that statement is undone.
ConstraintError = sqlite3.IntegrityError
# For example, another program is writing, or a table is missing.
UnusableError = sqlite3.OperationalError


class LostError(UnusableError):
    """Raised if the connection was lost before the answer. It is unknown whether a requested
    commit stands.
    """


@contextmanager
def of_damaged_names() -> Iterator[None]:
    """Raise EngineError if SQLite's error text of a damaged file is not UTF-8, which Python can't
    decode.
    """
    try:
        yield
    except UnicodeDecodeError:
        raise sqlite3.DatabaseError("the names of its tables can't be read") from None


def is_busy(error: BaseException) -> bool:
    """Whether another program was writing, so that a later attempt would succeed."""
    return isinstance(error, EngineError) and ("locked" in str(error) or "busy" in str(error))


def grade(error: BaseException) -> int:
    """Return the log level for an error. An unreachable database is logged once, when
    reconnecting.
    """
    return logging.DEBUG if isinstance(error, AwayError) else logging.ERROR


def cause(error: BaseException) -> str:
    """Return a text for the log: an error's own text, or only its type if the text may contain
    user data.
    """
    text = isinstance(error, (DatabaseError, UnusableError)) and str(error)
    return text or type(error).__name__


def is_unexplained(error: BaseException) -> bool:
    """Return whether the connection may be the cause, not the data or another writer."""
    return (
        isinstance(error, (UnusableError, sqlite3.InterfaceError))
        and not isinstance(error, LostError)
        and not is_busy(error)
    )


def may_pass(error: BaseException) -> bool:
    """Whether a later attempt may succeed: the database is unreachable or busy."""
    return isinstance(error, (AwayError, LostError)) or is_busy(error)


def is_about(error: ConstraintError, column: str) -> bool:
    return column in str(error)
