"""Batches the reads and writes of similar steps in one transaction.

Consecutive similar steps form a group. A few statements read the data for all of them into the
memo, and a few write their collected changes. All else happens step by step, with the same results.

Collected changes are written before any other statement of a step, so it sees them. `beside`
declares statements that concern other tables.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from server.storage import dialect
from server.storage.connection import Connection
from server.storage.engines import memory, scope
from server.storage.engines.scope import OutOfScopeError, Scope

K = TypeVar("K", bound="Collected")


@dataclass(frozen=True)
class Kind:
    """A kind of steps that may run together in a group, with batched statements.

    `read_ahead` gets each step's `about`. In a concurrent transaction it must also lock the scope
    (`locking`). `finish` gets the steps' results after all writes, and returns the final results.
    `numbers` returns the next numbers of the tables that are numbered in the order of commits.
    Without it the steps never run concurrently.
    """

    read_ahead: Callable[[Connection, Sequence[Any]], object]
    finish: Callable[[Connection, Sequence[Any]], Sequence[Any]]
    numbers: Callable[[Connection], dict[str, int]] | None = None


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
    # Whether their numbers follow the order of commits.
    in_order = False

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._alone = _of(db) is None

    def write(self) -> None:
        if self._alone:
            self.put()

    @property
    def is_pending(self) -> bool:
        return True

    def put(self) -> None:
        """Write the collected changes. Clear them first: a statement may call this again."""
        raise NotImplementedError


class Joint:
    """The collectors that a group's steps share, on their connection."""

    def __init__(self, db: Any, kind: Kind, *, concurrent: bool = False) -> None:
        self._db = db
        self._kind = kind
        self._shared: dict[type[Collected], Collected] = {}
        self._waits = True
        self.concurrent = concurrent
        self.scope: Scope | None = None
        # The next numbers of tables numbered in order, once known in a concurrent transaction.
        self.numbers: dict[str, int] = {}

    def share(self, kind: type[K], make: Callable[[], K]) -> K:
        collected: Any = self._shared.get(kind)
        if collected is None:
            collected = self._shared[kind] = make()
        return collected  # type: ignore[no-any-return]

    def before_statement(self) -> None:
        """Write all that was collected. A statement that is not declared to be within the scope
        (`beside`) is executed in the order of commits.
        """
        if self._waits:
            self.write_all()
            self.in_order()

    def write_all(self) -> None:
        self.write(lambda collected: True)

    def write(self, chosen: Callable[[Collected], bool]) -> None:
        """Write the changes of the `chosen` collectors, in their order of creation, at last those
        that are numbered in the order of commits.
        """
        waits, self._waits = self._waits, False
        collectors = [each for each in self._shared.values() if chosen(each)]
        with memory.still(self._db):
            for collected in sorted(collectors, key=lambda each: each.in_order):
                if collected.in_order and collected.is_pending:
                    self.in_order()
                collected.put()
        self._waits = waits

    def in_order(self) -> None:
        """From now on, concurrent transactions wait for this one's commit before they write rows
        that are numbered in the order of commits.
        """
        if not self.concurrent or self.numbers:
            return
        waits, self._waits = self._waits, False
        waits_to_read, self._db.waits_to_read = self._db.waits_to_read, False
        try:
            self._db.execute(scope.LOCK_ORDER)
        finally:
            self._db.waits_to_read = waits_to_read
        assert self._kind.numbers is not None
        self.numbers = self._kind.numbers(self._db)
        self._waits = waits

    @contextmanager
    def reading_ahead(self) -> Iterator[None]:
        """Within the block, statements lock and read the scope."""
        self._waits = False
        yield
        self._waits = True

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


def is_concurrent(db: Connection) -> bool:
    joint = _of(db)
    return joint is not None and joint.concurrent


def numbers(db: Connection) -> dict[str, int]:
    """Return the next numbers of tables numbered in the order of commits, to be kept up to date, or
    nothing where only the tables have them.
    """
    joint = _of(db)
    return {} if joint is None else joint.numbers


def in_order(db: Connection) -> dict[str, int]:
    """Take the place in the order of commits, and return `numbers`."""
    joint = _of(db)
    if joint is not None:
        joint.in_order()
    return numbers(db)


def require(db: Connection, *, hall: int | None = None, people: Collection[int] = ()) -> None:
    """Raise OutOfScopeError if a concurrent transaction has not locked these."""
    joint = _of(db)
    if joint is None or not joint.concurrent or joint.scope is None:
        return
    if hall is not None and hall not in joint.scope.halls:
        raise OutOfScopeError(f"hall {hall}")
    if not joint.scope.people.issuperset(people):
        raise OutOfScopeError("a person")


def require_exclusive(db: Connection) -> None:
    """Raise OutOfScopeError in a concurrent transaction."""
    if is_concurrent(db):
        raise OutOfScopeError("everything")


def locking(
    db: Any, kiosks: Collection[str], people: Collection[int], halls: str, values: Sequence[Any]
) -> "Reading":
    """Lock the scope of a concurrent transaction. `halls` is a SELECT statement for halls' ids with
    its values. It is executed when the people are locked.
    """
    joint = _of(db)
    if joint is None or not joint.concurrent:
        return
    if len(kiosks) + len(people) > scope.LOCKS_MAX:
        raise OutOfScopeError("too many people")
    db.execute(scope.LOCK_KEYS, (dialect.many(scope.keys(kiosks, people)),))
    locked = db.execute(scope.lock_halls(halls), values)
    yield
    joint.scope = Scope(frozenset(people), frozenset(row[0] for row in locked.fetchall()))


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
    db.joint = joint = Joint(db, kind)
    try:
        kind.read_ahead(db, about)
        results = []
        for at, step in enumerate(steps):
            try:
                results.append(step(db))
            except BaseException as error:
                raise StepError(at) from error
        joint.write_all()
        db.joint = None
        return kind.finish(db, results)
    finally:
        db.joint = None


def concurrently(
    db: Any,
    kind: Kind,
    steps: Sequence[Callable[[Any], Any]],
    about: Sequence[Any],
    checks: Sequence[Callable[[Any], object]],
) -> Sequence[Any]:
    """Run steps of one kind as a group in a concurrent transaction, and the checks in the order of
    commits. Return the results.

    Any exception, also OutOfScopeError, means that the caller must roll back.
    """
    db.joint = joint = Joint(db, kind, concurrent=True)
    try:
        with joint.reading_ahead():
            kind.read_ahead(db, about)
        taken = [step(db) for step in steps]
        joint.write_all()
        results = kind.finish(db, taken)
        for check in checks:
            check(db)
        return results
    finally:
        db.joint = None
