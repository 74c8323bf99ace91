"""The event's signed list of server addresses, so that kiosks switch when their server does not
answer.

The event's root key signs it, which every kiosk knows since its enrolment. The number rises with
every change, which voids earlier lists. Kiosks of one hall prefer the same server, so that two
servers seldom want places of the same hall.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from badges.credential.keys import SIGNATURE_BYTES, BadSignatureError, PrivateKey, PublicKey

SERVERS_MAX = 16
HOST_PATTERN = r"^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])$"
_CONTEXT = b"hallkeeper/servers/v1\x00"
_ADDRESS = re.compile(
    r"(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(?P<port>[0-9]{1,5})"
    r"(?:=(?P<key>[0-9A-Fa-f]{64}))?"
)


class AddressError(ValueError):
    """Raised for a text that is no server's address. The message has an example."""


class ServerAddress(Struct, frozen=True, forbid_unknown_fields=True):
    """A server's address. `spki_sha256` is absent if it shares its certificate with the others."""

    host: Annotated[str, Meta(pattern=HOST_PATTERN)]
    port: Annotated[int, Meta(ge=1, le=65535)]
    spki_sha256: Annotated[bytes, Meta(min_length=32, max_length=32)] | UnsetType = UNSET

    @property
    def text(self) -> str:
        return f"{self.host}:{self.port}"


class ServerList(Struct, frozen=True, forbid_unknown_fields=True):
    """The servers of an event."""

    event_id: Annotated[bytes, Meta(min_length=16, max_length=16)]
    number: Annotated[int, Meta(ge=0)]
    servers: Annotated[tuple[ServerAddress, ...], Meta(max_length=SERVERS_MAX)]


def parse_address(text: str) -> ServerAddress:
    """Read `HOST:PORT`, or `HOST:PORT=KEY` for a server with a certificate of its own.

    KEY is the SHA-256 of its public key in hexadecimal digits. Raises AddressError.
    """
    match = _ADDRESS.fullmatch(text.strip())
    if match is None or not 1 <= int(match["port"]) <= 65535:
        raise AddressError(
            f"{text!r} is no server's address. Write HOST:PORT, such as a.example.org:8443, and "
            "for a server with another certificate HOST:PORT=KEY, where KEY are the 64 digits of "
            "its public key from `hallkeeper certificate show` (without colons)."
        )
    key = bytes.fromhex(match["key"]) if match["key"] else UNSET
    return ServerAddress(match["host"], int(match["port"]), key)


def sign_servers(root: PrivateKey, servers: ServerList) -> bytes:
    """The signature, 64 bytes, and the list as canonical JSON."""
    body = msgspec.json.encode(servers, order="sorted")
    return root.sign(_CONTEXT + body) + body


def open_servers(root: PublicKey, signed: bytes) -> ServerList:
    """Raises BadSignatureError, also if malformed."""
    signature, body = signed[:SIGNATURE_BYTES], signed[SIGNATURE_BYTES:]
    root.verify(_CONTEXT + body, signature)
    try:
        return msgspec.json.decode(body, type=ServerList)
    except msgspec.MsgspecError:
        raise BadSignatureError("the event's list of servers is malformed") from None


def preferred(servers: Sequence[ServerAddress], hall: int | None) -> list[ServerAddress]:
    """The servers in the order in which kiosks of `hall` try them, or in the list's order if None.

    By rendezvous hashing: each server has a weight per hall, so that adding or removing a server
    changes the first choice of as few halls as possible.
    """
    if hall is None:
        return list(servers)
    return sorted(
        servers, key=lambda server: hashlib.sha256(f"{hall}/{server.text}".encode()).digest()
    )
