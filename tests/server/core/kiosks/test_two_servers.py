"""Two servers of one event. On one database the earlier one stops; on two copies no hall is
overfilled, however the kiosks alternate.
"""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.journal.errors import JournalError
from kiosk.sync.protocol import TransportError
from server.app.app import close_app, create_app
from server.core.event.directory import Event
from server.core.kiosks import runs
from server.core.occupancy import hall_control
from server.core.second_disk.copy import make_backup
from server.features.backup.restore import restore
from server.storage.database import Database
from server.storage.disk import SupersededError
from server.web.services import services_of
from tests.server.conftest import NOW
from tests.server.support.in_process import CAPACITY, Forum
from tests.server.support.pages import Pages
from tests.tries import tries

# In PostgreSQL two servers share a run (tests/server/failover).
pytestmark = pytest.mark.sqlite_alone


class TestOneDatabase:
    @pytest.fixture
    def later(self, forum: Forum) -> Iterator[Database]:
        """A second server opens the same database; only a lock file prevents it."""
        self.west = forum.enrol("west")
        with Database(forum.event.database_path) as database:
            app = create_app(forum.event, database, now=lambda: forum.now)
            self.app = app
            yield database
            close_app(app)

    def test_the_earlier_one_takes_and_gives_nothing(self, forum: Forum, later: Database) -> None:
        granted = self.west.account.granted
        assert self.west.present(20)
        with pytest.raises(TransportError) as caught:
            self.west.exchange()
        assert (caught.value.code, caught.value.elsewhere) == ("superseded", True)
        assert caught.value.ailing is not None
        assert not caught.value.permanent
        assert self.west.account.granted == granted
        assert self.west.present(21), "the door goes on with what it has"
        assert forum.rows("SELECT COUNT(*) FROM scan") == [(0,)]
        own_run = services_of(forum.app).own_run
        assert own_run.superseded_by == runs.newest(forum.database.reader).server != ""

    def test_staff_can_change_nothing_and_are_told(self, forum: Forum, later: Database) -> None:
        def lower(db: object) -> None:
            hall_control.set_capacity(db, 1, 2, by="test", now=forum.now)

        with pytest.raises(SupersededError, match="has begun to serve this event"):
            forum.database.write(lower)
        assert forum.rows("SELECT capacity FROM hall") == [(CAPACITY,)]
        later.write(lower)
        assert forum.rows("SELECT capacity FROM hall") == [(2,)]

    def test_the_later_one_works(self, forum: Forum, later: Database) -> None:
        kept = forum.app, forum.database
        forum.app, forum.database = self.app, later
        try:
            assert self.west.present(20)
            self.west.exchange()
            assert forum.rows("SELECT COUNT(*) FROM scan") == [(1,)]
        finally:
            forum.app, forum.database = kept


def test_the_board_names_the_other_server(event: Event, database: Database) -> None:
    with Pages(event, database) as pages, Database(event.database_path) as other:
        admin = pages.staff("admin")
        assert "Another server" not in admin.get("/admin/").text
        close_app(create_app(event, other, now=lambda: NOW))
        with pytest.raises(SupersededError):
            database.write(lambda db: None)
        assert "Another server now serves this event" in admin.get("/admin/").text


class TwoCopies:
    """The server, and a second one on a copy made while the first runs."""

    def __init__(self, first: Forum, path: Path, dice: random.Random) -> None:
        self.first, self.dice = first, dice
        (path / "second-disk").mkdir()
        backup = make_backup(first.event, path / "second-disk", first.now)
        restored = restore(backup.path, path / "other", now=first.now, without_acts=True)
        (path / "second").mkdir()
        self.second = object.__new__(Forum)
        self.second.event = restored.event
        self.second.path = path / "second"
        self.second.second = None
        self.second.now = first.now
        self.second.kiosks = first.kiosks
        self.second._serve()

    def tick(self) -> None:
        self.first.now += 1_100
        self.second.now = self.first.now
        kiosk = self.first.kiosks[self.dice.choice(list(self.first.kiosks))]
        kiosk.transport._forum = self.dice.choice((self.first, self.second))
        kiosk.transport.wire_cut = self.dice.random() < 0.2
        serial = self.dice.randrange(100, 10_000)
        kiosk.present(serial)
        try:
            if self.dice.random() < 0.3:
                kiosk.refresh()
            kiosk.ask()
        except (TransportError, JournalError):
            pass
        kiosk.present(serial + 1)


@pytest.mark.parametrize("seed", tries.seeds(6))
def test_on_two_copies_no_hall_is_overfilled(forum: Forum, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    for name in ("west", "east", "north"):
        forum.enrol(name, heard=dice.random() < 0.5)
    both = TwoCopies(forum, tmp_path, dice)
    try:
        for _ in range(30):
            both.tick()
            assert forum.inside() <= CAPACITY
        assert forum.inside() > 0
    finally:
        both.second.stop()
    shutil.rmtree(tmp_path / "other")
