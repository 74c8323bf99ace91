"""Events in PostgreSQL for tests, each a copy of a template database."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from server.storage import migrations
from server.storage.opening import connect
from server.storage.postgresql import engine, moving
from server.storage.postgresql.address import Address, keep_address
from server.storage.transactions import transaction
from tests.server.support.postgresql.cluster import Cluster
from tests.server.support.templates import Start, Templates


class Databases:
    """A cluster, with a database for each template that a test has needed."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._made: dict[Start, str] = {}

    def __enter__(self) -> "Databases":
        self.cluster = Cluster()
        return self

    def __exit__(self, *_: object) -> None:
        self.cluster.stop()

    @contextmanager
    def event(self, path: Path, start: Start) -> Iterator[None]:
        """Let the event in that directory keep its database in a copy of a template."""
        name = self.cluster.make(self._template(start))
        keep_address(path, Address(self.cluster.url(name)))
        try:
            yield
        finally:
            self.cluster.drop(name)

    def _template(self, start: Start) -> str:
        if start not in self._made:
            name = self.cluster.make()
            address = Address(self.cluster.url(name))
            with (
                closing(connect(self._templates.get(start).event.database_path)) as source,
                closing(engine.connect(address)) as target,
            ):
                migrations.migrate(target)
                with transaction(target):
                    moving.copy_all(source, target, lambda table, rows: None)
            self._made[start] = name
        return self._made[start]
