"""Finds other disks of this computer, and prepares a directory for backups on one."""

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from badges.i18n import N_
from badges.system_reasons import reason_of
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event import settings_file
from server.core.event.directory import SETTINGS_FILE, Event
from server.core.second_disk import critical_state
from server.core.second_disk.copy import BackupError, check_directory
from server.storage import durable_files
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.database_file import NO_FILE

MOUNTS = Path("/proc/self/mounts")
PATH_CHARS_MAX = 1000


@dataclass(frozen=True)
class Disk:
    path: Path
    free: int  # bytes


def other_disks(event: Event) -> list[Disk]:
    """Return the mounted, writable disks without the event."""
    own = event.path.stat().st_dev
    disks: dict[int, Disk] = {}
    try:
        lines = MOUNTS.read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        source, mounted = line.split()[:2]
        path = Path(mounted.encode().decode("unicode_escape"))
        try:
            if not (source.startswith("/dev/") and path.is_dir() and os.access(path, os.W_OK)):
                continue
            device, free = path.stat().st_dev, shutil.disk_usage(path).free
        except OSError:
            continue
        if device != own:
            disks.setdefault(device, Disk(path, free))
    return list(disks.values())


def choose(event: Event, database: Database, name: str, *, by: str, now: int) -> Event:
    """Make the directory `name` the event's backup directory. Raises EventError, with the
    settings unchanged.
    """
    path = _checked(event, name)
    is_new = not path.exists()
    try:
        if is_new:
            path.mkdir(mode=0o700)
        text, settings = settings_file.changed(event.path / SETTINGS_FILE, "backup_dir", str(path))
        chosen = replace(event, settings=settings)
        check_directory(chosen)
        critical_state.check_age(event.event_id, database, path, now)

        def step(db: Connection) -> None:
            entry_log.act(db, by, Act.SECOND_DISK_SET, {"directory": str(path)}, now)
            durable_files.replace_after_commit(db, event.path / SETTINGS_FILE, text.encode())

        database.write(step)
    except OSError as error:
        raise BackupError(
            N_("%(directory)s can't be used: %(why)s."), directory=path, why=reason_of(error)
        ) from None
    return chosen


def _checked(event: Event, name: str) -> Path:
    if event.in_postgresql:
        raise BackupError(NO_FILE)
    path = Path(name)
    if not (path.is_absolute() and name.isprintable() and len(name) <= PATH_CHARS_MAX):
        raise BackupError(N_("Type a directory from / on, such as /mnt/second/forum."))
    path, own = path.resolve(), event.path.resolve()
    if path.is_relative_to(own) or own.is_relative_to(path):
        raise BackupError(N_("Choose a directory outside that of the event."))
    if not path.is_dir() and not path.parent.is_dir():
        raise BackupError(
            N_("There is no directory %(directory)s. Is the disk mounted?"), directory=path.parent
        )
    return path
