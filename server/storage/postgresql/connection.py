"""Wraps a connection of psycopg, so that stores use it as they use one of SQLite."""

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
from server.storage.postgresql.rows import named_rows
from server.storage.postgresql.told import is_spoiled, told
from server.storage.postgresql.translation.statements import (
    MAKE_DURABLE,
    Translated,
    translated,
)

PREPARED_MAX = 500  # More statements than a server has in daily use.
_CHANGES_NOTHING = ("SELECT", "SAVEPOINT", "RELEASE")
_WITHIN = ("SAVEPOINT", "RELEASE", "ROLLBACK TO")  # What a transaction goes on after.


class _Number(psycopg.adapt.Loader):
    """Reads numbers of any size. PostgreSQL gives them for sums of sums and averages."""

    def load(self, data: Any) -> int | float:
        text = bytes(data)
        return int(text) if text.lstrip(b"-").isdigit() else float(text)


class _Truth(psycopg.adapt.Loader):
    """Reads truth as 1 and 0, as SQLite has it."""

    def load(self, data: Any) -> int:
        return int(bytes(data) == b"t")


class _TruthDumper(Int8Dumper):
    """Writes truth as 1 and 0, as SQLite has it."""

    def dump(self, obj: Any) -> bytes:
        return b"1" if obj else b"0"


