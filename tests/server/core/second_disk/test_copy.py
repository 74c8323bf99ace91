"""Backups: complete, of one moment, private; the number kept; the message if there are none."""

import os
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from server.app import wsgi
from server.app.app import close_app
from server.core.event import retention as clocks
from server.core.event.directory import Event, load_event
from server.core.second_disk import copy as module
from server.core.second_disk.copy import (
    ABANDONED_S,
    KEEP,
    Backup,
    BackupError,
    Backups,
    backups,
    check_directory,
    make_backup,
    prune,
)
from server.features.evidence.witnesses.worker import Confirming
from server.features.privacy.daily import Daily
from server.storage.database import Database
from server.web.services import services_of
from tests.server.conftest import HOUR, NOW
from tests.server.support.console import Console
from tests.sqlite.locks import keeps_locks, locks_of
from tests.waiting import until

# A backup of ours is a copy of SQLite's file.
pytestmark = pytest.mark.sqlite_alone

DAY = 24 * HOUR
NOBODY = 65_534


def set_backup_dir(event: Event, directory: Path | str) -> Event:
    """Name the second disk in event.toml, as an organiser would."""
    file = event.path / "event.toml"
    text = file.read_text()
    assert text.count('# backup_dir = "/mnt/second/forum"') == 1
    file.write_text(
        text.replace('# backup_dir = "/mnt/second/forum"', f'backup_dir = "{directory}"')
    )
    return load_event(event.path)


@pytest.fixture
def safe(event: Event, second: Path) -> Event:
    return set_backup_dir(event, second)


def test_it_works(event: Event, site: Database, second: Path) -> None:
    done: list[tuple[int, int]] = []
    backup = make_backup(event, second, NOW, progress=lambda *step: done.append(step))
    assert backup.path.name == "20260504-020000Z"
    assert backups(second) == [backup]
    assert done[-1][0] == done[-1][1] > 0
    copy = load_event(backup.path)
    assert copy.root_key.seed == event.root_key.seed
    assert copy.settings == event.settings
    with closing(sqlite3.connect(backup.path / "hallkeeper.db")) as copied:
        assert copied.execute("SELECT COUNT(*) FROM attendee").fetchone() == (4,)


