"""Defines what a store may ask of a database. That is one connection in one transaction, and rows
by name.

Stores take these and never a database library's own types. So another database can stand behind
them, and `sqlite3` is named in this room alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

Values = Sequence[Any] | Mapping[str, Any]


class Row(Protocol):
    """Represents one row of an answer. Its values are found by column name, or in the order of the
    columns.
    """

    def __getitem__(self, key: Any, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __len__(self) -> int: ...

    def keys(self) -> Iterable[str]: ...


class Rows(Protocol):
    """Represents what a statement answers. `rowcount` is how many rows it changed."""

    @property
    def rowcount(self) -> int: ...

    @property
    def description(self) -> Any: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """Represents one connection. Whoever gave it commits or undoes what it changes."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, statement: str, values: Any = ..., /) -> Rows: ...

    def executemany(self, statement: str, values: Iterable[Any], /) -> Rows: ...


class OwnConnection(Connection, Protocol):
    """Represents a connection that whoever opened it closes."""

    def close(self) -> None: ...


class LentConnection(OwnConnection, Protocol):
    """Represents a connection for reading, which threads borrow one after the other.

    `thread` may use it, or with None whoever holds the block, as long as `lent` says so.
    """

    thread: int | None
    lent: bool

    @property
    def lost(self) -> bool: ...

    def settle(self) -> None: ...


class Listening(Protocol):
    """Represents a thread that hears of commits."""

    def close(self) -> None: ...


class Engine(Protocol):
    """Opens the connections of one event. Raises DatabaseError where that fails."""

    # Says whether what a transaction wrote may be read before it is on disk.
    commits_early: bool
    # Says whether each wait for an answer is a way to another process, or another machine.
    is_far: bool

    def writer(self) -> OwnConnection: ...

    def reader(self) -> LentConnection: ...

    def listen(self, heard: Callable[[int], object]) -> "Listening | None":
        """Call `heard` when a process commits, with its number, until the listener is closed.

        Returns None where one process alone writes.
        """
        ...

    def begin(self, writer: Any, *, early: bool) -> None:
        """Begin a transaction that keeps other writers out.

        What an `early` one commits may be read by others before it is on disk, until
        `make_durable` (server/storage/engines/durable.py) has waited for that. The engine need
        not do so.
        """
        ...

    def settler(self) -> "OwnConnection | None":
        """Return a connection for `make_durable` alone, or None where nothing is ever committed
        early.
        """
        ...

    def number_of(self, writer: Any) -> int:
        """Return the number of the process that commits for this writer."""
        ...

    def waits_s(self, writer: Any) -> float:
        """Return for how long the writer has waited for an answer, in seconds. Any thread may ask.

        The wait ends by itself. It is 0 for a file, which answers within the call.
        """
        ...

    def stands(self, writer: Any) -> bool:
        """Say whether the writer's transaction can be committed."""
        ...

    def is_lost(self, writer: Any) -> bool:
        """Say whether the writer's connection is gone, as when the database was started anew."""
        ...
