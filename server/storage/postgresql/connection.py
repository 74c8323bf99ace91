"""Wraps a psycopg connection in the interface that stores use."""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper

from server.storage.disk import DatabaseError
from server.storage.errors import EngineError
from server.storage.postgresql.bounds import BoundedConnection
from server.storage.postgresql.error_mapping import is_spoiled, mapped
from server.storage.postgresql.rows import named_rows
from server.storage.postgresql.translation.statements import (
    MAKE_DURABLE,
    SHARE_LOCK,
    Translated,
    translated,
)

PREPARED_MAX = 500  # more than a server uses
_CHANGES_NOTHING = ("SELECT", "SAVEPOINT", "RELEASE")
_WITHIN = ("SAVEPOINT", "RELEASE", "ROLLBACK TO")  # These do not end a transaction.


class _Number(psycopg.adapt.Loader):
    """Loads numbers of any size, such as sums of sums and averages."""

    def load(self, data: Any) -> int | float:
        text = bytes(data)
        return int(text) if text.lstrip(b"-").isdigit() else float(text)


class _Truth(psycopg.adapt.Loader):
    def load(self, data: Any) -> int:
        return int(bytes(data) == b"t")


class _TruthDumper(Int8Dumper):
    def dump(self, obj: Any) -> bytes:
        return b"1" if obj else b"0"


class _Cursor(psycopg.RawCursor[Any]):
    """Like SQLite, has no rows after a statement without a result.

    If the answer is still pending, it waits on first access.
    """

    arrive: Callable[[], None] | None = None

    @property
    def rowcount(self) -> int:
        self._wait()
        return super().rowcount

    def _wait(self) -> None:
        if self.arrive is not None:
            self.arrive()

    def __iter__(self) -> Any:
        self._wait()
        return super().__iter__()

    def fetchone(self) -> Any:
        self._wait()
        return super().fetchone() if self.pgresult and self.pgresult.nfields else None

    def fetchall(self) -> list[Any]:
        self._wait()
        return super().fetchall() if self.pgresult and self.pgresult.nfields else []


def _without_nul(value: Any) -> Any:
    return value.replace("\0", "\ufffe") if isinstance(value, str) else value


class PostgresConnection:
    """A connection. Outside a transaction each statement commits by itself.

    A pooled reader refuses use by a thread that has returned it.
    """

    def __init__(self, raw: BoundedConnection) -> None:
        self.raw = raw
        raw.cursor_factory = _Cursor
        raw.row_factory = named_rows
        raw.prepared_max = PREPARED_MAX
        raw.adapters.register_dumper(int, Int8Dumper)
        raw.adapters.register_dumper(bool, _TruthDumper)
        raw.adapters.register_loader("numeric", _Number)
        raw.adapters.register_loader("bool", _Truth)
        # The only thread that may use it, or None for any.
        self.thread: int | None = None
        self.lent = True
        # In pipeline mode: whether answers are pending, and a statement has failed since the
        # last savepoint.
        self._pipeline: psycopg.Pipeline | None = None
        self._sent = self._failed = False
        self._over = ExitStack()
        # Whether psycopg may count statements as prepared that the database skipped.
        self._skipped = False
        # The writer's memo (`server/storage/engines/memory.py`), and the running group of steps.
        self.memory: Any = None
        self.joint: Any = None
        self.effects: Any = None  # of the running step (`server/storage/effects.py`)
        self.total_changes = 0  # statements that may have changed data
        self.waits_to_read = True

    @property
    def in_transaction(self) -> bool:
        return self.raw.info.transaction_status not in (
            TransactionStatus.IDLE,
            TransactionStatus.UNKNOWN,
        )

    @property
    def stands(self) -> bool:
        """Whether an open transaction can be committed, which is impossible after an error.

        Raises EngineError for a statement that has failed meanwhile.
        """
        if self._pipeline is not None:
            self.arrive()
            return not self._failed
        return self.raw.info.transaction_status == TransactionStatus.INTRANS

    @property
    def lost(self) -> bool:
        return self.raw.closed or self.raw.broken

    def execute(self, statement: str, values: Any = (), /) -> psycopg.Cursor[Any]:
        self._check()
        asked = translated(statement)
        self._begin_statement(changes=not asked.text.startswith(_CHANGES_NOTHING))
        if self._pipeline is not None:
            return self._send(asked, values)
        try:
            if asked.plain:
                cursor = self.raw.execute(asked.text, prepare=False)
                if asked.text == "COMMIT" and cursor.statusmessage != "COMMIT":
                    raise sqlite3.OperationalError("the transaction was undone on the way")
                return cursor
            return self.raw.execute(asked.text, asked.values(values))
        except psycopg.DataError as error:
            if not asked.reads or "NUL" not in str(error):
                raise self._mapped(error) from None
            # No stored text contains NUL, so nothing must match.
            given = [_without_nul(value) for value in asked.values(values)]
            return self.raw.execute(asked.text, given)
        except psycopg.Error as error:
            raise self._mapped(error) from None

    def executemany(self, statement: str, values: Iterable[Any], /) -> psycopg.Cursor[Any]:
        self._check()
        asked = translated(statement)
        self._begin_statement()
        cursor = self.raw.cursor()
        rows = [asked.values(row) for row in values]
        try:
            with self.raw.rows(len(rows)):
                cursor.executemany(asked.text, rows)
        except psycopg.Error as error:
            self._failed = self._skipped = True  # executemany uses a pipeline.
            raise self._mapped(error) from None
        self._sent = True
        return cursor

    def hurry(self) -> None:
        """Send statements without waiting for each answer (pipeline mode), until the transaction
        ends.

        A result is awaited when it is read. Errors are raised at the next wait, at the latest by
        `stands`. Such steps may expect constraint errors only in `undone_alone`.
        """
        self._sent = self._failed = False
        self._over = ExitStack()
        self._pipeline = self._over.enter_context(self.raw.pipeline())

    def begin_concurrent(self, idle_ms: int | None) -> None:
        """Begin a transaction that shares the lock of all writers, without waiting for it. It ends
        if nothing is asked for `idle_ms`.
        """
        self._begin_statement()
        self.hurry()
        try:
            self.raw.execute("BEGIN", prepare=True)
            self.raw.execute(SHARE_LOCK, [None if idle_ms is None else str(idle_ms)], prepare=True)
        except psycopg.Error as error:
            self._failed = self._skipped = True
            raise self._mapped(error) from None
        self._sent = True

    def _send(self, asked: Translated, values: Any) -> psycopg.Cursor[Any]:
        if asked.plain and not asked.text.startswith(_WITHIN):
            return self._end(asked.text)
        if asked.text.startswith("ROLLBACK TO") and not self._arrives():
            return self._walk_back(asked.text)
        try:
            if asked.plain:
                cursor = self.raw.execute(asked.text, prepare=False)
            else:
                cursor = self.raw.execute(asked.text, asked.values(values))
        except psycopg.Error as error:
            self._failed = self._skipped = True
            raise self._mapped(error) from None
        self._sent = True
        reads = asked.reads and self.waits_to_read
        if reads or asked.text.startswith("ROLLBACK TO"):
            self.arrive()
        elif isinstance(cursor, _Cursor):
            cursor.arrive = self.arrive
        return cursor

    def arrive(self) -> None:
        """Wait for all pending answers. Raises EngineError."""
        if self._pipeline is None or not self._sent:
            return
        self._sent = False
        try:
            self._pipeline.sync()
        except psycopg.Error as error:
            self._failed = self._skipped = True
            raise self._mapped(error) from None

    def _arrives(self) -> bool:
        """Wait for the answers. Return whether all statements since the savepoint succeeded."""
        with suppress(EngineError):
            self.arrive()
        return not self._failed

    def _walk(self) -> None:
        """Leave pipeline mode. Raises EngineError."""
        self.arrive()
        self._pipeline = None
        self._over.close()

    def _walk_back(self, text: str) -> psycopg.Cursor[Any]:
        self._pipeline, self._failed = None, False
        try:
            with suppress(psycopg.Error):
                self._over.close()
            return self.raw.execute(text, prepare=False)
        except psycopg.Error as error:
            raise self._mapped(error) from None

    def _end(self, text: str) -> psycopg.Cursor[Any]:
        self._pipeline = None
        try:
            if text == "COMMIT":
                cursor = self.raw.execute(text, prepare=False)
                self._over.close()
            else:
                with suppress(psycopg.Error):
                    self._over.close()
                cursor = self.raw.execute(text, prepare=False)
        except psycopg.Error as error:
            self._skipped = True
            # COMMIT may raise an earlier statement's error, with the pipeline still open.
            with suppress(psycopg.Error):
                self._over.close()
            raise self._mapped(error) from None
        if text == "COMMIT" and cursor.statusmessage != "COMMIT":
            raise sqlite3.OperationalError("the transaction was undone on the way")
        return cursor

    def _prepare_anew(self) -> None:
        """Make psycopg forget its prepared statements after a rollback.

        The database skips statements sent after an error, but psycopg counts them as prepared, and
        they would always fail. psycopg forgets them when a block of its own is rolled back.
        """
        idle_or_within = (TransactionStatus.IDLE, TransactionStatus.INTRANS)
        if self._pipeline is not None or self.raw.info.transaction_status not in idle_or_within:
            return
        try:
            with self.raw.transaction(force_rollback=True):
                self._skipped = False
        except psycopg.Error as error:
            raise self._mapped(error) from None

    def _mapped(self, error: psycopg.Error) -> Exception:
        """Return our exception for psycopg's. Close the connection if its prepared statements are
        unusable.
        """
        if is_spoiled(error):
            self.raw.close()
        return mapped(error)

    def _begin_statement(self, *, changes: bool = True) -> None:
        if self._skipped:
            self._prepare_anew()
        if self.joint is not None:
            self.joint.before_statement()
        self.total_changes += changes

    def script(self, text: str) -> None:
        self._begin_statement()
        try:
            self.raw.execute(text, prepare=False)
        except psycopg.Error as error:
            raise self._mapped(error) from None

    def make_durable(self) -> None:
        """Wait until all data visible to this connection is on disk, and at the synchronous
        standby. Raises EngineError; then the state is unknown.
        """
        if self.in_transaction:
            raise DatabaseError("what is read can be made durable after the transaction alone")
        self.script(MAKE_DURABLE)

    def copy_in(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        self._check()
        self._begin_statement()
        self._walk()
        names = ", ".join(columns)
        try:
            with (
                self.raw.rows(0),
                self.raw.cursor() as cursor,
                cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy,
            ):
                for row in rows:
                    copy.write_row(row)
        except psycopg.Error as error:
            raise self._mapped(error) from None

    def settle(self) -> None:
        if self.in_transaction:
            self.script("ROLLBACK")

    def close(self) -> None:
        self.raw.close()

    def _check(self) -> None:
        if not self.lent or self.thread not in (None, threading.get_ident()):
            raise DatabaseError(
                "this reader was given back: read inside `with database.reading()`, to the end"
            )