def test_flushing_the_copy_drops_no_lock(
    event: Event, site: Database, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STEP_PAGES", 8)
    monkeypatch.setattr(module, "SYNC_EVERY", 1)
    held: list[int] = []

    def progress(done: int, of: int) -> None:
        for path in second.glob("making-*/hallkeeper.db"):
            held.append(len(locks_of(os.getpid(), path)))

    make_backup(event, second, NOW, progress=progress)
    assert len(held) > 2
    assert all(held[:-1]), held  # SQLite itself lets go with the last page


def test_only_its_owner_can_read_it(event: Event, second: Path) -> None:
    path = make_backup(event, second, NOW).path
    everything = [path, *path.rglob("*")]
    assert len(everything) > 8
    for entry in everything:
        assert entry.stat().st_mode & 0o077 == 0, entry
    assert not (path / "hallkeeper.db-wal").exists()


def test_two_within_a_second_are_two(event: Event, second: Path) -> None:
    first, again = make_backup(event, second, NOW), make_backup(event, second, NOW)
    assert backups(second) == [first, again]
    assert first.made_at == again.made_at == NOW


def test_two_at_once_are_two(event: Event, second: Path) -> None:
    """An admin may press the button on *Backups* while the server makes one."""
    meanwhile: list[Backup] = []

    def make_another(done: int, of: int) -> None:
        if done and not meanwhile:
            meanwhile.append(make_backup(event, second, NOW))

    made = make_backup(event, second, NOW, progress=make_another)
    assert backups(second) == [*meanwhile, made]
    for backup in (made, *meanwhile):
        assert load_event(backup.path).event_id == event.event_id
    assert not list(second.glob("making-*"))


def test_writers_go_on_and_the_copy_is_of_one_moment(
    event: Event, database: Database, second: Path
) -> None:
    """Each write adds to two tables: a copy of one moment has equal numbers of rows."""
    database.write(lambda db: db.execute("CREATE TABLE one (n INTEGER, fill BLOB)"))
    database.write(lambda db: db.execute("CREATE TABLE two (n INTEGER, fill BLOB)"))
    waits: list[float] = []
    stop = threading.Event()

    def add(db: sqlite3.Connection) -> None:
        for table in ("one", "two"):
            db.execute(f"INSERT INTO {table} VALUES (1, zeroblob(20000))")

    def write() -> None:
        while not stop.is_set():
            began = time.monotonic()
            database.write(add)
            waits.append(time.monotonic() - began)

    for _ in range(300):
        database.write(add)
    thread = threading.Thread(target=write)
    thread.start()
    try:
        backup = make_backup(event, second, NOW, pause_s=0.01)
    finally:
        stop.set()
        thread.join()
    with closing(sqlite3.connect(backup.path / "hallkeeper.db")) as copy:
        first, two = (
            copy.execute(f"SELECT COUNT(*) FROM {t}").fetchone()[0] for t in ("one", "two")
        )
    assert first == two >= 300
    assert len(waits) > 10, "nothing was written meanwhile"
    assert sorted(waits)[len(waits) // 2] < 0.1


def test_what_is_kept(event: Event, second: Path) -> None:
    """The newest twelve, and the last of each day before them."""
    for day in range(3):
        first = make_backup(event, second, NOW + day * DAY).path
        assert first.name == f"2026050{4 + day}-020000Z"
        for hour in range(3, 10):
            shutil.copytree(first, second / f"2026050{4 + day}-{hour:02}0000Z")
    (second / "acts.sqlite").write_text("not a backup")
    (second / "making-20260504-020000Z-999999999").mkdir()
    prune(second)
    kept = [backup.path.name for backup in backups(second)]
    assert kept[-KEEP:] == [
        f"2026050{day}-{hour:02}0000Z"
        for day, hour in [(5, h) for h in range(6, 10)] + [(6, h) for h in range(2, 10)]
    ]
    assert kept[:-KEEP] == ["20260504-090000Z", "20260505-050000Z"]
    assert not list(second.glob("making-*"))
    assert (second / "acts.sqlite").exists()


def test_a_half_backup_goes_also_if_another_process_has_its_number(second: Path) -> None:
    """As in a container, where each server has the number of the one before."""
    half = second / f"making-20260504-020000Z-{os.getpid()}"
    (half / "keys").mkdir(parents=True)
    key = half / "keys/root.key"
    key.write_text("secret")
    long_ago = time.time() - 2 * ABANDONED_S
    for path in (half, half / "keys"):
        os.utime(path, (long_ago, long_ago))
    prune(second)
    assert key.exists(), "its process may still write it"
    os.utime(key, (long_ago, long_ago))
    prune(second)
    assert not half.exists()


class TestAnotherUser:
    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
    def test_what_root_makes_belongs_to_the_servers_user(
        self, console: Console, safe: Event, second: Path
    ) -> None:
        """With `sudo hallkeeper backup` the server's next start once ended with an error."""
        (safe.path / "cards/photos/2026").mkdir(parents=True)
        (safe.path / "cards/photos/2026/anna.jpg").write_bytes(b"photo")
        for path in (safe.path, second, *safe.path.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        console("backup")
        console("user", "add", "anna", "--role", "steward")
        (backup,) = backups(second)
        again = safe.path.parent / "again"
        again.mkdir()
        os.chown(again, NOBODY, NOBODY)
        for _ in range(2):  # a new directory, and one with an event
            console("restore", str(backup.path), "--event", str(again / "event"), "--replace")
        made = [*safe.path.rglob("*"), *second.rglob("*"), *again.rglob("*")]
        assert {"acts.sqlite", "anna.jpg", "serving.lock"} <= {path.name for path in made}
        assert [path for path in made if path.stat().st_uid != NOBODY] == []

    def test_their_backup_is_left_alone(self) -> None:
        with tempfile.TemporaryDirectory() as name:  # pytest's directories are closed to others
            Path(name).chmod(0o755)
            theirs = Path(name, "20260504-020000Z")
            theirs.mkdir(mode=0)
            user = os.geteuid()
            if user == 0:
                os.seteuid(NOBODY)
            try:
                prune(Path(name))
                assert backups(Path(name)) == []
            finally:
                os.seteuid(user)
            assert theirs.exists()


class TestDirectory:
    def test_none_is_named(self, event: Event) -> None:
        assert "No backups are made" in check_directory(event)

    def test_a_relative_one_begins_at_the_event(self, event: Event) -> None:
        (event.path / "copies").mkdir()
        named = set_backup_dir(event, "copies")
        assert named.backup_path == event.path / "copies"
        assert "on the same disk" in check_directory(named)

    def test_another_disk_is_no_warning(self, safe: Event, monkeypatch) -> None:
        real, disk = Path.stat, safe.backup_path
        other = os.stat_result((0o040700, 1, 99, 2, 0, 0, 0, 0, 0, 0))
        monkeypatch.setattr(Path, "stat", lambda path, **_: other if path == disk else real(path))
        assert check_directory(safe) == ""

    def test_it_is_not_there(self, safe: Event, second: Path) -> None:
        second.rmdir()
        with pytest.raises(BackupError, match="there is no directory .*second disk mounted"):
            check_directory(safe)

    def test_it_can_not_be_written(self, safe: Event, monkeypatch) -> None:
        def refuse(*_: object) -> None:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr("server.storage.durable_files.write_new", refuse)
        with pytest.raises(BackupError, match="can't be written: Read-only"):
            check_directory(safe)

    @pytest.mark.parametrize("value", ["5", '""'])
    def test_what_is_no_directory(self, event: Event, value: str) -> None:
        file = event.path / "event.toml"
        file.write_text(
            file.read_text().replace('# backup_dir = "/mnt/second/forum"', f"backup_dir = {value}")
        )
        with pytest.raises(Exception, match="backup_dir must be a directory on a second disk"):
            load_event(event.path)


class TestTrouble:
    def test_a_full_disk(self, event: Event, second: Path, monkeypatch) -> None:
        monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
        with pytest.raises(BackupError, match=r"needs \d MB, and 0 MB are free"):
            make_backup(event, second, NOW)
        assert list(second.iterdir()) == []

    def test_a_copy_that_fails_leaves_nothing(self, event: Event, second: Path) -> None:
        def fail(done: int, of: int) -> None:
            raise OSError(5, "Input/output error")

        with pytest.raises(BackupError, match="no backup was made in .*Input/output error"):
            make_backup(event, second, NOW, progress=fail)
        assert list(second.iterdir()) == []

    def test_a_damaged_database_is_no_backup(self, event: Event, second: Path) -> None:
        with closing(sqlite3.connect(event.database_path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = event.database_path.stat().st_size
        with event.database_path.open("r+b") as file:
            file.seek(size // 4096 // 2 * 4096)
            file.write(b"\xff" * 4096 * 3)
        with pytest.raises(BackupError, match="damaged|malformed"):
            make_backup(event, second, NOW)
        assert list(second.iterdir()) == []


class TestServing:
    @pytest.fixture
    def running(self, safe: Event, database: Database) -> Iterator[Backups]:
        copies = Backups(safe, database, lambda: NOW, every_s=0.2)
        copies.start()
        yield copies
        copies.close()

    def test_one_is_made_at_once_and_then_again(self, running: Backups, second: Path) -> None:
        until(lambda: len(backups(second)) >= 2)
        assert running.status.newest in backups(second)
        assert (running.status.trouble, running.status.acts_trouble) == ("", "")
        assert (second / "acts.sqlite").stat().st_mode & 0o077 == 0

    def test_a_disk_that_is_gone_is_told_and_waited_for(
        self, running: Backups, second: Path, monkeypatch
    ) -> None:
        monkeypatch.setattr("server.core.second_disk.copy.RETRY_S", 0.05)
        until(lambda: running.status.newest is not None)
        away = second.rename(second.with_name("away"))
        until(lambda: "no directory" in running.status.trouble)
        away.rename(second)
        until(lambda: running.status.trouble == "")

    def test_the_app_of_an_event_with_a_second_disk(self, safe: Event, second: Path) -> None:
        app = wsgi.open_app(safe.path)
        until(lambda: len(backups(second)) == 1)
        assert services_of(app).backups.status.directory == second
        close_app(app)
        services_of(app).database.close()

    def test_its_workers_keep_the_locks_on_the_database(self, safe: Event, second: Path) -> None:
        app = wsgi.open_app(safe.path)
        here = services_of(app)
        until(lambda: len(backups(second)) == 1)
        here.database.write(lambda db: clocks.put(db, {"mails": 0}, by="test", now=NOW))
        here.own(Daily).look()
        here.own(Confirming).confirm()
        assert keeps_locks(os.getpid(), safe.database_path)
        close_app(app)
        here.database.close()
        assert not keeps_locks(os.getpid(), safe.database_path)

    def test_the_app_of_one_without(self, event: Event) -> None:
        app = wsgi.open_app(event.path)
        assert services_of(app).backups is None
        close_app(app)
        services_of(app).database.close()


class TestCommand:
    def test_into_the_second_disk(self, console: Console, safe: Event, second: Path) -> None:
        result = console("backup")
        (backup,) = backups(second)
        assert f"Copied the event to {backup.path}." in result.output
        assert "same disk" in result.stderr

    def test_into_another(self, console: Console, tmp_path: Path) -> None:
        console("backup", str(tmp_path))
        assert len(backups(tmp_path)) == 1

    def test_there_is_none(self, console: Console) -> None:
        assert "name a directory on another disk" in console("backup", status=2).output

    def test_it_is_missing(self, console: Console, tmp_path: Path) -> None:
        assert "there is no directory" in console("backup", str(tmp_path / "x"), status=2).output
