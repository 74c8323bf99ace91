"""Batches the reads and writes of similar steps in one transaction.

Consecutive similar steps form a group. A few statements read the data for all of them into the
memo, and a few write their collected changes. All else happens step by step, with the same results.

Collected changes are written before any other statement of a step, so it sees them. `beside`
declares statements that concern other tables.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from server.storage.connection import Connection
from server.storage.engines import memory

K = TypeVar("K", bound="Collected")


@dataclass(frozen=True)
class Kind:
    """A kind of steps that may run together in a group, with batched statements.

    `read_ahead` gets each step's `about`. `finish` gets the steps' results after all writes, and
    returns the final results.
    """

    read_ahead: Callable[[Connection, Sequence[Any]], object]
    finish: Callable[[Connection, Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True)
class Joinable:
    """Marks a step that may run in a group with others of its kind."""

    kind: Kind
    about: Any


class Collected:
    """Collects a group's writes to `tables`, to execute them together. Outside a group, `write`
    writes at once.
    """

    tables: tuple[str, ...] = ()

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._alone = _of(db) is None

    def write(self) -> None:
        if self._alone:
            self.put()

    def put(self) -> None:
        """Write the collected changes. Clear them first: a statement may call this again."""
        raise NotImplementedError


class Joint:
    """The collectors that a group's steps share, on their connection."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._shared: dict[type[Collected], Collected] = {}
        self._waits = True

    def share(self, kind: type[K], make: Callable[[], K]) -> K:
        collected: Any = self._shared.get(kind)
        if collected is None:
            collected = self._shared[kind] = make()
        return collected  # type: ignore[no-any-return]

    def before_statement(self) -> None:
        if self._waits:
            self.write(lambda collected: True)

    def write(self, chosen: Callable[[Collected], bool]) -> None:
        """Write the changes of the `chosen` collectors, in their order of creation."""
        waits, self._waits = self._waits, False
        with memory.still(self._db):
            for collected in self._shared.values():
                if chosen(collected):
                    collected.put()
        self._waits = waits

    @contextmanager
    def beside(self, tables: Sequence[str]) -> Iterator[None]:
        self.write(lambda collected: not set(tables).isdisjoint(collected.tables))
        waits, self._waits = self._waits, False
        try:
            yield
        finally:
            self._waits = waits


def _of(db: Connection) -> Joint | None:
    return getattr(db, "joint", None)


def is_on(db: Connection) -> bool:
    """Whether a group is running. `Kind.finish` is called at its end."""
    return _of(db) is not None


def shared(db: Connection, kind: type[K], make: Callable[[], K]) -> K:
    """Return the group's collector of this class, or a new one outside a group."""
    joint = _of(db)
    return make() if joint is None else joint.share(kind, make)


@contextmanager
def beside(db: Connection, *tables: str) -> Iterator[None]:
    """Execute statements in the block that use only these tables. Collected writes to other tables
    are not executed first.
    """
    joint = _of(db)
    if joint is None:
        yield
        return
    with joint.beside(tables):
        yield


Reading = Iterator[None]  # Sends its statements, yields, and then fetches the results.


def read(db: Any, *readings: Reading) -> None:
    """Send the statements of all readings, then wait once for all results, if the engine can."""
    asked = list(readings)
    waits = getattr(db, "waits_to_read", True)
    db.waits_to_read = False
    try:
        for reading in asked:
            next(reading, None)
    finally:
        db.waits_to_read = waits
    for reading in asked:
        next(reading, None)


class StepError(Exception):
    """Raised if a group's step raised. `at` is its index."""

    def __init__(self, at: int) -> None:
        super().__init__(f"step {at} of a group")
        self.at = at


def together(
    db: Any, kind: Kind, steps: Sequence[Callable[[Any], Any]], about: Sequence[Any]
) -> Sequence[Any]:
    """Run steps of one kind as a group, and return their results.

    Raises StepError, or an exception of the batched statements; then the caller rolls back.
    """
    db.joint = joint = Joint(db)
    try:
        kind.read_ahead(db, about)
        results = []
        for at, step in enumerate(steps):
            try:
                results.append(step(db))
            except BaseException as error:
                raise StepError(at) from error
        joint.before_statement()
        db.joint = None
        return kind.finish(db, results)
    finally:
        db.joint = None
