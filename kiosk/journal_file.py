"""The journal's file: its settings, its check at every start, one transaction at a time."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from badges.keys import BadSignatureError, PublicKey
from badges.record import WireError, decode_record
from badges.transparency import chain_next, chain_start
from badges.wire import HEAD_CONTEXT
from kiosk import journal_schema as schema
from kiosk.journal_errors import JournalDamagedError, JournalError, JournalMissingError
from kiosk.messages import Code, Message, as_message

CHECKED_RECORDS = 1_000  # of the newest, at every start


class JournalFile:
    """A connection and a lock. Every read and write happens inside `transaction`."""

    def __init__(
        self,
        path: Path,
        kiosk: str,
        generation: int,
        public: PublicKey,
        *,
        must_exist: bool,
        check: bool,
        connect: schema.Connect,
    ) -> None:
        """Raises JournalError, or a subclass."""
        if must_exist and not path.exists():
            raise JournalMissingError(path)
        self.path = path
        self._owner = (kiosk, generation)
        self._lock = threading.Lock()
        self._connection = connect(path)
        try:
            self._open(public, check)
        except BaseException:
            self._connection.close()
            raise

    def _open(self, public: PublicKey, check: bool) -> None:
        try:
            schema.configure(self._connection)
            self._make_tables()
            problem = self._problem(public) if check else None
        except schema.SettingError as error:
            raise JournalError(
                f"{error} for {self.path.name}; without it a power cut could lose scans. "
                "Is the disk a network share? Use a local one."
            ) from None
        except sqlite3.OperationalError as error:
            raise JournalError(f"{self.path.name} can't be opened: {error}.") from None
        except sqlite3.DatabaseError as error:
            problem = str(error)
        if problem is not None:
            self._connection.close()
            raise JournalDamagedError(problem, move_aside(self.path))

    def _make_tables(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > schema.VERSION:
            raise JournalError(
                f"{self.path.name} was written by a newer Hallkeeper. Nothing was changed. "
                "Use the newer version."
            )
        if version == 0:
            self._connection.execute("BEGIN IMMEDIATE")
            for statement in schema.TABLES:
                self._connection.execute(statement)
            self._connection.execute(
                "INSERT INTO state (one, kiosk, generation) VALUES (1, ?, ?)", self._owner
            )
            self._connection.execute("COMMIT")
        for later in range(max(version, 1) + 1, schema.VERSION + 1):
            self._connection.execute("BEGIN IMMEDIATE")
            for statement in schema.CHANGES[later]:
                self._connection.execute(statement)
            self._connection.execute("COMMIT")
        found = self._connection.execute("SELECT kiosk, generation FROM state").fetchone()
        if found != self._owner:
            raise JournalError(
                f"{self.path.name} is the journal of {found[0]} (generation {found[1]}), and this "
                f"is {self._owner[0]} (generation {self._owner[1]}). Nothing was changed."
            )

    @contextmanager
    def transaction(self) -> Iterator[schema.Connection]:
        """BEGIN IMMEDIATE to COMMIT; whatever is raised rolls it back. Raises JournalError."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                why = as_message(str(error))
                raise JournalError(Message(Code.JOURNAL_UNWRITABLE, why=why)) from error
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # the first error is the one to tell

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _problem(self, public: PublicKey) -> str | None:
        """What is wrong with the file or with its newest records."""
        (verdict,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            return str(verdict)
        (count, last) = self._connection.execute(
            "SELECT count(*), coalesce(max(seq), 0) FROM scan"
        ).fetchone()
        if count != last:
            return f"it holds {count} of {last} scans"
        rows = self._connection.execute(
            "SELECT seq, record, head, signature FROM scan WHERE seq > ? ORDER BY seq",
            (last - CHECKED_RECORDS - 1,),
        ).fetchall()
        return chain_problem(rows, *self._owner, public)


def chain_problem(rows: list[Any], kiosk: str, generation: int, public: PublicKey) -> str | None:
    """The first fault in `rows` of (seq, record, head, signature): a link or the last signature.

    The first row is taken at its word, unless it is the journal's first.
    """
    head = chain_start(kiosk, generation) if rows and rows[0][0] == 1 else None
    for seq, raw, said, _ in rows:
        try:
            record = decode_record(raw)
        except WireError:
            return f"scan {seq} is malformed"
        if head is not None and chain_next(head, raw) != said:
            return f"scan {seq} is not the one that was written"
        if (record.kiosk, record.generation, record.seq) != (kiosk, generation, seq):
            return f"scan {seq} is in another's place"
        head = said
    if rows:
        try:
            public.verify(HEAD_CONTEXT + rows[-1][2], rows[-1][3])
        except BadSignatureError:
            return f"scan {rows[-1][0]} was not signed by this kiosk"
    return None


def move_aside(path: Path) -> Path:
    """Rename the file and its companions, which are evidence; the new name of the first."""
    number = 1
    while (aside := path.with_name(f"{path.name}.bad-{number}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside
