"""The tree in memory, while other threads read on."""

import threading

import pytest

from badges.credential.keys import PrivateKey
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.entry_log.entry_log import Log
from server.storage.connection import Connection
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.waiting import LONGEST_S, until


@pytest.fixture
def log(database: Database) -> Log:
    return Log(database, "test", PrivateKey(b"1" * 32))


def add(database: Database, count: int = 1) -> None:
    def step(db: Connection) -> None:
        for _ in range(count):
            entry_log.act(db, "test", Act.CLOCK_SET, {}, NOW)

    database.write(step)


def test_a_wait_for_the_disk_delays_no_checkpoint(
    database: Database, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In PostgreSQL a commit may hang for an absent standby. A page then waits, and kiosks get the
    leaves that are on disk.
    """
    add(database)
    known = log.size()
    add(database)
    waits, on_disk = threading.Event(), threading.Event()

    def wait(db: Connection) -> None:
        waits.set()
        on_disk.wait()

    monkeypatch.setattr(entry_log, "make_durable", wait)
    page = threading.Thread(target=log.state)
    kiosk = threading.Thread(target=lambda: log.checkpoint(0, least=known))
    page.start()
    try:
        waits.wait()
        kiosk.start()
        until(lambda: not kiosk.is_alive())
    finally:
        on_disk.set()
        page.join()
        kiosk.join()


def test_threads_that_read_the_same_leaves(
    database: Database, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has read them before the first adds them to the tree."""
    monkeypatch.setattr(entry_log, "READ_MAX", 3)
    together = threading.Barrier(2, timeout=LONGEST_S)
    monkeypatch.setattr(entry_log, "make_durable", lambda db: together.wait())
    add(database, 8)
    states: list[tuple[int, bytes]] = []
    threads = [threading.Thread(target=lambda: states.append(log.state())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.undo()
    alone = Log(database, "test", PrivateKey(b"1" * 32))
    assert states == [alone.state()] * 2
    assert states[0][0] >= 8


def test_only_leaves_that_are_known_to_be_on_disk(database: Database, log: Log) -> None:
    add(database, 8)
    note, _ = log.checkpoint(0, least=5)
    assert note == log.note(5)
