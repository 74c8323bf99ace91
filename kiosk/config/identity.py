import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from badges.credential.keys import PrivateKey, PublicKey
from badges.wire.enrolment import Identity, open_identity
from kiosk.config.files import IDENTITY_FILE, KEY_FILE, ConfigError, read_small, write_whole


class NotEnrolledError(ConfigError):
    def __init__(self, directory: Path) -> None:
        super().__init__(
            f"There is no kiosk in {directory}. Ask an admin for a code and run "
            f"`hallkeeper-kiosk enrol --dir {directory} --code CODE`."
        )


class _IdentityFile(
    Struct,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="format",
    tag="hallkeeper/1",
):
    host: Annotated[str, Meta(min_length=1, max_length=260)]
    port: Annotated[int, Meta(ge=1, le=65535)]
    spki_sha256: Annotated[bytes, Meta(min_length=32, max_length=32)]
    root_key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    identity: bytes  # by badges.wire.enrolment.sign_identity
    server_key_number: Annotated[int, Meta(ge=0)] = 0


@dataclass(frozen=True)
class KioskIdentity:
    host: str
    port: int
    spki_sha256: bytes  # of the server certificate's public key
    root: PublicKey  # the event's
    signed: bytes
    identity: Identity
    server_key_number: int = 0  # number of that key's last change (badges/wire/server_key.py)

    @property
    def kiosk(self) -> str:
        return self.identity.kiosk

    @property
    def generation(self) -> int:
        return self.identity.generation


def make_identity(
    host: str,
    port: int,
    spki_sha256: bytes,
    root_key: bytes,
    signed: bytes,
    server_key_number: int = 0,
) -> KioskIdentity:
    """Raises ValueError if the root key has not signed the identity."""
    root = PublicKey(root_key)
    identity = open_identity(root, signed)
    return KioskIdentity(host, port, spki_sha256, root, signed, identity, server_key_number)


def load_identity(directory: Path) -> KioskIdentity:
    """Raises NotEnrolledError, or ConfigError for a damaged file."""
    path = directory / IDENTITY_FILE
    if not path.exists():
        raise NotEnrolledError(directory)
    try:
        file = msgspec.json.decode(read_small(path), type=_IdentityFile)
        return make_identity(*msgspec.structs.astuple(file))
    except ValueError as error:
        raise ConfigError(
            f"{path} is damaged ({error}). Enrol this kiosk again "
            "(`hallkeeper-kiosk enrol --again`)."
        ) from None


def save_identity(
    directory: Path, identity: KioskIdentity, write: Callable[[Path, bytes], None] = write_whole
) -> None:
    """The write is atomic and durable."""
    file = _IdentityFile(
        host=identity.host,
        port=identity.port,
        spki_sha256=identity.spki_sha256,
        root_key=identity.root.raw,
        identity=identity.signed,
        server_key_number=identity.server_key_number,
    )
    write(directory / IDENTITY_FILE, msgspec.json.format(msgspec.json.encode(file)) + b"\n")


def load_key(directory: Path) -> PrivateKey:
    """Raises ConfigError, also if others may read the key."""
    path = directory / KEY_FILE
    if not path.exists():
        raise ConfigError(
            f"{path} is missing. It is nowhere else: enrol this kiosk again "
            "(`hallkeeper-kiosk enrol --again`)."
        )
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigError(
            f"Others may read {path}. Run `chmod 600 {path}`, and enrol this kiosk again if "
            "others have read it."
        )
    try:
        return PrivateKey(bytes.fromhex(read_small(path).decode().strip()))
    except ValueError:
        raise ConfigError(
            f"{path} is damaged. Enrol this kiosk again (`hallkeeper-kiosk enrol --again`)."
        ) from None


def save_key(directory: Path, key: PrivateKey) -> None:
    """Readable only by its owner."""
    write_whole(directory / KEY_FILE, key.seed.hex().encode() + b"\n")
