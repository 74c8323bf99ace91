"""Names, reads, writes and locks the files of a kiosk's directory.

identity.json   the kiosk's identity, signed by the event, and its server's address
kiosk.key       its private key, readable only by its owner
journal.db      its scans (see journal)      replica.db   the server's facts (see replica)
servers.signed  optional: the event's signed list of servers
settings.toml   optional
supervisor.json optional: the shift and supervisors' state
direction       optional: what staff chose at a two-way door
translations/   optional: LOCALE/LC_MESSAGES/kiosk.po and badges.po, for one more language
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from badges.admission.facts import Direction

try:
    import fcntl
except ImportError:
    # On Windows there is no fcntl, so nothing prevents two kiosks in one directory.
    fcntl = None  # type: ignore[assignment]

IDENTITY_FILE = "identity.json"
KEY_FILE = "kiosk.key"
JOURNAL_FILE = "journal.db"
REPLICA_FILE = "replica.db"
SERVERS_FILE = "servers.signed"
SETTINGS_FILE = "settings.toml"
SUPERVISOR_FILE = "supervisor.json"
DIRECTION_FILE = "direction"
LOCK_FILE = "lock"
TRANSLATIONS = "translations"  # a directory with more languages for the page
FILE_BYTES_MAX = 100_000


class ConfigError(Exception):
    """The directory can't be used. The text has the file, the reason and the remedy."""


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file atomically. On return it is on disk, readable only by its owner."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def make_private(directory: Path) -> None:
    """Remove others' access to the directory and its files.

    Raises ConfigError if they belong to another user.
    """
    for path in (directory, *directory.iterdir()):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if path.is_symlink() or not mode & 0o077 or not (path == directory or path.is_file()):
            continue
        try:
            path.chmod(mode & 0o700)
        except OSError:
            raise ConfigError(
                f"Others may read {path}, and it belongs to another user. Run `chmod go= {path}` as"
                " its owner."
            ) from None


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Lock the directory against a second kiosk or an enrolment. Raises ConfigError."""
    file = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ConfigError(
                    f"A kiosk is running in {directory} already. Stop it first."
                ) from None
        yield
    finally:
        os.close(file)


def read_small(path: Path) -> bytes:
    """Raises ConfigError if the file can't be read or is too large."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ConfigError(f"{path} is larger than such a file can be.")
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}.") from None


def load_servers(directory: Path) -> bytes:
    """The signed list, or b"" if there is none. Raises ConfigError."""
    path = directory / SERVERS_FILE
    return read_small(path) if path.exists() else b""


def save_servers(directory: Path, signed: bytes) -> None:
    write_whole(directory / SERVERS_FILE, signed)


def load_direction(directory: Path, setting: Direction) -> Direction:
    """The direction that staff chose. A `setting` that was changed after the choice replaces it."""
    try:
        earlier, chosen = read_small(directory / DIRECTION_FILE).decode().split()
        return Direction(chosen) if earlier == setting.value else setting
    except (ConfigError, ValueError):
        return setting


def save_direction(directory: Path, setting: Direction, chosen: Direction) -> None:
    """Raises OSError."""
    write_whole(directory / DIRECTION_FILE, f"{setting.value} {chosen.value}\n".encode())
