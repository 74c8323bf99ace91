"""Backs up the event's directory to a second disk every 5 minutes (docs/backup.md).

A backup is a complete event directory as of one moment, with the keys. It gets its name once it is
on disk. `critical_state` covers the time in between.
"""

import errno
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from badges.i18n import N_, Phrase, phrase_of
from badges.system_reasons import reason_of
from server.core.entry_log import entry_log
from server.core.event.directory import DATABASE_FILE, SETTINGS_FILE, Event
from server.core.event.settings import EventError
from server.core.feed import changes
from server.core.second_disk import own_files
from server.core.second_disk.critical_state import Acts, ActsError, Keeper
from server.core.second_disk.own_files import TooManyFilesError
from server.repeating import Repeating
from server.storage import database_file, durable_files, event_state
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.storage.errors import EngineError

log = logging.getLogger(__name__)

EVERY_S = 300.0
RETRY_S = 20.0  # after a failure, and while acts are missing on the second disk
# The newest backups to keep. Of older ones, the last of each day (UTC) is kept for ever.
KEEP = 12
ABANDONED_S = 3600.0  # a half backup without a write for so long
STEP_PAGES = 128
PAUSE_S = 0.005  # between steps, since the doors need the disk
# Steps between two flushes. Flushing a large copy at once would delay others.
SYNC_EVERY = 64
_NAME = "%Y%m%d-%H%M%SZ"
_MAKING = "making-"

# Takes the pages copied and the total. Both are 0 before the database.
Progress = Callable[[int, int], None]


class BackupError(EventError):
    """Raised if the backup was not made. Earlier backups are intact."""


class _StoppedError(Exception):
    pass


@dataclass(frozen=True)
class Backup:
    path: Path
    made_at: int  # Unix ms


@dataclass(frozen=True)
class Status:
    """The state of the backup directory. The texts for staff are "" while all is well."""

    directory: Path
    newest: Backup | None = None
    trouble: str = ""  # why the last backup failed
    acts_trouble: str = ""  # why the last acts are on one disk only
    warning: str = ""  # set if the second disk is the first one

    @property
    def fails(self) -> bool:
        return bool(self.trouble or self.acts_trouble)


def backups(directory: Path) -> list[Backup]:
    """Oldest first, complete ones only."""
    complete = []
    for path in directory.iterdir():
        made_at = _made_at(path)
        # Unlike Path.is_file, it is False for a backup that belongs to another user.
        if made_at is not None and os.path.isfile(path / SETTINGS_FILE):  # noqa: PTH113
            complete.append(Backup(path, made_at))
    return sorted(complete, key=lambda backup: (backup.made_at, backup.path.name))


def _made_at(path: Path) -> int | None:
    try:
        parsed = datetime.strptime(f"{path.name.partition('-copy')[0]}+0000", f"{_NAME}%z")
    except ValueError:
        return None
    return int(parsed.timestamp()) * 1000


def check_directory(event: Event) -> str:
    """Raise BackupError if backups can't be made. Otherwise return a warning for staff, or ""."""
    if event.in_postgresql:
        return Phrase(database_file.NO_FILE) if event.named_backup_path else ""
    directory = event.backup_path
    if directory is None:
        return Phrase(
            "No backups are made: the loss of this disk would be the loss of the event. Choose a "
            "second disk on the page Backups, or name it as backup_dir in event.toml."
        )
    if not directory.is_dir():
        raise BackupError(
            N_(
                "For backups there is no directory %(directory)s. Is the second disk mounted? "
                "Make the directory there, or choose another: on the page Backups, or as "
                "backup_dir in event.toml while the server is stopped."
            ),
            directory=directory,
        )
    probe = directory / f"{_MAKING}probe-{os.getpid()}"
    try:
        probe.unlink(missing_ok=True)
        durable_files.write_new(probe, b"")
        probe.unlink()
    except OSError as error:
        raise BackupError(
            N_("The backup directory %(directory)s can't be written: %(why)s."),
            directory=directory,
            why=reason_of(error),
        ) from None
    if directory.stat().st_dev == event.path.stat().st_dev:
        return Phrase(
            "The backup directory %(directory)s is on the same disk as the event: both would be "
            "lost together. Is the second disk mounted?",
            directory=directory,
        )
    return ""


