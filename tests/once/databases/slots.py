"""Files of SQLite that stay open from one test to the next, with what the next one's event begins.

A new connection reads the statements of three hundred tables and indexes, and prepares all that a
test asks anew. That took four milliseconds of each test. So a quick test's database is a link to a
file whose connections are kept. What is not as it should be afterwards is closed and thrown away. A
test about the file or its connections stands in `OF_FILES`, or has the fixture `own_database`.
"""

import os
import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from server.storage.engines.memory import Writer
from server.storage.sqlite import engine
from server.storage.sqlite.engine import Reader, SqliteEngine
from tests.lasting import all_lasts_in
from tests.order.kinds import is_quick

TESTS = Path(__file__).parent.parent.parent
OF_FILES = tuple(
    f"{TESTS}/server/{name}"
    for name in (
        "core/second_disk/", "failover/", "features/backup/", "features/evidence/test_erasure.py",
        "features/privacy/", "storage/",
    )
)  # fmt: skip
READERS_MAX = 2
MODE = 0o600
# Where a file says which tables it has. It changes with each change of them.
COOKIE = slice(40, 44)
HEADS_BYTES = 136  # With these zero, SQLite takes nothing for granted of what was in the file.


class Lent(sqlite3.Connection):
    """A connection that its file gets back where a test closes it."""

    slot: "Slot | None" = None
    is_lent = True

    def close(self) -> None:
        if self.slot is None:
            super().close()
        elif self.is_lent:
            self.is_lent = False
            self.slot.take_back(self)


class KeptWriter(Lent, Writer):
    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if not self.is_lent:
            raise sqlite3.ProgrammingError("Cannot operate on a closed database.")
        return super().execute(sql, parameters)

    def begin_anew(self) -> None:
        self.is_lent = True
        self.memory = self.joint = None

    def settle(self) -> None:
        if self.in_transaction:
            super().execute("ROLLBACK")


class KeptReader(Lent, Reader):
    def begin_anew(self) -> None:
        self.is_lent = self.lent = True
        self.thread = None

    def settle(self) -> None:
        self.lent, self.thread = True, None
        super().settle()


Kept = KeptWriter | KeptReader


@dataclass
class Slot:
    """Keeps one file, with the connections that no test uses now."""

    path: Path
    free: dict[type[Kept], list[Kept]] = field(default_factory=lambda: defaultdict(list))
    lent: set[Kept] = field(default_factory=set)
    numbers: list[int] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    cookie: bytes = b""
    is_sound: bool = True

    def begin(self, data: bytes) -> None:
        """Begin with these bytes. Nobody has a connection now."""
        if not self.numbers:
            self._make(data)
        else:
            os.pwrite(self.numbers[0], data, 0)
            os.ftruncate(self.numbers[0], len(data))
            os.truncate(f"{self.path}-wal", 0)
            os.pwrite(self.numbers[1], bytes(HEADS_BYTES), 0)
            for one in (*self.free[KeptWriter], *self.free[KeptReader]):
                one.begin_anew()
                one.execute("PRAGMA shrink_memory")
                one.settle()
        self.cookie = data[COOKIE]

    def _make(self, data: bytes) -> None:
        self.path.parent.mkdir(parents=True)
        self.path.touch(MODE)
        self.path.write_bytes(data)
        # SQLite's locks end when the process closes any number of a file, so that these stay open.
        first = self._opened(KeptWriter)
        self.free[KeptWriter].append(first)
        first.execute("SELECT 1 FROM setting").fetchall()
        self.numbers = [os.open(name, os.O_RDWR) for name in (self.path, f"{self.path}-shm")]
        self.known = self._files()

    def take(self, kind: type[Any]) -> Any:
        """Return a connection that is as a new one."""
        free = self.free[kind]
        made = free.pop() if free else self._opened(kind)
        made.begin_anew()
        self.lent.add(made)
        return made

    def _opened(self, kind: type[Any]) -> Any:
        made = engine._connect(self.path, kind)
        if kind is KeptReader:
            made.execute("PRAGMA query_only = ON").close()
        made.slot = self
        return made

    def take_back(self, one: Kept) -> None:
        self.lent.discard(one)
        one.settle()
        one.row_factory = sqlite3.Row
        one.set_trace_callback(None)
        one.set_progress_handler(None, 0)
        free = self.free[type(one)]
        (temporary,) = sqlite3.Connection.execute(
            one, "SELECT COUNT(*) FROM temp.sqlite_schema"
        ).fetchone()
        if temporary or len(free) >= READERS_MAX:
            one.slot = None
            one.close()
        else:
            free.append(one)
        if not self.lent and self.free[KeptWriter]:
            self._fold()

    def _fold(self) -> None:
        """Have all in one file, as when the last connection is closed."""
        with suppress(sqlite3.OperationalError):  # Somebody has read half of something.
            (busy, _, _) = sqlite3.Connection.execute(
                self.free[KeptWriter][0], "PRAGMA wal_checkpoint(TRUNCATE)"
            ).fetchone()
            if not busy:
                return
        self.is_sound = False
        self._close_all()

    def is_as_before(self) -> bool:
        """Say whether another test may have it."""
        if not self.is_sound or self.lent or not self.free[KeptWriter]:
            return False
        with suppress(OSError):
            return self._files() == self.known and os.pread(self.numbers[0], 4, 40) == self.cookie
        return False

    def _files(self) -> list[int]:
        """Return what must be as it was, or others would have had another file."""
        found = [os.stat(f"{self.path}{end}") for end in ("", "-wal", "-shm")]
        return [stat.st_ino for stat in found] + [found[0].st_mode]

    def _close_all(self) -> None:
        for free in self.free.values():
            for one in free:
                one.slot = None
                one.is_lent = True
                one.close()
            free.clear()

    def close(self) -> None:
        self._close_all()
        for number in self.numbers:
            os.close(number)
        shutil.rmtree(self.path.parent, ignore_errors=True)


