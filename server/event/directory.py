"""An event's directory: `event.toml` with its settings, `keys/` with its secrets, and the database.

`init_event` makes one, `load_event` opens one. Everything about an event is in its directory, so to
copy, hand over or destroy the event is to copy, hand over or destroy the directory.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from badges.categories import DEFAULT_CATEGORIES
from badges.credential.keys import BadgeKey, KeyRing, PrivateKey, sign_ring
from server.event.certificate import make_certificate, spki_sha256
from server.event.settings import EventError as EventError
from server.event.settings import EventSettings as EventSettings
from server.event.settings import parse_settings, settings_text
from server.people import search
from server.staff import users
from server.storage import disk, event_state, migrations
from server.storage.database import connect, transaction
from server.storage.disk import DatabaseError
from server.storage.errors import EngineError
from server.venue.categories import put_category

SETTINGS_FILE = "event.toml"
DATABASE_FILE = "hallkeeper.db"
FIRST_ADMIN = "admin"
_SEEDS = ("root", "log", "phone", "badge-1")

Random = Callable[[int], bytes]


@dataclass(frozen=True)
class Event:
    """An event as its directory has it. The secrets are never printed."""

    path: Path
    settings: EventSettings
    event_id: bytes  # UUID, 16 bytes
    root_key: PrivateKey = field(repr=False)
    badge_keys: dict[int, PrivateKey] = field(repr=False)  # by key id
    log_key: PrivateKey = field(repr=False)
    phone_secret: bytes = field(repr=False)
    ring: KeyRing = field(repr=False)
    signed_ring: bytes = field(repr=False)
    spki_sha256: bytes = field(repr=False)  # of the certificate's public key
    incarnation: int = 1  # a higher one after each restore from a backup

    @property
    def uuid(self) -> str:
        """The event's UUID as people write it."""
        return uuid_text(self.event_id)

    @property
    def log_name(self) -> str:
        """The name of the entry log in its checkpoints.

        A restored server's log lacks what came after the backup: it is another log, and says so.
        """
        name = f"hallkeeper/{self.uuid}"
        return name if self.incarnation == 1 else f"{name}/{self.incarnation}"

    @property
    def backup_path(self) -> Path | None:
        """Where backups go; a relative path begins in the event's directory."""
        named = self.settings.backup_dir
        return None if named is None else self.path / named

    @property
    def database_path(self) -> Path:
        return self.path / DATABASE_FILE

    @property
    def certificate_path(self) -> Path:
        return self.path / "keys" / "certificate.pem"

    @property
    def certificate_key_path(self) -> Path:
        return self.path / "keys" / "certificate.key"

    @property
    def issuing_key_id(self) -> int:
        """The key that signs new badges: the newest of the ring."""
        return max(self.badge_keys)


def day_starts(settings: EventSettings) -> tuple[int, ...]:
    """Local midnights in Unix ms: one for each day of the event, and the one after the last."""
    zone = ZoneInfo(settings.time_zone)
    days = (settings.first_day + timedelta(days=n) for n in range(settings.days + 1))
    midnights = (datetime(day.year, day.month, day.day, tzinfo=zone) for day in days)
    return tuple(int(midnight.timestamp()) * 1000 for midnight in midnights)


def uuid_text(event_id: bytes) -> str:
    """16 bytes as 8-4-4-4-12 hexadecimal digits (RFC 9562 §4)."""
    text = event_id.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def init_event(
    path: Path,
    settings: EventSettings,
    *,
    random: Random = os.urandom,
    now: int | None = None,
    password_stays: bool = False,
) -> tuple[Event, str]:
    """Make an event in a new or empty directory; also the first admin's password, not kept.

    The admin chooses another at the first sign-in, unless `password_stays`, as in a demo. `now`
    (Unix ms) is when the event says it was made; None is the machine's clock. Raises EventError,
    with nothing left behind, or with what could not be taken away.
    """
    path = Path(path)
    existed = _empty_directory(path)
    made_at = now if now is not None else int(datetime.now(UTC).timestamp() * 1000)
    try:
        _write_keys(path / "keys", settings, made_at, random)
        password = _make_database(path / DATABASE_FILE, made_at, random, not password_stays)
        _write_private(path / SETTINGS_FILE, settings_text(settings).encode())
        return load_event(path), password
    except BaseException as error:
        left = _leave_nothing(path, existed)
        found = disk.trouble(error, _existing(path))
        if found is None and not left:
            raise
        reason = str(found or error)
        raise EventError(f"{reason} {left}" if left else reason) from None


def load_event(path: Path) -> Event:
    """The event in a directory, its database brought up to this version.

    Raises EventError with what is wrong and the remedy, or schema.NewerVersionError.
    """
    path = Path(path)
    settings = _read_settings(path)
    keys = path / "keys"
    event_id = _read_hex(keys / "event.id", 16, secret=False)
    root_key = PrivateKey(_read_hex(keys / "root.key", 32))
    badge_keys = _read_badge_keys(keys)
    starts = day_starts(settings)
    window = (starts[0], starts[-1])
    ring = KeyRing(
        event_id, {key_id: BadgeKey(key.public, *window) for key_id, key in badge_keys.items()}
    )
    _check_private(keys / "certificate.key")
    event = Event(
        path=path,
        settings=settings,
        event_id=event_id,
        root_key=root_key,
        badge_keys=badge_keys,
        log_key=PrivateKey(_read_hex(keys / "log.key", 32)),
        phone_secret=_read_hex(keys / "phone.key", 32),
        ring=ring,
        signed_ring=sign_ring(root_key, ring),
        spki_sha256=_read_spki(keys / "certificate.pem"),
    )
    return replace(event, incarnation=_migrate(event.database_path))


