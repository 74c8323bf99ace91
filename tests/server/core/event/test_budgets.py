"""How often somebody may do something, counted in the database."""

import pytest

from server.core.event.budgets import Budget
from server.storage.database import Database
from tests.server.conftest import NOW

WEST = "west/1"
TWICE = Budget("lookups", 2, 60_000)


def take(database: Database, at: int, who: str = WEST) -> bool:
    return database.write(lambda db: TWICE.take(db, who, at))


def test_so_often_within_a_window(database: Database) -> None:
    assert [take(database, NOW + at) for at in (0, 1, 2, 59_999)] == [True, True, False, False]
    assert take(database, NOW + 60_000)
    assert not take(database, NOW + 60_000)
    assert take(database, NOW + 60_001)


def test_each_of_them_and_each_kind_has_its_own(database: Database) -> None:
    assert all(take(database, NOW) for _ in range(2))
    assert take(database, NOW, "east/1")
    assert take(database, NOW, "west/2")
    other = Budget("moves", 1, 60_000)
    assert database.write(lambda db: other.take(db, WEST, NOW))


def test_a_clock_that_was_set_back_shuts_nobody_out(database: Database) -> None:
    assert all(take(database, NOW + 3_600_000) for _ in range(2))
    assert take(database, NOW)


def test_what_is_undone_is_not_counted(database: Database) -> None:
    def failing(db: object) -> None:
        TWICE.take(db, WEST, NOW)
        raise ValueError("undone")

    for _ in range(3):
        with pytest.raises(ValueError, match="undone"):
            database.write(failing)
    assert take(database, NOW)


def test_whether_one_may_is_read_alone(database: Database) -> None:
    with database.reading() as db:
        assert TWICE.has(db, WEST, NOW)
        assert all(take(database, NOW) for _ in range(2))
        assert not TWICE.has(db, WEST, NOW + 59_999)
        assert TWICE.has(db, WEST, NOW + 60_000)
        assert TWICE.has(db, WEST, NOW - 3_600_000)
