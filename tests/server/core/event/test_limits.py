"""Limits whose state is in the database."""

import pytest

from badges.limits import Window
from server.core.event.limits import StoredLimit
from server.storage.database import Database
from tests.server.conftest import NOW

WEST = "west/1"
DAY_MS = 86_400_000
TWICE = StoredLimit("lookups", Window(2, 60_000))


def take(database: Database, at: int, key: str = WEST, most: int = 1) -> int:
    return database.write(lambda db: TWICE.take(db, key, at, most))


def next_at(database: Database, now: int) -> int:
    with database.reading() as db:
        return TWICE.next_at(db, WEST, now)


def test_so_often_within_a_window(database: Database) -> None:
    assert [take(database, NOW + at) for at in (0, 1, 2, 59_999)] == [1, 1, 0, 0]
    assert [take(database, NOW + at) for at in (60_000, 60_000, 60_001)] == [1, 0, 1]


def test_as_many_as_are_left_are_taken_at_once(database: Database) -> None:
    assert take(database, NOW, most=5) == 2
    assert take(database, NOW, most=5) == 0


def test_each_key_and_each_kind_is_counted_by_itself(database: Database) -> None:
    assert take(database, NOW, most=2) == 2
    assert take(database, NOW, "east/1")
    assert take(database, NOW, "west/2")
    moves = StoredLimit("moves", Window(1, 60_000))
    assert database.write(lambda db: moves.take(db, WEST, NOW))


def test_a_clock_that_was_set_back_locks_for_one_window_at_most(database: Database) -> None:
    assert take(database, NOW + DAY_MS, most=2) == 2
    assert next_at(database, NOW) == NOW, "left to `take`"
    assert not take(database, NOW)
    assert next_at(database, NOW + 1) == NOW + 60_000
    assert take(database, NOW + 60_000)


def test_a_use_that_is_rolled_back_is_not_counted(database: Database) -> None:
    def failing(db: object) -> None:
        TWICE.take(db, WEST, NOW)
        raise ValueError("undone")

    for _ in range(3):
        with pytest.raises(ValueError, match="undone"):
            database.write(failing)
    assert take(database, NOW)


def test_the_next_use_is_known_without_a_write(database: Database) -> None:
    assert next_at(database, NOW) <= NOW
    assert take(database, NOW, most=2) == 2
    assert next_at(database, NOW + 59_999) == NOW + 60_000
    assert next_at(database, NOW + 60_000) <= NOW + 60_000