@dataclass
class Slots:
    """Lends a file to one event after the other."""

    folder: Path
    process: int = field(default_factory=os.getpid)
    free: dict[bytes, list[Slot]] = field(default_factory=lambda: defaultdict(list))
    lent: dict[Path, Slot] = field(default_factory=dict)
    made: int = 0

    def lend(self, path: Path, data: bytes) -> None:
        """Make `path` a link to a file with these bytes."""
        slot = self._sound(data[COOKIE])
        if slot is None:
            self.made += 1
            slot = Slot(self.folder / str(self.made) / path.name)
        slot.begin(data)
        os.symlink(slot.path, path)
        self.lent[path] = slot

    def _sound(self, cookie: bytes) -> Slot | None:
        """Return a file that nobody has now, and that nobody touched meanwhile."""
        while self.free[cookie]:
            slot = self.free[cookie].pop()
            if slot.is_as_before():
                return slot
            slot.close()
        return None

    def give_back(self, path: Path) -> list[str]:
        """Take it back, and return what is still connected to it."""
        slot = self.lent.pop(path)
        left = [type(one).__name__ for one in slot.lent]
        if slot.is_as_before():
            self.free[slot.cookie].append(slot)
        else:
            for one in slot.lent:
                one.slot = None
                one.close()
            slot.close()
        return left

    def at(self, path: Path) -> Slot | None:
        """Return the file that an event has at `path`, unless it was replaced."""
        slot = self.lent.get(path)
        if slot is None or os.getpid() != self.process or not path.is_symlink():
            return None
        return slot

    def close(self) -> None:
        for free in self.free.values():
            for slot in free:
                slot.close()


def suit(request: pytest.FixtureRequest) -> bool:
    """Whether the test uses its database as everybody does, in this process alone."""
    asked = request.fixturenames
    path = str(request.path)
    return (
        "database" in asked
        and "own_database" not in asked
        and path.startswith(f"{TESTS}/server/")
        and not path.startswith(OF_FILES)
        and is_quick(request.node)
    )


@pytest.fixture(scope="session")
def kept_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slots]:
    folder = tmp_path_factory.mktemp("kept-databases")
    all_lasts_in(folder)
    slots = Slots(folder)
    plain: dict[str, Callable[[SqliteEngine], Any]] = {
        "writer": SqliteEngine.writer,
        "reader": SqliteEngine.reader,
    }

    def writer(of: SqliteEngine) -> Any:
        slot = slots.at(of._path)
        return plain["writer"](of) if slot is None else slot.take(KeptWriter)

    def reader(of: SqliteEngine) -> Any:
        slot = slots.at(of._path)
        return plain["reader"](of) if slot is None else slot.take(KeptReader)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteEngine, "writer", writer)
        patch.setattr(SqliteEngine, "reader", reader)
        yield slots
    slots.close()


@pytest.fixture
def own_database() -> None:
    """Let the test's event have a file of its own, whose connections are opened and closed."""
