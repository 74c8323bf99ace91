"""A kiosk's directory: who it is, its key, and its few settings, each with what it is for.

identity.json   who this kiosk is, signed by the event, and where its server is
kiosk.key       its private key; only its owner may read it
journal.db      its scans (see journal)      replica.db   the server's facts (see replica)
settings.toml   optional
translations/   optional: LOCALE/LC_MESSAGES/kiosk.po and badges.po, for one more language
"""

import difflib
import os
import stat
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from badges.credential.keys import PrivateKey, PublicKey
from badges.wire.enrolment import Identity, open_identity
from kiosk.relay.serial_port import BAUDS

try:
    import fcntl
except ImportError:  # not on this system: nothing keeps two kiosks apart
    fcntl = None  # type: ignore[assignment]

IDENTITY_FILE = "identity.json"
KEY_FILE = "kiosk.key"
JOURNAL_FILE = "journal.db"
REPLICA_FILE = "replica.db"
SETTINGS_FILE = "settings.toml"
LOCK_FILE = "lock"
TRANSLATIONS = "translations"  # a directory with languages of the page's beyond the usual ones
_FILE_BYTES_MAX = 100_000


class ConfigError(Exception):
    """The directory can't be used; the text names the file, what is wrong, and what to do."""


class NotEnrolledError(ConfigError):
    """There is no kiosk in this directory yet."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            f"There is no kiosk in {directory}. Ask an admin for a code and run "
            f"`hallkeeper-kiosk enrol --dir {directory} --code CODE`."
        )


class _IdentityFile(Struct, forbid_unknown_fields=True, tag_field="format", tag="hallkeeper/1"):
    host: Annotated[str, Meta(min_length=1, max_length=260)]
    port: Annotated[int, Meta(ge=1, le=65535)]
    spki_sha256: Annotated[bytes, Meta(min_length=32, max_length=32)]
    root_key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    identity: bytes  # badges.wire.enrolment.sign_identity


@dataclass(frozen=True)
class KioskIdentity:
    """Who this kiosk is, and which server is its own."""

    host: str
    port: int
    spki_sha256: bytes  # of the server certificate's key
    root: PublicKey  # the event's
    signed: bytes
    identity: Identity

    @property
    def kiosk(self) -> str:
        return self.identity.kiosk

    @property
    def generation(self) -> int:
        return self.identity.generation


def make_identity(
    address: tuple[str, int], spki_sha256: bytes, root_key: bytes, signed: bytes
) -> KioskIdentity:
    """Raises ValueError where the root key has not signed the identity."""
    root = PublicKey(root_key)
    return KioskIdentity(*address, spki_sha256, root, signed, open_identity(root, signed))


def load_identity(directory: Path) -> KioskIdentity:
    """Raises NotEnrolledError, or ConfigError for a file that is spoilt."""
    path = directory / IDENTITY_FILE
    if not path.exists():
        raise NotEnrolledError(directory)
    try:
        file = msgspec.json.decode(_read(path), type=_IdentityFile)
        return make_identity((file.host, file.port), file.spki_sha256, file.root_key, file.identity)
    except ValueError as error:
        raise ConfigError(
            f"{path} is damaged ({error}). Enrol this kiosk again "
            "(`hallkeeper-kiosk enrol --again`)."
        ) from None


def save_identity(directory: Path, identity: KioskIdentity) -> None:
    """Write the file whole or not at all, and on disk."""
    file = _IdentityFile(
        host=identity.host,
        port=identity.port,
        spki_sha256=identity.spki_sha256,
        root_key=identity.root.raw,
        identity=identity.signed,
    )
    write_whole(directory / IDENTITY_FILE, msgspec.json.format(msgspec.json.encode(file)) + b"\n")


def load_key(directory: Path) -> PrivateKey:
    """The kiosk's private key. Raises ConfigError, also where others may read it."""
    path = directory / KEY_FILE
    if not path.exists():
        raise ConfigError(
            f"{path} is missing. It is nowhere else: enrol this kiosk again "
            "(`hallkeeper-kiosk enrol --again`)."
        )
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigError(
            f"Others may read {path}. Run `chmod 600 {path}`, and enrol this kiosk again if "
            "somebody has."
        )
    try:
        return PrivateKey(bytes.fromhex(_read(path).decode().strip()))
    except ValueError:
        raise ConfigError(
            f"{path} is damaged. Enrol this kiosk again (`hallkeeper-kiosk enrol --again`)."
        ) from None


def save_key(directory: Path, key: PrivateKey) -> None:
    """Write the key, for its owner's eyes only."""
    write_whole(directory / KEY_FILE, key.seed.hex().encode() + b"\n")


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file at once; on disk on return. Only its owner may read it."""
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
    """Take the directory and its files from others' eyes: earlier versions left them readable.

    Raises ConfigError where they belong to another user.
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
    """Keep a second kiosk, or an enrolment, out of the directory. Raises ConfigError."""
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