def _empty_directory(path: Path) -> bool:
    """Make `path`, or accept it if it is empty; whether it was there before."""
    existed = path.exists()
    if existed and not path.is_dir():
        raise EventError(f"{path} is a file. Name a new or an empty directory.")
    if existed and any(path.iterdir()):
        what = "already holds an event" if (path / SETTINGS_FILE).exists() else "is not empty"
        raise EventError(f"{path} {what}. Name a new or an empty directory; nothing was changed.")
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        found = disk.trouble(error, _existing(path))
        raise EventError(str(found or f"{path} can't be made: {error.strerror}.")) from None
    return existed


def _existing(path: Path) -> Path:
    """The nearest directory above `path` that is there."""
    return next((one for one in path.absolute().parents if one.is_dir()), Path("/"))


def _leave_nothing(path: Path, existed: bool) -> str:
    """Take away what was made; "", or a sentence about what is left."""
    for made in path.iterdir():
        if made.is_dir():
            shutil.rmtree(made, ignore_errors=True)
        else:
            with suppress(OSError):
                made.unlink()
    if any(path.iterdir()):
        return f"Half an event is left in {path}: delete that directory before the next try."
    if not existed:
        path.rmdir()
    return ""


def _write_keys(keys: Path, settings: EventSettings, now: int, random: Random) -> None:
    keys.mkdir(mode=0o700)
    uuid = bytearray(random(16))
    uuid[6] = uuid[6] & 0x0F | 0x40  # version 4
    uuid[8] = uuid[8] & 0x3F | 0x80
    _write_private(keys / "event.id", bytes(uuid).hex().encode() + b"\n")
    for name in _SEEDS:
        _write_private(keys / f"{name}.key", random(32).hex().encode() + b"\n")
    certificate, key = make_certificate(settings.public_host, now)
    _write_private(keys / "certificate.pem", certificate)
    _write_private(keys / "certificate.key", key)


def _write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _make_database(path: Path, now: int, random: Random, first: bool) -> str:
    """The tables, the default categories and the first admin, whose password is returned."""
    password = users.make_password(random)
    connection = connect(path)
    try:
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
    finally:
        connection.close()
    return password


def _migrate(path: Path) -> int:
    """Bring the tables up to this version; the server's incarnation."""
    if not path.is_file():
        raise EventError(f"{path} is missing: bring the event back with `hallkeeper restore`.")
    try:
        connection = connect(path)
        try:
            migrations.migrate(connection)
            if search.is_due(connection):
                with transaction(connection):
                    search.fold(connection)
            return event_state.incarnation(connection)
        finally:
            connection.close()
    except (EngineError, DatabaseError) as error:
        found = disk.trouble(error, path)
        if found is not None:
            raise EventError(str(found)) from None
        raise EventError(f"{path} can't be used as a database: {error}.") from None


def _read_settings(path: Path) -> EventSettings:
    file = path / SETTINGS_FILE
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise EventError(
            f"{path} is not an event's directory: it has no {SETTINGS_FILE}. Name one with "
            "--event, or make one with `hallkeeper init`."
        ) from None
    except UnicodeDecodeError:
        raise EventError(f"{file} is not UTF-8 text: save it as UTF-8.") from None
    except OSError as error:
        raise EventError(f"{file} can't be read: {error.strerror}.") from None
    return parse_settings(text, str(file))


def _read_badge_keys(keys: Path) -> dict[int, PrivateKey]:
    found = {}
    for file in keys.glob("badge-*.key"):
        number = file.stem.removeprefix("badge-")
        if not (number.isascii() and number.isdigit() and int(number) <= 255):
            raise EventError(f"{file}: a badge key is called badge-N.key, N from 0 to 255.")
        found[int(number)] = PrivateKey(_read_hex(file, 32))
    if not found:
        raise EventError(f"{keys} has no badge-N.key: put it back from the event's backup.")
    return dict(sorted(found.items()))


def _read_hex(path: Path, size: int, *, secret: bool = True) -> bytes:
    """`size` bytes that `path` holds as hexadecimal digits. Never says what it read."""
    if secret:
        _check_private(path)
    try:
        data = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        raise EventError(f"{path} is missing: put it back from the event's backup.") from None
    except OSError as error:
        raise EventError(f"{path} can't be read: {error.strerror}.") from None
    except ValueError:
        data = b""
    if len(data) != size:
        raise EventError(f"{path} is damaged: put it back from the event's backup.")
    return data


def _check_private(path: Path) -> None:
    """Refuse a secret that others on this machine can read."""
    if os.name == "posix" and path.exists() and path.stat().st_mode & 0o077:
        raise EventError(f"{path} can be read by others: run `chmod 600` on it.")


def _read_spki(path: Path) -> bytes:
    try:
        return spki_sha256(path.read_bytes())
    except (OSError, ValueError):
        raise EventError(
            f"{path} is missing or damaged: put it back from the event's backup. "
            "With another certificate no kiosk would trust this server."
        ) from None
