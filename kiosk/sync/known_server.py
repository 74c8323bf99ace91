import hmac
import threading
from collections.abc import Callable
from dataclasses import replace

from badges.credential.keys import BadSignatureError
from badges.wire.server_key import ServerKey, open_server_key
from badges.wire.servers import ServerAddress
from kiosk.config.identity import KioskIdentity


class KnownServer:
    """The server's address and pinned key. Thread-safe."""

    def __init__(
        self, identity: KioskIdentity, keep: Callable[[KioskIdentity], None] = lambda _: None
    ) -> None:
        """`keep` stores the identity before a new key is used. It may raise OSError."""
        self._identity = identity
        self._keep = keep
        self._learning = threading.Lock()

    @property
    def identity(self) -> KioskIdentity:
        return self._identity

    @property
    def host(self) -> str:
        return self._identity.host

    @property
    def port(self) -> int:
        return self._identity.port

    @property
    def spki_sha256(self) -> bytes:
        return self._identity.spki_sha256

    def learn(self, spki_sha256: bytes, signed: bytes) -> bool:
        """Verify the event's signed statement of a connection's key. True if this is the server.

        False unless the event signed it, for this key, after the last change that this kiosk
        knows.
        """
        with self._learning:
            identity = self._identity
            try:
                statement = open_server_key(identity.root, signed)
            except BadSignatureError:
                return False
            if statement.event_id != identity.identity.event_id or not hmac.compare_digest(
                statement.spki_sha256, spki_sha256
            ):
                return False
            if hmac.compare_digest(spki_sha256, identity.spki_sha256):
                return True  # another thread has learned it meanwhile
            if statement.number <= identity.server_key_number:
                return False
            updated = with_key(identity, statement)
            self._keep(updated)
            self._identity = updated
            return True


class Endpoint:
    """One of the event's servers, with the event's certificate or one of its own in the signed
    list.
    """

    def __init__(self, server: KnownServer, address: ServerAddress) -> None:
        self._known = server
        self.address = address

    @property
    def host(self) -> str:
        return self.address.host

    @property
    def port(self) -> int:
        return self.address.port

    @property
    def spki_sha256(self) -> bytes:
        own = self.address.spki_sha256
        return own if isinstance(own, bytes) else self._known.spki_sha256

    def learn(self, spki_sha256: bytes, signed: bytes) -> bool:
        """Like `KnownServer.learn`. A key in the list changes only with the list."""
        if isinstance(self.address.spki_sha256, bytes):
            return False
        return self._known.learn(spki_sha256, signed)


def with_key(identity: KioskIdentity, key: ServerKey) -> KioskIdentity:
    return replace(identity, spki_sha256=key.spki_sha256, server_key_number=key.number)
