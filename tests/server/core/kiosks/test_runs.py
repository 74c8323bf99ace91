"""Runs of the server, and the writer's connections to the database."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from server.core.kiosks import runs
from server.core.kiosks.runs import OwnRun
from server.storage import migrations
from server.storage.connection import Connection
from server.storage.opening import connect
from tests.server.conftest import NOW


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    with closing(connect(tmp_path / "event.sqlite")) as connection:
        migrations.migrate(connection)
        yield connection


@pytest.mark.parametrize(
    ("histories", "comparisons"),
    [
        (["", ""], 0),
        (["1", "1"], 1),
        (["1", "2"], 1),
        (["1", "2", "2"], 2),
    ],
    ids=["SQLite", "the same primary", "a standby took over", "and lost the connection"],
)
def test_each_later_connection_is_compared_with_the_servers_memory(
    db: Connection, monkeypatch: pytest.MonkeyPatch, histories: list[str], comparisons: int
) -> None:
    """A remote database may lack writes of this server. The first connection has no earlier one."""
    compared: list[Connection] = []
    own_run = OwnRun(lambda: NOW, "server")
    own_run.watch(compared.append, lambda _: None)
    for history in histories:
        monkeypatch.setattr(runs, "history", lambda _, here=history: here)
        own_run.begin(db)
    assert compared == [db] * comparisons
