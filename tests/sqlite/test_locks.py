"""The guard of SQLite's locks notices each way in which the product could drop them."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from server.features.privacy.leftovers import leftovers
from server.storage import durable_files
from tests.sqlite import locks


def read_it(path: Path) -> None:
    path.read_bytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "event.db"


def written(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE IF NOT EXISTS one (one)")
    return connection


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_opening_a_file_of_an_open_database_is_noted(path: Path, suffix: str) -> None:
    with closing(written(path)):
        durable_files.sync(path.with_name(path.name + suffix))
    (noted,) = locks.taken_notes()
    assert noted.startswith("server/storage/durable_files.py:")
    assert noted.endswith(f"opened {path}{suffix}")


def test_so_is_a_search_through_all_files_and_through_a_link(path: Path) -> None:
    (path.parent / "link").symlink_to(path)
    with closing(written(path)):
        assert locks.keeps_locks(os.getpid(), path)
        leftovers(path.parent, ["Keller"])
        assert not locks.keeps_locks(os.getpid(), path), "what it guards against"
    assert len(locks.taken_notes()) == 4


@pytest.mark.parametrize("use", [read_it, lambda path: sqlite3.connect(path).close()])
def test_tests_and_sqlite_may_open_it(path: Path, use: Callable[[Path], None]) -> None:
    with closing(written(path)):
        use(path)
    assert locks.taken_notes() == []


def test_a_database_that_is_closed_is_a_file_as_any(path: Path) -> None:
    written(path).close()
    durable_files.sync(path)
    assert locks.taken_notes() == []
