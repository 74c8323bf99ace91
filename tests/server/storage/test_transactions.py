"""Blocks of statements on a connection of its own, as commands without a running server have."""

import sqlite3
from collections.abc import Iterator

import pytest

from server.storage.database import Database
from server.storage.opening import connect
from server.storage.sqlite.engine import LARGE_CACHE_KB
from server.storage.tables import keep_setting
from server.storage.transactions import large_cache, one_state, transaction


@pytest.fixture
def connection(database: Database) -> Iterator[sqlite3.Connection]:
    connection = connect(database.path)
    yield connection
    connection.close()


def test_a_block_is_committed(database: Database, connection: sqlite3.Connection) -> None:
    with transaction(connection):
        keep_setting(connection, "made_up", "1")
    assert made_up(database) == "1"


def test_a_block_that_raises_is_undone(database: Database, connection: sqlite3.Connection) -> None:
    def fail() -> None:
        keep_setting(connection, "made_up", "1")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), transaction(connection):
        fail()
    assert not connection.in_transaction
    assert made_up(database) is None


def test_a_block_reads_one_state(database: Database, connection: sqlite3.Connection) -> None:
    with one_state(connection):
        assert made_up(connection) is None
        database.write(lambda db: keep_setting(db, "made_up", "1"))
        assert made_up(connection) is None
        with one_state(connection):
            assert made_up(connection) is None
        assert connection.in_transaction
    assert made_up(connection) == "1"


@pytest.mark.sqlite_alone
def test_a_larger_cache_is_for_the_block_alone(connection: sqlite3.Connection) -> None:
    def size() -> int:
        return int(connection.execute("PRAGMA cache_size").fetchone()[0])

    def fail() -> None:
        assert size() == -LARGE_CACHE_KB != usual
        raise ZeroDivisionError

    usual = size()
    with pytest.raises(ZeroDivisionError), large_cache(connection):
        fail()
    assert size() == usual


def made_up(source: Database | sqlite3.Connection) -> str | None:
    db = source.reader if isinstance(source, Database) else source
    row = db.execute("SELECT value FROM setting WHERE key = 'made_up'").fetchone()
    return None if row is None else str(row[0])
