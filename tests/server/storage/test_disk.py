"""A full, read-only or failing disk: the messages, the kept data, the recovery."""

import errno
import logging
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from badges.wire import wire
from server.app.new_event import init_event
from server.cli.main import main
from server.core.event.directory import Event, load_event
from server.core.event.settings import EventError, EventSettings
from server.core.second_disk.copy import make_backup
from server.features.backup.restore import restore
from server.storage import disk
from server.storage.database import Database
from server.storage.disk import DiskError, Room
from tests.server.conftest import NOW
from tests.server.doors.test_api import Kiosk
from tests.server.support.disks.small_disk import fill, remount, small_disk
from tests.server.support.pages import Pages

pytestmark = pytest.mark.sqlite_alone


GB = 1_000_000_000


def sqlite_error(code: int, text: str = "disk I/O error") -> sqlite3.Error:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    error.sqlite_errorname = "SQLITE_TEST"
    return error


class TestTrouble:
    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (sqlite_error(sqlite3.SQLITE_FULL), "disk_full"),
            (OSError(errno.ENOSPC, "No space left"), "disk_full"),
            (OSError(errno.EDQUOT, "Quota exceeded"), "disk_full"),
            (OSError(errno.EROFS, "Read-only file system"), "disk_read_only"),
            (sqlite_error(sqlite3.SQLITE_READONLY), "disk_read_only"),
            (sqlite_error(sqlite3.SQLITE_READONLY | 8 << 8), "disk_read_only"),
            (sqlite_error(sqlite3.SQLITE_IOERR), "disk_failing"),
            (sqlite_error(sqlite3.SQLITE_IOERR | 19 << 8), "disk_failing"),
            (sqlite_error(sqlite3.SQLITE_CANTOPEN), None),
            (sqlite_error(sqlite3.SQLITE_BUSY), None),
            (sqlite_error(sqlite3.SQLITE_CORRUPT), None),
            (sqlite3.ProgrammingError("closed"), None),
            (OSError(errno.EACCES, "Permission denied"), None),
            (ValueError("disk full"), None),
        ],
    )
    def test_what_it_was(self, tmp_path: Path, error: Exception, code: str | None) -> None:
        trouble = disk.trouble(error, tmp_path / "hallkeeper.db")
        assert (trouble and trouble.code) == code
        if trouble is not None:
            assert str(tmp_path) in str(trouble)
            assert "hallkeeper.db" not in str(trouble)

    @pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN])
    def test_sqlite_says_io_error_where_there_is_no_room(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
    ) -> None:
        monkeypatch.setattr(disk, "room", lambda path: Room(4096, 10 * GB))
        trouble = disk.trouble(sqlite_error(code), tmp_path)
        assert trouble is not None
        assert trouble.code == "disk_full"
        assert "0 MB are free, and at least 64 MB are needed" in str(trouble)

    @pytest.mark.parametrize(
        ("free", "total", "low"),
        [
            (GB - 1, 2 * GB, True),
            (2 * GB, 10 * GB, False),
            (5 * GB, 100 * GB, True),
            (12 * GB, 1000 * GB, False),
            (0, 0, True),
        ],
    )
    def test_when_it_is_nearly_full(self, free: int, total: int, low: bool) -> None:
        assert Room(free, total).low == low
        assert bool(Room(free, total).warning) == low

    def test_the_log_has_it_once(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        rooms = [Room(9 * GB, 20 * GB), *[Room(GB // 2, 20 * GB)] * 3, Room(9 * GB, 20 * GB)]
        ahead = iter(rooms)
        watch = disk.Watch(tmp_path, lambda path: next(ahead))
        for _ in rooms:
            watch.look()
        messages = [record.message for record in caplog.records]
        assert len(messages) == 2
        assert "nearly full: 500 MB of 20.0 GB are free" in messages[0]
        assert "has room again: 9.0 GB" in messages[1]


class Broken:
    """A writer's statement that fails as a disk does, for as long as `code` states."""

    def __init__(self) -> None:
        self.code = sqlite3.SQLITE_FULL

    def __call__(self, db: sqlite3.Connection) -> None:
        if self.code:
            raise sqlite_error(self.code)


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        opened.issue()
        yield opened


@pytest.mark.parametrize(
    ("code", "status", "word"),
    [
        (sqlite3.SQLITE_FULL, 507, "disk_full"),
        (sqlite3.SQLITE_IOERR, 503, "disk_failing"),
        (sqlite3.SQLITE_READONLY, 503, "disk_read_only"),
    ],
)
def test_kiosks_and_people_are_told(
    pages: Pages, caplog: pytest.LogCaptureFixture, code: int, status: int, word: str
) -> None:
    pages.app.testing = False
    door = pages.kiosk("main-1", "main")
    admin = pages.staff("admin")
    broken = Broken()
    broken.code = code
    pages.database.check_steps(broken)
    kiosk = Kiosk(pages.app.test_client(), door)
    door.scan(pages.now, pages.serial("A1"), decision="denied", reason="already_inside")
    answer = kiosk.post(door.batch(pages.now))
    error = wire.decode(answer.data, wire.ErrorAnswer).error
    assert (answer.status_code, error.code, error.retry) == (status, word, True)
    assert str(pages.event.path) not in answer.text
    page = admin.post("/admin/halls/1/close")
    assert page.status_code == status
    assert "be written" in page.text
    pages.now += 3_600_000  # a session whose time is due to be recorded stays valid without that
    assert admin.get("/admin/").status_code == 200
    assert admin.get("/admin/entries").status_code == 200
    messages = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(messages) == 1, messages
    assert str(pages.event.path) in messages[0]
    broken.code = 0
    answer = kiosk.post(door.batch(pages.now))
    assert answer.status_code == 200
    assert caplog.records[-1].message == "the disk takes writes again"


def test_staff_are_warned_before(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    admin, steward = pages.staff("admin"), pages.staff("steward")
    monkeypatch.setattr(disk, "room", lambda path: Room(50 * GB, 100 * GB))
    assert "nearly full" not in admin.get("/admin/").text
    monkeypatch.setattr(disk, "room", lambda path: Room(GB // 2, 100 * GB))
    assert "nearly full: 500 MB of 100.0 GB are free" in admin.get("/admin/").text
    assert "Call an admin" in steward.get("/admin/").text


@pytest.mark.system
class TestSmallDisk:
    """Real file systems."""

    def test_nothing_acknowledged_is_lost_and_it_goes_on(self, tmp_path: Path) -> None:
        with small_disk(tmp_path / "disk", 4) as place:
            with Database(place / "n.db") as numbers:
                numbers.write(lambda db: db.execute("CREATE TABLE n (n INTEGER, b BLOB)") and None)
                acknowledged: list[int] = []
                insert = "INSERT INTO n VALUES (?, zeroblob(20000))"

                def write_on() -> None:
                    for number in range(10_000):
                        numbers.write(lambda db, n=number: db.execute(insert, (n,)) and None)
                        acknowledged.append(number)

                with pytest.raises(DiskError, match="is full") as caught:
                    write_on()
                assert caught.value.code == "disk_full"
                assert acknowledged
                query = "SELECT n FROM n ORDER BY n"
                assert [row[0] for row in numbers.reader.execute(query)] == acknowledged
                remount(place, "size=64m")
                numbers.write(lambda db: db.execute(insert, (77_777,)) and None)
            with Database(place / "n.db") as again:
                written = [row[0] for row in again.reader.execute(query)]
            assert written == [*acknowledged, 77_777]

    def test_a_served_event_fills_its_disk_and_goes_on(
        self, event: Event, site: Database, tmp_path: Path
    ) -> None:
        with Pages(event, site) as prepared:
            prepared.issue()
            door = prepared.kiosk("main-1", "main")
            serial = prepared.serial("A1")
        site.close()
        with small_disk(tmp_path / "disk", 16) as place:
            subprocess.run(["cp", "-a", str(event.path), str(place / "event")], check=True)
            small = load_event(place / "event")
            with Database(small.database_path) as database, Pages(small, database) as pages:
                pages.app.testing = False
                kiosk = Kiosk(pages.app.test_client(), door)
                ballast = fill(place)
                statuses = []
                for _ in range(400):
                    door.scan(NOW, serial, decision="denied", reason="already_inside")
                    answer = kiosk.post(door.batch(NOW))
                    statuses.append(answer.status_code)
                    if answer.status_code == 507:
                        break
                    door.acked = wire.decode(answer.data, wire.ScanAnswer).acked_seq
                assert statuses[-1] == 507, statuses[-3:]
                count = "SELECT COUNT(*) FROM scan"
                assert database.reader.execute(count).fetchone()[0] == door.acked
                assert pages.stranger().get("/admin/sign-in").status_code == 200
                ballast.unlink()
                assert kiosk.post(door.batch(NOW)).status_code == 200
                assert database.reader.execute(count).fetchone()[0] == len(door.records)

    @pytest.mark.parametrize("kilobytes", [4, 12, 24, 40, 80, 160, 300])
    def test_init_leaves_nothing_half_made(
        self,
        tmp_path: Path,
        settings: EventSettings,
        kilobytes: int,
    ) -> None:
        with small_disk(tmp_path / "disk", 2) as place:
            fill(place, leave=kilobytes * 1024)
            with pytest.raises(EventError, match="is full: .* Make room on it") as caught:
                init_event(place / "event", settings, now=NOW)
            assert "Half an event" not in str(caught.value)
            assert not (place / "event").exists()

    @pytest.mark.parametrize("kilobytes", [0, 12, 40, 100, 200, 300])
    def test_restore_leaves_nothing_half_made(
        self, event: Event, tmp_path: Path, kilobytes: int
    ) -> None:
        copies = tmp_path / "copies"
        copies.mkdir()
        backup = make_backup(event, copies, NOW)
        with small_disk(tmp_path / "disk", 2) as place:
            fill(place, leave=kilobytes * 1024)
            with pytest.raises(EventError, match="is full: .* Make room on it"):
                restore(backup.path, place / "event", now=NOW, without_acts=True)
            assert [path.name for path in place.iterdir()] == ["ballast"]

    @pytest.mark.system
    def test_commands_on_a_full_and_on_a_read_only_disk(self, event: Event, tmp_path: Path) -> None:
        with small_disk(tmp_path / "disk", 4) as place:
            subprocess.run(["cp", "-a", str(event.path), str(place / "event")], check=True)
            here, other = str(place / "event"), str(place / "other")
            add = ("user", "add", "gia", "--role", "steward", "--event", here)
            ballast = fill(place)
            output = refused(*add)
            assert f"the disk with {here} is full" in output
            assert "Make room on it" in output
            output = refused_here("init", other)
            assert f"the disk with {place} is full" in output
            ballast.unlink()
            remount(place, "ro")
            serve = ("serve", "--event", here, "--port", "18999")
            for output in (refused_here(*add), refused(*serve), refused_here("init", other)):
                assert "can be read but not written" in output, output
            remount(place, "rw")


def refused(*words: str) -> str:
    """Return the command's error; it ends with status 1 and without a traceback.

    It runs in its own process, to include the exit after an error.
    """
    done = subprocess.run(
        [sys.executable, "-m", "server.cli.main", *words],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 1, (words, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr


def refused_here(*words: str) -> str:
    """The same within this process, because starting Python takes a second."""
    done = CliRunner().invoke(main, words)
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == 1, (words, done.output)
    return done.stderr
