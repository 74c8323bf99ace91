"""Stores for a few minutes the challenges sent to browsers (for passkeys and authenticator apps),
so that each answer counts once.

They are in the database, encrypted under a key that is not, so any server of the event accepts the
answer.
"""

import hashlib
from collections.abc import Callable

import nacl.exceptions
import nacl.secret

from server.storage.connection import Connection
from server.storage.database import Database

LIFE_MS = 10 * 60_000
# A reloaded page shows the same value if the browser still has this long to answer.
ENOUGH_MS = LIFE_MS // 2


class Pending:
    """Stores short-lived secret values of page sessions, such as challenges. Thread-safe."""

    def __init__(self, database: Database, key: bytes) -> None:
        """`key` has 32 bytes and must not be in the database."""
        self._database = database
        self._key = key
        self._box = nacl.secret.SecretBox(key)

    def put(self, token: str, purpose: str, value: bytes, now: int) -> None:
        """Store a value for the session of `token`, replacing its last one of that purpose."""
        whose, sealed = self._whose(token), bytes(self._box.encrypt(value))

        def step(db: Connection) -> None:
            db.execute("DELETE FROM pending WHERE until <= ?", (now,))
            db.execute(
                "INSERT INTO pending (session, purpose, sealed, until) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (session, purpose) DO UPDATE SET sealed = excluded.sealed,"
                " until = excluded.until",
                (whose, purpose, sealed, now + LIFE_MS),
            )

        self._database.write(step)

    def asked(self, token: str, purpose: str, make: Callable[[], bytes], now: int) -> bytes:
        """Return the stored value, or store a new one from `make`."""
        with self._database.reading() as db:
            value, until = self._find(db, token, purpose)
        if value is not None and now + ENOUGH_MS < until <= now + LIFE_MS:
            return value
        # A value that expires soon is extended.
        value = value if value is not None and now < until else make()
        self.put(token, purpose, value, now)
        return value

    def take(self, token: str, purpose: str, now: int) -> bytes | None:
        """Return and delete the value, or None if it is missing or expired."""

        def step(db: Connection) -> tuple[bytes | None, int]:
            entry = self._find(db, token, purpose)
            db.execute(
                "DELETE FROM pending WHERE session = ? AND purpose = ?",
                (self._whose(token), purpose),
            )
            return entry

        value, until = self._database.write(step)
        return value if now < until else None

    def _find(self, db: Connection, token: str, purpose: str) -> tuple[bytes | None, int]:
        row = db.execute(
            "SELECT sealed, until FROM pending WHERE session = ? AND purpose = ?",
            (self._whose(token), purpose),
        ).fetchone()
        if row is None:
            return None, 0
        try:
            return self._box.decrypt(bytes(row[0])), int(row[1])
        except nacl.exceptions.CryptoError:
            return None, 0  # encrypted under the event's former secret

    def _whose(self, token: str) -> bytes:
        return hashlib.blake2b(token.encode(), key=self._key, digest_size=16).digest()
