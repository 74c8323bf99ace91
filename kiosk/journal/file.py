import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kiosk.config.disk import PRIMARY, is_corrupt, write_trouble
from kiosk.journal import check as journal_check
from kiosk.journal import schema
from kiosk.journal.check import Owner
from kiosk.journal.errors import (
    AGAIN,
    JournalDamagedError,
    JournalError,
    JournalMissingError,
)
from kiosk.journal.seal import Seal, put_sealed
from kiosk.texts.messages import Code, Message, as_message

_AROUND = (
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
)


class JournalFile:
    """A connection to the journal's file, with a lock. Every read and write is inside
    `transaction`.
    """

    def __init__(
        self,
        path: Path,
        owner: Owner,
        seal: Seal,
        *,
        must_exist: bool,
        check: bool,
        connect: schema.Connect,
        pragmas: schema.Pragmas,
    ) -> None:
        """Raises JournalError or a subclass."""
        if must_exist and not path.exists():
            raise JournalMissingError(path)
        self.path = path
        self.seal = seal
        self._owner = owner
        self._lock = threading.Lock()
        self._connection = connect(path)
        try:
            self._open(check, pragmas)
        except BaseException:
            self._connection.close()
            raise
        # The file and its write-ahead log, as far as they are there.
        parts = (path, path.with_name(path.name + "-wal"))
        self._parts = {part: number for part in parts if (number := _number(part))}

    def _open(self, check: bool, pragmas: schema.Pragmas) -> None:
        try:
            schema.configure(self._connection, pragmas)
            self._make_tables()
            problem = (
                journal_check.problem(self._connection, self._owner, self.seal) if check else None
            )
        except schema.SettingError as error:
            raise JournalError(
                f"{error} for {self.path.name}; without it a power cut could lose scans. "
                "Is the disk a network share? Use a local one."
            ) from None
        except UnicodeDecodeError:
            # Python can't decode SQLite's message about damaged names.
            problem = "the names of its tables can't be read"
        except sqlite3.DatabaseError as error:
            trouble = write_trouble(error, self.path.parent)
            if trouble is not None or not is_damage(error):
                raise JournalError(
                    trouble or f"{self.path.name} can't be opened: {error}."
                ) from None
            problem = str(error)
        if problem is not None:
            self._connection.close()
            # A command beside a running kiosk does not check, and leaves the file in place.
            raise JournalDamagedError(problem, move_aside(self.path) if check else None)

    def _make_tables(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > schema.VERSION:
            raise JournalError(
                f"{self.path.name} was written by a newer Hallkeeper. Nothing was changed. "
                "Use the newer version."
            )
        if 0 < version < schema.VERSION:
            raise JournalError(
                f"{self.path.name} was written by a Hallkeeper from before 1.0. Nothing was "
                f"changed. Send its scans with that version, and enrol this kiosk again ({AGAIN})."
            )
        if version == 0:
            self._connection.execute("BEGIN IMMEDIATE")
            for statement in schema.TABLES:
                self._connection.execute(statement)
            state = (1, self._owner.kiosk, self._owner.generation, 0, 0, 0, 0, 0, 0)
            put_sealed(self._connection, self.seal, "state", *state)
            self._connection.execute("COMMIT")
        self._check_owner()

    def _check_owner(self) -> None:
        """Raises JournalError if the file is another kiosk's intact journal, and DatabaseError if
        it names no owner.
        """
        row = self._connection.execute("SELECT kiosk, generation FROM state").fetchone()
        if row is None:
            raise sqlite3.DatabaseError("its owner is missing")
        kiosk, generation = row
        if (kiosk, generation) == (self._owner.kiosk, self._owner.generation):
            return
        problem = journal_check.foreign_problem(self._connection, self._owner)
        if problem is not None:
            raise sqlite3.DatabaseError(problem)
        raise JournalError(
            f"{self.path.name} is the journal of {kiosk!r} (generation {generation}), and this is "
            f"{self._owner.kiosk!r} (generation {self._owner.generation}). Nothing was changed. "
            f"Put the right journal there, or enrol this kiosk again ({AGAIN}), which keeps this "
            "one aside."
        )

    @contextmanager
    def transaction(self) -> Iterator[schema.Connection]:
        """From BEGIN IMMEDIATE to COMMIT, or ROLLBACK after an exception. Raises JournalError."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except (sqlite3.Error, UnicodeDecodeError) as error:
                self._roll_back()
                raise JournalError(self._message(error)) from error
            except BaseException:
                self._roll_back()
                raise

    def _message(self, error: sqlite3.Error | UnicodeDecodeError) -> Message:
        trouble = write_trouble(error, self.path.parent)
        if trouble is None and isinstance(error, sqlite3.Error) and is_corrupt(error):
            trouble = Message(Code.JOURNAL_DAMAGED, file=str(self.path))
        return trouble or Message(Code.JOURNAL_UNWRITABLE, why=as_message(str(error)))

    def is_in_place(self) -> bool:
        """False if another program deleted or replaced the open file. SQLite writes on, to a file
        that nobody finds after a restart.
        """
        return all(_number(part) == number for part, number in self._parts.items())

    def require_in_place(self) -> None:
        """Raises JournalError."""
        if not self.is_in_place():
            raise JournalError(Message(Code.JOURNAL_GONE, file=str(self.path)))

    def _roll_back(self) -> None:
        # The caller raises the first error, which is more informative.
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the error means damage of the file, not a fault around it: its disk, its owner, or
    another process.
    """
    kind = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & PRIMARY
    return kind not in _AROUND


def _number(path: Path) -> tuple[int, int] | None:
    """The number of the file in its file system, or None if it can't be found."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def move_aside(path: Path) -> Path:
    """Keep the file and its companions as evidence. Returns the new path."""
    number = 1
    while (aside := path.with_name(f"{path.name}.bad-{number}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside
