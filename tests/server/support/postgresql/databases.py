"""Events in PostgreSQL for tests, each a copy of one that was made once."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from server.core.event.directory import Event
from server.storage import migrations
from server.storage.database import Database, connect, transaction
from server.storage.postgresql import engine, moving
from server.storage.postgresql.address import Address, keep_address
from tests.server.support.postgresql.cluster import Cluster
from tests.server.support.postgresql.kept import Kept
from tests.server.support.postgresql.lines import Lending


class Databases:
    """One cluster, with an empty event's database and a filled one, which are made when needed."""

    def __init__(self, event: Event, fill: Callable[[Event, Database], None], folder: Path) -> None:
        self._event = event
        self._fill = fill
        self._made: dict[bool, str] = {}
        self._free: dict[bool, list[Kept]] = {False: [], True: []}
        self._kept: list[Kept] = []
        self._folder = folder

    def __enter__(self) -> "Databases":
        self.cluster = Cluster()
        self._lending = Lending()
        self._lending.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._kept:
            one.close()
        self._lending.__exit__()
        self.cluster.stop()

    @contextmanager
    def event(self, path: Path, *, filled: bool, keeps_lines: bool = False) -> Iterator[None]:
        """Let the event in that directory keep its database in one that is as new.

        Where it `keeps_lines`, the next test may get the connections that are closed in this block.
        """
        kept = self._lent(filled)
        keep_address(path, Address(self.cluster.url(kept.name)))
        if keeps_lines:
            with self._lending.lend(self.cluster.path, kept.name, kept.lines):
                yield
        else:
            yield
        self._free[filled].append(kept)

    def _lent(self, filled: bool) -> Kept:
        """Return a database that no test has, as it was when it was made."""
        while self._free[filled]:
            found = self._free[filled].pop()
            if found.put_back():
                return found
            self._kept.remove(found)
            found.close()
        made = Kept(self.cluster, self._template(filled))
        self._kept.append(made)
        return made

    def _template(self, filled: bool) -> str:
        if filled not in self._made:
            name = self.cluster.make(self._template(False) if filled else "template0")
            address = Address(self.cluster.url(name))
            if filled:
                path = self._folder / name
                shutil.copytree(self._event.path, path)
                keep_address(path, address)
                with Database(path / "hallkeeper.db") as opened:
                    self._fill(replace(self._event, path=path), opened)
            else:
                self._carry_over(address)
            self._made[filled] = name
        return self._made[filled]

    def _carry_over(self, address: Address) -> None:
        with closing(connect(self._event.database_path)) as source:
            with closing(engine.connect(address)) as target:
                migrations.migrate(target)
                with transaction(target):
                    moving.copy_all(source, target, lambda table, rows: None)
