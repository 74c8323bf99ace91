"""A person is erased at a real server while doors scan: no acknowledged scan is lost."""

import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.config.files import JOURNAL_FILE
from server.storage.database import Database
from tests.processes import with_descendants
from tests.sqlite import locks
from tests.system.support.desk import Desk
from tests.system.support.hand_scanner import HandScanner
from tests.system.support.site import LiveSite, free_port, site, wait_for
from tests.system.support.venue import door_toml, hall_toml

pytestmark = pytest.mark.system

VENUE = hall_toml("hall", 9) + door_toml("west")
PEOPLE = 20


@pytest.fixture
def place(tmp_path: Path) -> Iterator[LiveSite]:
    with site(tmp_path, VENUE, people=PEOPLE) as live:
        live.start_server()
        live.enrol("west", "west")
        yield live


def acknowledged(place: LiveSite) -> int:
    """The number of scans that the kiosk need not send again."""
    journal = f"file:{place.path / 'west' / JOURNAL_FILE}?mode=ro"
    with closing(sqlite3.connect(journal, uri=True)) as journal_db:
        return int(journal_db.execute("SELECT acked FROM state").fetchone()[0])


def keeps_locks(place: LiveSite) -> bool:
    """Whether the server keeps SQLite's locks on its database."""
    assert place.server.child is not None
    pids = with_descendants(place.server.child.pid)
    return any(locks.keeps_locks(pid, place.event.database_path) for pid in pids)


def test_scans_after_an_erasure_stay_in_the_ledger(place: LiveSite) -> None:
    badges = [place.badge(number) for number in range(3)]
    erased = [place.serial(10), place.serial(11)]
    port = free_port()
    desk = Desk(place, role="admin")
    # Only the server has the database open, as in the field.
    place.database.close()

    def scan(number: int) -> None:
        west.let_in(badges[number - 1])
        wait_for("the acknowledgement", lambda: acknowledged(place) == number)

    with desk, HandScanner(place.run_typed("west", port), port, socket.create_connection) as west:
        wait_for("facts at the door", lambda: west.turn("entry"))
        scan(1)
        assert keeps_locks(place)
        desk.erase(erased[0])
        assert keeps_locks(place)
        # Without the server's locks it would take its own connection for the last one, and delete
        # the write-ahead log at its end.
        status = [sys.executable, "-m", "server.cli.main", "status"]
        subprocess.run([*status, "--event", str(place.event.path)], check=True)
        scan(2)
        scan(3)
        desk.erase(erased[1])
        place.server.kill()
    place.database = Database(place.event.database_path)
    assert place.query("SELECT COUNT(*) FROM scan") == [(3,)]
    assert place.query("SELECT COUNT(*) FROM attendee") == [(PEOPLE - 2,)]
