"""Replaces the standard library's `sqlite3` in a browser, by SQLite's WebAssembly build.

It has what journal and replica use of it. `storage` is the JavaScript of `static/storage.mjs`. A
file of the same name in Python's own file system shows that a database exists: without it, the
database is created anew.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hallkeeper_js import storage
from pyodide.ffi import JsBigInt, JsException, JsNull, to_js

PRIMARY = 0xFF  # the kind of error in SQLite's extended codes

# https://sqlite.org/rescode.html
SQLITE_OK = 0
SQLITE_ERROR = 1
SQLITE_INTERNAL = 2
SQLITE_PERM = 3
SQLITE_ABORT = 4
SQLITE_BUSY = 5
SQLITE_LOCKED = 6
SQLITE_NOMEM = 7
SQLITE_READONLY = 8
SQLITE_INTERRUPT = 9
SQLITE_IOERR = 10
SQLITE_CORRUPT = 11
SQLITE_NOTFOUND = 12
SQLITE_FULL = 13
SQLITE_CANTOPEN = 14
SQLITE_PROTOCOL = 15
SQLITE_SCHEMA = 17
SQLITE_TOOBIG = 18
SQLITE_CONSTRAINT = 19
SQLITE_MISMATCH = 20
SQLITE_MISUSE = 21
SQLITE_NOLFS = 22
SQLITE_AUTH = 23
SQLITE_RANGE = 25
SQLITE_NOTADB = 26


class Error(Exception):
    sqlite_errorcode: int = SQLITE_ERROR
    sqlite_errorname: str = "SQLITE_ERROR"


class InterfaceError(Error):
    pass


class DatabaseError(Error):
    pass


class InternalError(DatabaseError):
    pass


class OperationalError(DatabaseError):
    pass


class IntegrityError(DatabaseError):
    pass


class DataError(DatabaseError):
    pass


class ProgrammingError(DatabaseError):
    pass


# As the standard library raises them. All other codes are a DatabaseError.
_KINDS: dict[int, type[Error]] = {
    **dict.fromkeys((SQLITE_INTERNAL, SQLITE_NOTFOUND), InternalError),
    **dict.fromkeys((SQLITE_CONSTRAINT, SQLITE_MISMATCH), IntegrityError),
    **dict.fromkeys((SQLITE_MISUSE, SQLITE_RANGE), InterfaceError),
    SQLITE_TOOBIG: DataError,
    **dict.fromkeys(
        (
            *(SQLITE_ERROR, SQLITE_PERM, SQLITE_ABORT, SQLITE_BUSY, SQLITE_LOCKED),
            *(SQLITE_READONLY, SQLITE_INTERRUPT, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN),
            *(SQLITE_PROTOCOL, SQLITE_SCHEMA),
        ),
        OperationalError,
    ),
}


class Row(Sequence[Any]):
    """A row with its columns' names."""

    __slots__ = ("_columns", "_values")

    def __init__(self, columns: list[str], values: tuple[Any, ...]) -> None:
        self._columns = columns
        self._values = values

    def keys(self) -> list[str]:
        return list(self._columns)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            try:
                return self._values[self._columns.index(key)]
            except ValueError:
                raise IndexError("No item with that key") from None
        return self._values[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Cursor:
    """The result of one statement, which has run to its end."""

    def __init__(self, rows: Iterable[Any] = (), rowcount: int = -1) -> None:
        self._rows = iter(rows)
        self.rowcount = rowcount

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchall(self) -> list[Any]:
        return list(self._rows)

    def __iter__(self) -> Iterator[Any]:
        return self._rows


class Connection:
    row_factory: type[Row] | None = None

    def __init__(self, path: Path | str) -> None:
        path = Path(path)
        if not path.exists():
            storage.remove(str(path))
            path.touch()
        self._database = storage.open(str(path))
        self._run = self._database.run
        self._columns: dict[str, list[str]] = {}  # by statement
        self.total_changes = 0

    def execute(self, sql: str, parameters: Any = (), /) -> Cursor:
        """Transactions are explicit, as with `isolation_level=None`."""
        self._check_open()
        try:
            result = self._run(sql, *map(_for_js, parameters))
        except JsException as error:
            raise _error(error) from None
        if isinstance(result, int):
            self.total_changes += max(0, result)
            return Cursor((), result)
        if sql not in self._columns:
            self._columns[sql] = self._database.columns(sql).to_py()
        columns = self._columns[sql]
        width = len(columns)
        flat = [_for_python(value) for value in result.to_py()]
        rows: list[Any] = [tuple(flat[at : at + width]) for at in range(0, len(flat), width)]
        if self.row_factory is not None:
            rows = [self.row_factory(columns, row) for row in rows]
        return Cursor(rows)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Cursor:
        changes = sum(max(0, self.execute(sql, row).rowcount) for row in parameters)
        return Cursor((), changes)

    @property
    def in_transaction(self) -> bool:
        self._check_open()
        return bool(self._database.inTransaction())

    def close(self) -> None:
        """Idempotent."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _check_open(self) -> None:
        if self._database is None:
            raise ProgrammingError("Cannot operate on a closed database.")


def connect(path: Path | str, **_: object) -> Connection:
    """The options that the kiosk gives are those of `Connection`."""
    return Connection(path)


def _error(error: Any) -> Error:
    code = int(error.code)
    raised = _KINDS.get(code & PRIMARY, DatabaseError)(str(error.message))
    raised.sqlite_errorcode = code
    return raised


def _for_js(value: Any) -> Any:
    kind = type(value)
    if kind is int or kind is str or value is None:
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return to_js(bytes(value))
    return int(value) if isinstance(value, int) else value


def _for_python(value: Any) -> Any:
    kind = type(value)
    if kind is int or kind is str:
        return value
    if kind is memoryview:
        return bytes(value)
    if kind is JsBigInt:
        return int(value)
    return None if kind is JsNull else value
