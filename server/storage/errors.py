"""Names what a database raises by itself, and says what it means.

PostgreSQL's errors come as the same (`postgresql/told.py`). `DatabaseError` and `DiskError` of
`disk.py` are our own. Their texts say what to do.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from server.storage.disk import AwayError, DatabaseError

EngineError = sqlite3.Error  # Anything that the database raises.
# A row that the rules forbid. Only that one statement is undone.
ConstraintError = sqlite3.IntegrityError
# For example another program is writing, or a table is missing.
UnusableError = sqlite3.OperationalError


class LostError(UnusableError):
    """Is raised when the database was lost before it answered. Whether a commit that was asked for
    stands is not known.
    """


@contextmanager
def of_damaged_names() -> Iterator[None]:
    """Raise EngineError where SQLite's words of a damaged file are no UTF-8, which Python can't
    read.
    """
    try:
        yield
    except UnicodeDecodeError:
        raise sqlite3.DatabaseError("the names of its tables can't be read") from None


def is_busy(error: BaseException) -> bool:
    """Return whether another program is writing. Then the same would work later."""
    return isinstance(error, EngineError) and ("locked" in str(error) or "busy" in str(error))


def grade(error: BaseException) -> int:
    """Return how a log grades what failed with this error. That the database is away is logged
    once, by who connects anew, and not by each that meets it.
    """
    return logging.DEBUG if isinstance(error, AwayError) else logging.ERROR


def cause(error: BaseException) -> str:
    """Return what a log may have of an error. The text of others may quote what was sent."""
    told = isinstance(error, (DatabaseError, UnusableError)) and str(error)
    return told or type(error).__name__


def is_unexplained(error: BaseException) -> bool:
    """Return whether the connection may be the reason, and neither the data nor another writer."""
    return (
        isinstance(error, (UnusableError, sqlite3.InterfaceError))
        and not isinstance(error, LostError)
        and not is_busy(error)
    )


def may_pass(error: BaseException) -> bool:
    """Return whether the same would work later: the database is away, or another program writes."""
    return isinstance(error, (AwayError, LostError)) or is_busy(error)


def is_about(error: ConstraintError, column: str) -> bool:
    """Return whether the column is the one whose value may not be so."""
    return column in str(error)
