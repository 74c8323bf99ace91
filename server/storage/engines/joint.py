"""Lets several steps of one transaction read together beforehand, and write together afterwards.

Steps that are alike follow one another in a group. What each of them would read is read for all of
them by a few statements, and stands in the memo and in what they share. What each of them would
write is collected, and written by a few statements for all of them. Each step still does all that
it does by itself, in its turn, so that what becomes of it is the same.

Any statement that a step executes by itself finds what was collected written before it. So nothing
has to be known of such statements, and a group of which each step executes some costs what the
steps cost one by one. A step that knows better says so with `beside`.
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
    """Describes steps that are alike.

    `read_ahead` gets what each step of a group is about. `finish` gets what the steps returned,
    once all is written, and returns what is told of each.
    """

    read_ahead: Callable[[Connection, Sequence[Any]], object]
    finish: Callable[[Connection, Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True)
class Joinable:
    """Says that a step may be done together with others of its kind, and what it is about."""

    kind: Kind
    about: Any


class Collected:
    """Collects what steps write to some `tables`. Outside of a group `write` writes it at once."""

    tables: tuple[str, ...] = ()

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._alone = _of(db) is None

    def write(self) -> None:
        """Write what was collected, or leave that to the group."""
        if self._alone:
            self.put()

    def put(self) -> None:
        """Write what was collected. It is let go of first, because a statement may call this."""
        raise NotImplementedError


class Joint:
    """Holds what the steps of one group share. The connection has it while the group goes on."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._shared: dict[type[Collected], Collected] = {}
        self._waits = True

    def share(self, kind: type[K], made: Callable[[], K]) -> K:
        found: Any = self._shared.get(kind)
        if found is None:
            found = self._shared[kind] = made()
        return found  # type: ignore[no-any-return]

    def before_statement(self) -> None:
        """Write all that was collected, because somebody else executes a statement."""
        if self._waits:
            self.write(lambda one: True)

    def write(self, chosen: Callable[[Collected], bool]) -> None:
        """Write what was collected by those, in the order in which they began."""
        waits, self._waits = self._waits, False
        with memory.still(self._db):
            for one in self._shared.values():
                if chosen(one):
                    one.put()
        self._waits = waits

    @contextmanager
    def beside(self, tables: Sequence[str]) -> Iterator[None]:
        self.write(lambda one: not set(tables).isdisjoint(one.tables))
        waits, self._waits = self._waits, False
        try:
            yield
        finally:
            self._waits = waits


def _of(db: Connection) -> Joint | None:
    return getattr(db, "joint", None)


def is_on(db: Connection) -> bool:
    """Say whether steps are taken together now. `Kind.finish` is called when all have been."""
    return _of(db) is not None


def shared(db: Connection, kind: type[K], make: Callable[[], K]) -> K:
    """Return what the steps of this group share, or outside of a group a new one."""
    joint = _of(db)
    return make() if joint is None else joint.share(kind, make)


@contextmanager
def beside(db: Connection, *tables: str) -> Iterator[None]:
    """Execute statements in this block that have to do with these tables alone. What was collected
    for other tables need not be written before.
    """
    joint = _of(db)
    if joint is None:
        yield
        return
    with joint.beside(tables):
        yield


Reading = Iterator[None]  # Executes what it asks for, yields, and then takes the answers.


def read(db: Any, *readings: Reading) -> None:
    """Ask for all of this, and then wait for the answers together, where that is a way."""
    asked = list(readings)
    waits = getattr(db, "waits_to_read", True)
    db.waits_to_read = False
    try:
        for one in asked:
            next(one, None)
    finally:
        db.waits_to_read = waits
    for one in asked:
        next(one, None)


class StepError(Exception):
    """Is raised where one of the steps of a group raised something. `at` is its place."""

    def __init__(self, at: int) -> None:
        super().__init__(f"step {at} of a group")
        self.at = at


def together(
    db: Any, kind: Kind, steps: Sequence[Callable[[Any], Any]], about: Sequence[Any]
) -> Sequence[Any]:
    """Take steps of a kind together, and return what each returned.

    Raises StepError, or what is raised when all is read or written. Then the caller undoes it all.
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
