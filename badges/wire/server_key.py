"""Lets the event say which TLS key its server has now, so that kiosks follow a change of the
certificate.

A kiosk pins the key of the certificate that it was enrolled with. Where it meets another one, it
asks on that connection, before anything else, for the event's word on the key, and checks the
signature of the event's root key, which it has known since it was enrolled. The number rises with
every change, so that the word on an earlier key does not count any more.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from badges.credential.keys import SIGNATURE_BYTES, BadSignatureError, PrivateKey, PublicKey

TARGET = "/api/server-key"
_CONTEXT = b"hallkeeper/server-key/v1\x00"


class ServerKey(Struct, frozen=True, forbid_unknown_fields=True):
    """Says which public key the server's certificate has. `number` is how often it was changed."""

    event_id: Annotated[bytes, Meta(min_length=16, max_length=16)]
    spki_sha256: Annotated[bytes, Meta(min_length=32, max_length=32)]  # RFC 7469 §2.4
    number: Annotated[int, Meta(ge=0)]


class ServerKeyAnswer(Struct, frozen=True, forbid_unknown_fields=True):
    """Is what the server answers at `TARGET` to anybody."""

    signed: bytes  # sign_server_key


def sign_server_key(root: PrivateKey, key: ServerKey) -> bytes:
    """Write 64 bytes of the root's signature and the canonical JSON."""
    body = msgspec.json.encode(key, order="sorted")
    return root.sign(_CONTEXT + body) + body


def open_server_key(root: PublicKey, signed: bytes) -> ServerKey:
    """Raises BadSignatureError, also for a malformed body."""
    signature, body = signed[:SIGNATURE_BYTES], signed[SIGNATURE_BYTES:]
    root.verify(_CONTEXT + body, signature)
    try:
        return msgspec.json.decode(body, type=ServerKey)
    except msgspec.MsgspecError:
        raise BadSignatureError("the event's word on the server's key is malformed") from None
