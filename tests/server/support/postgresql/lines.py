"""Keeps connections to PostgreSQL from one test to the next, as long as their database is kept.

A new process of PostgreSQL reads what it must know of each table, and plans all that a test asks
anew. That takes longer than the statements themselves. So a connection that a test closes is given
to the next one that connects to the same database in the same way, with nothing left of its
session. A test about connections stands in `OF_CONNECTIONS`, or has the fixture `own_database`.
"""

import os
import select
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg.pq import ExecStatus, PGconn, PipelineStatus, TransactionStatus

from server.storage.postgresql import engine
from server.storage.postgresql.bounds import BoundedConnection
from tests.lasting import lasts

SERVER = Path(__file__).parents[2]
OF_CONNECTIONS = tuple(
    f"{SERVER}/{name}"
    for name in ("core/second_disk/", "failover/", "features/backup/", "storage/")
)
# As `DISCARD ALL`, but plans and prepared statements stay.
FORGET = (
    b"RESET ALL; UNLISTEN *; SELECT pg_advisory_unlock_all(); CLOSE ALL;"
    b" DISCARD SEQUENCES; DISCARD TEMP"
)
# What is at the other end of a connection that is closed.
NOBODY = PGconn.connect(b"host=/nowhere connect_timeout=1")
NOBODY.finish()

Key = tuple[tuple[str, str], ...]
Connects = Callable[[dict[str, Any]], tuple[BoundedConnection | None, str]]


class LentConnection(BoundedConnection):
    """A connection whose line another one gets once it is closed. It is closed then as any is."""

    lines: "Lines | None" = None
    key: Key = ()

    def close(self) -> None:
        lines, self.lines = self.lines, None
        if lines is not None and lines.take_back(self):
            self._closed = True
            self.pgconn = NOBODY
        super().close()


class Lines:
    """The lines to one database that no test uses now."""

    def __init__(self) -> None:
        self._free: dict[Key, list[tuple[PGconn, Any]]] = defaultdict(list)
        self._lent: list[LentConnection] = []
        self._turn = threading.Lock()

    def take(self, given: Mapping[str, Any], connect: Connects) -> tuple[Any, str]:
        key = tuple(sorted((name, str(value)) for name, value in given.items()))
        free = self._sound(key)
        if free is not None:
            made = LentConnection(free[0])
            made._prepared = free[1]
        else:
            opened, why = connect(dict(given))
            if opened is None:
                return None, why
            lasts(opened.fileno())
            made = LentConnection(opened.pgconn)
            opened.pgconn = NOBODY
        made._autocommit = True
        made.lines, made.key = self, key
        self._lent.append(made)
        return made, ""

    def _sound(self, key: Key) -> tuple[PGconn, Any] | None:
        with self._turn:
            while self._free[key]:
                line, prepared = self._free[key].pop()
                # Whoever was ended at the other end has said so, or is gone.
                if not select.select([line.socket], [], [], 0)[0]:
                    return line, prepared
                line.finish()
        return None

    def take_back(self, one: LentConnection) -> bool:
        """Say whether its line can serve another test."""
        self._lent.remove(one)
        line = one.pgconn
        if one.closed or line.pipeline_status != PipelineStatus.OFF:
            return False
        if line.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            line.exec_(b"ROLLBACK")
        if line.transaction_status != TransactionStatus.IDLE:
            return False
        if line.exec_(FORGET).status != ExecStatus.COMMAND_OK:
            return False
        while line.notifies() is not None:
            pass
        self._free[one.key].append((line, one._prepared))
        return True

    @property
    def pids(self) -> list[int]:
        """The numbers that the processes have at the other end."""
        return [line.backend_pid for free in self._free.values() for line, _ in free]

    def end_of_test(self) -> int:
        """Close what the test has left open, and return how much that is."""
        left, self._lent = self._lent, []
        for one in left:
            one.lines = None
            one.close()
        return len(left)

    def close(self) -> None:
        for free in self._free.values():
            for line, _ in free:
                line.finish()
        self._free.clear()


class Lending:
    """Gives the lines of whatever database a test has now."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._now: dict[tuple[str, str], Lines] = {}
        self._patch = pytest.MonkeyPatch()
        self._plain: Connects = engine._raw

    def __enter__(self) -> "Lending":
        self._patch.setattr(engine, "_raw", self._connect)
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.undo()

    def _connect(self, given: dict[str, Any]) -> tuple[Any, str]:
        lines = self._now.get((str(given.get("host")), str(given.get("dbname"))))
        if lines is None or os.getpid() != self._process:
            return self._plain(given)
        return lines.take(given, self._plain)

    @contextmanager
    def lend(self, host: Path, name: str, lines: Lines) -> Iterator[None]:
        """Fail the test that leaves a connection open after this block."""
        self._now[str(host), name] = lines
        try:
            yield
        finally:
            del self._now[str(host), name]
            left = lines.end_of_test()
        assert not left, f"left behind: {left} connections"


def suit(request: pytest.FixtureRequest) -> bool:
    """Whether the test uses its database as everybody does."""
    return "own_database" not in request.fixturenames and not str(request.path).startswith(
        OF_CONNECTIONS
    )
