"""Accounts of users who sign on through an identity provider.

An account belongs to the provider's id of a user, never to a name, so nobody enters a local account
by choosing its name.
"""

from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.staff import users
from server.core.staff.sign_on import Identity
from server.core.staff.users import NAME_CHARS_MAX, SignInError, User
from server.storage import dialect
from server.storage.connection import Connection

BY = "sign-on"  # the identity provider in the entry log


def enter(
    db: Connection, identity: Identity, password_hash: str, token: str, *, tag: str, now: int
) -> User:
    """Open a session of the identity's account, which is created at the first sign-on.

    `password_hash` is of a random password. The role is set to the provider's current one. Raises
    SignInError for a disabled user, and AccountError if it would demote the last admin.
    """
    account = find(db, identity)
    if account is None:
        account = _add(db, identity, password_hash, now)
    if account.disabled:
        raise SignInError
    if account.role != identity.role:
        users.set_role(db, account.user_id, identity.role, by=BY, now=now)
        account = users.user(db, account.user_id)
    waits = account.has_factor and not identity.many_factors
    users.open_session(
        db,
        users.Stored(account, password_hash),
        password_hash,
        token,
        now,
        waits=waits,
        showed_factor=identity.many_factors,
    )
    if not waits:
        how = {"caller": tag, "factor": "the identity provider"}
        entry_log.act(db, account.by, Act.SIGNED_IN, {"user": account.user_id, **how}, now)
    return account


def find(db: Connection, identity: Identity) -> User | None:
    row = db.execute(
        "SELECT user_id FROM sign_on_account WHERE issuer = ? AND subject = ?",
        (identity.issuer, identity.subject),
    ).fetchone()
    return None if row is None else users.user(db, row[0])


def _add(db: Connection, identity: Identity, password_hash: str, now: int) -> User:
    name = _free_name(db, identity.name or "User")
    account = users.add_user(db, name, identity.role, password_hash, by=BY, now=now)
    db.execute("UPDATE staff_user SET signed_on = 1 WHERE user_id = ?", (account.user_id,))
    db.execute(
        "INSERT INTO sign_on_account (issuer, subject, user_id) VALUES (?, ?, ?)",
        (identity.issuer, identity.subject, account.user_id),
    )
    return users.user(db, account.user_id)


def _free_name(db: Connection, name: str) -> str:
    plain = "".join(char for char in name if char.isprintable()).strip() or "User"
    wished, number = plain[:NAME_CHARS_MAX], 1
    while db.execute(
        f"SELECT 1 FROM staff_user WHERE {dialect.same_letters('name')}", (wished,)
    ).fetchone():
        number += 1
        tail = f" ({number})"
        wished = plain[: NAME_CHARS_MAX - len(tail)] + tail
    return wished
