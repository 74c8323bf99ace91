"""Invitations: links by which a new user chooses the password, once and within three days.

Only a hash of the link's secret is stored. The account counts as made by the admin, who has seen
the link (`dual_control`).
"""

import hashlib
import os
from dataclasses import dataclass

from badges.i18n import N_
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.staff import users
from server.core.staff.users import AccountError, User
from server.storage import dialect
from server.storage.connection import Connection, Row

LIFE_MS = 72 * 3_600_000
TOKEN_BYTES = 32


class InvitationOverError(Exception):
    """Raised if the invitation does not exist, was used or withdrawn, or has expired."""


@dataclass(frozen=True)
class Invitation:
    mark: str  # from `users.mark_of`
    name: str
    role: str
    expires_at: int


def invite(db: Connection, name: str, role: str, *, by: str, now: int) -> str:
    """Return the link's secret, which is shown once. Raises AccountError."""
    name = users.checked_name(name)
    users.check_role(role)
    query = f"SELECT 1 FROM staff_user WHERE {dialect.same_letters('name')}"
    if db.execute(query, (name,)).fetchone():
        raise AccountError(N_("There is already a user called %(name)s."), name=name)
    token = os.urandom(TOKEN_BYTES).hex()
    db.execute("DELETE FROM invitation WHERE expires_at <= ?", (now,))
    db.execute(
        "INSERT INTO invitation (token_hash, name, role, made_by, expires_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (_hash(token), name, role, by, now + LIFE_MS),
    )
    entry_log.act(db, by, Act.USER_INVITED, {"role": role}, now)
    return token


def open_invitations(db: Connection, now: int) -> list[Invitation]:
    rows = db.execute(
        "SELECT token_hash, name, role, expires_at FROM invitation WHERE expires_at > ?"
        " ORDER BY expires_at DESC",
        (now,),
    )
    return [_invitation(row) for row in rows]


def find(db: Connection, token: str, now: int) -> Invitation:
    """Raises InvitationOverError."""
    row = db.execute(
        "SELECT token_hash, name, role, expires_at FROM invitation"
        " WHERE token_hash = ? AND expires_at > ?",
        (_hash(token), now),
    ).fetchone()
    if row is None:
        raise InvitationOverError
    return _invitation(row)


def accept(db: Connection, token: str, password_hash: str, *, now: int) -> User:
    """Create the account.

    Raises InvitationOverError, or AccountError if the name was taken meanwhile.
    """
    invitation = find(db, token, now)
    (made_by,) = db.execute(
        "SELECT made_by FROM invitation WHERE token_hash = ?", (_hash(token),)
    ).fetchone()
    account = users.add_user(
        db, invitation.name, invitation.role, password_hash, by=made_by, now=now
    )
    db.execute("DELETE FROM invitation WHERE token_hash = ?", (_hash(token),))
    return account


def take_back(db: Connection, mark: str, *, by: str, now: int) -> None:
    """End the invitation with the hash `mark`. Raises AccountError if it has ended already."""
    for row in db.execute("SELECT token_hash, role FROM invitation").fetchall():
        if users.mark_of(row["token_hash"]) == mark:
            db.execute("DELETE FROM invitation WHERE token_hash = ?", (row["token_hash"],))
            entry_log.act(db, by, Act.INVITATION_ENDED, {"role": row["role"]}, now)
            return
    raise AccountError(N_("This invitation is over already."))


def _invitation(row: Row) -> Invitation:
    mark = users.mark_of(row["token_hash"])
    return Invitation(mark, row["name"], row["role"], row["expires_at"])


def _hash(token: str) -> bytes:
    return hashlib.sha256(b"hallkeeper/invitation/v1\x00" + token.encode()).digest()
