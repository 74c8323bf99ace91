"""That a connection which was another test's is as a new one."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from server.storage.postgresql import engine
from server.storage.postgresql.address import Address
from server.storage.postgresql.connection import PostgresConnection
from tests.server.support.postgresql.databases import Databases

pytestmark = pytest.mark.system


@pytest.fixture
def address(postgres: Databases, tmp_path: Path) -> Iterator[Address]:
    path = tmp_path / "other"
    path.mkdir()
    with postgres.event(path, filled=True, keeps_lines=True):
        name = next(iter(postgres._lending._now))[1]
        yield Address(postgres.cluster.url(name))


def pid_of(connection: PostgresConnection) -> int:
    return connection.raw.info.backend_pid


def settings(connection: PostgresConnection) -> list[tuple[str, str]]:
    found = connection.raw.execute("SELECT name, setting FROM pg_settings ORDER BY name")
    return [tuple(row) for row in found]


def test_the_next_one_has_its_process(address: Address) -> None:
    first = engine.connect(address)
    second = engine.connect(address)
    assert pid_of(first) != pid_of(second)
    pid = pid_of(first)
    first.close()
    again = engine.connect(address)
    assert pid_of(again) == pid
    for one in (second, again):
        one.close()


def test_who_has_closed_it_can_do_nothing_with_it(address: Address) -> None:
    first = engine.connect(address)
    first.close()
    first.close()
    again = engine.connect(address)
    assert first.lost
    with pytest.raises(psycopg.Error, match="closed"):
        first.raw.execute("SELECT 1")
    assert not again.lost
    again.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SET application_name = 'other'; SET work_mem = 64; SET search_path = pg_catalog",
        "LISTEN news; NOTIFY news",
        "SELECT pg_advisory_lock(7)",
        "CREATE TEMP TABLE hall (x int)",
        "BEGIN; UPDATE hall SET capacity = 3",
        "BEGIN; SELECT 1 / 0",
        "BEGIN; DECLARE all_halls CURSOR WITH HOLD FOR SELECT * FROM hall; COMMIT",
    ],
)
def test_nothing_is_left_of_the_session(address: Address, statement: str) -> None:
    as_new = engine.connect_to_read(address)
    pid, before = pid_of(as_new), settings(as_new)
    as_new.close()
    first = engine.connect(address)
    assert pid_of(first) == pid
    try:
        first.raw.execute(statement, prepare=False)
    except psycopg.errors.DivisionByZero:
        pass
    first.close()
    again = engine.connect_to_read(address)
    assert pid_of(again) == pid
    assert settings(again) == before
    for query in (
        f"SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = {pid}",
        "SELECT 1 FROM hall WHERE capacity = 3",
        "SELECT 1 FROM pg_cursors WHERE name <> ''",
        "SELECT 1 FROM pg_listening_channels()",
    ):
        assert again.raw.execute(query).fetchall() == []
    assert list(again.raw.notifies(timeout=0)) == []
    again.close()


def test_one_that_is_lost_is_no_others(address: Address) -> None:
    first, second = engine.connect(address), engine.connect(address)
    pids = {pid_of(first), pid_of(second)}
    second.close()
    ended = first.raw.execute(
        "SELECT pid, pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
        f" WHERE pid = ANY('{{{','.join(map(str, pids))}}}') AND pid <> pg_backend_pid()"
    ).fetchall()
    assert len(ended) == 1
    with pytest.raises(psycopg.Error):
        first.raw.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    first.close()
    again = engine.connect(address)
    assert pid_of(again) not in pids
    again.close()


def test_what_is_left_open_is_told(postgres: Databases, tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.mkdir()
    left: list[PostgresConnection] = []

    def leave_one_open() -> None:
        with postgres.event(path, filled=False, keeps_lines=True):
            name = next(iter(postgres._lending._now))[1]
            left.append(engine.connect(Address(postgres.cluster.url(name))))

    with pytest.raises(AssertionError, match="left behind: 1 connections"):
        leave_one_open()
    assert left[0].lost
