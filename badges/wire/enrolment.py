"""Enrolment of a kiosk: one-time code, proof, six words and identity. Also the signing of requests.

The code has the server's address, the hash of its certificate's key, and a token. So the kiosk
verifies the server before it sends anything, and the server knows that this is the kiosk the
admin meant. No bearer token remains afterwards: each request has a counter that only grows, and a
signature, or a keyed hash in a session (badges.wire.session).
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from badges.credential.keys import SIGNATURE_BYTES, PrivateKey, PublicKey
from badges.wire.words import WORDS

CODE_PREFIX = "HKE1"
TOKEN_BYTES = 16
PROOF_CONTEXT = b"hallkeeper/enrol/v1\x00"
IDENTITY_CONTEXT = b"hallkeeper/identity/v1\x00"
REQUEST_CONTEXT = b"hallkeeper/request/v1\x00"
_MAC_CONTEXT = b"hallkeeper/mac/1"
_ADDRESS = re.compile(
    r"(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(?P<port>[0-9]{1,5})"
)


class EnrolmentCodeError(ValueError):
    pass


@dataclass(frozen=True)
class EnrolmentCode:
    """The code on an admin's screen, with which a kiosk enrols once, within 15 minutes."""

    host: str
    port: int
    # SHA-256 (32 bytes) of the public key in the server's certificate, as in RFC 7469.
    spki_sha256: bytes
    token: bytes  # 16 random bytes

    def text(self) -> str:
        """The code's text: `HKE1.<base64url of hash and token>.<host>:<port>`."""
        packed = base64.urlsafe_b64encode(self.spki_sha256 + self.token).decode()
        return f"{CODE_PREFIX}.{packed}.{self.host}:{self.port}"


def parse_code(text: str) -> EnrolmentCode:
    """Raises EnrolmentCodeError with the remedy."""
    wrong = EnrolmentCodeError(
        "This is not an enrolment code. Copy all of it from the kiosk's page or from "
        f"`hallkeeper kiosk add`: it begins with {CODE_PREFIX}."
    )
    prefix, _, rest = text.strip()[:400].partition(".")
    packed, _, address = rest.partition(".")
    place = _ADDRESS.fullmatch(address)
    if prefix != CODE_PREFIX or place is None or not 1 <= int(place["port"]) <= 65535:
        raise wrong
    try:
        raw = base64.b64decode(packed, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise wrong from None
    if len(raw) != 32 + TOKEN_BYTES:
        raise wrong
    return EnrolmentCode(place["host"], int(place["port"]), raw[:32], raw[32:])


def proof(key: PrivateKey, token: bytes) -> bytes:
    """The signature that proves that the kiosk has both `key` and `token`."""
    return key.sign(PROOF_CONTEXT + token + key.public.raw)


def check_proof(public: PublicKey, token: bytes, signature: bytes) -> None:
    """Verify a `proof`. Raises BadSignatureError."""
    public.verify(PROOF_CONTEXT + token + public.raw, signature)


def six_words(public_key: bytes, token: bytes) -> str:
    """The six words (48 bits) on both screens, by which the admin confirms the kiosk."""
    digest = hashlib.sha256(b"hallkeeper/words/v1\x00" + token + public_key).digest()
    return " ".join(WORDS[byte] for byte in digest[:6])


class Identity(Struct, frozen=True, forbid_unknown_fields=True):
    """A kiosk's identity, signed by the event's root key. Each enrolment is a new generation."""

    event_id: Annotated[bytes, Meta(min_length=16, max_length=16)]
    kiosk: str
    generation: int
    public_key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    issued_at: int


def sign_identity(root: PrivateKey, identity: Identity) -> bytes:
    """The signature, 64 bytes, and the identity as canonical JSON."""
    body = msgspec.json.encode(identity, order="sorted")
    return root.sign(IDENTITY_CONTEXT + body) + body


def open_identity(root: PublicKey, signed: bytes) -> Identity:
    """Raises BadSignatureError, or msgspec.ValidationError if malformed."""
    signature, body = signed[:SIGNATURE_BYTES], signed[SIGNATURE_BYTES:]
    root.verify(IDENTITY_CONTEXT + body, signature)
    return msgspec.json.decode(body, type=Identity)


@dataclass(frozen=True)
class RequestStamp:
    """The kiosk that sends a request, and the request's number, which rises. Sent in the headers
    named here.
    """

    kiosk: str
    generation: int
    counter: int

    KIOSK_HEADER = "Hallkeeper-Kiosk"  # kiosk/generation
    COUNTER_HEADER = "Hallkeeper-Counter"
    SIGNATURE_HEADER = "Hallkeeper-Signature"  # base64
    MAC_HEADER = "Hallkeeper-Mac"  # by request_mac, in place of the signature
    DIGEST_HEADER = "Hallkeeper-Digest"  # SHA-256 of the body, in hexadecimal digits

    @property
    def key(self) -> tuple[str, int]:
        return (self.kiosk, self.generation)


def request_message(stamp: RequestStamp, method: str, target: str, body: bytes) -> bytes:
    """`target` is path and query."""
    return signed_message(stamp, method, target, body_digest(body))


def body_digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def signed_message(stamp: RequestStamp, method: str, target: str, digest: str) -> bytes:
    """Like `request_message`, but with the hash of a body that has not arrived yet."""
    lines = (
        method,
        target,
        digest,
        stamp.kiosk,
        str(stamp.generation),
        str(stamp.counter),
    )
    return REQUEST_CONTEXT + "\n".join(lines).encode()


def request_mac(key: bytes, message: bytes) -> str:
    """The keyed hash of a `signed_message` in a session, in hexadecimal digits. `key` is the
    session's.
    """
    return hashlib.blake2b(message, digest_size=32, key=key, person=_MAC_CONTEXT).hexdigest()
