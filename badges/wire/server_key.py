"""The event's signed statement of its server's TLS key, so that kiosks follow a changed
certificate.

A kiosk pins the key of the certificate at its enrolment. If it meets another key, it first
requests the statement on that connection, and verifies it with the event's root key, known since
its enrolment. The number rises with every change, which voids earlier statements.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from badges.credential.keys import SIGNATURE_BYTES, BadSignatureError, PrivateKey, PublicKey

TARGET = "/api/server-key"
_CONTEXT = b"hallkeeper/server-key/v1\x00"


class ServerKey(Struct, frozen=True, forbid_unknown_fields=True):
    """The public key of the server's certificate, by its hash."""

    event_id: Annotated[bytes, Meta(min_length=16, max_length=16)]
    spki_sha256: Annotated[bytes, Meta(min_length=32, max_length=32)]  # RFC 7469 §2.4
    number: Annotated[int, Meta(ge=0)]


class ServerKeyAnswer(Struct, frozen=True, forbid_unknown_fields=True):
    signed: bytes  # by sign_server_key


def sign_server_key(root: PrivateKey, key: ServerKey) -> bytes:
    """The signature, 64 bytes, and the statement as canonical JSON."""
    body = msgspec.json.encode(key, order="sorted")
    return root.sign(_CONTEXT + body) + body


def open_server_key(root: PublicKey, signed: bytes) -> ServerKey:
    """Raises BadSignatureError, also if malformed."""
    signature, body = signed[:SIGNATURE_BYTES], signed[SIGNATURE_BYTES:]
    root.verify(_CONTEXT + body, signature)
    try:
        return msgspec.json.decode(body, type=ServerKey)
    except msgspec.MsgspecError:
        raise BadSignatureError("the event's statement of the server's key is malformed") from None
