"""The interface between stores and databases: a connection in a transaction, with rows by name.

Stores use these types instead of a library's, so that both databases can implement them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

Values = Sequence[Any] | Mapping[str, Any]


class Row(Protocol):
    """A row. Values are found by column name; iteration yields them in column order."""

    def __getitem__(self, key: Any, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __len__(self) -> int: ...

    def keys(self) -> Iterable[str]: ...


class Rows(Protocol):
    """A statement's result. `rowcount` is the number of changed rows."""

    @property
    def rowcount(self) -> int: ...

    @property
    def description(self) -> Any: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """A connection to the database. The code that opened or lent it commits or rolls back."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, statement: str, values: Any = ..., /) -> Rows: ...

    def executemany(self, statement: str, values: Iterable[Any], /) -> Rows: ...


class OwnConnection(Connection, Protocol):
    def close(self) -> None: ...


class LentConnection(OwnConnection, Protocol):
    """A read-only connection that threads borrow one after another.

    While `lent`, only `thread` may use it, or any thread if None.
    """

    thread: int | None
    lent: bool

    @property
    def lost(self) -> bool: ...

    def settle(self) -> None: ...


class Listening(Protocol):
    def close(self) -> None: ...


class Engine(Protocol):
    """Opens connections to one event's database. Methods raise DatabaseError."""

    # Whether others may read a commit before it is on disk.
    commits_early: bool
    # Whether the database is another process, perhaps on another computer.
    is_far: bool

    def writer(self) -> OwnConnection: ...

    def reader(self) -> LentConnection: ...

    def listen(self, heard: Callable[[int], object]) -> "Listening | None":
        """Call `heard` after each commit, with the number of the process that made it, until the
        listener is closed.

        Return None if only one process writes.
        """
        ...

    def begin(self, writer: Any, *, early: bool) -> None:
        """Begin a transaction that locks out other writers.

        The commit of an `early` transaction is visible before it is on disk. `make_durable`
        (server/storage/engines/durable.py) waits for the disk.
        """
        ...

    def begin_concurrent(self, writer: Any) -> None:
        """Begin an early transaction that locks out other writers, but for concurrent ones with
        another scope (server/storage/engines/scope.py). Only if `is_far`.
        """
        ...

    def settler(self) -> "OwnConnection | None":
        """Return a connection for `make_durable` alone, or None if commits are never early."""
        ...

    def number_of(self, writer: Any) -> int:
        """The database's process that commits for this writer."""
        ...

    def waits_s(self, writer: Any) -> float:
        """How long the writer has been waiting for the database's answer. Thread-safe.

        The wait is limited. For SQLite it is always 0.
        """
        ...

    def stands(self, writer: Any) -> bool: ...

    def is_lost(self, writer: Any) -> bool: ...