class _Cursor(psycopg.RawCursor[Any]):
    """Returns nothing where a statement has no rows, as SQLite does.

    Where its answer was not waited for yet, it is waited for when it is asked for.
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
    """Represents a connection. It commits each statement by itself, outside of a transaction.

    A reader of the pool refuses to be used by a thread that has given it back.
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
        # The thread that it was lent to. None means whoever holds the block.
        self.thread: int | None = None
        self.lent = True
        # Where statements are sent without waiting for each: whether some were sent since the last
        # wait, and whether one of them has failed since the last savepoint.
        self._pipeline: psycopg.Pipeline | None = None
        self._sent = self._failed = False
        self._over = ExitStack()
        # Whether psycopg may take statements for prepared that the database has skipped.
        self._skipped = False
        # What the writer knows (`server/storage/engines/memory.py`), and what steps do together.
        self.memory: Any = None
        self.joint: Any = None
        self.total_changes = 0  # Statements that may have changed something.
        self.waits_to_read = True

    @property
    def in_transaction(self) -> bool:
        return self.raw.info.transaction_status not in (
            TransactionStatus.IDLE,
            TransactionStatus.UNKNOWN,
        )

    @property
    def stands(self) -> bool:
        """Say whether a transaction is open that can be committed. After an error it can't.

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
                made = self.raw.execute(asked.text, prepare=False)
                if asked.text == "COMMIT" and made.statusmessage != "COMMIT":
                    raise sqlite3.OperationalError("the transaction was undone on the way")
                return made
            return self.raw.execute(asked.text, asked.values(values))
        except psycopg.DataError as error:
            if not asked.reads or "NUL" not in str(error):
                raise self._told(error) from None
            # No text here has a NUL, and so none is found that has what is asked for.
            given = [_without_nul(value) for value in asked.values(values)]
            return self.raw.execute(asked.text, given)
        except psycopg.Error as error:
            raise self._told(error) from None

    def executemany(self, statement: str, values: Iterable[Any], /) -> psycopg.Cursor[Any]:
        self._check()
        asked = translated(statement)
        self._begin_statement()
        cursor = self.raw.cursor()
        rows = [asked.values(one) for one in values]
        try:
            with self.raw.rows(len(rows)):
                cursor.executemany(asked.text, rows)
        except psycopg.Error as error:
            self._failed = self._skipped = True  # psycopg sends many rows in a pipeline.
            raise self._told(error) from None
        self._sent = True
        return cursor

    def hurry(self) -> None:
        """Send statements without waiting for the answer of each, until the transaction ends.

        What reads is waited for, and so is an answer that is asked for. What is wrong with a
        statement is raised at the next wait, at the latest by `stands`. It is for the steps that
        all servers wait for. They expect no row to be forbidden, but in `undone_alone`.
        """
        self._sent = self._failed = False
        self._over = ExitStack()
        self._pipeline = self._over.enter_context(self.raw.pipeline())

    def _send(self, asked: Translated, values: Any) -> psycopg.Cursor[Any]:
        if asked.plain and not asked.text.startswith(_WITHIN):
            return self._end(asked.text)
        if asked.text.startswith("ROLLBACK TO") and not self._arrives():
            return self._walk_back(asked.text)
        try:
            if asked.plain:
                made = self.raw.execute(asked.text, prepare=False)
            else:
                made = self.raw.execute(asked.text, asked.values(values))
        except psycopg.Error as error:
            self._failed = self._skipped = True
            raise self._told(error) from None
        self._sent = True
        reads = asked.reads and self.waits_to_read
        if reads or asked.text.startswith("ROLLBACK TO"):
            self.arrive()
        elif isinstance(made, _Cursor):
            made.arrive = self.arrive
        return made

    def arrive(self) -> None:
        """Wait for the answers to all that was sent. Raises EngineError."""
        if self._pipeline is None or not self._sent:
            return
        self._sent = False
        try:
            self._pipeline.sync()
        except psycopg.Error as error:
            self._failed = self._skipped = True
            raise self._told(error) from None

    def _arrives(self) -> bool:
        """Wait for the answers, and say whether all statements since the savepoint succeeded."""
        with suppress(EngineError):
            self.arrive()
        return not self._failed

    def _walk(self) -> None:
        """Wait for each statement from now on. Raises EngineError."""
        self.arrive()
        self._pipeline = None
        self._over.close()

    def _walk_back(self, text: str) -> psycopg.Cursor[Any]:
        """Go back to a savepoint after an error, and wait for each statement from now on."""
        self._pipeline, self._failed = None, False
        try:
            with suppress(psycopg.Error):
                self._over.close()
            return self.raw.execute(text, prepare=False)
        except psycopg.Error as error:
            raise self._told(error) from None

    def _end(self, text: str) -> psycopg.Cursor[Any]:
        """Execute what ends the transaction, or what can't be sent on without waiting."""
        self._pipeline = None
        try:
            if text == "COMMIT":
                made = self.raw.execute(text, prepare=False)
                self._over.close()
            else:
                with suppress(psycopg.Error):
                    self._over.close()
                made = self.raw.execute(text, prepare=False)
        except psycopg.Error as error:
            self._skipped = True
            # COMMIT itself may bring the error of a statement before it, with the pipeline open.
            with suppress(psycopg.Error):
                self._over.close()
            raise self._told(error) from None
        if text == "COMMIT" and made.statusmessage != "COMMIT":
            raise sqlite3.OperationalError("the transaction was undone on the way")
        return made

    def _prepare_anew(self) -> None:
        """Have psycopg forget which statements are prepared, once the error's statements are
        undone.

        After an error the database skips what was sent behind it, and psycopg counts a statement
        that was to be prepared there as prepared. It would fail for ever. psycopg forgets all of
        them where a block of its own is rolled back, inside a transaction or outside of one.
        """
        idle_or_within = (TransactionStatus.IDLE, TransactionStatus.INTRANS)
        if self._pipeline is not None or self.raw.info.transaction_status not in idle_or_within:
            return
        try:
            with self.raw.transaction(force_rollback=True):
                self._skipped = False
        except psycopg.Error as error:
            raise self._told(error) from None

    def _told(self, error: psycopg.Error) -> Exception:
        """Return the error that is raised for one of psycopg's. A connection whose prepared
        statements are not those that psycopg knows is lost.
        """
        if is_spoiled(error):
            self.raw.close()
        return told(error)

    def _begin_statement(self, *, changes: bool = True) -> None:
        if self._skipped:
            self._prepare_anew()
        if self.joint is not None:
            self.joint.before_statement()
        self.total_changes += changes

    def script(self, text: str) -> None:
        """Execute statements that are in PostgreSQL's own words."""
        self._begin_statement()
        try:
            self.raw.execute(text, prepare=False)
        except psycopg.Error as error:
            raise self._told(error) from None

    def make_durable(self) -> None:
        """Wait until all that this connection can read is on disk, and at the synchronous standby.

        It says so of the engine that it is connected to, which has gone on since it was opened.
        Raises EngineError, and then nothing is known of it.
        """
        if self.in_transaction:
            raise DatabaseError("what is read can be made durable after the transaction alone")
        self.script(MAKE_DURABLE)

    def copy_in(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Add many rows at once."""
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
            raise self._told(error) from None

    def settle(self) -> None:
        """Make it as new for the next borrower."""
        if self.in_transaction:
            self.script("ROLLBACK")

    def close(self) -> None:
        self.raw.close()

    def _check(self) -> None:
        if not self.lent or self.thread not in (None, threading.get_ident()):
            raise DatabaseError(
                "this reader was given back: read inside `with database.reading()`, to the end"
            )
