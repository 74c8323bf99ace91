"""Creates a new event: directory, settings, keys, certificate and database."""

import os
import shutil
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from uuid import UUID

from badges.categories import DEFAULT_CATEGORIES
from server.console import wall_clock
from server.core.event.certificate import make_certificate
from server.core.event.directory import DATABASE_FILE, SETTINGS_FILE, Event, load_event
from server.core.event.settings import EventError, EventSettings, settings_text
from server.core.staff import users
from server.core.venue.categories import put_category
from server.storage import disk, migrations
from server.storage.disk import DatabaseError
from server.storage.durable_files import write_new
from server.storage.errors import EngineError
from server.storage.opening import connect, leave_postgresql, put_into_postgresql
from server.storage.transactions import transaction

FIRST_ADMIN = "admin"
_SEEDS = ("root", "log", "phone", "badge-1")

Random = Callable[[int], bytes]


def init_event(
    path: Path,
    settings: EventSettings,
    *,
    random: Random = os.urandom,
    now: int | None = None,
    password_stays: bool = False,
    postgresql: str | None = None,
) -> tuple[Event, str]:
    """Create an event in a new or empty directory. Return it with the first admin's password, which
    is not stored.

    The admin must change it at the first sign-in, unless `password_stays`. `now` is in Unix ms.
    `postgresql` is the address of an empty database, or a file with it; None creates a SQLite
    database in the directory. Raises EventError or DatabaseError, and then removes the files as far
    as possible.
    """
    path = Path(path)
    existed = _empty_directory(path)
    made_at = now if now is not None else wall_clock()
    try:
        if postgresql is not None:
            put_into_postgresql(path / DATABASE_FILE, postgresql)
        _write_keys(path / "keys", settings, made_at, random)
        password = _make_database(path / DATABASE_FILE, made_at, random, not password_stays)
        write_new(path / SETTINGS_FILE, settings_text(settings).encode())
        return load_event(path), password
    except BaseException as error:
        with suppress(DatabaseError, EngineError):
            leave_postgresql(path / DATABASE_FILE)
        left = _leave_nothing(path, existed)
        trouble = disk.trouble(error, _existing(path))
        if trouble is None and not left:
            raise
        reason = str(trouble or error)
        raise EventError(f"{reason} {left}" if left else reason) from None


def _empty_directory(path: Path) -> bool:
    """Create `path`, or accept an empty directory. Return whether it existed."""
    existed = path.exists()
    if existed and not path.is_dir():
        raise EventError(f"{path} is a file. Name a new or an empty directory.")
    if existed and any(path.iterdir()):
        state = "already holds an event" if (path / SETTINGS_FILE).exists() else "is not empty"
        raise EventError(f"{path} {state}. Name a new or an empty directory; nothing was changed.")
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        trouble = disk.trouble(error, _existing(path))
        raise EventError(str(trouble or f"{path} can't be made: {error.strerror}.")) from None
    return existed


def _existing(path: Path) -> Path:
    return next((parent for parent in path.absolute().parents if parent.is_dir()), Path("/"))


def _leave_nothing(path: Path, existed: bool) -> str:
    """Remove the created files. Return "" or a sentence about what remains."""
    for entry in path.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            with suppress(OSError):
                entry.unlink()
    if any(path.iterdir()):
        return f"Half an event is left in {path}: delete that directory before the next try."
    if not existed:
        path.rmdir()
    return ""


def _write_keys(keys: Path, settings: EventSettings, now: int, random: Random) -> None:
    keys.mkdir(mode=0o700)
    uuid = UUID(bytes=random(16), version=4)
    write_new(keys / "event.id", uuid.hex.encode() + b"\n")
    for name in _SEEDS:
        write_new(keys / f"{name}.key", random(32).hex().encode() + b"\n")
    certificate, key = make_certificate(settings.public_host, now)
    write_new(keys / "certificate.pem", certificate)
    write_new(keys / "certificate.key", key)


def _make_database(path: Path, now: int, random: Random, first: bool) -> str:
    password = users.make_password(random)
    with closing(connect(path)) as connection:
        if path.exists():
            path.chmod(0o600)
        migrations.migrate(connection)
        with transaction(connection):
            for category in DEFAULT_CATEGORIES:
                put_category(connection, category)
            users.add_user(
                connection,
                FIRST_ADMIN,
                "admin",
                users.hash_password(password),
                by="command-line",
                now=now,
                first=first,
            )
    return password
