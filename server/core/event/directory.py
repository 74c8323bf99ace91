"""Opens an event's directory, which has all its data: `event.toml` (settings), `keys/` (secrets),
and the database.
"""

import os
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

from badges.credential.keys import BadgeKey, KeyRing, PrivateKey, sign_ring
from server.core.event.calendar import day_starts
from server.core.event.certificate import spki_sha256
from server.core.event.settings import AwaitedError, EventError, EventSettings, parse_settings
from server.storage import disk, durable_files, event_state, migrations
from server.storage.disk import DatabaseError
from server.storage.errors import EngineError, may_pass
from server.storage.opening import connect, is_there
from server.storage.postgresql.address import ADDRESS_FILE

SETTINGS_FILE = "event.toml"
DATABASE_FILE = "hallkeeper.db"
CARDS_FOLDER = "cards"
MAIL_FOLDER = "mail"
WALLET_FILE = "wallet.toml"
OWN_FILE = "certificate.pem"  # in `keys`: the event's own certificate, which is always kept
SERVED_FILE = "served.pem"  # in `keys`: an installed certificate, after its key
NUMBER_FILE = "served.number"  # in `keys`: how often the certificate was changed


@dataclass(frozen=True)
class Event:
    """A loaded event. Its repr hides the secrets."""

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
    server_key_number: int = 0  # how often that key was changed
    incarnation: int = 1  # higher after each restore from a backup

    @property
    def uuid(self) -> str:
        return str(uuid.UUID(bytes=self.event_id))

    @property
    def log_name(self) -> str:
        """The entry log's name. It changes after a restore, because the restored log lacks the
        latest entries and so is another log.
        """
        name = f"hallkeeper/{self.uuid}"
        return name if self.incarnation == 1 else f"{name}/{self.incarnation}"

    @property
    def backup_path(self) -> Path | None:
        """The second disk's directory. None with PostgreSQL, whose own tools make backups."""
        return None if self.in_postgresql else self.named_backup_path

    @property
    def named_backup_path(self) -> Path | None:
        """The directory that `backup_dir` names, also if it is of no use any more since the event
        moved to PostgreSQL. Relative paths start at the event's directory.
        """
        named = self.settings.backup_dir
        return None if named is None else self.path / named

    @property
    def database_path(self) -> Path:
        return self.path / DATABASE_FILE

    @property
    def in_postgresql(self) -> bool:
        return (self.path / ADDRESS_FILE).exists()

    @property
    def has_installed_certificate(self) -> bool:
        return (self.path / "keys" / SERVED_FILE).exists()

    @property
    def certificate_path(self) -> Path:
        own = self.path / "keys" / OWN_FILE
        return self.path / "keys" / SERVED_FILE if self.has_installed_certificate else own

    @property
    def certificate_key_path(self) -> Path:
        own = self.path / "keys" / "certificate.key"
        return self.path / "keys" / SERVED_FILE if self.has_installed_certificate else own

    @property
    def issuing_key_id(self) -> int:
        return max(self.badge_keys)


def load_event(path: Path) -> Event:
    """Load the event of a directory and migrate its database.

    Raises EventError with the fault and the remedy, or migrations.VersionError.
    """
    event = read_event(path)
    return replace(event, incarnation=_migrate(event.database_path))


def read_event(path: Path) -> Event:
    """Read settings and keys, without the database. Raises EventError.

    The event's paths are absolute, also when `path` comes from the environment (WSGI).
    """
    path = Path(path).absolute()
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
    check_private(keys / "certificate.key")
    check_private(keys / SERVED_FILE)
    served_spki, number = _served_key(keys)
    return Event(
        path=path,
        settings=settings,
        event_id=event_id,
        root_key=root_key,
        badge_keys=badge_keys,
        log_key=PrivateKey(_read_hex(keys / "log.key", 32)),
        phone_secret=_read_hex(keys / "phone.key", 32),
        ring=ring,
        signed_ring=sign_ring(root_key, ring),
        spki_sha256=served_spki,
        server_key_number=number,
    )


def _served_key(keys: Path) -> tuple[bytes, int]:
    """Return the hash of the served public key and its number, both of the same change."""
    served = keys / SERVED_FILE
    with durable_files.directory_locked(keys, shared=True):
        spki = _read_spki(served if served.exists() else keys / OWN_FILE)
        return spki, _read_number(keys / NUMBER_FILE)


def read_key_number(path: Path) -> int:
    """Return how often the certificate of the event in `path` was changed. Raises EventError."""
    return _read_number(path / "keys" / NUMBER_FILE)


def _migrate(path: Path) -> int:
    try:
        if not is_there(path):
            raise EventError(f"{path} is missing: bring the event back with `hallkeeper restore`.")
        connection = connect(path)
        try:
            # Tables made here would be those of an event without people, halls and kiosks.
            migrations.check_made(connection, path)
            migrations.migrate(connection)
            return event_state.incarnation(connection)
        finally:
            connection.close()
    except (EngineError, DatabaseError) as error:
        if may_pass(error):
            raise AwaitedError(
                str(error) if isinstance(error, DatabaseError) else f"the database: {error}."
            ) from None
        trouble = disk.trouble(error, path)
        if trouble is not None or isinstance(error, DatabaseError):
            raise EventError(str(trouble or error)) from None
        raise EventError(f"{path} can't be used as a database: {error}.") from None


def _read_settings(path: Path) -> EventSettings:
    file = path / SETTINGS_FILE
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise EventError(
            f"{path} is not an event's directory: it has no {SETTINGS_FILE}. Pass the right "
            "directory with --event, or create one with `hallkeeper init`."
        ) from None
    except UnicodeDecodeError:
        raise EventError(f"{file} is not UTF-8 text: save it as UTF-8.") from None
    except OSError as error:
        raise EventError(f"{file} can't be read: {error.strerror}.") from None
    return parse_settings(text, str(file))


def _read_badge_keys(keys: Path) -> dict[int, PrivateKey]:
    private_keys = {}
    for file in keys.glob("badge-*.key"):
        number = file.stem.removeprefix("badge-")
        if not (number.isascii() and number.isdigit() and int(number) <= 255):
            raise EventError(f"{file}: a badge key is called badge-N.key, N from 0 to 255.")
        private_keys[int(number)] = PrivateKey(_read_hex(file, 32))
    if not private_keys:
        raise EventError(f"{keys} has no badge-N.key: put it back from the event's backup.")
    return dict(sorted(private_keys.items()))


def _read_hex(path: Path, size: int, *, secret: bool = True) -> bytes:
    """Read a file of `size` bytes in hexadecimal digits. Errors never contain its text."""
    if secret:
        check_private(path)
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


def check_private(path: Path) -> None:
    """Raise EventError for a secret that other users of the computer can read."""
    if os.name == "posix" and path.exists() and path.stat().st_mode & 0o077:
        raise EventError(f"{path} can be read by others: run `chmod 600` on it.")


def _read_number(path: Path) -> int:
    try:
        text = path.read_text("ascii")
    except FileNotFoundError:
        return 0
    except (OSError, UnicodeDecodeError):
        text = ""
    if not (text.isdigit() and len(text) <= 9):
        raise EventError(f"{path} is damaged: put it back from the event's backup.")
    return int(text)


def _read_spki(path: Path) -> bytes:
    try:
        return spki_sha256(path.read_bytes())
    except (OSError, ValueError):
        raise EventError(
            f"{path} is missing or damaged: put it back from the event's backup. "
            "With another certificate no kiosk would trust this server."
        ) from None