@dataclass(frozen=True)
class KioskSettings:
    """What staff may decide at a door. The command line stands above it."""

    camera: str = "0"  # webcam's number or name, file, folder or stream
    # What is asked of a webcam; it may give something else, which /camera on the page tells. None
    # leaves a thing as the camera has it; it keeps what it was last told, also by others.
    camera_width: int = 1280
    camera_height: int = 720
    camera_fps: float = 30.0
    camera_exposure_ms: float | Literal["auto"] | None = None  # 5 to 10 reads badges that move
    camera_gain: float | None = None
    camera_focus: float | Literal["auto"] | None = None
    port: int = 8421  # of the staff's page, on loopback
    languages: Sequence[str] = ()  # of the page, the first two at once; (): as its browser likes
    answer_s: float = 5.0  # how long an answer stays on the page when nobody else comes
    direction: Literal["entry", "exit"] | None = None  # at a door for both; None: entry
    relay_url: str = ""  # called with POST when somebody is admitted: turnstile, lock
    relay_file: str = ""  # a serial device; `relay_text` is written to it
    relay_text: str = "1"  # "hex:A00101A2" for a board that wants bytes
    relay_off_text: str = ""  # written `relay_pulse_ms` later, to a board that stays on otherwise
    relay_pulse_ms: int = 500
    relay_baud: int = 9600
    relay_timeout_ms: int = 1000


def _is_number(value: Any, least: float, most: float) -> bool:
    return type(value) in (int, float) and least <= value <= most


def relay_bytes(text: str) -> bytes:
    """What a relay's text stands for. Raises ValueError for hex that is none."""
    return bytes.fromhex(text[4:]) if text.startswith("hex:") else text.encode()


def _is_relay_text(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value) <= 100 and relay_bytes(value) is not None
    except ValueError:
        return False


_RELAY_TEXT = '1 to 100 characters, or bytes such as "hex:A00101A2"'
_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "camera": (
        lambda v: isinstance(v, str) and 0 < len(v) <= 1000,
        'a webcam\'s number or name, a file, a folder or a stream, in quotation marks, such as "0"',
    ),
    "camera_width": (lambda v: type(v) is int and 160 <= v <= 7680, "160 to 7680 (pixels)"),
    "camera_height": (lambda v: type(v) is int and 120 <= v <= 4320, "120 to 4320 (pixels)"),
    "camera_fps": (lambda v: _is_number(v, 1, 240), "1 to 240 (pictures a second)"),
    "camera_exposure_ms": (
        lambda v: v == "auto" or _is_number(v, 0.1, 1000),
        '"auto", or 0.1 to 1000 (ms)',
    ),
    "camera_gain": (lambda v: _is_number(v, 0, 10_000), "0 to 10000 (the camera's own units)"),
    "camera_focus": (
        lambda v: v == "auto" or _is_number(v, 0, 10_000),
        '"auto", or 0 to 10000 (the camera\'s own units)',
    ),
    "port": (lambda v: type(v) is int and 0 <= v <= 65535, "a port from 0 to 65535"),
    "languages": (
        lambda v: isinstance(v, list) and all(isinstance(one, str) for one in v),
        'a list such as ["zh", "en"]',
    ),
    "answer_s": (lambda v: _is_number(v, 1, 60), "1 to 60 (s)"),
    "direction": (lambda v: v in ("entry", "exit"), '"entry" or "exit"'),
    "relay_url": (
        lambda v: isinstance(v, str) and v.startswith(("http://", "https://")) and len(v) <= 1000,
        'an address such as "http://192.0.2.7/open"',
    ),
    "relay_file": (
        lambda v: isinstance(v, str) and v.startswith("/") and len(v) <= 1000,
        'a device by its full path, such as "/dev/ttyUSB0"',
    ),
    "relay_text": (lambda v: _is_relay_text(v) and v != "", _RELAY_TEXT),
    "relay_off_text": (lambda v: _is_relay_text(v), f"nothing, or {_RELAY_TEXT}"),
    "relay_pulse_ms": (lambda v: type(v) is int and 20 <= v <= 5000, "20 to 5000 (ms)"),
    "relay_baud": (lambda v: v in BAUDS, f"one of {', '.join(map(str, BAUDS))}"),
    "relay_timeout_ms": (lambda v: type(v) is int and 50 <= v <= 10_000, "50 to 10000 (ms)"),
}


def load_settings(directory: Path) -> KioskSettings:
    """The settings, or the defaults where there is no file. Raises ConfigError."""
    path = directory / SETTINGS_FILE
    if not path.exists():
        return KioskSettings()
    try:
        values = tomllib.loads(_read(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from None
    for key, value in values.items():
        if key not in _CHECKS:
            near = difflib.get_close_matches(key, _CHECKS, n=1)
            remedy = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(_CHECKS)}."
            raise ConfigError(f"{path}: there is no setting {key!r}. {remedy}")
        check, rule = _CHECKS[key]
        if not check(value):
            raise ConfigError(f"{path}: {key} is {rule}.")
    return KioskSettings(**values)


def with_options(settings: KioskSettings, **given: Any) -> KioskSettings:
    """The settings with what the command line says instead; None says nothing."""
    return replace(settings, **{key: value for key, value in given.items() if value is not None})


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _FILE_BYTES_MAX:
            raise ConfigError(f"{path} is too large to be what it is called.")
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}.") from None