def make_backup(
    event: Event,
    directory: Path,
    now: int,
    *,
    progress: Progress = lambda done, of: None,
    pause_s: float = PAUSE_S,
) -> Backup:
    """Raises BackupError."""
    if event.in_postgresql:
        raise BackupError(database_file.NO_FILE)
    name = datetime.fromtimestamp(now // 1000, UTC).strftime(_NAME)
    # Another thread may make a backup within this second.
    making = directory / f"{_MAKING}{name}-{secrets.token_hex(4)}-{os.getpid()}"
    try:
        newest = next(reversed(backups(directory)), None)
        before = newest.path if newest else None
        _check_room(event, directory, before)
        durable_files.make_directory(making)
        _copy_files(event, making)
        own_files.copy_own_files(event.path, making, before, lambda: progress(0, 0))
        _copy_database(event.database_path, making / DATABASE_FILE, progress, pause_s)
        durable_files.sync_directory(making)
        final = _named(making, directory, name)
        durable_files.sync_directory(directory)
    except (OSError, EngineError, DatabaseError, TooManyFilesError) as error:
        why = reason_of(error) if isinstance(error, OSError) else str(error)
        raise BackupError(
            N_("no backup was made in %(directory)s: %(why)s."), directory=directory, why=why
        ) from None
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return Backup(final, now // 1000 * 1000)


def _named(making: Path, directory: Path, name: str) -> Path:
    final = directory / name
    while True:
        try:
            return making.rename(final)
        except OSError as error:
            # Another backup was made within this second.
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            final = durable_files.free_name(directory, f"{name}-copy")


def _check_room(event: Event, directory: Path, before: Path | None) -> None:
    files = (event.database_path, event.database_path.with_name(f"{DATABASE_FILE}-wal"))
    needed = sum(path.stat().st_size for path in files if path.exists())
    needed += own_files.copied_bytes(event.path, before)
    free = shutil.disk_usage(directory).free
    if free < needed * 1.1:
        raise BackupError(
            N_(
                "no backup was made in %(directory)s: it needs %(needed)s MB, and "
                "%(free)s MB are free. Delete old backups, or take a larger disk."
            ),
            directory=directory,
            needed=f"{needed / 1e6:.0f}",
            free=f"{free / 1e6:.0f}",
        )


def _copy_files(event: Event, making: Path) -> None:
    durable_files.write_new(making / SETTINGS_FILE, (event.path / SETTINGS_FILE).read_bytes())
    keys = making / "keys"
    durable_files.make_directory(keys)
    for path in sorted((event.path / "keys").iterdir()):
        if path.is_file():
            durable_files.write_new(keys / path.name, path.read_bytes())
    durable_files.sync_directory(keys)


def _copy_database(source: Path, target: Path, progress: Progress, pause_s: float) -> None:
    """Copy a snapshot of the database slowly, with regular flushes, since scans need
    the disk too.
    """
    durable_files.write_new(target, b"")
    steps = 0
    # Keep it open longer than SQLite's connection: closing it would release SQLite's locks.
    with target.open("rb+") as file:

        def step(done: int, of: int) -> None:
            nonlocal steps
            steps += 1
            if steps % SYNC_EVERY == 0:
                os.fsync(file.fileno())
            progress(done, of)
            time.sleep(pause_s)

        database_file.copy_moment(source, target, pages=STEP_PAGES, progress=step)
        os.fsync(file.fileno())


def prune(directory: Path) -> None:
    old = backups(directory)[:-KEEP]
    last_of_day = {backup.made_at // 86_400_000: backup for backup in old}
    for backup in old:
        if last_of_day[backup.made_at // 86_400_000] is not backup:
            shutil.rmtree(backup.path)
    for path in directory.glob(f"{_MAKING}*"):
        if not _alive(path.name.rpartition("-")[2]) or _is_abandoned(path):
            shutil.rmtree(path, ignore_errors=True)


def delete_all(directory: Path) -> int:
    """Delete all backups. One that is being made fails, since it may have the state of before.
    Return how many there were, without that one. Raises OSError.
    """
    for making in filter(Path.is_dir, directory.glob(f"{_MAKING}*")):
        # It may get its name, or be given up, at any moment.
        with suppress(FileNotFoundError):
            gone = making.rename(making.with_name(f"{making.name}-deleted"))
            shutil.rmtree(gone)
    complete = backups(directory)
    for backup in complete:
        shutil.rmtree(backup.path)
    return len(complete)


def _alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _is_abandoned(path: Path) -> bool:
    """Return whether the last write there was long ago. Its process may have been killed, and
    another one may have its number: in a container the next server does.
    """
    try:
        written = max(file.stat().st_mtime for file in (path, *path.rglob("*")))
    except OSError:
        return False
    return time.time() - written > ABANDONED_S


def _check_age(directory: Path, opened: Database) -> None:
    """Raises BackupError if the newest backup is later than the database."""
    newest = next(reversed(backups(directory)), None)
    if newest is None:
        return
    try:
        with database_file.opened_read_only(newest.path / DATABASE_FILE) as db:
            there = _state(db)
    except EngineError:
        # An unreadable backup proves nothing.
        return
    if there > _state(opened.reader):
        raise BackupError(
            N_(
                "this database is older than the backup %(path)s: it is a copy that was "
                "put back by hand. Doors may hold places that it does not know of. Use "
                "`hallkeeper restore`, which asks them."
            ),
            path=newest.path,
        )


def _state(db: Connection) -> tuple[int, int, int]:
    """Return a sort key of the database's state: later states of the same event compare higher."""
    return event_state.incarnation(db), changes.cursor(db), entry_log.size(db)


class Backups:
    """Makes regular backups on a thread, and stores the critical acts on the second disk after
    each write.
    """

    def __init__(
        self, event: Event, opened: Database, clock: Callable[[], int], every_s: float = EVERY_S
    ) -> None:
        """`event` must have a backup directory. Raises BackupError or ActsError."""
        check_directory(event)
        directory = event.backup_path
        assert directory is not None
        self._event = event
        self._clock = clock
        self._every_s = every_s
        self._directory = directory
        self._keeper = Keeper(event.event_id, opened, directory, clock)
        _check_age(directory, opened)
        self._status = Status(directory, next(reversed(backups(directory)), None))
        self._due = time.monotonic()
        self._repeating = Repeating("backup", RETRY_S, self._turn, first_s=0)

    @property
    def status(self) -> Status:
        return replace(self._status, acts_trouble=self._keeper.trouble)

    def kept_acts(self) -> list[Acts]:
        """Return the critical acts on the second disk, including those missing in the database."""
        return self._keeper.kept()

    def keep_acts(self) -> None:
        """Rewrite the critical acts, after the server's incarnation has changed."""
        self._keeper.keep()

    def move_acts(self, directory: Path) -> None:
        """Keep the critical acts in another directory, and no longer in this one."""
        self._keeper.move(directory)

    def start(self) -> None:
        self._repeating.start()

    def close(self) -> None:
        self._repeating.close()

    def _turn(self) -> float:
        """Make a backup if one is due, and store acts that failed to be stored. Return the pause
        in seconds.
        """
        try:
            if time.monotonic() >= self._due:
                self._due = time.monotonic() + (self._every_s if self._back_up() else RETRY_S)
            if self._keeper.trouble:
                self._keeper.keep()
        except _StoppedError:
            raise
        except Exception as error:
            self._status = replace(
                self._status, trouble=Phrase("failed (%(why)s)", why=type(error).__name__)
            )
            self._due = time.monotonic() + RETRY_S
            raise
        waits_s = max(0.0, self._due - time.monotonic())
        return min(waits_s, RETRY_S) if self._keeper.trouble else waits_s

    def _back_up(self) -> bool:
        try:
            warning = check_directory(self._event)
            self._keeper.keep()
            newest = make_backup(self._event, self._directory, self._clock(), progress=self._go_on)
            prune(self._directory)
        except (BackupError, ActsError, OSError) as error:
            if not self._status.trouble:
                log.error("%s", error)
            self._status = replace(self._status, trouble=phrase_of(error))
            return False
        self._status = replace(self._status, newest=newest, trouble="", warning=warning)
        return True

    def _go_on(self, done: int, of: int) -> None:
        if self._repeating.is_closing:
            raise _StoppedError
