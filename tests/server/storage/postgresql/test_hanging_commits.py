"""A database whose commits wait for an absent standby: the reports, and the remaining processes."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.storage import database as storage
from server.storage import errors, migrations
from server.storage.database import Database
from server.storage.disk import AwayError
from server.storage.engines.state import engine_state
from server.storage.postgresql import bounds, engine
from server.storage.postgresql.address import Address, keep_address
from server.storage.tables import keep_setting
from tests.server.support.postgresql.cluster import Cluster
from tests.server.support.postgresql.databases import Databases
from tests.server.support.postgresql.failover import REPLICATES
from tests.waiting import until

pytestmark = pytest.mark.sqlite_alone
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


class Hanging:
    """A database whose commits can hang. Its user may see the waiting ones."""

    def __init__(self, cluster: Cluster, database: Database) -> None:
        self._cluster, self.database = cluster, database

    def hang(self, names: str = "nobody") -> None:
        self._cluster.admin(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self._cluster.admin("SELECT pg_reload_conf()")

    def go_on(self) -> None:
        self.hang("")

    def waiting(self) -> list[int]:
        with self.database.reading() as db:
            return [row[0] for row in db.execute(WAITING).fetchall()]

    def write_and_hang(self) -> threading.Thread:
        """Begin a write that hangs, and return once it does."""

        def write_until_it_hangs() -> None:
            while True:  # PostgreSQL reads a changed setting only after a moment.
                self.database.write(lambda db: keep_setting(db, "a", "1"))

        def write() -> None:
            with pytest.raises(errors.LostError, match="did not answer"):
                write_until_it_hangs()

        thread = threading.Thread(target=write)
        thread.start()
        until(lambda: self.database.away)
        return thread


@pytest.fixture
def hanging(
    postgres: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hanging]:
    monkeypatch.setattr(bounds, "ANSWER_S", 3.0)
    monkeypatch.setattr(storage, "HANGS_S", 0.3)
    cluster = Cluster(None, *REPLICATES)
    try:
        address = Address(cluster.url(cluster.make()))
        keep_address(tmp_path, address)
        connection = engine.connect(address)
        migrations.migrate(connection)
        connection.close()
        with Database(tmp_path / "hallkeeper.db") as database:
            commits = Hanging(cluster, database)
            try:
                yield commits
            finally:
                commits.go_on()
    finally:
        cluster.stop()


def test_others_are_told_at_once_and_it_goes_on_by_itself(hanging: Hanging) -> None:
    database = hanging.database
    hanging.hang()
    writing = hanging.write_and_hang()
    assert database.waits
    for early in (False, True):
        with pytest.raises(AwayError, match="Try again in a moment"):
            database.write(lambda db: None, early=early)
    with database.reading() as db:
        assert engine_state(db, "").lacks_standby
    assert database.failures.within() == 2
    assert "Try again in a moment" in database.failures.cause
    writing.join()
    with pytest.raises(AwayError):
        database.write(lambda db: None)
    hanging.go_on()

    def is_written() -> bool:
        try:
            database.write(lambda db: keep_setting(db, "b", "1"))
        except (errors.LostError, AwayError):
            return False
        return True

    until(is_written)
    with database.reading() as db:
        # The hanging write was committed all the same, but never acknowledged.
        rows = db.execute("SELECT key FROM setting WHERE key IN ('a', 'b') ORDER BY key")
        assert [row[0] for row in rows] == ["a", "b"]


def test_no_process_is_left_with_each_attempt(hanging: Hanging) -> None:
    """Otherwise hours without a standby would use up all connections of the database."""
    hanging.hang()
    hanging.write_and_hang().join()
    seen: set[int] = set()

    def look() -> bool:
        waiting = hanging.waiting()
        assert len(waiting) <= 1
        seen.update(waiting)
        return len(seen) >= 3

    until(look)


def test_a_failed_write_is_counted_and_a_refused_one_is_not(hanging: Hanging) -> None:
    def twice(db: Any) -> None:
        db.executemany("INSERT INTO setting VALUES (?, '1')", [("a",), ("a",)])

    with pytest.raises(errors.ConstraintError):
        hanging.database.write(twice)
    assert not hanging.database.failures.within()
    with pytest.raises(errors.EngineError):
        hanging.database.write(lambda db: db.execute("SELECT no_such_function()"))
    assert hanging.database.failures.within() == 1
    assert "no_such_function" in hanging.database.failures.cause
