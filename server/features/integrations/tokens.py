"""Stores integrations' tokens. Each has scopes and an expiry, and is shown once.

A plain hash suffices for 256 random bits.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from badges.i18n import N_, Spoken
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.storage import errors
from server.storage.connection import Connection, Row

SCOPES = {
    "read:halls": N_("Read halls: how many are inside"),
    "read:entries": N_("Read entries and denials, by badge number"),
    "read:receipts": N_("Read receipts, each with one whole record"),
    "read:people": N_("Read people, with names and addresses"),
    "write:people": N_("Register and change people, replace and revoke badges"),
    "read:programme": N_("Read the programme"),
    "read:metrics": N_("Read the server's figures"),
}
PREFIX = "hkt_"
DAY_MS = 86_400_000
DAYS_MAX = 400
DAYS_USUAL = 90
NAME_CHARS_MAX = 60
USED_EVERY_MS = 600_000  # Shortest interval for recording a token's use


class TokenError(Spoken, ValueError):
    """The token can't be made or revoked."""


@dataclass(frozen=True)
class Token:
    """A token; its secret is not stored. Times are Unix ms."""

    token_id: int
    name: str
    scopes: frozenset[str]
    made_by: str
    made_at: int
    ends_at: int
    revoked_at: int | None
    used_at: int | None

    @property
    def by(self) -> str:
        """Return the token's name in the entry log."""
        return f"token:{self.token_id}"

    def stands(self, now: int) -> bool:
        """Return whether it is valid at a time (Unix ms)."""
        return self.revoked_at is None and now < self.ends_at


def make(
    db: Connection, name: str, scopes: Iterable[str], days: int, *, by: str, now: int
) -> tuple[Token, str]:
    """Make a token valid for `days`. Return it and its secret.

    Raises TokenError.
    """
    name, wanted = name.strip(), sorted(set(scopes))
    if not name or len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise TokenError(
            N_("A token needs a name of 1 to %(most)s characters."), most=NAME_CHARS_MAX
        )
    if not wanted or set(wanted) - SCOPES.keys():
        raise TokenError(
            N_("A token needs scopes, of these: %(scopes)s."), scopes=", ".join(SCOPES)
        )
    if not 1 <= days <= DAYS_MAX:
        raise TokenError(N_("A token is valid for 1 to %(most)s days."), most=DAYS_MAX)
    secret = PREFIX + secrets.token_urlsafe(32)
    try:
        db.execute(
            "INSERT INTO api_token (name, token_hash, scopes, made_by, made_at, ends_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (name, _hash(secret), " ".join(wanted), by, now, now + days * DAY_MS),
        )
    except errors.ConstraintError:
        raise TokenError(
            N_("There is a token of this name already. Choose another name.")
        ) from None
    row = db.execute(f"{_SELECT} WHERE name = ?", (name,)).fetchone()
    new_token = _token(row)
    subject: dict[str, str | int | None] = {
        "api_token": new_token.token_id,
        "scopes": ", ".join(wanted),
    }
    entry_log.act(db, by, Act.API_TOKEN_MADE, subject, now)
    return new_token, secret


def revoke(db: Connection, token_id: int, *, by: str, now: int) -> None:
    """Revoke a token. Raises TokenError if none, or revoked already."""
    changed = db.execute(
        "UPDATE api_token SET revoked_at = ? WHERE token_id = ? AND revoked_at IS NULL",
        (now, token_id),
    ).rowcount
    if not changed:
        raise TokenError(N_("This token does not exist or is already revoked."))
    entry_log.act(db, by, Act.API_TOKEN_REVOKED, {"api_token": token_id}, now)


def find(db: Connection, secret: str) -> Token | None:
    """Return a secret's token, valid or not, or None."""
    row = db.execute(f"{_SELECT} WHERE token_hash = ?", (_hash(secret),)).fetchone()
    return None if row is None else _token(row)


def note_use(db: Connection, token_id: int, now: int) -> None:
    db.execute("UPDATE api_token SET used_at = ? WHERE token_id = ?", (now, token_id))


def tokens(db: Connection) -> list[Token]:
    rows = db.execute(f"{_SELECT} ORDER BY token_id DESC").fetchall()
    return [_token(row) for row in rows]


_SELECT = (
    "SELECT token_id, name, scopes, made_by, made_at, ends_at, revoked_at, used_at FROM api_token"
)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _token(row: Row) -> Token:
    return Token(**{**dict(row), "scopes": frozenset(row["scopes"].split())})
