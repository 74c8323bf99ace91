"""Maps PostgreSQL's exceptions to those of SQLite, so that stores need not know the engine.

No text contains a value, as PostgreSQL's details do.
"""

import re
import sqlite3

import psycopg
from psycopg import errors

from badges.wire.wire import ErrorCode
from server.storage.disk import DatabaseError, DiskError
from server.storage.errors import LostError
from server.storage.postgresql.many_rows import NUL

_COLUMNS = re.compile(r"Key \((.*?)\)=")
_KINDS = {
    errors.UniqueViolation: "UNIQUE",
    errors.NotNullViolation: "NOT NULL",
    errors.CheckViolation: "CHECK",
    errors.ForeignKeyViolation: "FOREIGN KEY",
}
# PostgreSQL ended the session or stopped.
_ENDED = (
    errors.AdminShutdown, errors.CrashShutdown, errors.IdleInTransactionSessionTimeout,
)  # fmt: skip
# The session's prepared statements differ from psycopg's list, or a table has changed since. Only
# another connection helps.
_SPOILED = (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement)


def mapped(error: psycopg.Error) -> Exception:
    if isinstance(error, errors.DiskFull):
        return DiskError(
            ErrorCode.DISK_FULL,
            "the disk of the database's host is full. Nothing was changed. Make room on it, "
            "then try again.",
        )
    if isinstance(error, errors.ReadOnlySqlTransaction) and "recovery" in str(error):
        return DiskError(
            ErrorCode.DISK_READ_ONLY,
            "the database's host is a standby, which takes no writes. Nothing was changed.",
        )
    if isinstance(error, psycopg.IntegrityError):
        return sqlite3.IntegrityError(_forbidden(error))
    if isinstance(error, (errors.LockNotAvailable, errors.DeadlockDetected)):
        return sqlite3.OperationalError("database is locked")
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return sqlite3.OperationalError("attempt to write a readonly database")
    if isinstance(error, psycopg.DataError) and "NUL" in str(error):
        return DatabaseError(NUL)
    if isinstance(error, psycopg.DataError):
        return sqlite3.DataError(_first_line(error))
    if is_lost(error):
        return LostError(_first_line(error))
    if isinstance(error, psycopg.InterfaceError):
        return sqlite3.InterfaceError(_first_line(error))
    return sqlite3.OperationalError(_first_line(error))


def is_lost(error: psycopg.Error) -> bool:
    return (
        isinstance(error, _ENDED)
        or is_spoiled(error)
        or (isinstance(error, psycopg.OperationalError) and error.sqlstate is None)
    )


def is_spoiled(error: psycopg.Error) -> bool:
    return isinstance(error, _SPOILED) or (
        isinstance(error, errors.FeatureNotSupported) and "cached plan" in str(error)
    )


def _first_line(error: psycopg.Error) -> str:
    line = error.diag.message_primary or str(error).partition("\n")[0]
    return line.strip()


def _forbidden(error: psycopg.IntegrityError) -> str:
    diag = error.diag
    kind = next((word for item, word in _KINDS.items() if isinstance(error, item)), "a")
    columns = diag.column_name
    if columns is None and (key := _COLUMNS.search(diag.message_detail or "")):
        columns = key[1]
    if columns is None or kind == "CHECK":
        return f"{kind} constraint failed: {diag.table_name} {diag.constraint_name}"
    named = ", ".join(f"{diag.table_name}.{item.strip()}" for item in columns.split(","))
    return f"{kind} constraint failed: {named}"
