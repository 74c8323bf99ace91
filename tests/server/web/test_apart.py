"""Reading in a process of its own: what comes back, and what goes wrong."""

import os
import sqlite3
import threading
from functools import partial
from pathlib import Path

import pytest

from server.setup.venue_plan import VenueError
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.web import apart
from server.web.apart import ApartError, read_apart


def count_people(db: sqlite3.Connection, more: int = 0) -> tuple[int, int]:
    (count,) = db.execute("SELECT COUNT(*) FROM attendee").fetchone()
    return count + more, os.getpid()


def write(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM attendee")


def refuse(_: sqlite3.Connection) -> None:
    raise VenueError(["hall h1: is missing", "hall h2: is missing"])


def die(_: sqlite3.Connection) -> None:
    os._exit(9)


def test_another_process_reads(site: Database) -> None:
    count, process = read_apart(site.path, partial(count_people, more=10))
    assert count == 14
    assert process != os.getpid()


def test_it_cannot_write(site: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        read_apart(site.path, write)
    assert read_apart(site.path, count_people)[0] == 4


def test_what_it_raises_is_raised_here_as_it_was(site: Database) -> None:
    with pytest.raises(VenueError) as raised:
        read_apart(site.path, refuse)
    assert raised.value.problems == ("hall h1: is missing", "hall h2: is missing")


def test_a_process_that_dies_is_told(site: Database) -> None:
    with pytest.raises(ApartError, match=r"Nothing was changed\. Try again"):
        read_apart(site.path, die)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "event.db"
    path.write_bytes(b"no database at all, but long enough to be taken for one" * 40)
    with pytest.raises((DatabaseError, sqlite3.DatabaseError)):
        read_apart(path, count_people)


def test_a_process_that_takes_too_long_is_ended(
    site: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "WORK_S", 0.01)
    with pytest.raises(ApartError, match="was given up"):
        read_apart(site.path, count_people)


def test_who_finds_all_turns_taken_is_told(site: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_turns", threading.BoundedSemaphore(1))
    monkeypatch.setattr(apart, "TURN_S", 0.01)
    with apart._turns, pytest.raises(ApartError, match="Try again in a minute"):
        read_apart(site.path, count_people)
    assert read_apart(site.path, count_people)[0] == 4, "a turn that was not had is not given back"
