"""The beginning of a session of a kiosk with one server: both agree on a key, by which each later
request of the kiosk is verified much faster than by a signature.

Both send a new X25519 key, the kiosk under its signature of the request, the server under that of
the event's root key. So the session's key is known to these two alone, also if another program
decrypts the connection. docs/design/sessions.md has the reasons.
"""

from msgspec import Struct
from nacl.bindings import (
    crypto_kx_client_session_keys,
    crypto_kx_keypair,
    crypto_kx_server_session_keys,
)
from nacl.exceptions import CryptoError

from badges.credential.keys import PrivateKey, PublicKey
from badges.places.pool import KioskKey
from badges.record import Hash, Signature, WireError

TARGET = "/api/session"
_CONTEXT = b"hallkeeper/session/v1\x00"


class SessionRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A kiosk's signed request for a session (POST /api/session)."""

    key: Hash  # X25519, used once


class SessionAnswer(Struct, frozen=True, forbid_unknown_fields=True):
    key: Hash  # X25519, used once
    signature: Signature  # of the kiosk and both keys, by the event's root key


class Offer:
    """A kiosk's key for one session."""

    def __init__(self) -> None:
        public, self._secret = crypto_kx_keypair()
        self.request = SessionRequest(public)

    def accept(self, answer: SessionAnswer, kiosk: KioskKey, root: PublicKey) -> bytes:
        """Return the session's key. Raises BadSignatureError unless the event signed the answer to
        this offer.
        """
        root.verify(_message(kiosk, self.request.key, answer.key), answer.signature)
        _, key = crypto_kx_client_session_keys(self.request.key, self._secret, answer.key)
        return key


def agree(
    root: PrivateKey, kiosk: KioskKey, request: SessionRequest
) -> tuple[bytes, SessionAnswer]:
    """Return the session's key, and the answer to the kiosk. Raises WireError for a key without a
    secret.
    """
    public, secret = crypto_kx_keypair()
    try:
        key, _ = crypto_kx_server_session_keys(public, secret, request.key)
    except CryptoError:
        raise WireError("key: no X25519 key") from None
    return key, SessionAnswer(public, root.sign(_message(kiosk, request.key, public)))


def _message(kiosk: KioskKey, of_kiosk: bytes, of_server: bytes) -> bytes:
    name, generation = kiosk
    return _CONTEXT + of_kiosk + of_server + f"{name}/{generation}".encode()
